"""Equal windows from a clip of any length: no window is padded, and every clip gives the same number.

N samples a window, B windows.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.media.excerpts import spread

Floats = NDArray[np.float32]
Windows = Floats | Tensor  # tensors where they are on a device already


def count_windows(seconds: float, segment_seconds: float) -> int:
    """Return how many windows cover `seconds`; ConfigError unless it is a whole number of them."""
    count = round(seconds / segment_seconds)
    if count < 1 or abs(count * segment_seconds - seconds) > 1e-6:
        fitting = max(1, count) * segment_seconds
        raise ConfigError(
            f"seconds={seconds:g} is not a whole number of the encoder's windows of {segment_seconds:g} s; "
            f"take {fitting:g}"
        )
    return count


def cut_windows(waveform: Floats, count: int, samples: int) -> Floats:
    """Return `count` windows (B, N) of a clip, each in the middle of its share.

    They lie side by side where they fill the clip and overlap in a shorter one, which so gives features
    of the same shape, without the silence that padding would add. BadInput below one window.
    """
    starts = window_starts(len(waveform), count, samples)
    return np.stack([waveform[start : start + samples] for start in starts])


def window_starts(length: int, count: int, samples: int) -> list[int]:
    """Return where the windows of a clip of `length` samples begin. BadInput below one window."""
    if length < samples:
        raise BadInput(
            RejectCode.TOO_SHORT, f"{length} samples of music, the encoder needs {samples} for one window"
        )
    return [round(start) for start in spread(length, count, samples)]


def on_device(windows: Windows, device: str) -> Tensor:
    """Return windows (B, N) as a tensor on the device; what is there already is not moved."""
    if isinstance(windows, Tensor):
        return windows.to(device)
    return torch.from_numpy(np.array(windows, dtype=np.float32)).to(device)


def on_host(windows: Windows) -> Floats:
    """Return windows (B, N) as an array, for encoders that compute without torch."""
    return windows.cpu().numpy() if isinstance(windows, Tensor) else np.asarray(windows, dtype=np.float32)
