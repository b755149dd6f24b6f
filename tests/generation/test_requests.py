"""What is to be painted: the same seed for every system, another album's sound for the shuffled one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.generation.requests import derangement, requests
from covergen.generation.seeds import seed_of
from covergen.storage import rows
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, PROMPTS

SCOPE = {"split": "all", "limit": None, "systems": ["audio", "shuffled", "prompt_only"], "variants": 2}


@given(st.integers(2, 300), st.integers(0, 5))
def test_a_derangement_moves_everybody(count: int, seed: int) -> None:
    places = derangement(count, seed)
    assert sorted(places) == list(range(count))
    assert not np.any(places == np.arange(count))


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root.create(str(tmp_path / "root"))
    albums = [{"album_id": f"a{i}", "track_id": f"t{i}", "split": "test" if i else "train"} for i in range(4)]
    words = [
        {"prompt_id": f"p{i}", "album_id": f"a{i}", "variant": "full", "text": f"words {i}"} for i in range(4)
    ]
    root.generation(CATALOG, {"v": 1}).append(rows.from_records(CATALOG, albums).drop_columns("checksum"))
    root.generation(PROMPTS, {"v": 1}).append(rows.from_records(PROMPTS, words).drop_columns("checksum"))
    root.generation(AUDIO_EMBEDDINGS, {"v": 1}, shapes={"frames": (1,)}).append(heard(range(3)))
    return root


def heard(which: range, digest: str = "d") -> object:
    import pyarrow as pa

    inputs = pa.table({"track_id": [f"t{i}" for i in which], "input_digest": [digest for _ in which]})
    results = [{"frames": [0.0], "seconds": 1.0} for _ in which]
    return rows.outcomes(AUDIO_EMBEDDINGS, inputs, results).drop_columns(rows.REJECT_COLUMNS.names)


def test_systems_differ_in_what_is_heard_and_in_nothing_else(root: Root) -> None:
    found = requests(root, SCOPE).to_pylist()
    assert len(found) == 4 * 3 * 2
    for row in found:
        own = f"t{row['album_id'][1:]}"
        assert row["seed"] == str(seed_of(row["album_id"], row["variant"]))
        assert row["prompt"] == f"words {row['album_id'][1:]}"
        assert {"audio": row["track_id"] == own, "prompt_only": row["track_id"] is None}.get(
            row["system"], row["track_id"] not in {own, None}
        )


def test_variants_may_begin_later_and_have_the_seeds_of_their_numbers(root: Root) -> None:
    later = requests(root, {**SCOPE, "variants": 1, "first_variant": 1}).to_pylist()
    assert {row["variant"] for row in later} == {1}
    assert later == [row for row in requests(root, SCOPE).to_pylist() if row["variant"] == 1]


def test_scope_chooses_split_and_number(root: Root) -> None:
    few = requests(
        root, {**SCOPE, "split": "test", "limit": 2, "systems": ["audio"], "variants": 1}
    ).to_pylist()
    assert [row["album_id"] for row in few] == ["a1", "a2"]


def test_another_sound_or_another_word_is_new_work(root: Root) -> None:
    def digests() -> dict[tuple[str, str], str]:
        return {(r["album_id"], r["system"]): r["input_digest"] for r in requests(root, SCOPE).to_pylist()}

    before = digests()
    root.current(AUDIO_EMBEDDINGS).upsert(heard(range(1), "heard anew"))
    changed = {key for key, value in digests().items() if value != before[key]}
    assert ("a0", "audio") in changed and ("a0", "prompt_only") not in changed
    assert {system for _, system in changed} == {"audio", "shuffled"} and len(changed) == 2
