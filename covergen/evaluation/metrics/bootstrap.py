"""95% paired bootstrap intervals: means, differences of means, correlations and their differences.

Rows are drawn with replacement and all systems share the draw, so what the albums have in common cancels
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: the percentile interval).
N rows, C resamples at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Rows = NDArray[np.int64]

RESAMPLES: Final = 10_000
_VALUES_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate from `n` rows with its 95% interval."""

    estimate: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def verdict(self, *, lower_is_better: bool) -> str:
        """Say what this interval of differences proves: better, worse, or no difference seen."""
        if not self.excludes_zero:
            return "no difference seen"
        return "better" if (self.low > 0) != lower_is_better else "worse"


def mean(values: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Return the mean of `values` (N,)."""
    (rows,) = _columns(values)
    return _interval(lambda draw: rows[draw].mean(axis=1), len(rows), seed=seed, resamples=resamples)


def difference_of_means(
    first: ArrayLike, second: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return mean(first) - mean(second); row i of both (N,) is the same album."""
    a, b = _columns(first, second)
    return mean(a - b, seed=seed, resamples=resamples)


def correlation(
    values: ArrayLike, truth: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return Pearson's r of `values` with `truth`, both (N,); 0 where either is constant."""
    a, t = _columns(values, truth)
    return _interval(lambda draw: pearson(a[draw], t[draw]), len(a), seed=seed, resamples=resamples)


def difference_of_correlations(
    first: ArrayLike, second: ArrayLike, truth: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return r(first, truth) - r(second, truth), all (N,) in the same order."""
    a, b, t = _columns(first, second, truth)

    def statistic(draw: Rows) -> Values:
        return pearson(a[draw], t[draw]) - pearson(b[draw], t[draw])

    return _interval(statistic, len(a), seed=seed, resamples=resamples)


def _columns(*columns: ArrayLike) -> tuple[Values, ...]:
    arrays = tuple(np.asarray(column, dtype=np.float64) for column in columns)
    if any(a.shape != arrays[0].shape or a.ndim != 1 for a in arrays):
        raise ValueError(f"expected columns of one length, got shapes {[a.shape for a in arrays]}")
    if not arrays[0].size:
        raise ValueError("an interval needs at least one row")
    return arrays


def _interval(statistic: Callable[[Rows], Values], n: int, *, seed: int, resamples: int) -> Interval:
    rng = np.random.default_rng(seed)
    at_once = max(1, _VALUES_AT_ONCE // n)
    sizes = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    drawn = np.concatenate([statistic(rng.integers(n, size=(size, n))) for size in sizes])
    low, high = np.percentile(drawn, [2.5, 97.5])
    estimate = statistic(np.arange(n)[None])[0]
    return Interval(float(estimate), float(low), float(high), n)


def pearson(values: Values, truth: Values) -> Values:
    """Return Pearson's r (C,) of the rows of two (C, N); a constant row follows nothing and has r 0."""
    a = values - values.mean(axis=1, keepdims=True)
    b = truth - truth.mean(axis=1, keepdims=True)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    product: Values = (a * b).sum(axis=1)
    constant = scale <= 1e-12
    return np.where(constant, 0.0, product / np.where(constant, 1.0, scale))
