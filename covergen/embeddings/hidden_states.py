"""What encoders share that keep hidden states of a pretrained model, pooled to a few frames a second.

B windows, N samples a window, L layers, T states over time, F frames a window, W width.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from covergen.errors import ConfigError
from covergen.models import hub
from covergen.models.hub import Release
from covergen.models.weights import commit_digest


@dataclass(frozen=True)
class Preset:
    """A release on the hub: its commit, depth, width and the hidden states that are kept by default."""

    repo: str
    revision: str
    depth: int
    width: int
    layers: tuple[int, ...]


class HiddenStates(ABC):
    """Hears windows with a pretrained model and keeps some of its hidden states.

    `name` is a preset or a folder in the released layout; `layers` are indices of hidden states, 0 before the
    first layer. `bf16` autocasts.
    """

    presets: ClassVar[Mapping[str, Preset]]
    kind: ClassVar[str]  # begins what the digest is made of
    version: ClassVar[int]
    rate: ClassVar[int]  # hidden states a second
    sample_rate: int
    segment_seconds: float

    def __init__(
        self,
        name: str,
        *,
        frame_rate: float = 2.0,
        layers: Sequence[int] | None = None,
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = False,
    ):
        self.name, self.device, self.bf16, self.offline = name, device, bf16, offline
        self.preset = self.presets.get(name)
        if self.preset is None:
            depth, self.width = self._size(Path(name).expanduser())
            chosen = quarters(depth)
        else:
            depth, self.width, chosen = self.preset.depth, self.preset.width, self.preset.layers
        self.states = kept_states(name, layers, default=chosen, depth=depth)
        check_frame_rate(name, frame_rate, segment_seconds=self.segment_seconds, highest=self.rate)
        self.layers = len(self.states)
        self.frame_rate = frame_rate

    @staticmethod
    @abstractmethod
    def _size(folder: Path) -> tuple[int, int]:
        """Return depth and width of the model in a folder, without its weights. Raises ModelError."""

    @staticmethod
    @abstractmethod
    def _folder_digest(folder: Path) -> str:
        """Return what names the files of a folder, which are read once."""

    @staticmethod
    @abstractmethod
    def _release(preset: Preset) -> Release:
        """Return what a preset needs of the hub."""

    @cached_property
    def digest(self) -> str:
        """Names weights and parameters; of a folder its files are read once, of a preset nothing."""
        if self.preset is not None:
            weights = commit_digest(self.preset.repo, self.preset.revision)
        else:
            weights = self._folder_digest(Path(self.name).expanduser())
        settings = [weights, self.version, self.frame_rate, *self.states, self.bf16]
        return commit_digest(self.kind, json.dumps(settings))

    @property
    def release(self) -> Release | None:
        """What a preset needs of the hub."""
        return None if self.preset is None else self._release(self.preset)

    def folder(self) -> Path:
        """Return where the weights lie; those of a preset are downloaded unless they are there."""
        if self.release is None:
            return Path(self.name).expanduser()
        return hub.download(self.release, offline=self.offline)

    def kept(self, hidden: Sequence[Tensor]) -> NDArray[np.float32]:
        """Return frames (B, L, F, W) of all hidden states (B, T, W) of a model."""
        frames = round(self.frame_rate * self.segment_seconds)
        kept = [pooled(hidden[index].float(), frames) for index in self.states]
        result: NDArray[np.float32] = torch.stack(kept, dim=1).cpu().numpy()  # (B, L, F, W)
        return result


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
