"""Equal windows from a clip of any length: no window is padded, and every clip gives the same number.

N samples a window, B windows.
"""

import numpy as np
from numpy.typing import NDArray

from covergen.errors import BadInput, ConfigError, RejectCode

Floats = NDArray[np.float32]


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
    """Return `count` windows (B, N) spread evenly from the clip's first sample to its last.

    They lie side by side in a clip that is long enough and overlap in a shorter one, which so gives features
    of the same shape, without the silence that padding would add. BadInput below one window.
    """
    if len(waveform) < samples:
        raise BadInput(
            RejectCode.TOO_SHORT,
            f"{len(waveform)} samples of music, the encoder needs {samples} for one window",
        )
    starts = np.linspace(0, len(waveform) - samples, count).round().astype(int)
    if len(waveform) >= count * samples:
        starts = np.arange(count) * samples
    return np.stack([waveform[start : start + samples] for start in starts])
