import numpy as np
import pytest

from covergen.evaluation.metrics.retrieval import hits_at
from covergen.evaluation.metrics.song_to_cover import SongScorer

RNG = np.random.default_rng(4)
MAP = RNG.normal(size=(20, 12))


def albums(count, noise=0.3, seed=0):
    """Music, and pictures that follow it."""
    rng = np.random.default_rng(seed)
    music = rng.normal(size=(count, 20)) * 3 + 5
    return music, (music - 5) @ MAP + rng.normal(size=(count, 12)) * noise + 40


def test_songs_find_covers_that_follow_them_and_not_those_that_do_not():
    scorer = SongScorer.fit(*albums(200))
    music, pictures = albums(60, seed=1)
    found = scorer.ranks(music, pictures)
    assert hits_at(found, 1).mean() > 0.9
    shuffled = scorer.ranks(music, np.roll(pictures, 1, axis=0))
    assert hits_at(shuffled, 10).mean() < 0.35  # 10 / 60 by chance
    assert set(found) <= set(range(1, 61))


def test_equal_pictures_help_no_song():
    scorer = SongScorer.fit(*albums(50))
    music, _ = albums(30, seed=1)
    assert set(scorer.ranks(music, np.ones((30, 12)))) == {30}


def test_the_penalty_grows_where_music_says_nothing():
    music, pictures = albums(80)
    told = SongScorer.fit(music, pictures).penalty
    random = SongScorer.fit(music, RNG.normal(size=pictures.shape) + 40).penalty
    assert random > 100 * told


def test_more_features_than_albums_can_be_fitted():
    music, pictures = albums(15)
    wide = np.hstack([music, RNG.normal(size=(15, 300)), np.ones((15, 1))])
    assert SongScorer.fit(wide, pictures).ranks(wide, pictures).mean() < 3


def test_left_out_errors_are_those_of_fitting_without_the_row():
    from covergen.evaluation.metrics import song_to_cover

    inputs = RNG.normal(size=(14, 5))
    inputs -= inputs.mean(axis=0)
    targets = RNG.normal(size=(14, 3))
    targets -= targets.mean(axis=0)
    left, values, _ = np.linalg.svd(inputs, full_matrices=False)
    closed = song_to_cover._left_out_error(left, values, targets=targets, aimed=left.T @ targets, penalty=2.0)
    plain = 0.0
    for row in range(14):
        others = np.delete(np.arange(14), row)
        x = np.hstack([inputs, np.ones((14, 1))])
        penalty = np.diag([2.0] * 5 + [0.0])
        weight = np.linalg.solve(x[others].T @ x[others] + penalty, x[others].T @ targets[others])
        plain += float(((targets[row] - x[row] @ weight) ** 2).sum())
    assert closed == pytest.approx(plain, rel=1e-9)


def test_too_few_albums_are_refused():
    music, pictures = albums(9)
    with pytest.raises(ValueError, match="9 songs and 9 covers; fitting needs 10"):
        SongScorer.fit(music, pictures)
