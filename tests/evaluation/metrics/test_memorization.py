import numpy as np
import pytest

from covergen.evaluation.metrics.memorization import nearness

RNG = np.random.default_rng(6)
TRAINING = RNG.normal(size=(200, 32)) * np.linspace(1, 50, 32)
TRUTH = RNG.normal(size=(100, 32)) * np.linspace(1, 50, 32)


def test_new_pictures_are_as_far_as_true_ones():
    painted = RNG.normal(size=(100, 32)) * np.linspace(1, 50, 32)
    found = nearness(painted, TRUTH, TRAINING, resamples=500)
    assert not found.suspicious and found.training == 200
    assert found.painted.estimate == pytest.approx(found.truth.estimate, rel=0.05)
    assert found.below.estimate < 0.15


def test_repeated_training_covers_are_found_and_named():
    painted = TRUTH.copy()
    painted[30:50] = TRAINING[7:27] + RNG.normal(size=(20, 32)) * 0.01
    found = nearness(painted, TRUTH, TRAINING, resamples=500)
    assert found.suspicious and found.below.estimate >= 0.2
    assert set(found.worst(20)) == set(range(30, 50))
    np.testing.assert_array_equal(found.nearest[30:50], np.arange(7, 27))
    assert found.distances[found.worst(1)[0]] < 1e-4


def test_a_feature_that_never_changes_in_training_weighs_nothing():
    training = np.hstack([TRAINING, np.ones((200, 1))])
    painted = np.hstack([TRUTH, RNG.normal(size=(100, 1)) * 1e6])
    truth = np.hstack([TRUTH, np.zeros((100, 1))])
    found = nearness(painted, truth, training, resamples=200)
    assert found.painted.estimate == pytest.approx(found.truth.estimate)


def test_covers_without_any_difference_are_refused():
    with pytest.raises(ValueError, match="3 training covers show no difference"):
        nearness(TRUTH, TRUTH, np.ones((3, 32)))
    with pytest.raises(ValueError, match="differ in shape"):
        nearness(TRUTH[:9], TRUTH, TRAINING)
