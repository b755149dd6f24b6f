"""Listening and reading over tables: order, refusals, stored shapes, operators that pickle."""

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from covergen.embeddings.audio_stage import CUTS, HearTracks
from covergen.embeddings.clip_text import ClipText
from covergen.embeddings.logmel import LogMel
from covergen.embeddings.registry import build_encoder
from covergen.embeddings.text_stage import ReadWords
from covergen.errors import ConfigError, ModelError
from covergen.models import stable_diffusion
from covergen.storage import rows
from covergen.storage.root import digest_of
from covergen.storage.tables import AUDIO_EMBEDDINGS, TEXT_EMBEDDINGS
from tests import toys
from tests.files import songs, wav

RATE = 24_000


@pytest.fixture(scope="module")
def mert_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mert")
    toys.save_mert(folder)
    return folder


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory) -> Path:
    return toys.save_stable_diffusion(tmp_path_factory.mktemp("sd"))


def _music(seconds: float, seed: int = 0) -> np.ndarray:
    samples = round(seconds * RATE)
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def _wav(seconds: float, seed: int = 0) -> bytes:
    return wav(_music(seconds, seed), RATE)


def _accepted(table: pa.Table) -> pa.Table:
    kept = table.filter(pa.compute.is_null(table["reject_code"]))
    return kept.drop_columns(rows.REJECT_COLUMNS.names)


def test_what_was_heard_is_heard_again_by_recipe_and_facts(mert_folder):
    asked = {"seconds": 10.0, "frame_rate": 1.0, "layers": (1, 3), "bf16": True, "allow_noncommercial": True}
    stage = HearTracks(str(mert_folder), **asked)
    told = json.loads(json.dumps({**stage.recipe(), **stage.facts()}))
    again = HearTracks.again(told, stage.shapes()["frames"], allow_noncommercial=True)
    assert (again.recipe(), again.facts()) == (stage.recipe(), stage.facts())
    exact = HearTracks(str(mert_folder), **{**asked, "bf16": False})
    assert exact.facts()["fp32_digest"] == exact.encoder.digest == told["fp32_digest"]
    assert exact.recipe() != stage.recipe()


def test_songs_become_rows_that_storage_accepts_and_bad_ones_say_why(tmp_path):
    file = tmp_path / "song #1 ä.wav"
    file.write_bytes(_wav(12, seed=1))
    stage = HearTracks("logmel", seconds=10)
    heard = stage(songs(_wav(12), b"not audio", file, _wav(3), tmp_path / "gone.mp3", _wav(7)))
    assert heard["track_id"].to_pylist() == [f"t{index}" for index in range(6)]
    assert heard["reject_code"].to_pylist() == [
        None, "unsupported_format", None, "too_short", "missing_file", None,
    ]  # fmt: skip
    assert "1.wav" in heard["reject_reason"][1].as_py()
    assert heard["reject_retriable"].to_pylist() == [None, False, None, False, False, None]
    assert [round(value, 1) for value in heard["seconds"].to_pylist() if value] == [10, 10, 7]
    stored = rows.conform(AUDIO_EMBEDDINGS, _accepted(heard), AUDIO_EMBEDDINGS.schema(stage.shapes()))
    assert rows.read_tensor(stored, "frames").shape == (3, *stage.shapes()["frames"]) == (3, 1, 20, 129)


def test_frames_of_a_row_are_its_windows_joined_in_time():
    stage = HearTracks("logmel", seconds=10, batch_size=3)
    heard = stage(songs(_wav(10, seed=1), b"", _wav(10, seed=2)))
    encoder = build_encoder("logmel")
    for index, seed in ((0, 1), (2, 2)):
        frames = np.frombuffer(heard["frames"][index].as_py(), "<f2").reshape(1, 20, 129)
        expected = np.concatenate(list(encoder(_music(10, seed).reshape(2, -1))), axis=1)
        assert np.allclose(frames, expected, atol=0.02)


def test_a_row_does_not_depend_on_its_batch(mert_folder):
    stage = HearTracks(str(mert_folder), seconds=10, allow_noncommercial=True, batch_size=3)
    table = songs(_wav(10, seed=1), _wav(8, seed=2), _wav(11, seed=3))
    together = np.stack([np.frombuffer(v, "<f2") for v in stage(table)["frames"].to_pylist()])
    alone = np.stack([np.frombuffer(stage(table.slice(i, 1))["frames"][0].as_py(), "<f2") for i in range(3)])
    assert np.abs(together.astype(float) - alone.astype(float)).max() < 5e-3
    assert stage.shapes()["frames"] == (4, 20, 32)


def test_operators_travel_small_and_load_where_they_run(mert_folder):
    stage = HearTracks(str(mert_folder), seconds=5, allow_noncommercial=True)
    sent = [pickle.dumps(operator) for operator in (stage.cut(), stage.hear())]
    assert max(map(len, sent)) < 2000
    cut, hear = (pickle.loads(raw) for raw in sent)
    cuts = cut(songs(_wav(6)))
    assert cuts.schema == CUTS
    assert len(cuts["windows"][0].as_py()) == 5 * RATE * 4
    assert hear(cuts)["reject_code"].to_pylist() == [None]


def test_a_batch_without_one_usable_song_loads_no_model():
    stage = HearTracks("mert-v1-95m", seconds=5, allow_noncommercial=True, offline=True)
    heard = stage(songs(b"", b"nonsense"))
    assert heard["reject_code"].to_pylist() == ["empty_file", "unsupported_format"]


def test_an_empty_batch_stays_empty():
    assert len(HearTracks("logmel")(songs())) == 0


