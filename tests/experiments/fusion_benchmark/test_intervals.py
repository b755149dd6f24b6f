"""Intervals over albums and seeds."""

import numpy as np
import pytest

from covergen.evaluation.metrics import bootstrap
from covergen.experiments.fusion_benchmark import table

RNG = np.random.default_rng(3)
ALBUMS = 80


def interval(statistic, values):
    return table.pigeonhole_interval(statistic, seeds=len(values), albums=values.shape[1], resamples=2000)


def test_one_seed_is_the_bootstrap_over_albums():
    values = RNG.normal(5, 2, (1, ALBUMS))
    ours, plain = interval(table.mean(values), values), bootstrap.mean(values[0], resamples=2000)
    assert ours.estimate == pytest.approx(plain.estimate) and ours.n == ALBUMS
    assert ours.low == pytest.approx(plain.low, abs=0.08) and ours.high == pytest.approx(plain.high, abs=0.08)


def test_seeds_that_disagree_widen_the_interval():
    albums = RNG.normal(0, 1, ALBUMS)
    agreed, torn = (np.stack([albums + offset * seed for seed in (-1, 0, 1)]) for offset in (0.0, 2.0))
    narrow, wide = (interval(table.mean(values), values) for values in (agreed, torn))
    assert narrow.estimate == pytest.approx(wide.estimate)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_correlation_is_the_mean_of_each_seeds_own():
    truth = RNG.uniform(size=ALBUMS)
    values = np.stack([truth + 0.1 * RNG.normal(size=ALBUMS), 7 - truth, np.ones(ALBUMS)])
    expected = np.mean([np.corrcoef(values[0], truth)[0, 1], -1.0, 0.0])
    assert interval(table.correlation(values, truth), values).estimate == pytest.approx(expected)


def test_a_difference_sees_what_both_have_in_common():
    first = RNG.normal(0, 10, (3, ALBUMS))
    second = first + RNG.normal(0.5, 0.1, first.shape)
    found = interval(table.difference(table.mean(second), table.mean(first)), first)
    assert found.estimate == pytest.approx((second - first).mean())
    assert found.excludes_zero and found.high - found.low < 0.1


def test_a_true_difference_of_nothing_is_covered():
    misses = 0
    for trial in range(60):
        values = np.random.default_rng(trial).normal(0, 1, (1, 50))
        statistic = table.mean(values)
        found = table.pigeonhole_interval(statistic, seeds=1, albums=50, resamples=400, seed=trial)
        misses += found.excludes_zero
    assert misses <= 9  # of 60 at 5%: 3 are expected
