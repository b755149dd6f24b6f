"""95% bootstrap intervals over albums and seeds: both are drawn with replacement, and rows share the draw.

A training is repeated with several seeds on the same albums, so a figure varies with either. Drawing whole
seeds and whole albums (the pigeonhole bootstrap, Owen 2007) lets both show; with one seed it is the bootstrap
over albums. Few seeds draw coarsely: an interval over three is a rough one.
S seeds, N albums, C resamples.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics.bootstrap import Interval, pearson

Values = NDArray[np.float64]
Rows = NDArray[np.int64]
Statistic = Callable[[Rows, Rows], Values]
"""From drawn seeds (C, S) and drawn albums (C, N) to one figure a resample (C,)."""

_AT_ONCE: Final = 500


def interval(statistic: Statistic, *, seeds: int, albums: int, resamples: int, seed: int = 0) -> Interval:
    """Return the statistic over all rows, with its interval."""
    rng = np.random.default_rng(seed)
    sizes = [min(_AT_ONCE, resamples - start) for start in range(0, resamples, _AT_ONCE)]
    drawn = [
        statistic(rng.integers(seeds, size=(size, seeds)), rng.integers(albums, size=(size, albums)))
        for size in sizes
    ]
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    (estimate,) = statistic(np.arange(seeds)[None], np.arange(albums)[None])
    return Interval(float(estimate), float(low), float(high), albums)


def mean(values: Values) -> Statistic:
    """Return the statistic that is the mean of `values` (S, N)."""
    return lambda seeds, albums: _drawn(values, seeds, albums).mean(axis=(1, 2))


def correlation(values: Values, truth: Values) -> Statistic:
    """Return the statistic that is Pearson's r of `values` (S, N) with `truth` (N,), averaged over seeds."""

    def statistic(seeds: Rows, albums: Rows) -> Values:
        drawn = _drawn(values, seeds, albums)  # (C, S, N)
        true = np.broadcast_to(truth[albums][:, None], drawn.shape)
        count = drawn.shape[2]
        r: Values = pearson(drawn.reshape(-1, count), true.reshape(-1, count))
        means: Values = r.reshape(drawn.shape[:2]).mean(axis=1)
        return means

    return statistic


def difference(first: Statistic, second: Statistic) -> Statistic:
    """Return first minus second on the same draws, so what seeds and albums have in common cancels."""
    return lambda seeds, albums: first(seeds, albums) - second(seeds, albums)


def _drawn(values: Values, seeds: Rows, albums: Rows) -> Values:
    drawn: Values = values[seeds[:, :, None], albums[:, None, :]]  # (C, S, N)
    return drawn
