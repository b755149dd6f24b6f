"""What may not be learnt from is left out, said so, and taken only on request."""

import tempfile
from pathlib import Path

import pytest

from covergen.config import load
from covergen.errors import ConfigError
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, LATENTS, TEXT_EMBEDDINGS
from covergen.training.dataset import (
    SPLITS,
    covered,
    data_digest,
    has_examples,
    lacking,
    left_out,
    read_examples,
)
from tests import toys
from tests.toy_root import append, catalog_row, make_root

ALLOWED = ("spotify-terms",)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    """Four albums to train on, two of them with something of Spotify's."""
    (tmp_path / "local").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "local"))
    root = make_root(str(tmp_path / "root"), train=4, validation=0)
    licences = [None, "CC0-1.0", "spotify-terms", "CC-BY-SA-4.0; spotify-terms"]
    names = sorted(root.current(CATALOG).read(["album_id"])["album_id"].to_pylist())
    root.current(CATALOG).remove(set(names))
    told = zip(names, licences, strict=True)
    append(root, CATALOG, [{**catalog_row(name, "train"), "licence": licence} for name, licence in told])
    return root


def test_albums_under_refused_licences_are_left_out_unless_allowed(root, tmp_path):
    base = str(toys.save_stable_diffusion(tmp_path / "sd"))
    names = covered(root, SPLITS).sort_by("album_id")["album_id"].to_pylist()
    examples = read_examples(root, "train", base=base, offline=True)
    assert list(examples.album_ids) == names[:2]
    examples = read_examples(root, "train", base=base, offline=True, allowed=ALLOWED)
    assert list(examples.album_ids) == names
    assert data_digest(root) != data_digest(root, ALLOWED)


def test_it_is_said_how_many_why_and_how_to_take_them(root):
    said = left_out(covered(root, SPLITS))
    assert said.startswith("2 of 4 albums are left out by their licence (spotify-terms: the terms of Spotify")
    assert said.endswith("train.allow_licences=[spotify-terms] takes them")
    assert left_out(covered(root, SPLITS), ALLOWED) is None


def test_a_catalogue_of_refused_albums_alone_is_nothing_to_learn_from(root):
    names = covered(root, SPLITS).sort_by("album_id")["album_id"].to_pylist()
    root.current(CATALOG).remove(set(names[:2]))
    assert not has_examples(root, "train")
    assert has_examples(root, "train", ALLOWED)
    assert lacking(root, ALLOWED) is None
    assert lacking(root).startswith(
        "no album with a cover is in the split train, and 2 of 2 albums are left out"
    )


@pytest.mark.parametrize("table", [LATENTS, TEXT_EMBEDDINGS, AUDIO_EMBEDDINGS], ids=lambda table: table.name)
def test_covers_without_their_words_music_or_latents_are_nothing_to_learn_from(root, table):
    assert lacking(root) is None
    generation = root.current(table)
    generation.remove(set(generation.read(table.key)[table.key[0]].to_pylist()))
    told = "of 2 albums with a cover in the split train none has latents, words and music"
    assert lacking(root) == told


def test_the_switch_takes_known_licences_only():
    config = load("configs/demo.yaml", ["train.allow_licences=[spotify-terms]"])
    assert config.train.allow_licences == ALLOWED
    with pytest.raises(ConfigError, match="allow_licences"):
        load("configs/demo.yaml", ["train.allow_licences=[CC0-1.0]"])
