"""What the frozen DINOv2 (Oquab et al. 2023, arXiv:2304.07193) sees in pictures, for FD-DINOv2.

Stein et al. 2023 (arXiv:2306.04675) found that distances of its features follow people's eyes better than
FID does. B pictures, H W pixels, S side of the square it sees, W width of the vectors.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from covergen.embeddings import loading
from covergen.errors import ModelError
from covergen.media.images import Pixels
from covergen.models import hub
from covergen.models.hub import Release

_PREPROCESSOR: Final = "preprocessor_config.json"
_BICUBIC: Final = 3  # Pillow's number, which the released files hold


@dataclass(frozen=True)
class Dinov2Preset:
    """A release on the hub: its commit and licence."""

    repo: str
    revision: str
    licence: str


# The commit stands in many public repositories, several of which read model.safetensors from it.
PRESETS: Final[dict[str, Dinov2Preset]] = {
    "dinov2-large": Dinov2Preset(
        "facebook/dinov2-large", "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c", "Apache-2.0"
    ),
}


@dataclass(frozen=True)
class _Preprocessing:
    """What the release says of its input: shorter side, centre square, normalisation of 0 to 1."""

    shorter: int
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Dinov2Image:
    """Sees square pictures as the class token after the last norm; `name` is a preset or a folder.

    Raises ModelError at once where weights or their preprocessing are missing.
    """

    def __init__(self, name: str, *, device: str = "cpu", offline: bool = False):
        self.name, self.device = name, device
        wanted = release(name)
        self._folder = Path(name).expanduser() if wanted is None else hub.download(wanted, offline=offline)
        self._input = _preprocessing(self._folder)
        self.size = self._input.size
        loading.weight_files(self._folder, what="DINOv2")

    @cached_property
    def model(self) -> Any:
        """The encoder, loaded at the first use."""
        return load_dinov2(self._folder).to(self.device)

    def crop(self, picture: Pixels) -> Pixels:
        """Return the (S, S, 3) that it sees of (H, W, 3): shorter side scaled, bicubic, then the centre."""
        height, width = picture.shape[:2]
        shorter = min(height, width)
        scaled = [
            self._input.shorter * side // shorter if side != shorter else self._input.shorter
            for side in (height, width)
        ]
        image = Image.fromarray(picture).resize((scaled[1], scaled[0]), Image.Resampling.BICUBIC)
        top, left = (scaled[0] - self.size) // 2, (scaled[1] - self.size) // 2
        return np.asarray(image)[top : top + self.size, left : left + self.size]

    @torch.inference_mode()
    def __call__(self, crops: Pixels) -> NDArray[np.float32]:
        """Return vectors (B, W) of crops (B, S, S, 3); row i belongs to crop i."""
        pixels = torch.from_numpy(np.array(crops)).to(self.device)
        mean, std = (pixels.new_tensor(v, dtype=torch.float32) for v in (self._input.mean, self._input.std))
        normal = ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2)  # (B, 3, S, S)
        vectors: NDArray[np.float32] = self.model(normal).pooler_output.float().cpu().numpy()
        return vectors  # (B, W)


def release(name: str) -> Release | None:
    """Return what a preset needs of the hub; None for a folder."""
    preset = PRESETS.get(name)
    return None if preset is None else loading.release(preset.repo, preset.revision, more=(_PREPROCESSOR,))


def load_dinov2(folder: Path) -> Any:
    """Return the frozen encoder of a folder in the released layout; ModelError for anything else."""
    from transformers import Dinov2Config, Dinov2Model

    settings = loading.read_config(folder, what="DINOv2", presets=PRESETS)
    if settings.get("model_type") != "dinov2":
        raise ModelError(f"{folder} holds no DINOv2: its {loading.CONFIG} is of another model")
    tensors = loading.read_parts(folder, ("",), ignored=(), what="DINOv2")[""]
    config = Dinov2Config.from_dict(settings)
    return loading.load_frozen(Dinov2Model, config, tensors, where=f"DINOv2 in {folder}")


def _preprocessing(folder: Path) -> _Preprocessing:
    """Return what the released preprocessor does; ModelError for steps that are not done here."""
    path = folder / _PREPROCESSOR
    try:
        preprocessor = json.loads(path.read_text(encoding="utf-8"))
        found = _Preprocessing(
            shorter=int(preprocessor["size"]["shortest_edge"]),
            size=int(preprocessor["crop_size"]["height"]),
            mean=tuple(map(float, preprocessor["image_mean"])),
            std=tuple(map(float, preprocessor["image_std"])),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"there is no DINOv2 at {str(folder)!r}: {_PREPROCESSOR} cannot be read; name one of "
            f"{', '.join(PRESETS)} or a folder in the released layout"
        ) from error
    if preprocessor.get("resample", _BICUBIC) != _BICUBIC or found.size > found.shorter:
        raise ModelError(f"{path} asks for another scaling than bicubic to at least the square's side")
    return found
