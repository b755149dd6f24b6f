"""A reject is one row per attempt; the latest counts, and a later success clears it."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from covergen.errors import BadInput, RejectCode
from covergen.lineage import work_list as lineage
from covergen.lineage.work_list import held, work_list
from covergen.storage import rejects, rows
from covergen.storage.delta import Generation
from covergen.storage.root import Root
from covergen.storage.tables import REJECTS, TEXT_EMBEDDINGS

SHAPES = {"states": (2, 2), "pooled": (2,)}


@pytest.fixture
def root(root_uri: str) -> Root:
    return Root.create(root_uri)


@pytest.fixture
def generation(root: Root) -> Generation:
    return root.generation(TEXT_EMBEDDINGS, {"v": 1}, shapes=SHAPES)


def outcome(name: str, result: BadInput | None, digest: str = "d") -> pa.Table:
    inputs = pa.table({"prompt_id": [name], "input_digest": [digest]})
    good = {"album_id": "a", "variant": "full", "states": [[1, 2], [3, 4]], "pooled": [1, 2]}
    return rows.outcomes(TEXT_EMBEDDINGS, inputs, [result or good])


def required(*pairs: tuple[str, str]) -> pa.Table:
    return pa.table({"prompt_id": [p for p, _ in pairs], "input_digest": [d for _, d in pairs]})


SILENT = BadInput(RejectCode.SILENT, "nothing but zeros in it's file")
FAILED = BadInput(RejectCode.STAGE_FAILED, "out of memory", retriable=True)


def refuse(root: Root, name: str, why: BadInput, digest: str = "d") -> None:
    _, refused = rejects.split(outcome(name, why, digest))
    rejects.write(rejects.rejects_of(root), "text_embeddings", refused, key=["prompt_id"])


def test_attempts_are_counted_and_the_latest_counts(root: Root, generation: Generation) -> None:
    refuse(root, "it's p", SILENT)
    refuse(root, "it's p", FAILED)
    (row,) = rejects.latest(root, "text_embeddings").to_pylist()
    assert (row["attempt"], row["code"], row["retriable"]) == (2, "stage_failed", True)
    assert row["next_retry_at"] > row["rejected_at"]
    assert root.current(REJECTS).count() == 2


def test_a_later_success_clears(root: Root, generation: Generation) -> None:
    refuse(root, "p", FAILED)
    accepted, _ = rejects.split(outcome("p", None))
    generation.append(accepted)
    assert len(rejects.latest(root)) == 0


def test_work_is_what_is_owed_and_neither_done_nor_refused(root: Root, generation: Generation) -> None:
    generation.append(rejects.split(outcome("done", None))[0])
    generation.append(rejects.split(outcome("changed", None, "old"))[0])
    refuse(root, "silent", SILENT)
    wanted = required(("done", "d"), ("changed", "new"), ("silent", "d"), ("fresh", "d"))
    work = work_list(root, generation, held(wanted))
    assert work.todo["prompt_id"].to_pylist() == ["changed", "fresh"]
    assert (work.required, work.refused, work.replaced.to_pylist()) == (4, 1, ["changed"])
    again = work_list(root, generation, held(wanted), retry=["silent"])
    assert again.todo["prompt_id"].to_pylist() == ["changed", "fresh", "silent"]


def test_another_generation_may_take_what_this_one_refused(root: Root, generation: Generation) -> None:
    _, refused = rejects.split(outcome("short", SILENT))
    rejects.write(rejects.rejects_of(root), "text_embeddings", refused, key=["prompt_id"], of=generation.name)
    wanted = held(required(("short", "d")))
    assert len(work_list(root, generation, wanted).todo) == 0
    other = root.generation(TEXT_EMBEDDINGS, {"v": 2}, shapes=SHAPES)
    assert work_list(root, other, wanted).todo["prompt_id"].to_pylist() == ["short"]
    assert len(rejects.latest(root)) == 0


def test_a_retried_block_refuses_once(root: Root, generation: Generation) -> None:
    _, refused = rejects.split(outcome("p", SILENT))
    for _ in range(2):
        rejects.write(rejects.rejects_of(root), "text_embeddings", refused, key=["prompt_id"], block="one")
    assert root.current(REJECTS).read()["attempt"].to_pylist() == [1]


def test_a_changed_input_is_worth_another_try(root: Root, generation: Generation) -> None:
    refuse(root, "silent", SILENT)
    assert len(work_list(root, generation, held(required(("silent", "d")))).todo) == 0
    assert len(work_list(root, generation, held(required(("silent", "mended")))).todo) == 1


def test_pieces_find_the_same_work_as_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Root.create(str(tmp_path / "root"))
    generation = root.generation(TEXT_EMBEDDINGS, {"v": 1}, shapes=SHAPES)
    names = [hashlib.sha256(bytes([place])).hexdigest() for place in range(60)]
    generation.append(pa.concat_tables([rejects.split(outcome(name, None))[0] for name in names[:20]]))
    generation.append(rejects.split(outcome(names[20], None, "old"))[0])
    refuse(root, names[21], SILENT)
    wanted = held(required(*((name, "d") for name in names)))
    whole = work_list(root, generation, wanted)
    monkeypatch.setattr(lineage, "WHOLE", 0)
    parts = work_list(root, generation, wanted)
    assert lineage.number_of_pieces(generation) == 32 and len(whole.todo) == 39
    assert parts.todo.equals(whole.todo)
    assert (parts.required, parts.refused, parts.replaced) == (whole.required, whole.refused, whole.replaced)
