"""Colour in OKLab and OKLCH (Ottosson 2020): perceptually even lightness, chroma and hue."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_LMS_FROM_LAB: Final = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ],
    dtype=np.float32,
)
_RGB_FROM_LMS: Final = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ],
    dtype=np.float32,
)
_LMS_FROM_RGB: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    dtype=np.float32,
)
_LAB_FROM_LMS: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    dtype=np.float32,
)


def oklch_to_srgb(lightness: Floats, chroma: Floats, hue: Floats) -> Floats:
    """Return gamma-encoded sRGB (N, 3) in 0..1 for (N,) each; hue in degrees.

    A colour outside the gamut loses chroma, never its lightness or hue.
    """
    low, high = np.zeros_like(chroma), chroma
    inside = _in_gamut(_linear_rgb(lightness, chroma, hue))
    for _ in range(7):
        middle = (low + high) / 2
        fits = _in_gamut(_linear_rgb(lightness, middle, hue))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    linear = np.clip(_linear_rgb(lightness, np.where(inside, chroma, low), hue), 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)


def srgb_to_oklab(image: NDArray[Any]) -> Floats:
    """Return OKLab (..., 3) for uint8 sRGB (..., 3)."""
    levels = np.arange(256, dtype=np.float32) / 255
    decode = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(decode.astype(np.float32)[image] @ _LMS_FROM_RGB.T)
    lab: Floats = lms @ _LAB_FROM_LMS.T
    return lab


def _linear_rgb(lightness: Floats, chroma: Floats, hue: Floats) -> Floats:
    angle = np.radians(hue)
    lab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1)
    rgb: Floats = ((lab @ _LMS_FROM_LAB.T) ** 3 @ _RGB_FROM_LMS.T).astype(np.float32)
    return rgb


def _in_gamut(rgb: Floats) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = np.all((rgb >= -1e-4) & (rgb <= 1 + 1e-4), axis=-1)
    return fits
