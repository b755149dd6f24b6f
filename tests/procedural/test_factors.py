"""Albums of the controlled world: drawn alike every time, and apart where they must be."""

import numpy as np
import pytest

from covergen.procedural.factors import (
    EVAL_PATCHES,
    GENRES,
    HUE_NAMES,
    MOTIF_WORDS,
    MOTIFS,
    TRAIN_PATCHES,
    Factors,
    caption,
    descriptors,
    draw_album,
    factor_vector,
)
from covergen.procedural.music import PATCHES


def test_an_album_is_the_same_every_time():
    assert draw_album(7, "train") == draw_album(7, "train")
    assert draw_album(7, "train") != draw_album(8, "train")


def test_evaluation_shares_no_seed_patch_or_artist_with_training():
    train = [draw_album(seed, "train") for seed in [*range(2000), 2**31 - 1]]
    evaluation = [draw_album(seed, "eval") for seed in [*range(2000), 2**31 - 1]]
    assert max(a.album_id_seed for a in train) < min(a.album_id_seed for a in evaluation)
    assert not {a.patch for a in train} & {a.patch for a in evaluation}
    assert not {a.artist for a in train} & {a.artist for a in evaluation}
    assert {a.patch for a in train} == set(TRAIN_PATCHES)
    assert {a.patch for a in evaluation} == set(EVAL_PATCHES)
    assert set(PATCHES) == {*TRAIN_PATCHES, *EVAL_PATCHES}


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_cannot_cross_into_the_other_split(seed):
    with pytest.raises(ValueError, match="within"):
        draw_album(seed, "train")


def test_the_title_alone_tells_the_motif():
    for seed in range(300):
        album = draw_album(seed, "eval")
        named = {m for m, words in MOTIF_WORDS.items() if any(w in album.title.split() for w in words)}
        assert named == {album.factors.motif}


def test_a_benchmark_prompt_names_nothing_that_only_the_sound_knows():
    for seed in range(300):
        album = draw_album(seed, "eval")
        prompt = caption(album)
        assert prompt == f"Create an album cover for the album '{album.title}'. The genre is {album.genre}."
        audio_words = {*HUE_NAMES, "sparse", "dense", "dark", "bright", "muted", "vivid"}
        assert not audio_words & set(prompt.lower().replace("'", " ").replace(".", " ").split())
        assert caption(album, with_descriptors=True) == f"{prompt} {descriptors(album.factors)}"


def test_factors_cover_their_ranges_independently():
    factors = [draw_album(seed, "train").factors for seed in range(3000)]
    values = np.array([[GENRES.index(f.genre), MOTIFS.index(f.motif), *factor_vector(f)] for f in factors])
    crossed = np.corrcoef(values.T) - np.eye(7)
    assert np.abs(crossed).max() < 0.08
    assert {f.signature for f in factors} == set(range(12))


def test_the_words_and_the_vector_of_known_factors():
    factors = Factors("rock", "moon", 3, "minor", 180.0, 0.1, 0.5)
    assert factors.hue == 90
    assert descriptors(factors) == "clear golden, dense, dark"
    assert factor_vector(factors) == pytest.approx([0, 1, 0.1, 0.5, 1], abs=1e-6)
