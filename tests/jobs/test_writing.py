"""The last operator, called as Ray calls it: again after a failure, and by runs that are no longer wanted."""

from pathlib import Path

import pyarrow as pa
import pytest

from covergen.errors import BadInput, RejectCode, RootError
from covergen.lineage.verify import verify
from covergen.storage import rejects, rows
from covergen.storage.delta import RUN, Generation
from covergen.storage.root import Root
from covergen.storage.tables import REJECTS, TEXT_EMBEDDINGS
from jobs.runtime.stages import _Write, tidy

GOOD = {"album_id": "a", "variant": "full", "states": [[1, 2], [3, 4]], "pooled": [1, 2]}
BAD = BadInput(RejectCode.UNREADABLE, "the share was gone for a moment")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root.create(str(tmp_path / "root"))


@pytest.fixture
def generation(root: Root) -> Generation:
    shapes = {"states": (2, 2), "pooled": (2,)}
    return root.generation(TEXT_EMBEDDINGS, {"v": 1}, shapes=shapes).take_over()


def writer(root: Root, generation: Generation) -> _Write:
    return _Write(generation, rejects.rejects_of(root).take_over(f"{RUN}.{generation.table_name}"), None)


def outcomes(**results: dict | BadInput) -> pa.Table:
    inputs = pa.table({"prompt_id": list(results), "input_digest": ["d"] * len(results)})
    return rows.outcomes(TEXT_EMBEDDINGS, inputs, list(results.values()))


def keys(root: Root) -> tuple[list[str], list[str]]:
    """Those in the table, and those that stand in rejects."""
    there = root.current(TEXT_EMBEDDINGS).read(["prompt_id"])["prompt_id"].to_pylist()
    return sorted(there), sorted(rejects.latest(root)["key"].to_pylist())


@pytest.mark.parametrize(
    ("first", "again", "expected"),
    [
        ({"p": GOOD, "q": GOOD, "s": GOOD}, {"p": GOOD, "q": GOOD, "s": BAD}, (["p", "q", "s"], [])),
        ({"p": GOOD, "q": GOOD, "s": BAD}, {"p": GOOD, "q": GOOD, "s": GOOD}, (["p", "q", "s"], [])),
        ({"p": GOOD, "q": BAD, "s": BAD}, {"p": BAD, "q": BAD, "s": GOOD}, (["p", "s"], ["q"])),
        ({"p": BAD, "q": BAD}, {"p": BAD, "q": BAD}, ([], ["p", "q"])),
    ],
)
def test_a_block_that_fares_otherwise_when_it_is_done_again_counts_once(
    root, generation, first, again, expected
):
    write = writer(root, generation)
    for results in (first, again):
        counts = write(outcomes(**results))
        assert counts["rows"][0].as_py() + counts["rejects"][0].as_py() == len(results)
    assert keys(root) == expected
    if root.has(REJECTS) and root.current(REJECTS).count():
        assert set(root.current(REJECTS).read()["attempt"].to_pylist()) == {1}


def test_blocks_that_were_cut_otherwise_leave_one_row_of_each_key(root, generation, capsys):
    write = writer(root, generation)
    write(outcomes(p=GOOD, q=GOOD))
    write(outcomes(q=GOOD, s=GOOD))
    assert generation.count() == 4
    tidy(generation, rejects.rejects_of(root), expected=3)
    assert keys(root) == (["p", "q", "s"], [])
    assert "text_embeddings: 1 rows stood twice; one of each is left" in capsys.readouterr().err
    assert not any(problem.kind in {"doubled", "checksum"} for problem in verify(root.uri))


def test_a_run_that_was_taken_over_refuses_nothing_more(root, generation):
    older, newer = writer(root, generation), writer(root, generation)
    with pytest.raises(RootError, match="another run of this job has taken over"):
        older(outcomes(p=BAD))
    newer(outcomes(p=BAD))
    assert keys(root) == ([], ["p"])


def test_a_merge_of_parts_that_fails_is_told_and_stops_nothing(root, generation, capsys, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise RootError("the bucket was gone")

    monkeypatch.setattr("covergen.storage.upkeep.merge_parts", fails)
    tidy(generation, rejects.rejects_of(root), expected=None)
    assert "all rows are there, but: the bucket was gone" in capsys.readouterr().err
