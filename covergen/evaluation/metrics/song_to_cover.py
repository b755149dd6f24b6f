"""Does a song find its cover? A linear map from music to picture features, fitted on other albums.

It is fitted by ridge regression on the training albums' songs and true covers alone and judges every system
alike. N training albums, M judged ones, A music features, D picture features.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics.retrieval import Ranks

Features = NDArray[np.floating]
Doubles = NDArray[np.float64]

AT: Final = (1, 5, 10)
LEAST: Final = 10  # training albums below which nothing can be fitted
_PENALTIES: Final = 10.0 ** np.arange(-3, 5)


@dataclass(frozen=True)
class Scale:
    """Features in units of their spread about their mean, both (D,); a constant one stays as it is."""

    mean: Doubles
    spread: Doubles

    @classmethod
    def of(cls, features: Features) -> "Scale":
        """Return the scale of (N, D)."""
        spread = features.std(axis=0, dtype=np.float64)
        return cls(features.mean(axis=0, dtype=np.float64), np.where(spread > 1e-9, spread, 1.0))

    def __call__(self, features: Features) -> Doubles:
        """Return (N, D) in these units."""
        return np.asarray((features - self.mean) / self.spread, dtype=np.float64)


@dataclass(frozen=True)
class SongScorer:
    """A fitted map: a song's picture is expected at `music @ weight` (D,), both in units of their spread."""

    music: Scale
    pictures: Scale
    weight: Doubles  # (A, D)
    penalty: float

    @classmethod
    def fit(cls, music: Features, pictures: Features) -> "SongScorer":
        """Fit on (N, A) and (N, D), with the penalty that predicts each album best from the others."""
        if len(music) != len(pictures) or len(music) < LEAST:
            raise ValueError(
                f"{len(music)} songs and {len(pictures)} covers; fitting needs {LEAST} of each at least"
            )
        music_scale, picture_scale = Scale.of(music), Scale.of(pictures)
        targets = picture_scale(pictures)
        left, values, right = np.linalg.svd(music_scale(music), full_matrices=False)
        aimed = left.T @ targets  # (rank, D)
        penalty = min(
            (float(p) * float(values.max()) ** 2 / len(music) for p in _PENALTIES),
            key=lambda p: _left_out_error(left, values, targets=targets, aimed=aimed, penalty=p),
        )
        shrunk = values / (values**2 + penalty)
        return cls(music_scale, picture_scale, right.T @ (shrunk[:, None] * aimed), penalty)

    def ranks(self, music: Features, pictures: Features) -> Ranks:
        """Return the rank (M,) from 1 of each song's own picture among all M, by the cosine to the expected.

        A tie counts against the song.
        """
        expected = _directions(self.music(music) @ self.weight)  # (M, D)
        scores = expected @ _directions(self.pictures(pictures)).T  # (M, M)
        own = np.diagonal(scores)[:, None]
        return np.asarray((scores >= own - 1e-12).sum(axis=1), dtype=np.int64)


def _left_out_error(
    left: Doubles, values: Doubles, *, targets: Doubles, aimed: Doubles, penalty: float
) -> float:
    """Return the squared error of each row as the others predict it, in closed form."""
    kept = values**2 / (values**2 + penalty)
    residual = targets - left @ (kept[:, None] * aimed)
    leverage = (left**2) @ kept + 1 / len(left)  # the mean is fitted too
    return float(((residual / np.maximum(1 - leverage, 1e-6)[:, None]) ** 2).sum())


def _directions(vectors: Doubles) -> Doubles:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
