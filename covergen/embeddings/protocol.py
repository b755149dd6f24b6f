"""What every audio encoder offers.

B windows, N samples a window, L layers, F frames a window, W width.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from covergen.embeddings.windows import Windows


class WindowModel(Protocol):
    """What hears a song by equal windows. Its facts are known before any weight is read."""

    @property
    def name(self) -> str:
        """Its name in the registry, or its folder."""

    @property
    def sample_rate(self) -> int:
        """Samples per second (Hz) of the mono windows it takes."""

    @property
    def segment_seconds(self) -> float:
        """Length of a window: all are equal, none is padded."""

    @property
    def licence(self) -> str:
        """SPDX name of the licence of its weights, or of its rules."""

    @property
    def digest(self) -> str:
        """What names weights, parameters and rules: whatever changes an answer changes it."""


class AudioEncoder(WindowModel, Protocol):
    """A frozen listener; the first call loads the weights."""

    @property
    def frame_rate(self) -> float:
        """Frames per second that it gives."""

    @property
    def layers(self) -> int:
        """L, how many layers it keeps."""

    @property
    def width(self) -> int:
        """W, features per frame."""

    @property
    def commercial(self) -> bool:
        """Whether its licence allows commercial use."""

    def __call__(self, windows: Windows) -> NDArray[np.float32]:
        """Return frames (B, L, F, W) of windows (B, N); row i belongs to window i, whatever else is there."""


def frames_per_window(encoder: AudioEncoder) -> int:
    """Return F."""
    return round(encoder.segment_seconds * encoder.frame_rate)
