"""The controlled benchmark's paired metrics: each painted cover against the truth of its own album.

N albums; pictures are uint8 (N, H, W, 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covergen.procedural.factors import Factors

Values = NDArray[np.float64]
Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class PairedScores:
    """One value per album, each (N,): errors, hits, and the readings that correlations need.

    `hue_error` is in degrees, 0 to 180 (90 by chance); the other errors are absolute differences on the
    factors' own scale of 0 to 1; `genre_hit` and `motif_hit` are 0 or 1.
    """

    hue_error: Values
    brightness_error: Values
    energy_error: Values
    density_error: Values
    genre_hit: Values
    motif_hit: Values
    brightness: Values
    energy: Values
    density: Values


def paired_scores(reading: Mapping[str, NDArray[Any]], truth: Sequence[Factors]) -> PairedScores:
    """Return the scores of a `CoverReader.read` of N painted covers against the factors of their albums."""
    if len(reading["hue"]) != len(truth):
        raise ValueError(f"{len(reading['hue'])} covers were read for {len(truth)} albums")
    read = {name: np.asarray(reading[name], np.float64) for name in ("brightness", "energy", "density")}
    return PairedScores(
        hue_error=circular_error(reading["hue"], [f.hue for f in truth]),
        brightness_error=np.abs(read["brightness"] - [f.brightness for f in truth]),
        energy_error=np.abs(read["energy"] - [f.energy for f in truth]),
        density_error=np.abs(read["density"] - [f.density for f in truth]),
        genre_hit=_hits(reading["genre"], [f.genre for f in truth]),
        motif_hit=_hits(reading["motif"], [f.motif for f in truth]),
        **read,
    )


def circular_error(degrees: ArrayLike, truth: ArrayLike) -> Values:
    """Return the angle between two hues in degrees, 0 to 180."""
    turn = np.asarray(degrees, np.float64) - np.asarray(truth, np.float64)
    error: Values = np.abs((turn + 180) % 360 - 180)
    return error


def paired_mse(pictures: Pictures, truth: Pictures) -> Values:
    """Return each picture's mean squared error (N,) on pixels of 0 to 1.

    It rewards grey pictures, so it stands in the table beside `grey_mse` and steers nothing.
    """
    if pictures.shape != truth.shape:
        raise ValueError(f"pictures {pictures.shape} and truth {truth.shape} differ in shape")
    difference = (pictures.astype(np.float32) - truth.astype(np.float32)) / 255
    return np.asarray((difference**2).mean(axis=(1, 2, 3)), dtype=np.float64)


def grey_mse(truth: Pictures) -> Values:
    """Return what a constant middle grey scores against each true picture."""
    return paired_mse(np.full_like(truth, 128), truth)


def _hits(read: NDArray[Any], truth: Sequence[str]) -> Values:
    return np.array([a == b for a, b in zip(read, truth, strict=True)], dtype=np.float64)
