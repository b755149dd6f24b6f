"""Fusion checkpoints: `fusion.safetensors` and `fusion.json`; beside them, while training, `trainer.pt`.

A checkpoint names the base model and the encoder recipe it was trained with, and is refused with others.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from covergen.errors import ModelError
from covergen.fusion import FUSIONS, Fusion, build
from covergen.fusion.registry import name_of
from covergen.models.weights import file_digest

FORMAT: Final = 1
# Two names of one encoder: as it ran, and in fp32. The digest follows from what is told beside it.
_DIGESTS: Final = ("encoder_digest", "fp32_digest")
_IN_DIGEST: Final = ("encoder", "frame_rate", "layers", "dtype", "resampler")
_WEIGHTS, _FACTS, _TRAINER = "fusion.safetensors", "fusion.json", "trainer.pt"


@dataclass(frozen=True)
class CheckpointFacts:
    """What a checkpoint says of itself. `history` is told, and is no part of the digest."""

    name: str
    arguments: Mapping[str, Any]
    feature_shape: tuple[int, ...]  # layers, frames, width
    base_digest: str
    recipe: Mapping[str, Any]  # of the audio encoder
    step: int = 0
    format: int = FORMAT
    history: Sequence[Mapping[str, Any]] = field(default=(), compare=False)


def save(
    folder: str | Path,
    fusion: Fusion,
    *,
    base_digest: str,
    recipe: Mapping[str, Any],
    step: int = 0,
    history: Sequence[Mapping[str, Any]] = (),
    dtype: torch.dtype = torch.float32,
) -> str:
    """Write a checkpoint and return its digest; weights as `dtype`, feature statistics always fp32."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    facts = CheckpointFacts(
        name_of(fusion), fusion.arguments, fusion.feature_shape, base_digest, recipe, step, history=history
    )
    weights = {name: value.detach().cpu().contiguous() for name, value in fusion.state_dict().items()}
    parameters = {name for name, _ in fusion.named_parameters()}
    weights = {name: value.to(dtype) if name in parameters else value for name, value in weights.items()}
    save_file(weights, folder / f"{_WEIGHTS}.part")
    (folder / f"{_FACTS}.part").write_text(
        json.dumps(asdict(facts), indent=1, sort_keys=True), encoding="utf-8"
    )
    for name in (_WEIGHTS, _FACTS):  # the facts last: with them the checkpoint is whole
        (folder / f"{name}.part").replace(folder / name)
    return digest(folder)


def load(
    folder: str | Path,
    unet: Any,
    *,
    base_digest: str | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> tuple[Fusion, CheckpointFacts]:
    """Return the fusion, in evaluation mode and not yet attached, and what the checkpoint says of itself.

    ModelError where it is missing or damaged, or where base or encoder recipe are given and are others.
    """
    facts = check(folder, base_digest=base_digest, recipe=recipe)
    fusion = build(facts.name, unet, facts.feature_shape, **facts.arguments)
    path = Path(folder) / _WEIGHTS
    try:
        fusion.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"the fusion's weights in {path} do not fit its facts or this U-Net: {error}"
        ) from error
    return fusion.to(unet.device).eval(), facts


def check(
    folder: str | Path, *, base_digest: str | None = None, recipe: Mapping[str, Any] | None = None
) -> CheckpointFacts:
    """Return what a checkpoint says of itself, its weights unread. Raises ModelError, as `load` does."""
    facts = read_facts(folder)
    if base_digest is not None and base_digest != facts.base_digest:
        raise ModelError(
            f"the fusion in {folder} was trained on base {facts.base_digest[:12]}, not {base_digest[:12]}: "
            "choose the checkpoint of this base, or train one"
        )
    if recipe is not None:
        _check_recipe(folder, facts.recipe, json.loads(json.dumps(recipe)))
    return facts


def copy(folder: str | Path, to: Path) -> None:
    """Copy weights and facts, without a trainer's state. Raises ModelError where one of them is missing."""
    for name in (_WEIGHTS, _FACTS):
        try:
            shutil.copyfile(Path(folder) / name, to / name)
        except OSError as error:
            raise ModelError(f"there is no whole fusion checkpoint in {folder}: {error}") from error


def read_facts(folder: str | Path) -> CheckpointFacts:
    """Return what a checkpoint says of itself, without its weights. Raises ModelError."""
    path = Path(folder) / _FACTS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        facts = CheckpointFacts(**{**content, "feature_shape": tuple(content["feature_shape"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"there is no readable fusion checkpoint in {folder}: {error}") from error
    if facts.format != FORMAT or facts.name not in FUSIONS:
        raise ModelError(
            f"the checkpoint in {folder} holds a {facts.name!r} of format {facts.format}; this version reads "
            f"format {FORMAT} of {', '.join(FUSIONS)}"
        )
    return facts


def digest(folder: str | Path) -> str:
    """Return the SHA-256, hexadecimal, of weights and facts; the history counts for nothing."""
    facts = asdict(read_facts(folder))
    del facts["history"]
    total = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    total.update(bytes.fromhex(file_digest(Path(folder) / _WEIGHTS)))
    return total.hexdigest()


def save_trainer(folder: str | Path, state: Mapping[str, Any]) -> None:
    """Write a trainer's state beside its checkpoint."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state), folder / f"{_TRAINER}.part")
    (folder / f"{_TRAINER}.part").replace(folder / _TRAINER)


def load_trainer(folder: str | Path) -> dict[str, Any]:
    """Return a trainer's state; only tensors and plain values are ever unpickled. Raises ModelError."""
    path = Path(folder) / _TRAINER
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        raise ModelError(f"training cannot go on from {path}: {error}; start it anew") from error
    return state


def heard_otherwise(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Return a setting in which two ways of hearing differ, or None where music is heard alike.

    An encoder is what its digest says, wherever its weights lie. In bfloat16 and in float32, resampled on
    the CPU and on the device, it hears alike up to rounding (tests/embeddings/test_resample.py).
    """
    names = sorted({*one, *other} - {*_IN_DIGEST, *_DIGESTS})
    if found := next((name for name in names if one.get(name) != other.get(name)), None):
        return found
    digests = [{recipe[name] for name in _DIGESTS if name in recipe} for recipe in (one, other)]
    if digests[0] & digests[1]:
        return None
    both = [name for name in _IN_DIGEST if name in one and name in other]
    found = next((name for name in both if one[name] != other[name]), None)
    return found or ("encoder_digest" if any(digests) else None)


def _check_recipe(folder: str | Path, trained: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    if key := heard_otherwise(trained, given):
        raise ModelError(
            f"the fusion in {folder} was trained on music heard with {key}={trained.get(key)!r}, not "
            f"{given.get(key)!r}: embed with the recipe it knows, or train one for this recipe"
        )
