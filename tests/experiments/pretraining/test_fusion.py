"""The shipped fusion: made for the shipped base and for music as the jobs hear it, from other albums."""

import json
from pathlib import Path

import numpy as np
import pytest

from covergen.evaluation.tables.table import SYSTEMS
from covergen.experiments.pretraining.fusion import thinned
from covergen.experiments.pretraining.pairs import Pairs, hearing, prompts
from covergen.models import stable_diffusion
from covergen.training import checkpoint

SHIPPED = Path(checkpoint.__file__).parent.parent / "assets" / "tiny" / "fusion"


def test_evaluation_albums_share_no_patch_no_artist_and_no_seed_with_training(tmp_path):
    train, evaluation = (Pairs(split, 300, work=tmp_path) for split in ("train", "eval"))
    for fact in ("patch", "artist", "album_id_seed"):
        seen = {getattr(album, fact) for album in train.albums}
        assert seen.isdisjoint(getattr(album, fact) for album in evaluation.albums)


def test_songs_are_heard_once_and_as_the_embed_job_hears_them(tmp_path):
    pairs = Pairs("eval", 2, work=tmp_path)
    frames = pairs.frames
    assert frames.shape == (2, *hearing().shapes()["frames"])
    assert frames.dtype == np.float16
    assert not np.array_equal(frames[0], frames[1])
    (kept,) = tmp_path.iterdir()
    np.save(kept, np.zeros_like(frames))
    assert not Pairs("eval", 2, work=tmp_path).frames.any()


def test_prompts_never_name_what_only_the_music_tells(tmp_path):
    album = Pairs("eval", 1, work=tmp_path).albums[0]
    full, untitled, genre = prompts(album).values()
    assert album.title in full
    assert album.title not in untitled + genre
    assert all(album.genre in text for text in (full, untitled, genre))


def test_history_is_thinned_but_keeps_what_was_measured():
    rows = [{"stage": "train", "step": step} for step in range(1, 61)] + [{"stage": "validation", "step": 60}]
    assert [row["step"] for row in thinned(rows)] == [20, 40, 60, 60]


@pytest.fixture
def shipped():
    if not (SHIPPED / "fusion.json").is_file():
        pytest.skip("there is no shipped fusion yet")
    return SHIPPED


def test_the_shipped_fusion_fits_the_shipped_base_and_the_demos_listening(shipped):
    unet = stable_diffusion.load_unet("tiny")
    base = stable_diffusion.digest("tiny")
    fusion, facts = checkpoint.load(shipped, unet, base_digest=base, recipe=hearing().recipe())
    assert facts.name == "decoupled"
    assert bool(fusion.features.fitted)
    assert max(float(layer.to_v.weight.detach().abs().max()) for layer in fusion.attention) > 0.01
    assert sum(path.stat().st_size for path in shipped.iterdir()) < 4_000_000


def test_the_shipped_scores_say_that_it_is_the_sound(shipped):
    scores = json.loads((shipped / "scores.json").read_text())
    assert scores["fusion_digest"] == checkpoint.digest(shipped)
    assert set(scores["systems"]) == {"truth", *SYSTEMS}
    for other in ("audio - shuffled", "audio - prompt_only"):
        found = scores["differences"][other]
        assert found["hue_error"]["high"] < 0
        assert found["brightness_error"]["high"] < 0
        assert found["recall_at_10"]["low"] > 0
