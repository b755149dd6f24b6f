"""What a picture looks like in numbers: OKLab blocks, oriented gradients and the radial spectrum.

N pictures, S side (a multiple of 16).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from covergen.procedural.colour import Floats, srgb_to_oklab

_ORIENTATIONS: Final = 8
_RINGS: Final = 20


def describe(images: NDArray[Any]) -> Floats:
    """Return features (N, 64 * 3 + 64 * 8 + 20) of uint8 images (N, S, S, 3)."""
    lab = srgb_to_oklab(images)  # (N, S, S, 3)
    count, side = lab.shape[:2]
    blocks = lab.reshape(count, 8, side // 8, 8, side // 8, 3).mean(axis=(2, 4))
    parts = [blocks.reshape(count, -1), gradients(lab[..., 0], 8), _spectrum(lab[..., 0])]
    return np.concatenate(parts, axis=1).astype(np.float32)


def describe_finely(images: NDArray[Any]) -> Floats:
    """Return oriented gradients (N, 12 * 12 * 8) of the middle columns, where the motif stands."""
    lightness = srgb_to_oklab(images)[..., 0]
    side = lightness.shape[1]
    eighth = side // 8
    middle = lightness[:, : 6 * eighth, eighth : 7 * eighth]
    lower = lightness[:, eighth : 7 * eighth, eighth : 7 * eighth]
    return np.concatenate([gradients(middle, 12), gradients(lower, 12)], axis=1)


def gradients(lightness: Floats, cells: int) -> Floats:
    """Return contrast-normalised histograms of gradient directions (N, cells * cells * 8) of (N, S, S)."""
    dy = np.diff(lightness, axis=1, append=lightness[:, -1:])
    dx = np.diff(lightness, axis=2, append=lightness[:, :, -1:])
    strength = np.hypot(dx, dy)
    turn = (np.arctan2(dy, dx) % np.pi) * (_ORIENTATIONS / np.pi)
    lower = turn.astype(int) % _ORIENTATIONS
    upper, weight = (lower + 1) % _ORIENTATIONS, turn - np.floor(turn)
    count, side = lightness.shape[:2]
    cell = side // cells
    histogram = np.empty((count, cells, cells, _ORIENTATIONS), dtype=np.float32)
    for direction in range(_ORIENTATIONS):
        share = strength * ((lower == direction) * (1 - weight) + (upper == direction) * weight)
        histogram[..., direction] = share.reshape(count, cells, cell, cells, cell).mean(axis=(2, 4))
    scale = histogram.std(axis=(1, 2, 3), keepdims=True) + 1e-5
    result: Floats = np.sqrt(histogram / scale).reshape(count, -1)
    return result


def _spectrum(lightness: Floats) -> Floats:
    """Return the log power (N, rings) of spatial frequencies, from coarse to fine."""
    side = lightness.shape[1]
    power = np.abs(np.fft.rfft2(lightness - lightness.mean(axis=(1, 2), keepdims=True))) ** 2
    vertical, horizontal = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    ring = np.minimum((np.hypot(vertical, horizontal) * 2 * _RINGS).astype(int), _RINGS - 1)
    flat = power.reshape(len(power), -1)
    members = np.stack([(ring.ravel() == r) / max((ring == r).sum(), 1) for r in range(_RINGS)], axis=1)
    spectrum: Floats = np.log(flat @ members + 1e-6).astype(np.float32)
    return spectrum
