"""The reader tells the factors of true covers, and stays the same on disk."""

import numpy as np
import pytest

from covergen.procedural.covers import paint
from covergen.procedural.descriptors import describe, gradients
from covergen.procedural.factor_reader import CoverReader
from covergen.procedural.factors import draw_album


@pytest.fixture(scope="module")
def reader():
    return CoverReader.fit(300, size=64)


@pytest.fixture(scope="module")
def albums():
    return [draw_album(seed, "eval") for seed in range(100)]


@pytest.fixture(scope="module")
def covers(albums):
    return np.stack([paint(album.factors, album.seed, 64) for album in albums])


def test_it_reads_albums_that_it_never_saw(reader, albums, covers):
    reading = reader.read(covers)
    assert np.mean(reading["genre"] == [a.genre for a in albums]) > 0.9
    assert np.mean(reading["motif"] == [a.factors.motif for a in albums]) > 0.6
    error = np.abs((reading["hue"] - [a.factors.hue for a in albums] + 180) % 360 - 180)
    assert np.median(error) < 20
    for name in ("brightness", "energy", "density"):
        truth = [getattr(album.factors, name) for album in albums]
        assert np.corrcoef(reading[name], truth)[0, 1] > 0.6


def test_its_probabilities_sum_to_one_and_agree_with_its_verdict(reader, covers):
    reading = reader.read(covers)
    assert reading["genre_probability"].sum(axis=1) == pytest.approx(np.ones(len(covers)), rel=1e-5)


def test_grey_is_read_as_nothing_in_particular(reader):
    reading = reader.read(np.full((1, 64, 64, 3), 128, np.uint8))
    assert np.isfinite(reading["hue"]).all()


def test_it_is_the_same_after_a_round_trip_to_disk(reader, covers, tmp_path):
    reader.save(tmp_path / "reader.npz")
    again = CoverReader.load(tmp_path / "reader.npz")
    first, second = reader.read(covers), again.read(covers)
    assert np.array_equal(first["genre"], second["genre"])
    assert first["brightness"] == pytest.approx(second["brightness"], abs=0.01)


def test_it_can_be_fitted_to_pictures_as_another_model_shows_them(covers):
    seen = []
    CoverReader.fit(20, size=64, reconstruct=lambda images: seen.append(images.shape) or images)
    assert seen == [(20, 64, 64, 3)]


def test_features_have_one_row_a_picture(reader, covers):
    features = reader.features(covers)
    assert features.shape == (100, 192 + 512 + 20)
    assert features == pytest.approx(describe(covers), abs=1e-5)


def test_gradients_tell_upright_from_level_stripes():
    stripes = np.tile(np.repeat([0.0, 1.0], 4), 4)[None, None].repeat(32, axis=1).astype(np.float32)
    upright, level = gradients(stripes, 4), gradients(stripes.swapaxes(1, 2), 4)
    assert np.abs(upright - level).max() > 1
