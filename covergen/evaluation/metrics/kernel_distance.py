"""Kernel distances between two sets of feature vectors: KID and CMMD.

N rows, D features. Both are squared maximum mean discrepancies (Gretton et al. 2012).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating]
Doubles = NDArray[np.float64]

_CMMD_SIGMA: Final = 10.0
_CMMD_SCALE: Final = 1000.0


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance over subsets: mean, standard deviation between them, rows in each."""

    mean: float
    deviation: float
    subset_size: int


def kernel_inception_distance(
    first: Features, second: Features, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> KernelDistance:
    """Return KID (Binkowski et al. 2018): unbiased MMD^2, kernel (x.y / D + 1)^3, over random subsets.

    The features are the caller's; with those of an Inception network the numbers are the published KID.
    A subset is at most the smaller side; where it is the whole of both sides, it is taken once.
    """
    _check(first, second)
    smaller = min(len(first), len(second))
    size = min(subset_size, smaller)
    if size == len(first) == len(second):
        return KernelDistance(_polynomial_mmd(first, second), 0.0, size)
    rng = np.random.default_rng(seed)
    values = [
        _polynomial_mmd(
            first[rng.choice(len(first), size, replace=False)],
            second[rng.choice(len(second), size, replace=False)],
        )
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)), size)


def cmmd(first: Features, second: Features) -> float:
    """Return CMMD (Jayasumana et al. 2024) of CLIP image embeddings: 1000 MMD^2, Gaussian kernel, sigma 10.

    Embeddings are brought to unit length here; like the authors' code it keeps the diagonal (V-statistic).
    """
    _check(first, second)
    a, b = _unit(first), _unit(second)
    total = _gaussian(a, a).mean() + _gaussian(b, b).mean() - 2 * _gaussian(a, b).mean()
    return float(_CMMD_SCALE * total)


def _check(first: Features, second: Features) -> None:
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"expected (N, D) twice, got {first.shape} and {second.shape}")
    if min(len(first), len(second)) < 2:
        raise ValueError("a kernel distance needs at least two rows on each side")


def _polynomial_mmd(first: Features, second: Features) -> float:
    a, b = first.astype(np.float64), second.astype(np.float64)
    width = a.shape[1]
    within = sum(_off_diagonal_mean((x @ x.T / width + 1) ** 3) for x in (a, b))
    return float(within - 2 * ((a @ b.T / width + 1) ** 3).mean())


def _off_diagonal_mean(kernel: Doubles) -> float:
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))


def _unit(features: Features) -> Doubles:
    values = features.astype(np.float64)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    if not length.all():
        raise ValueError("an embedding of length zero has no direction")
    return np.asarray(values / length, dtype=np.float64)


def _gaussian(a: Doubles, b: Doubles) -> Doubles:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.exp(-np.maximum(squared, 0) / (2 * _CMMD_SIGMA**2)), dtype=np.float64)
