import numpy as np
import pytest

from covergen.evaluation.metrics.kernel_distance import cmmd, kernel_inception_distance

RNG = np.random.default_rng(5)


def plain_kid(first, second):
    """Unbiased MMD^2 term by term, as in Gretton et al. 2012, equation 3."""

    def kernel(a, b):
        return (float(np.dot(a, b)) / len(a) + 1) ** 3

    m, n = len(first), len(second)
    xx = sum(kernel(first[i], first[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    yy = sum(kernel(second[i], second[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    xy = sum(kernel(a, b) for a in first for b in second) / (m * n)
    return xx + yy - 2 * xy


def plain_cmmd(first, second):
    """1000 MMD^2 term by term with exp(-|a - b|^2 / 200) on unit vectors."""
    a = [x / np.linalg.norm(x) for x in first]
    b = [x / np.linalg.norm(x) for x in second]

    def average(left, right):
        return np.mean([np.exp(-np.sum((x - y) ** 2) / 200) for x in left for y in right])

    return 1000 * (average(a, a) + average(b, b) - 2 * average(a, b))


def test_kid_agrees_with_the_plain_sums():
    first, second = RNG.normal(size=(40, 16)), RNG.normal(size=(40, 16)) + 0.2
    distance = kernel_inception_distance(first, second)
    assert distance.mean == pytest.approx(plain_kid(first, second), abs=1e-6)
    assert (distance.deviation, distance.subset_size) == (0.0, 40)


def test_cmmd_agrees_with_the_plain_sums():
    first, second = RNG.normal(size=(30, 24)), RNG.normal(size=(35, 24)) + 0.4
    assert cmmd(first, second) == pytest.approx(plain_cmmd(first, second), abs=1e-6)


def test_cmmd_looks_at_directions_only():
    first, second = RNG.normal(size=(30, 24)), RNG.normal(size=(30, 24))
    assert cmmd(first, first) == pytest.approx(0, abs=1e-9)
    assert cmmd(first * 7, second) == pytest.approx(cmmd(first, second), abs=1e-9)


def test_kid_is_unbiased_and_orders_distances():
    same = [
        kernel_inception_distance(RNG.normal(size=(60, 8)), RNG.normal(size=(60, 8))).mean for _ in range(60)
    ]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(60)
    far = kernel_inception_distance(RNG.normal(size=(60, 8)), RNG.normal(size=(60, 8)) + 1).mean
    assert far > max(same)


def test_kid_of_subsets_is_seeded_and_near_the_whole():
    first, second = RNG.normal(size=(300, 8)), RNG.normal(size=(250, 8)) + 0.5
    distance = kernel_inception_distance(first, second, subsets=60, subset_size=100, seed=1)
    assert distance == kernel_inception_distance(first, second, subsets=60, subset_size=100, seed=1)
    assert distance.subset_size == 100 and distance.deviation > 0
    whole = plain_kid(first[:250], second)
    assert distance.mean == pytest.approx(whole, rel=0.25)


def test_half_precision_features_do_not_overflow():
    features = np.full((4, 8), 300, np.float16)
    features[0] = 200
    assert np.isfinite(kernel_inception_distance(features, features).mean)


@pytest.mark.parametrize("metric", [cmmd, kernel_inception_distance])
def test_sets_that_cannot_be_compared_are_refused(metric):
    with pytest.raises(ValueError, match="expected"):
        metric(np.ones((5, 3)), np.ones((5, 4)))
    with pytest.raises(ValueError, match="two rows"):
        metric(np.ones((1, 3)), np.ones((5, 3)))


def test_an_embedding_without_direction_is_refused():
    with pytest.raises(ValueError, match="direction"):
        cmmd(np.zeros((3, 4)), np.ones((3, 4)))
