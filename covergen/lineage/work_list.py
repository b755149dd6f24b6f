"""What is left to do of a table: what jobs work by.

A table owes one row per key, made from the input that `input_digest` names. The work list is what is owed,
minus what is committed with the same key and digest, minus what was refused with that digest. Resume after
a kill, a nightly delta and a rerun with nothing to do are this one mechanism. Large tables are compared piece
by piece, by the first key column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from covergen.lineage.partitions import Piece, pieces
from covergen.lineage.pipeline import OUTPUTS, RequiredRows
from covergen.storage import rejects
from covergen.storage.columns import Table
from covergen.storage.delta import Generation
from covergen.storage.root import Root

WHOLE = 500_000  # rows up to which all keys are compared at once
PIECES = 32


@dataclass(frozen=True)
class Work:
    """What a job has to do: keys with digests; `replaced` are those (joined) whose committed row is stale."""

    todo: pa.Table
    required: int
    refused: int
    replaced: pa.ChunkedArray


def work_list(
    root: Root, generation: Generation, required: RequiredRows, *, retry: Sequence[str] = ()
) -> Work:
    """Return what is owed and neither committed nor refused; codes in `retry` are taken up again."""
    refused = _standing(root, generation.table, retry)
    with pieces(number_of_pieces(generation, *inputs_of(root, generation))) as whole:
        parts = [_part(generation, required(root, piece), piece, refused) for piece in whole]
    todo = pa.concat_tables([part.todo for part in parts])
    return Work(
        todo.sort_by([(name, "ascending") for name in generation.table.key]),
        sum(part.required for part in parts),
        sum(part.refused for part in parts),
        pa.chunked_array([chunk for part in parts for chunk in part.replaced.chunks], pa.string()),
    )


def number_of_pieces(*compared: Generation) -> int:
    """Return in how many pieces the keys of some tables are compared: 1 where all are small."""
    return 1 if max(generation.count() for generation in compared) <= WHOLE else PIECES


def inputs_of(root: Root, generation: Generation) -> list[Generation]:
    """Return the tables with whose rows a table's keys are compared."""
    return [root.current(table) for table in OUTPUTS[generation.table_name].compared if root.has(table)]


def held(table: pa.Table) -> RequiredRows:
    """Return what a table in memory owes: its own rows."""
    return lambda _root, piece: piece.of(table)


def _part(
    generation: Generation, required: pa.Table, piece: Piece, refused: set[tuple[str, str | None]]
) -> Work:
    key = list(generation.table.key)
    done = piece.read(generation, [*key, "input_digest"])
    names = rejects.joined(done, key).combine_chunks()
    place = pc.index_in(rejects.joined(required, key), value_set=names)
    same = pc.equal(done["input_digest"].take(place), required["input_digest"])
    open_rows = pc.invert(pc.fill_null(same, False))
    left = required.filter(open_rows)
    waiting = [pair in refused for pair in _pairs(left, key)] if refused else [False] * len(left)
    todo = left.filter(pc.invert(pa.array(waiting, pa.bool_())))
    replaced = rejects.joined(required, key).filter(pc.and_(open_rows, pc.is_valid(place)))
    return Work(todo, len(required), sum(waiting), replaced)


def _standing(root: Root, table: Table, retry: Sequence[str]) -> set[tuple[str, str | None]]:
    now, standing = datetime.now(UTC), set()
    for row in rejects.latest(root, table.name).to_pylist():
        due = row["retriable"] and row["next_retry_at"] and row["next_retry_at"] <= now
        if not due and row["code"] not in retry:
            standing.add((row["key"], row["input_digest"]))
    return standing


def _pairs(rows: pa.Table, key: Sequence[str]) -> list[tuple[str, str | None]]:
    return list(zip(rejects.joined_keys(rows, key), rows["input_digest"].to_pylist(), strict=True))
