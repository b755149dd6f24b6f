"""Tagging over tables: every tagger's contract, order, refusals, rows that storage accepts."""

import inspect
import pickle

import numpy as np
import pyarrow as pa
import pytest

from covergen.errors import ConfigError, ModelError
from covergen.storage import rows
from covergen.storage.root import digest_of
from covergen.storage.tables import TAGS
from covergen.tagging.protocol import Tags
from covergen.tagging.registry import TAGGERS, build_tagger
from covergen.tagging.signal import SignalTagger
from covergen.tagging.stage import TagTracks, joint_recipe
from tests import toy_clap
from tests.files import wav

RATE = 24_000
SONG_COLUMNS = pa.schema(
    [("track_id", pa.string()), ("input_digest", pa.string()), ("uri", pa.string()), ("bytes", pa.binary())]
)


@pytest.fixture(scope="module")
def clap_folder(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("clap")
    toy_clap.save_clap(folder)
    return str(folder)


def _wav(seconds: float, seed: int = 0) -> bytes:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
    return wav(samples, RATE)


def _songs(*contents: bytes) -> pa.Table:
    records = [
        {
            "track_id": f"t{i}",
            "input_digest": f"d{i}",
            "uri": f"https://example.org/{i}.wav",
            "bytes": content,
        }
        for i, content in enumerate(contents)
    ]
    return pa.Table.from_pylist(records, schema=SONG_COLUMNS)


@pytest.mark.parametrize("name", TAGGERS)
def test_facts_are_known_before_any_weight_is_read(name):
    tagger = build_tagger(name, offline=True)
    assert tagger.name == name
    assert tagger.basis in {"heuristic", "model"}
    assert tagger.sample_rate * tagger.segment_seconds == round(tagger.sample_rate * tagger.segment_seconds)
    assert tagger.licence
    assert len(tagger.digest) == 64
    assert inspect.getdoc(type(tagger))


@pytest.mark.parametrize("name", TAGGERS)
def test_answers_are_one_a_song_within_their_ranges(name, clap_folder):
    tagger = build_tagger(name, clap=clap_folder)
    samples = round(tagger.segment_seconds * tagger.sample_rate)
    songs = np.random.default_rng(0).normal(0, 0.1, (2, 2, samples)).astype(np.float32)
    answers = tagger(songs)
    assert len(answers) == 2 and all(isinstance(tags, Tags) for tags in answers)
    for tags in answers:
        for words in (tags.mood, tags.genre, tags.instrument):
            assert words is None or all(0 <= score <= 1 for score in words.values())
        assert all(value is None or 0 <= value <= 1 for value in (tags.energy, tags.brightness))


@pytest.mark.parametrize("name", TAGGERS)
def test_songs_become_rows_that_storage_accepts_and_bad_ones_say_why(name, clap_folder):
    stage = TagTracks(name, seconds=20, clap=clap_folder)
    tagged = stage(_songs(_wav(21), b"not audio", _wav(12, seed=1), _wav(3), b""))
    assert tagged["track_id"].to_pylist() == [f"t{index}" for index in range(5)]
    assert set(tagged["tagger"].to_pylist()) == {name}
    assert tagged["reject_code"].to_pylist() == [None, "unsupported_format", None, "too_short", "empty_file"]
    kept = tagged.filter(pa.compute.is_null(tagged["reject_code"])).drop_columns(rows.REJECT_COLUMNS.names)
    stored = rows.conform(TAGS, kept, TAGS.schema()).to_pylist()
    assert [row["basis"] for row in stored] == [stage.tagger.basis] * 2
    assert all(row["mood"] is not None for row in stored)


def test_null_is_not_judged_and_empty_is_unsure():
    (row,) = TagTracks("signal", seconds=10)(_songs(_wav(10))).to_pylist()
    assert row["genre"] is None and row["instrument"] is None
    assert row["tempo"] is None, "noise has no beat"
    quiet = np.sin(np.arange(10 * RATE) * 0.1).astype(np.float32)
    (row,) = TagTracks("signal", seconds=10)(_songs(wav(0.2 * quiet, RATE))).to_pylist()
    assert row["mood"] == [] and 0.4 < row["energy"] < 0.8


def test_a_tagger_that_answers_wrongly_is_refused_and_no_song(monkeypatch):
    for wrong in ([], [Tags(mood={"calm": float("nan")})], [Tags(genre={"jazz": 1.5})]):
        monkeypatch.setattr(SignalTagger, "__call__", lambda self, songs, wrong=wrong: wrong)
        with pytest.raises(ModelError, match="tagger signal gave"):
            TagTracks("signal", seconds=10)(_songs(_wav(10)))


def test_a_row_does_not_depend_on_its_batch():
    songs = _songs(_wav(10, seed=1), _wav(8, seed=2), _wav(11, seed=3))
    together = TagTracks("signal", seconds=10, batch_size=4)(songs).to_pylist()
    alone = [TagTracks("signal", seconds=10)(songs.slice(i, 1)).to_pylist()[0] for i in range(3)]
    assert together == alone


def test_operators_travel_small_and_load_where_they_run(clap_folder):
    stage = TagTracks("clap-zero-shot", seconds=10, clap=clap_folder)
    sent = [pickle.dumps(operator) for operator in (stage.cut(), stage.tag())]
    assert max(map(len, sent)) < 2000
    cut, tag = (pickle.loads(raw) for raw in sent)
    assert tag(cut(_songs(_wav(10))))["reject_code"].to_pylist() == [None]


def test_a_batch_without_one_usable_song_loads_no_model():
    stage = TagTracks("clap-zero-shot", seconds=10, offline=True)
    assert stage(_songs(b"", b"nonsense"))["reject_code"].to_pylist() == ["empty_file", "unsupported_format"]
    assert len(TagTracks("signal")(_songs())) == 0


def test_the_recipe_names_all_taggers_and_what_shapes_their_rows(clap_folder):
    signal, clap = TagTracks("signal"), TagTracks("clap-zero-shot", clap=clap_folder)
    recipes = [
        joint_recipe([signal]),
        joint_recipe([signal, clap]),
        joint_recipe([TagTracks("signal", seconds=10)]),
        joint_recipe([signal, TagTracks("clap-zero-shot", clap="clap")]),
    ]
    assert len({digest_of(recipe) for recipe in recipes}) == len(recipes)
    assert digest_of(joint_recipe([clap, signal])) == digest_of(recipes[1]), "their order does not matter"
    same = TagTracks("signal", threads=1, batch_size=2, device="cuda")
    assert joint_recipe([same]) == recipes[0], "where and how fast it runs does not void a row"


def test_what_cannot_be_tagged_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="'signl' is unknown; choose among signal, clap-zero-shot"):
        TagTracks("signl")
    with pytest.raises(ConfigError, match="take 10"):
        TagTracks("clap-zero-shot", seconds=12)
