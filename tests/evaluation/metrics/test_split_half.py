import numpy as np
import pytest

from covergen.evaluation.metrics.frechet import frechet_distance
from covergen.evaluation.metrics.kernel_distance import cmmd
from covergen.evaluation.metrics.split_half import half_distances, spread

RNG = np.random.default_rng(2)


def mean_gap(first, second):
    return float((first.mean(axis=0) - second.mean(axis=0))[0])


def test_the_floor_and_every_system_see_equal_numbers_and_the_same_splits():
    truth = RNG.normal(size=(41, 3))
    sizes = []

    def counted(first, second):
        sizes.append((len(first), len(second)))
        return mean_gap(first, second)

    found = half_distances({"a": truth, "b": truth + 1}, truth, distance=counted, splits=5)
    assert found.rows == 20
    assert sizes.count((20, 20)) == 15 and sizes.count((41, 41)) == 2
    np.testing.assert_allclose(found.values["a"], found.floor)
    np.testing.assert_allclose(found.values["b"] - found.values["a"], 1)
    assert found.whole == {"a": 0, "b": pytest.approx(1)}


def test_a_painted_cover_never_meets_its_own_true_one():
    albums = np.arange(30.0)[:, None]
    found = half_distances({"a": albums}, albums, distance=lambda x, y: len(np.intersect1d(x, y)), splits=8)
    assert set(found.values["a"]) == {0} and found.whole["a"] == 30


def test_covers_like_the_true_ones_score_the_floor_and_others_more():
    truth, same, other = RNG.normal(size=(120, 6)), RNG.normal(size=(120, 6)), RNG.normal(1, 1, (120, 6))
    for distance in (frechet_distance, cmmd):
        found = half_distances({"same": same, "other": other}, truth, distance=distance)
        floor, near, far = (
            spread(v, found.rows) for v in (found.floor, found.values["same"], found.values["other"])
        )
        assert near.low < floor.estimate < near.high * 1.5
        assert far.low > floor.high and far.n == 60


def test_the_spread_is_that_of_the_estimate_from_all_albums():
    """Of a mean it is known: sigma / sqrt(N), though each split sees half of N."""
    values = RNG.normal(size=(200, 1))
    zero = np.zeros((200, 1))
    found = half_distances({"a": values}, zero, distance=mean_gap, splits=2000)
    assert found.values["a"].std() == pytest.approx(values.std() / np.sqrt(200), rel=0.06)


def test_large_sets_are_drawn_from_and_small_ones_refused():
    big = RNG.normal(size=(90, 2))
    assert half_distances({}, big, distance=mean_gap, largest=10).rows == 10
    with pytest.raises(ValueError, match="halves of 7 albums say nothing"):
        half_distances({}, big[:7], distance=mean_gap)
    with pytest.raises(ValueError, match="the same 90 albums"):
        half_distances({"a": big[:80]}, big, distance=mean_gap)
