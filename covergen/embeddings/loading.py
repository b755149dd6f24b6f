"""Frozen transformers models from a folder: only the parts that are run, and every tensor accounted for.

Weights are safetensors, in one file or several, and no code that comes with them is run.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from covergen.errors import ModelError, one_line
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
