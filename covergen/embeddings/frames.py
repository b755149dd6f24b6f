"""Which hidden states of a model are kept, and how they are pooled to a few frames a second.

B windows, T states over time, F frames a window, W width.
"""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from covergen.errors import ConfigError


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
