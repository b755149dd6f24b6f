"""Does the song change the picture? For real music, where no true factors are known.

Pictures are of two songs under one prompt and one seed, uint8 (H, W, 3).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]

ROUNDING_FLOOR: Final = 2 / 255
"""Largest difference that repeating the same cover may show on one device type, on pixels of 0 to 1."""


def picture_difference(first: Pictures, second: Pictures) -> float:
    """Return the mean absolute difference of two pictures on pixels of 0 to 1."""
    if first.shape != second.shape:
        raise ValueError(f"pictures differ in shape: {first.shape} and {second.shape}")
    return float(np.abs(first.astype(np.float64) - second.astype(np.float64)).mean() / 255)
