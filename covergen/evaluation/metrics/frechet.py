"""Frechet distance between two sets of feature vectors, FID where Inception sees, and its joint form.

Dowson and Landau (1982): |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). With centred data A and B (S = A'A),
the trace of the root is the sum of the singular values of A B', which needs no matrix root and stays exact
where N < D and the covariances are singular. N rows, D features, F factors.
"""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Features = NDArray[np.floating]
Doubles = NDArray[np.float64]


def frechet_distance(first: Features, second: Features) -> float:
    """Return the distance between sets (N1, D) and (N2, D); compare only values of equal N.

    Identical distributions score above zero, the more the fewer rows there are: state the floor beside it.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"expected (N, D) twice, got {first.shape} and {second.shape}")
    if min(len(first), len(second)) < 2:
        raise ValueError("a Frechet distance needs at least two rows on each side")
    mean_a, root_a = _moments(first)
    mean_b, root_b = _moments(second)
    overlap = scipy.linalg.svdvals(root_a @ root_b.T).sum()
    spread = (root_a**2).sum() + (root_b**2).sum() - 2 * overlap
    return float(((mean_a - mean_b) ** 2).sum() + max(spread, 0.0))


def joint_frechet_distance(
    features: Features, reference: Features, factors: Features, reference_factors: Features
) -> float:
    """Return the distance between [picture features, album factors] of painted and of true covers.

    The plain distance cannot see whether a picture fits its song, this one can: it compares how pictures and
    factors go together. Both parts are put in units of the reference's spread, with equal total weight.
    """
    painted = np.hstack([_weighed(features, reference), _weighed(factors, reference_factors)])
    true = np.hstack([_weighed(reference, reference), _weighed(reference_factors, reference_factors)])
    return frechet_distance(painted, true)


def _moments(features: Features) -> tuple[Doubles, Doubles]:
    """Return the mean (D,) and R (min(N, D), D) with R'R the covariance."""
    values = features.astype(np.float64)
    mean = values.mean(axis=0)
    centred = (values - mean) / np.sqrt(len(values) - 1)
    (root,) = scipy.linalg.qr(centred, mode="r", check_finite=True)
    return mean, root[: min(centred.shape)]


def _weighed(values: Features, reference: Features) -> Doubles:
    spread = reference.std(axis=0).astype(np.float64)
    alive = spread > 1e-6 * max(float(spread.max(initial=0.0)), 1e-12)
    return np.asarray(values[:, alive] / spread[alive] / np.sqrt(max(alive.sum(), 1)), dtype=np.float64)
