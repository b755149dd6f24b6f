"""Zero-shot words by a random CLAP in the released layout: scores, unsure, a collapsed text tower."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import ClapProcessor

from covergen.embeddings.clap import log_mel
from covergen.errors import ModelError
from covergen.tagging import zero_shot
from covergen.tagging.zero_shot import TEMPLATES, WORDS, ClapZeroShot, refuse_collapsed, standing_out
from tests import toy_clap

SONGS = np.random.default_rng(0).normal(0, 0.1, (2, 2, 480_000)).astype(np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clap")
    return folder, toy_clap.save_clap(folder)


@pytest.fixture(scope="module")
def tagger(saved):
    return ClapZeroShot(clap=str(saved[0]))


def test_the_words_are_those_of_the_data_set():
    assert {category: len(set(words)) for category, words in WORDS.items()} == {
        "mood": 56, "genre": 87, "instrument": 40,
    }  # fmt: skip
    assert WORDS.keys() == TEMPLATES.keys()
    for templates in TEMPLATES.values():
        assert len({template.format("word") for template in templates}) == len(templates) >= 3
    assert all(word == word.strip().lower() for words in WORDS.values() for word in words)


def test_scores_are_those_of_the_whole_model_on_averaged_sentences_and_windows(saved, tagger, monkeypatch):
    monkeypatch.setattr(zero_shot, "TOP", 100)
    monkeypatch.setattr(zero_shot, "LIFT", 0.0)
    folder, model = saved
    scores = tagger(SONGS)[1].mood
    assert sum(scores.values()) == pytest.approx(1, abs=1e-5)
    unit = torch.nn.functional.normalize
    tokenizer = ClapProcessor.from_pretrained(folder, local_files_only=True).tokenizer
    with torch.no_grad():
        texts = []
        for word in WORDS["mood"]:
            tokens = tokenizer([t.format(word) for t in TEMPLATES["mood"]], padding=True, return_tensors="pt")
            texts.append(unit(model.get_text_features(**tokens).pooler_output, dim=-1).mean(dim=0))
        heard = model.get_audio_features(log_mel(torch.from_numpy(SONGS[1]))).pooler_output
    audio = unit(unit(heard, dim=-1).mean(dim=0), dim=0)
    logits = model.logit_scale_a.exp() * (unit(torch.stack(texts), dim=-1) @ audio)
    expected = dict(zip(WORDS["mood"], logits.softmax(dim=0).tolist(), strict=True))
    assert scores == pytest.approx(expected, abs=1e-5)
    assert np.std(list(expected.values())) > 1e-3, "else nothing was compared"


def test_songs_do_not_see_their_neighbours(tagger, monkeypatch):
    monkeypatch.setattr(zero_shot, "LIFT", 0.0)
    both, alone = tagger(SONGS), tagger(SONGS[1:])
    assert both[1].genre == pytest.approx(alone[0].genre, abs=1e-4)
    assert both[0].tempo is None and both[0].energy is None, "measures are not judged"


def test_words_three_times_as_likely_as_chance_stand_out_and_else_it_is_unsure():
    words = [f"w{i}" for i in range(10)]
    flat = np.full(10, 0.1)
    assert standing_out(words, flat) == {}
    near = np.array([0.29, *[0.71 / 9] * 9])
    assert standing_out(words, near) == {}
    clear = np.array([0.05, 0.35, 0.5, *[0.1 / 7] * 7])
    assert list(standing_out(words, clear).items()) == [("w2", 0.5), ("w1", 0.35)]
    many = np.array([0.16] * 6 + [0.04 / 94] * 94)
    assert len(standing_out([f"w{i}" for i in range(100)], many)) == 5


def test_a_collapsed_text_tower_is_refused_at_the_start(tmp_path):
    toy_clap.save_clap(tmp_path, collapsed=True)
    with pytest.raises(ModelError, match=r"collapsed: unrelated sentences have cosine 0\.9.*tag.clap=clap"):
        ClapZeroShot(clap=str(tmp_path))(SONGS[:1, :1])


def test_the_self_test_measures_the_mean_cosine():
    refuse_collapsed(torch.eye(4), "x")
    refuse_collapsed(torch.eye(4) + 1, "x")
    with pytest.raises(ModelError, match="x is collapsed"):
        refuse_collapsed(torch.eye(4) + 10, "x")
    with pytest.raises(ModelError, match="nan"):
        refuse_collapsed(torch.full((4, 2), torch.nan), "x")


def test_a_release_without_its_tokenizer_is_refused(saved, tmp_path):
    copy = shutil.copytree(saved[0], tmp_path / "copy")
    for file in (*copy.glob("tokenizer*"), *copy.glob("vocab*")):
        file.unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer; tokenizer\.json or vocab\.json must lie there"):
        ClapZeroShot(clap=str(copy))(SONGS[:1, :1])


def test_the_digest_follows_weights_words_and_tokenizer(saved, tmp_path, monkeypatch):
    folder = str(saved[0])
    digests = {
        ClapZeroShot(clap=folder).digest,
        ClapZeroShot().digest,
        ClapZeroShot(clap=folder, bf16=True).digest,
    }
    copy = shutil.copytree(folder, tmp_path / "copy")
    content = json.loads((copy / "tokenizer.json").read_text())
    (copy / "tokenizer.json").write_text(json.dumps(content, indent=1))
    digests.add(ClapZeroShot(clap=str(copy)).digest)
    monkeypatch.setattr(zero_shot, "TEMPLATES", TEMPLATES | {"mood": ("{}",)})
    digests.add(ClapZeroShot(clap=folder).digest)
    assert len(digests) == 5


def test_bfloat16_stays_close(saved, tagger, monkeypatch):
    monkeypatch.setattr(zero_shot, "LIFT", 0.0)
    exact, rounded = tagger(SONGS[:1])[0].mood, ClapZeroShot(clap=str(saved[0]), bf16=True)(SONGS[:1])[0].mood
    assert max(exact.values()) == pytest.approx(max(rounded.values()), rel=0.1)


@pytest.mark.slow
def test_the_full_architecture_tags_a_song(tmp_path):
    toy_clap.save_clap(tmp_path, full_size=True)
    (tags,) = ClapZeroShot(clap=str(tmp_path))(SONGS[:1])
    assert all(set(getattr(tags, category)) <= set(words) for category, words in WORDS.items())
