"""The frozen image models that measure, and pictures as features by each of them.

Which of them there are is the config's choice; none falls back on another. `descriptors` needs no weights:
colour, shape and texture in closed form. N pictures, H W pixels, S side of a square.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from covergen.embeddings import clip_image
from covergen.embeddings.clip_image import ClipImage
from covergen.errors import ModelError
from covergen.evaluation.models.clip_text import ClipText
from covergen.evaluation.models.dinov2 import PRESETS as DINOV2
from covergen.evaluation.models.dinov2 import Dinov2Image
from covergen.evaluation.models.inception import RELEASED, InceptionImage
from covergen.evaluation.report.content import Missing
from covergen.evaluation.tables.real_table import DESCRIPTORS, SPACES
from covergen.media.images import Pixels, fit_square
from covergen.procedural.descriptors import describe

Features = NDArray[np.floating]
Item = TypeVar("Item")
Encoder = TypeVar("Encoder", ClipImage, Dinov2Image, InceptionImage)

_SIDE: Final = 128


class ImageModel(Protocol):
    """What a picture goes through: its crop, then the model over crops of one shape."""

    def crop(self, picture: Pixels) -> Pixels:
        """Return what the model sees of (H, W, 3)."""
        ...

    def __call__(self, crops: Pixels) -> Features:
        """Return features (N, D); row i belongs to crop i."""
        ...


@dataclass(frozen=True)
class Descriptors:
    """The closed-form description of a picture's centre square, at 128 px."""

    def crop(self, picture: Pixels) -> Pixels:
        """Return (128, 128, 3)."""
        return fit_square(picture, _SIDE)

    def __call__(self, crops: Pixels) -> Features:
        """Return features (N, 724)."""
        return describe(crops)


@dataclass(frozen=True)
class ImageModels:
    """The models that are there by name, CLIP's text tower, and what the absent ones leave uncomputed."""

    models: Mapping[str, ImageModel]
    texts: ClipText | None = None
    missing: tuple[Missing, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def space(self) -> str:
        """The features that retrieval and the memory check use: the first of SPACES that is there."""
        return next(name for name in SPACES if name in self.models)


def load_models(
    *,
    clip: str | None = None,
    dinov2: str | None = None,
    inception: str | None = None,
    device: str = "cpu",
    offline: bool = True,
) -> ImageModels:
    """Return the models that are named and there; each absent one is told in `missing`, by its exact name."""
    where: dict[str, Any] = {"device": device, "offline": offline}
    released = f"the file {RELEASED}: evaluate.inception=PATH"
    clips, dinos = _release("clip", clip_image.PRESETS), _release("dinov2", DINOV2)
    wanted: tuple[tuple[str, str, str | None, str, Callable[[str], Any]], ...] = (
        ("clip", "CMMD, retrieval by CLIP", clip, clips, lambda name: _ready(ClipImage(name, **where))),
        ("texts", "CLIPScore", clip, clips, lambda name: ClipText(name, **where)),
        ("dinov2", "FD-DINOv2", dinov2, dinos, lambda name: _ready(Dinov2Image(name, **where))),
        (
            "inception", "FID, KID", inception, released,
            lambda name: _ready(InceptionImage(name, device=device)),
        ),
    )  # fmt: skip
    found: dict[str, Any] = {}
    missing: list[Missing] = []
    for key, metrics, name, unnamed, load in wanted:
        if name is None:
            missing.append(Missing(metrics, unnamed))
            continue
        try:
            found[key] = load(name)
        except ModelError as error:
            missing.append(Missing(metrics, f"{name}: {error}"))
    texts = found.pop("texts", None)
    if texts is not None and "clip" not in found:  # a score needs both towers
        missing.append(Missing("CLIPScore", next(row.needs for row in missing)))
        texts = None
    named = {"CLIP": clip, "DINOv2": dinov2, "Inception": inception}
    return ImageModels(
        {**found, DESCRIPTORS: Descriptors()},
        texts,
        tuple(missing),
        {model: name for model, name in named.items() if name is not None},
    )


def see_all(
    items: Sequence[Item],
    decode: Callable[[Item], Pixels],
    *,
    models: Mapping[str, ImageModel],
    at_once: int = 32,
) -> dict[str, Features]:
    """Return each model's features (N, D) of the pictures that `decode` makes of items, few in memory."""
    parts: dict[str, list[Features]] = {name: [] for name in models}
    for start in range(0, len(items), at_once):
        pictures = [decode(item) for item in items[start : start + at_once]]
        for name, model in models.items():
            parts[name].append(model(np.stack([model.crop(picture) for picture in pictures])))
    return {name: np.concatenate(found) for name, found in parts.items()}


def _ready(encoder: Encoder) -> Encoder:
    """Load the weights now, so that absent ones are told before anything is measured."""
    _ = encoder.model
    return encoder


def _release(key: str, presets: Mapping[str, Any]) -> str:
    name, preset = next(iter(presets.items()))
    return f"{preset.repo} at {preset.revision[:12]}: evaluate.{key}={name}, or a folder"
