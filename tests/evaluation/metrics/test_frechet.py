import numpy as np
import pytest
import scipy.linalg

from covergen.evaluation.metrics.frechet import frechet_distance, joint_frechet_distance

RNG = np.random.default_rng(11)


def textbook(first, second):
    """The formula as it is written, with a matrix square root."""
    s1, s2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = scipy.linalg.sqrtm(s1 @ s2).real
    gap = first.mean(axis=0) - second.mean(axis=0)
    return float(gap @ gap + np.trace(s1 + s2 - 2 * root))


def test_agrees_with_the_textbook_formula():
    first = RNG.normal(size=(300, 8)) @ RNG.normal(size=(8, 8))
    second = RNG.normal(size=(200, 8)) @ RNG.normal(size=(8, 8)) + 0.5
    assert frechet_distance(first, second) == pytest.approx(textbook(first, second), rel=1e-9)


def test_closed_form_of_shifted_and_scaled_data():
    base = RNG.normal(size=(500, 4))
    assert frechet_distance(base, base) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(base, base + 2) == pytest.approx(16, rel=1e-9)
    variances = base.var(axis=0, ddof=1).sum()
    expected = 4 * variances + (2 * base.mean(axis=0)) @ (2 * base.mean(axis=0))
    assert frechet_distance(base, 3 * base) == pytest.approx(expected, rel=1e-9)


def test_fewer_rows_than_features_stay_exact():
    first, second = RNG.normal(size=(10, 60)), RNG.normal(size=(12, 60)) + 1
    together = np.vstack([first, second])
    basis = scipy.linalg.orth((together - first.mean(axis=0)).T)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    rotated = frechet_distance((first - first.mean(axis=0)) @ basis, (second - first.mean(axis=0)) @ basis)
    assert frechet_distance(first, second) == pytest.approx(rotated, rel=1e-9)


def test_float16_features_are_summed_in_double():
    first = (RNG.normal(size=(400, 5)) + 1000).astype(np.float16)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)


def test_joint_distance_sees_the_pairing_that_the_plain_one_cannot():
    factors = RNG.uniform(size=(400, 2))
    true = factors @ RNG.normal(size=(2, 6)) + RNG.normal(0, 0.05, (400, 6))
    shuffled = RNG.permutation(true)
    assert frechet_distance(shuffled, true) == pytest.approx(0, abs=1e-9)
    assert joint_frechet_distance(true, true, factors, factors) == pytest.approx(0, abs=1e-9)
    assert joint_frechet_distance(shuffled, true, factors, factors) > 0.1


def test_a_dead_feature_weighs_nothing():
    features, factors = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2))
    dead = np.hstack([features, np.ones((50, 1))])
    other = np.hstack([features + 1, RNG.normal(size=(50, 1))])
    expected = joint_frechet_distance(features + 1, features, factors, factors)
    assert joint_frechet_distance(other, dead, factors, factors) == pytest.approx(expected)


@pytest.mark.parametrize("shapes", [((5, 3), (5, 4)), ((1, 3), (5, 3)), ((5,), (5,))])
def test_sets_that_cannot_be_compared_are_refused(shapes):
    with pytest.raises(ValueError):
        frechet_distance(np.zeros(shapes[0]), np.zeros(shapes[1]))
