"""Proof of a root: schemas, keys, checksums, and no row lost on the way."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from covergen.errors import RootError
from covergen.lineage.partitions import pieces
from covergen.lineage.pipeline import REQUIRED_ROWS
from covergen.lineage.work_list import inputs_of, number_of_pieces
from covergen.storage import rejects
from covergen.storage.columns import Table
from covergen.storage.delta import Generation
from covergen.storage.root import Root
from covergen.storage.rows import row_checksums
from covergen.storage.tables import TABLES

NAMED = 3  # keys that a message names before it counts the rest


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a root."""

    table: str
    kind: str  # schema, unreadable, checksum, doubled or lost; link, stray or half-written in a service's
    message: str


def verify(uri: str) -> list[Problem]:
    """Return what is wrong with a root's tables; raises RootError if it is none or of another version."""
    root = Root.open(uri)
    problems: list[Problem] = []
    for table in TABLES.values():
        if root.has(table):
            problems += _checked(_table(root, table), table.name)
    unreadable = {problem.table for problem in problems if problem.kind in {"schema", "unreadable"}}
    for name in REQUIRED_ROWS:
        if root.has(TABLES[name]) and not unreadable:
            problems += _checked(_lost(root, TABLES[name]), name)
    return problems


def _checked(found: Iterator[Problem], name: str) -> Iterator[Problem]:
    """Yield the problems; what cannot be looked at is one more."""
    try:
        yield from found
    except RootError as error:
        yield Problem(name, "unreadable", str(error))


def _table(root: Root, table: Table) -> Iterator[Problem]:
    generation = root.current(table)
    if (problem := _schema(generation)) is not None:
        yield problem
        return
    yield from _content(generation)


def _schema(generation: Generation) -> Problem | None:
    table, found = generation.table, generation.schema
    shapes = dict.fromkeys(table.tensors, ())
    declared = {field.name: field.type for field in table.schema(shapes)}
    actual = {field.name: field.type for field in found}
    differing = sorted(
        name
        for name in declared.keys() | actual.keys()
        if (own := declared.get(name)) != (found_type := actual.get(name)) and str(own) != str(found_type)
    )
    if not differing:
        return None
    described = ", ".join(
        f"{name} is {actual.get(name, 'absent')}, declared {declared.get(name, 'absent')}"
        for name in differing
    )
    return Problem(table.name, "schema", f"{table.name}/{generation.name} has another schema: {described}")


def _content(generation: Generation) -> Iterator[Problem]:
    """Yield keys that stand twice and rows that differ from their checksum; a few rows are held at a time."""
    table = generation.table
    wrong: list[str] = []
    for rows in generation.batches():
        same = pc.equal(rows["checksum"], pa.array(row_checksums(rows), rows.schema.field("checksum").type))
        wrong += rejects.joined_keys(rows.filter(pc.invert(pc.fill_null(same, False))), table.key)
    doubled: list[str] = []
    with pieces(number_of_pieces(generation)) as whole:
        for piece in whole:
            counts = pc.value_counts(rejects.joined(piece.read(generation, table.key), table.key))
            doubled += [entry["values"] for entry in counts.to_pylist() if entry["counts"] > 1]
    if doubled:
        yield Problem(table.name, "doubled", f"{table.name}: {_names(sorted(doubled))} stand more than once")
    if wrong:
        yield Problem(
            table.name, "checksum", f"{table.name}: {_names(sorted(wrong))} differ from their checksum"
        )


def _lost(root: Root, table: Table) -> Iterator[Problem]:
    generation, lost = root.current(table), []
    refused = set(rejects.latest(root, table.name)["key"].to_pylist())
    with pieces(number_of_pieces(generation, *inputs_of(root, generation))) as whole:
        for piece in whole:
            required = set(rejects.joined_keys(REQUIRED_ROWS[table.name](root, piece), table.key))
            there = piece.read(generation, list(table.key))
            lost += sorted(required - set(rejects.joined_keys(there, table.key)) - refused)
    if lost:
        yield Problem(table.name, "lost", f"{table.name}: {_names(lost)} are neither there nor in rejects")


def _names(keys: list[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return ", ".join(keys[:NAMED]) + more
