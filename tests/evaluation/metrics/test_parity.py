"""Our distances beside torchmetrics' and SciPy's on the same features, to 1e-6 of the value."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance, maximum_mean_discrepancy

from covergen.evaluation.metrics.frechet import frechet_distance
from covergen.evaluation.metrics.kernel_distance import cmmd, kernel_inception_distance

RELATIVE = 1e-6


class Given(torch.nn.Module):
    """Stands where torchmetrics expects a network: the features are given, not seen."""

    num_features = 24

    def forward(self, features):
        return features.reshape(len(features), -1)


def two_sets(first=400, second=400, width=24, seed=3):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(first, width)) @ rng.normal(size=(width, width)) / 4
    b = rng.normal(size=(second, width)) @ rng.normal(size=(width, width)) / 4 + 0.3
    return a, b


def fed(metric, first, second):
    metric.update(torch.from_numpy(first)[:, :, None, None], real=True)
    metric.update(torch.from_numpy(second)[:, :, None, None], real=False)
    return metric.compute()


@pytest.mark.parametrize("sizes", [(400, 400), (300, 170)])
def test_frechet_agrees_with_torchmetrics(sizes):
    first, second = two_sets(*sizes)
    metric = FrechetInceptionDistance(feature=Given()).set_dtype(torch.float64)
    expected = float(fed(metric, first, second))
    assert expected > 1
    assert frechet_distance(first, second) == pytest.approx(expected, rel=RELATIVE)


def test_frechet_agrees_with_a_matrix_root_of_scipy():
    first, second = two_sets(350, 410)
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    gap = first.mean(axis=0) - second.mean(axis=0)
    expected = float(gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * root))
    assert frechet_distance(first, second) == pytest.approx(expected, rel=RELATIVE)


def test_kid_agrees_with_torchmetrics():
    first, second = two_sets()
    with pytest.warns(UserWarning, match="save all extracted features"):
        metric = KernelInceptionDistance(feature=Given(), subsets=3, subset_size=400)
    metric.set_dtype(torch.float64)
    mean, _ = fed(metric, first, second)  # a subset is the whole: no draw differs
    ours = kernel_inception_distance(first, second)
    assert ours.subset_size == 400 and float(mean) > 0.01
    assert ours.mean == pytest.approx(float(mean), rel=RELATIVE)


def test_cmmd_agrees_with_torchmetrics_discrepancy():
    """Its estimate leaves the diagonals out; with them, which are 1, it is the authors' of CMMD."""
    first, second = two_sets()
    m = len(first)
    a, b = (torch.nn.functional.normalize(torch.from_numpy(x)) for x in (first, second))
    kernels = [torch.exp(-(torch.cdist(x, y) ** 2) / 200) for x, y in ((a, a), (a, b), (b, b))]
    across = 2 * float(kernels[1].mean())
    unbiased = float(maximum_mean_discrepancy(*kernels))
    expected = 1000 * ((unbiased + across) * (m - 1) / m + 2 / m - across)
    assert expected > 0.1
    assert cmmd(first, second) == pytest.approx(expected, rel=RELATIVE)
