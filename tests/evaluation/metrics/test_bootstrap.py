import numpy as np
import pytest

from covergen.evaluation.metrics import bootstrap

RNG = np.random.default_rng(7)


def test_interval_of_a_mean_matches_the_normal_theory():
    values = RNG.normal(3.0, 2.0, 400)
    interval = bootstrap.mean(values)
    half = 1.96 * values.std(ddof=1) / np.sqrt(400)
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)
    assert interval.n == 400


def test_pairing_cancels_what_the_albums_share():
    shared = RNG.normal(0, 10, 100)
    first, second = shared + RNG.normal(0.5, 0.5, 100), shared + RNG.normal(0, 0.5, 100)
    paired = bootstrap.difference_of_means(first, second)
    unpaired = bootstrap.difference_of_means(first, RNG.permutation(second))
    assert paired.excludes_zero and paired.low > 0
    assert not unpaired.excludes_zero


def test_the_same_seed_gives_the_same_interval():
    values = RNG.normal(size=50)
    assert bootstrap.mean(values, seed=3) == bootstrap.mean(values, seed=3)
    assert bootstrap.mean(values, seed=3) != bootstrap.mean(values, seed=4)


def test_draws_in_several_parts_keep_the_interval(monkeypatch):
    values = RNG.normal(size=200)
    whole = bootstrap.mean(values)
    monkeypatch.setattr(bootstrap, "_VALUES_AT_ONCE", 200 * 300)
    parts = bootstrap.mean(values)
    assert parts.low == pytest.approx(whole.low, abs=0.02)
    assert parts.high == pytest.approx(whole.high, abs=0.02)


def test_correlation_agrees_with_numpy_and_covers_the_truth():
    truth = RNG.uniform(size=300)
    values = truth + RNG.normal(0, 0.3, 300)
    interval = bootstrap.correlation(values, truth)
    assert interval.estimate == pytest.approx(np.corrcoef(values, truth)[0, 1])
    assert interval.low < np.corrcoef(values, truth)[0, 1] < interval.high
    assert interval.high - interval.low < 0.2


def test_a_constant_follows_nothing():
    truth = RNG.uniform(size=30)
    assert bootstrap.correlation(np.ones(30), truth) == bootstrap.Interval(0.0, 0.0, 0.0, 30)


def test_difference_of_correlations_shares_the_draw():
    truth = RNG.uniform(size=200)
    good, chance = truth + RNG.normal(0, 0.2, 200), RNG.uniform(size=200)
    assert bootstrap.difference_of_correlations(good, chance, truth).low > 0.3
    same = bootstrap.difference_of_correlations(good, good, truth)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)


def test_a_95_percent_interval_covers_about_95_of_100_times():
    covered = [
        interval.low <= 0 <= interval.high
        for interval in (bootstrap.mean(RNG.normal(size=60), resamples=1000) for _ in range(400))
    ]
    assert 0.90 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize("columns", [([1.0, 2.0], [1.0]), ([], []), ([[1.0]], [[1.0]])])
def test_columns_that_do_not_pair_are_refused(columns):
    with pytest.raises(ValueError):
        bootstrap.difference_of_means(*columns)
