"""Painted covers are measured against the factors and the true covers of their own albums."""

import json
from dataclasses import replace

import numpy as np
import pytest

from covergen.experiments.fusion_benchmark.measure import Judge, reader_digest
from covergen.experiments.fusion_benchmark.table import METRICS
from covergen.generation.requests import derangement
from covergen.procedural.covers import paint
from covergen.procedural.factor_reader import CoverReader
from covergen.procedural.factors import draw_album

COUNT, SIZE = 40, 64
SOUND = ("signature", "mode", "tempo", "brightness", "energy")


@pytest.fixture(scope="module")
def albums():
    return [draw_album(k, "eval") for k in range(COUNT)]


@pytest.fixture(scope="module")
def judge(albums, tmp_path_factory):
    """A base of 64 px whose VAE loses nothing."""
    base = tmp_path_factory.mktemp("base")
    for part, config in (("unet", {"sample_size": SIZE // 2}), ("vae", {"block_out_channels": [8, 8]})):
        (base / part).mkdir()
        (base / part / "config.json").write_text(json.dumps(config))
    reader = CoverReader.fit(400, size=SIZE)
    return Judge(albums, base=str(base), reader=reader, reconstruct=lambda pictures: pictures)


@pytest.fixture(scope="module")
def scores(judge, albums):
    """A painter that hears, and the same under another album's song."""
    other = [albums[j].factors for j in derangement(COUNT, 0)]
    heard = [album.factors for album in albums]
    shuffled = [
        replace(own, **{name: getattr(another, name) for name in SOUND})
        for own, another in zip(heard, other, strict=True)
    ]
    return {
        name: judge.judge(np.stack([paint(factors, 7000 + k, SIZE) for k, factors in enumerate(chosen)]))
        for name, chosen in (("audio", heard), ("shuffled", shuffled))
    }


def test_each_album_has_every_value(scores):
    values = scores["audio"].values
    assert {name.removesuffix("_r") for name in METRICS} <= set(values)
    assert {len(column) for column in values.values()} == {COUNT}


def test_who_hears_scores_better_than_under_another_song(scores):
    def mean(system, name):
        return np.mean(scores[system].values[name])

    assert mean("audio", "hue_error") < 20 < 60 < mean("shuffled", "hue_error")
    assert mean("audio", "recall") > 0.9 > 0.6 > mean("shuffled", "recall")
    assert mean("audio", "mse") < mean("shuffled", "mse")
    assert scores["audio"].distances["joint_frechet"] < scores["shuffled"].distances["joint_frechet"]


def test_the_floors_are_the_true_covers_and_a_grey(judge, scores):
    truth, grey = judge.truth(), judge.grey()
    assert np.mean(truth.values["mse"]) == 0 and np.mean(truth.values["hue_error"]) < 20
    assert truth.distances["frechet"] > 0 and truth.distances["joint_frechet"] > 0
    assert set(grey.values) == {"mse"} and grey.distances == {}


def test_covers_must_be_as_many_as_albums(judge):
    with pytest.raises(ValueError, match="3 covers were painted for 40 albums"):
        judge.judge(np.zeros((3, SIZE, SIZE, 3), np.uint8))


def test_the_reader_is_named_by_its_file_or_its_size():
    shipped = reader_digest("tiny", offline=True, reader_covers=2000)
    assert len(shipped) == 64 and shipped == reader_digest("tiny", offline=True, reader_covers=300)
