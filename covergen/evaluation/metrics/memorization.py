"""Was a cover painted from memory? The nearest training cover to each painted one.

A painted cover that lies nearer to a training cover than true covers of other albums do may repeat it. The
true covers of the same albums, which no training saw, are the measure. N albums, T training covers.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from covergen.evaluation.metrics import bootstrap
from covergen.evaluation.metrics.bootstrap import RESAMPLES, Interval

Features = NDArray[np.floating]
Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]

QUANTILE: Final = 0.05
_ROWS_AT_ONCE: Final = 256


@dataclass(frozen=True)
class Nearness:
    """How near painted and true covers come to the training covers.

    Distances are 1 minus the cosine of features in units of their spread: 0 the same, 1 unrelated. `limit` is
    what 5% of the true covers stay below, `below` the share of painted ones that do, .05 where nothing is
    repeated. `nearest` (N,) names each painted cover's training cover.
    """

    training: int
    painted: Interval
    truth: Interval
    limit: float
    below: Interval
    distances: Doubles
    nearest: Rows

    @property
    def suspicious(self) -> bool:
        """Whether more painted covers than chance allows lie below the limit."""
        return self.below.low > QUANTILE

    def worst(self, count: int) -> list[int]:
        """Return the rows of the painted covers that lie nearest to a training cover, the nearest first."""
        return [int(row) for row in np.argsort(self.distances, kind="stable")[:count]]


def nearness(
    painted: Features, truth: Features, training: Features, *, resamples: int = RESAMPLES, seed: int = 0
) -> Nearness:
    """Compare painted (N, D) and true (N, D) features with training covers' (T, D)."""
    if painted.shape != truth.shape:
        raise ValueError(f"painted {painted.shape} and true {truth.shape} features differ in shape")
    mean, spread = training.mean(axis=0, dtype=np.float64), training.std(axis=0, dtype=np.float64)
    alive = spread > 1e-6 * max(float(spread.max(initial=0.0)), 1e-12)
    if not alive.any():
        raise ValueError(f"{len(training)} training covers show no difference to measure by")
    known = (training[:, alive] - mean[alive]) / spread[alive]
    ours, nearest = _nearest((painted[:, alive] - mean[alive]) / spread[alive], known)
    theirs, _ = _nearest((truth[:, alive] - mean[alive]) / spread[alive], known)
    limit = float(np.quantile(theirs, QUANTILE))
    return Nearness(
        training=len(training),
        painted=bootstrap.mean(ours, seed=seed, resamples=resamples),
        truth=bootstrap.mean(theirs, seed=seed, resamples=resamples),
        limit=limit,
        below=bootstrap.mean((ours < limit).astype(np.float64), seed=seed, resamples=resamples),
        distances=ours,
        nearest=nearest,
    )


def _nearest(queries: Doubles, known: Doubles) -> tuple[Doubles, Rows]:
    """Return each query's distance to its nearest known row, and which that is."""
    parts = []
    for start in range(0, len(queries), _ROWS_AT_ONCE):
        distances = cdist(queries[start : start + _ROWS_AT_ONCE], known, "cosine")
        distances = np.nan_to_num(distances, nan=1.0)  # the mean itself has no direction
        parts.append((distances.min(axis=1), distances.argmin(axis=1)))
    found, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
    return np.maximum(found, 0.0), rows.astype(np.int64)