def test_overflow_refuses_the_row_alone(mert_folder):
    stage = HearTracks(str(mert_folder), seconds=5, layers=(4,), allow_noncommercial=True)
    cuts = stage.cut()(songs(_wav(5), _wav(5, seed=1)))
    broken = np.full(5 * RATE, np.nan, "<f4").tobytes()
    cuts = cuts.set_column(2, "windows", pa.array([broken, cuts["windows"][1].as_py()], pa.binary()))
    assert stage.hear()(cuts)["reject_code"].to_pylist() == ["not_finite", None]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda frames: frames.swapaxes(1, 2), "with the shape"),  # as many numbers, another order
        (lambda frames: frames[:, :, :-1], "with the shape"),
        (lambda frames: frames[:1], "with the shape"),
        (lambda frames: frames * np.nan, "a plain input"),
    ],
)
def test_an_encoder_that_answers_wrongly_is_refused_and_no_song(monkeypatch, wrong, told):
    listen = LogMel.__call__
    monkeypatch.setattr(LogMel, "__call__", lambda self, windows: wrong(listen(self, windows)))
    with pytest.raises(ModelError, match=f"audio encoder logmel answer.*{told}"):
        HearTracks("logmel", seconds=10)(songs(_wav(11), _wav(12, seed=1)))


def test_the_recipe_names_what_shapes_a_row(mert_folder):
    recipes = [
        HearTracks("logmel", seconds=10).recipe(),
        HearTracks("logmel", seconds=5).recipe(),
        HearTracks("logmel", frame_rate=1.0).recipe(),
        HearTracks(str(mert_folder), allow_noncommercial=True).recipe(),
        HearTracks(str(mert_folder), allow_noncommercial=True, layers=(1, 2)).recipe(),
    ]
    assert len({digest_of(recipe) for recipe in recipes}) == len(recipes)
    same = HearTracks("logmel", seconds=10, threads=1, batch_size=2, device="cuda").recipe()
    assert same == recipes[0], "where and how fast it runs does not void a row"


def test_generations_keep_their_names_until_songs_are_heard_otherwise():
    assert digest_of(HearTracks("logmel").recipe()) == "3c7cd4a9b121e29c"


@pytest.mark.parametrize("seconds", [10, 12, 60])
def test_a_song_is_heard_over_its_length(seconds):
    """Of two windows the first lies in the middle of the first half: in a song of 10 s that is all of it."""
    music = _music(seconds)
    (heard,) = HearTracks("logmel", seconds=10)(songs(wav(music, RATE)))["frames"].to_pylist()
    places = [int((share * seconds - 2.5) * 25) / 25 for share in (0.25, 0.75)]
    windows = np.stack([music[round(start * RATE) :][: 5 * RATE] for start in places])
    expected = np.concatenate(list(build_encoder("logmel")(windows)), axis=1)
    assert np.allclose(np.frombuffer(heard, "<f2").reshape(1, 20, 129), expected, atol=0.02)


def test_what_cannot_be_heard_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="take 10"):
        HearTracks("logmel", seconds=12)
    with pytest.raises(ConfigError, match="allow_noncommercial"):
        HearTracks("mert-v1-95m")


def _prompts(*texts: str | None) -> pa.Table:
    records = [
        {
            "prompt_id": f"p{i}",
            "album_id": f"a{i}",
            "style": "s",
            "variant": "full",
            "text": text,
            "input_digest": "d",
        }
        for i, text in enumerate(texts)
    ]
    names = ("prompt_id", "album_id", "style", "variant", "text", "input_digest")
    return pa.Table.from_pylist(records, schema=pa.schema([(name, pa.string()) for name in names]))


def test_words_become_rows_that_storage_accepts(base_folder):
    stage = ReadWords(str(base_folder), threads=torch.get_num_threads())
    read = stage(_prompts("blue dunes", None, ""))
    assert read["reject_code"].to_pylist() == [None, "missing_field", None]
    stored = rows.conform(TEXT_EMBEDDINGS, _accepted(read), TEXT_EMBEDDINGS.schema(stage.shapes()))
    states, pooled = rows.read_tensor(stored, "states"), rows.read_tensor(stored, "pooled")
    expected = stable_diffusion.encode_text(*stable_diffusion.load_text(str(base_folder)), ["blue dunes", ""])
    assert np.allclose(states, expected[0].numpy(), atol=5e-3)
    assert np.allclose(pooled, expected[1].numpy(), atol=5e-3)
    assert stored["variant"].to_pylist() == ["full", "full"]


def test_words_shape_and_recipe_need_no_weights(base_folder, tmp_path):
    stage = ReadWords(str(base_folder))
    assert stage.shapes() == {"states": (77, 32), "pooled": (32,)}
    other = toys.save_stable_diffusion(tmp_path, seed=1)
    assert stage.recipe() != ReadWords(str(other)).recipe()
    assert "_parts" not in vars(stage.text)


def test_words_in_bfloat16_stay_close(base_folder):
    exact, rounded = (ReadWords(str(base_folder), bf16=bf16)(_prompts("a cover")) for bf16 in (False, True))
    first, second = (np.frombuffer(table["states"][0].as_py(), "<f2") for table in (exact, rounded))
    assert 0 < np.abs(first.astype(float) - second.astype(float)).mean() < 0.02


def test_a_text_encoder_that_answers_wrongly_is_refused_and_no_prompt(base_folder, monkeypatch):
    stage = ReadWords(str(base_folder))
    read = ClipText.__call__
    monkeypatch.setattr(
        ClipText, "__call__", lambda self, texts: (read(self, texts)[0] * np.inf, read(self, texts)[1])
    )
    with pytest.raises(ModelError, match=r"text encoder of .* a plain input"):
        stage(_prompts("a cover"))
