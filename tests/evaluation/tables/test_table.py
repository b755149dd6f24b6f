import numpy as np
import pytest

from covergen.evaluation.metrics.bootstrap import Interval
from covergen.evaluation.tables import table
from covergen.evaluation.tables.table import GREY, TRUE_COVERS, systems_table, verdict
from covergen.generation.requests import derangement
from covergen.procedural.covers import paint
from covergen.procedural.factor_reader import CoverReader
from covergen.procedural.factors import draw_album

COUNT, SIZE = 60, 64


@pytest.fixture(scope="module")
def albums():
    return [draw_album(k, "eval") for k in range(COUNT)]


@pytest.fixture(scope="module")
def systems(albums):
    """A painter that hears, and one that hears another song under the right words."""
    reader = CoverReader.fit(400, size=SIZE)
    truth = [album.factors for album in albums]
    covers = np.stack([paint(album.factors, album.seed, SIZE) for album in albums])
    heard = np.stack([paint(factors, 7000 + k, SIZE) for k, factors in enumerate(truth)])
    other = [mixed(factors, truth[j]) for factors, j in zip(truth, derangement(COUNT, 0), strict=True)]
    shuffled = np.stack([paint(factors, 7000 + k, SIZE) for k, factors in enumerate(other)])
    others = [draw_album(1000 + k, "eval") for k in range(COUNT)]
    other_covers = np.stack([paint(album.factors, album.seed, SIZE) for album in others])
    painted = {"audio": heard, "shuffled": shuffled}
    return systems_table(
        truth, covers, painted=painted, reader=reader, other_covers=other_covers, resamples=2000
    )


def mixed(words, sound):
    return type(words)(
        words.genre, words.motif, sound.signature, sound.mode, sound.tempo, sound.brightness, sound.energy
    )


def test_rows_state_n_and_every_metric(systems):
    assert [row.system for row in systems.rows] == ["audio", "shuffled", TRUE_COVERS, GREY]
    assert {row.n for row in systems.rows} == {COUNT}
    wanted = set(table.LOWER_IS_BETTER) | set(table.HIGHER_IS_BETTER)
    assert set(systems.row("audio").metrics) == wanted
    assert set(systems.row(GREY).metrics) == {"mse"} and systems.row(GREY).frechet is None
    assert all(i.n == COUNT and i.low <= i.estimate <= i.high for i in systems.row("audio").metrics.values())


def test_the_true_covers_are_the_best_row(systems):
    row = systems.row(TRUE_COVERS)
    assert row.metrics["mse"].estimate == 0
    assert row.frechet > 1 and row.kernel is not None  # the floor: other true covers, not the same ones
    assert row.joint_frechet is None
    assert row.metrics["hue_error"].estimate < 20
    assert row.metrics["genre_accuracy"].estimate > 0.8


def test_a_painter_that_hears_is_proved_better_than_one_that_hears_another_song(systems):
    verdicts = {d.metric: d.verdict for d in systems.differences if d.other == "shuffled"}
    for metric in ("hue_error", "brightness_error", "recall", "brightness_r", "mse"):
        assert verdicts[metric] == "better", metric
    assert verdicts["genre_accuracy"] == "no difference seen"
    assert systems.row("audio").joint_frechet < systems.row("shuffled").joint_frechet
    assert systems.row("shuffled").metrics["recall"].estimate < 0.35


def test_differences_are_those_of_the_means(systems):
    by_metric = {d.metric: d.interval.estimate for d in systems.differences}
    for metric in ("hue_error", "recall", "energy_r"):
        rows = [systems.row(name).metrics[metric].estimate for name in ("audio", "shuffled")]
        assert by_metric[metric] == pytest.approx(rows[0] - rows[1])


@pytest.mark.parametrize(
    ("metric", "low", "high", "word"),
    [
        ("hue_error", -30, -20, "better"),
        ("hue_error", 20, 30, "worse"),
        ("recall", 0.1, 0.2, "better"),
        ("recall", -0.2, -0.1, "worse"),
        ("recall", -0.1, 0.1, "no difference seen"),
    ],
)
def test_a_verdict_knows_which_way_is_good(metric, low, high, word):
    assert verdict(metric, Interval((low + high) / 2, low, high, 9)) == word


def test_a_system_with_missing_covers_is_refused(albums):
    covers = np.zeros((3, SIZE, SIZE, 3), np.uint8)
    with pytest.raises(ValueError, match="audio painted 3 covers for 60 albums"):
        systems_table([a.factors for a in albums], covers, painted={"audio": covers}, reader=None)
