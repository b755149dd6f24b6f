"""Frozen transformers models from a folder: only the parts that are run, and every tensor accounted for.

Weights are safetensors, in one file or several, and no code that comes with them is run.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional

from covergen.errors import ConfigError, ModelError, one_line
from covergen.models.hub import Release
from covergen.models.weights import files_digest

CONFIG: Final = "config.json"
WEIGHTS: Final = "model*.safetensors"


def read_config(folder: Path, *, what: str, presets: Iterable[str]) -> dict[str, Any]:
    """Return a model's configuration as it lies in its folder; ModelError where there is none."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"there is no {what} at {str(folder)!r}: {CONFIG} cannot be read; name one of "
            f"{', '.join(presets)} or a folder in the released layout"
        ) from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder / CONFIG} describes no {what}: it holds no settings")
    return config


def release(repo: str, revision: str, *, more: tuple[str, ...] = ()) -> Release:
    """Return configuration and weights of a repository at a commit, and what else matches `more`."""
    return Release(repo, revision, (CONFIG, WEIGHTS, *more), ((CONFIG,), (WEIGHTS,)))


def weight_files(folder: Path, *, what: str) -> list[Path]:
    """Return the files that hold a model's weights, in order; ModelError where there are none."""
    # A second dot marks a variant of the same weights, such as model.fp16.safetensors.
    found = sorted(path for path in folder.glob(WEIGHTS) if "." not in path.stem)
    if not found:
        raise ModelError(f"{what} in {folder} has no weights; {WEIGHTS} must lie there")
    return found


def folder_digest(folder: Path, *, what: str) -> str:
    """Return the SHA-256 over configuration and weights of a folder, which are read once."""
    paths = (folder / CONFIG, *weight_files(folder, what=what))
    return files_digest((path.name, path) for path in paths)


def read_parts(
    folder: Path, kept: Collection[str], *, ignored: Collection[str], what: str
) -> dict[str, dict[str, Tensor]]:
    """Return, for each beginning of a name in `kept`, the tensors under it by the rest of their names.

    Tensors whose names begin with one of `ignored` stay in the file unread; ModelError for any other.
    """
    parts: dict[str, dict[str, Tensor]] = {beginning: {} for beginning in kept}
    try:
        for path in weight_files(folder, what=what):
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118, it is no dictionary
                    if name.startswith(tuple(ignored)):
                        continue
                    part = next((beginning for beginning in kept if name.startswith(beginning)), None)
                    if part is None:
                        raise ModelError(f"{what} in {folder} is of another architecture: it holds {name}")
                    parts[part][name.removeprefix(part)] = file.get_tensor(name)
    except (OSError, SafetensorError) as error:
        reason = one_line(error)
        raise ModelError(f"{what} in {folder} cannot be loaded: {reason}") from error
    return parts


def load_frozen(kind: Any, config: Any, tensors: Mapping[str, Tensor], *, where: str) -> Any:
    """Return a model of a transformers class, in fp32, that holds exactly these tensors.

    ModelError, which says `where`, if one is missing, surplus or of another shape: none is left random.
    """
    model, report = kind.from_pretrained(
        None,
        config=config,
        state_dict=dict(tensors),
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are reported, and refused below by name
        dtype=torch.float32,
    )
    found = sorted(
        key if isinstance(key, str) else key[0]
        for kind_of in ("missing_keys", "unexpected_keys", "mismatched_keys")
        for key in report[kind_of]
    )
    if found:
        raise ModelError(f"{where} is of another architecture: {len(found)} keys differ, {found[0]}")
    # Training mode would drop parts of what goes through.
    return model.eval().requires_grad_(False)


# Which hidden states of a model are kept, and how they are pooled to a few frames a second.
#
# B windows, T states over time, F frames a window, W width.


def kept_states(
    name: str, layers: Sequence[int] | None, *, default: Sequence[int], depth: int
) -> tuple[int, ...]:
    """Return the hidden states to keep, 0 before the first layer; ConfigError for one beyond `depth`."""
    states = tuple(default if layers is None else layers)
    if not states or not set(states) <= set(range(depth + 1)):
        raise ConfigError(f"{name} has hidden states 0 to {depth}; layers={list(states)} cannot be kept")
    return states


def quarters(depth: int) -> tuple[int, ...]:
    """Return the hidden states after each quarter of a model that has no choice of its own."""
    return tuple(sorted({max(1, round(depth * part / 4)) for part in range(1, 5)}))


def check_frame_rate(name: str, frame_rate: float, *, segment_seconds: float, highest: float) -> None:
    """Refuse, by ConfigError, a rate without a whole number of frames a window, or above `highest`."""
    frames = frame_rate * segment_seconds
    if frames != round(frames) or not 1 <= frames <= highest * segment_seconds:
        raise ConfigError(
            f"{name} cannot give {frame_rate:g} frames per second; take {1 / segment_seconds:g} to "
            f"{highest:g}, such as 2"
        )


def pooled(hidden: Tensor, frames: int) -> Tensor:
    """Return (B, F, W) averages over time of hidden states (B, T, W)."""
    return functional.adaptive_avg_pool1d(hidden.transpose(1, 2), frames).transpose(1, 2)
