"""Rows that could not be used: one row of `rejects` per attempt; the latest attempt of a key counts.

Which of them a job takes up again is decided by `lineage/work_list.py`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from covergen.storage.delta import Generation, one_of
from covergen.storage.root import Root
from covergen.storage.rows import REJECT_COLUMNS, from_records
from covergen.storage.tables import REJECTS, TABLES

RECIPE = {"table": "rejects", "version": 2}
RETRY_AFTER = timedelta(minutes=10)  # doubled at each attempt


def rejects_of(root: Root) -> Generation:
    """Return the table of rejects, made if it is new."""
    return root.generation(REJECTS, RECIPE)


def latest(root: Root, stage: str | None = None) -> pa.Table:
    """Return the latest attempt per stage and key, the ones that a later success cleared left out.

    What another generation than the current one refused does not stand: this one may take the row.
    """
    if not root.has(REJECTS):
        return REJECTS.schema().empty_table()
    found = root.current(REJECTS).read(where=f"stage = '{stage}'" if stage else None)
    stages = {name for name in set(found["stage"].to_pylist()) & set(TABLES) if root.has(TABLES[name])}
    tables = {name: root.current(TABLES[name]) for name in stages}
    newest: dict[tuple[str, str], dict[str, object]] = {}
    for row in sorted(found.to_pylist(), key=lambda row: row["attempt"]):
        table = tables.get(row["stage"])
        if table is None or row["generation"] in {None, table.name}:
            newest[row["stage"], row["key"]] = row
    cleared = {
        name: _committed(table, [key for stage, key in newest if stage == name])
        for name, table in tables.items()
    }
    standing = [
        row for (s, key), row in newest.items() if (key, row["input_digest"]) not in cleared.get(s, ())
    ]
    return pa.Table.from_pylist(standing, schema=REJECTS.schema())


def write(
    generation: Generation,
    stage: str,
    refused: pa.Table,
    *,
    key: Sequence[str],
    of: str | None = None,
    block: str | None = None,
) -> int:
    """Write what a stage refused (key columns, input_digest, reject columns) as one more attempt each.

    `of` names the generation it was refused from, `block` the work it came of: a retried task writes nothing.
    """
    if not len(refused) or (block is not None and generation.knows(block)):
        return 0
    keys = joined_keys(refused, key)
    where = f"stage = '{stage}' AND {one_of('key', keys)}"
    before = generation.read(["key", "attempt"], where=where).to_pylist()
    attempts = {row["key"]: row["attempt"] for row in sorted(before, key=lambda row: row["attempt"])}
    records, now = [], datetime.now(UTC)
    for name, row in zip(keys, refused.to_pylist(), strict=True):
        attempt = attempts.get(name, 0) + 1
        records.append(
            {
                "stage": stage,
                "key": name,
                "attempt": attempt,
                "code": row["reject_code"],
                "reason": row["reject_reason"],
                "retriable": row["reject_retriable"],
                "rejected_at": now,
                "next_retry_at": now + RETRY_AFTER * 2 ** min(attempt - 1, 10)
                if row["reject_retriable"]
                else None,
                "generation": of,
                "input_digest": row.get("input_digest"),
            }
        )
    return generation.append(from_records(REJECTS, records).drop_columns("checksum"), block=block)


def split(batch: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return (accepted rows without the reject columns, refused rows with them)."""
    refused = pc.is_valid(batch["reject_code"])
    return batch.filter(pc.invert(refused)).drop_columns(REJECT_COLUMNS.names), batch.filter(refused)


def joined_keys(batch: pa.Table, key: Sequence[str]) -> list[str]:
    """Return each row's key as one text, its parts joined by '/'."""
    return list(joined(batch, key).to_pylist())


def joined(batch: pa.Table, key: Sequence[str]) -> pa.ChunkedArray:
    """Return `joined_keys` as a column."""
    if len(key) == 1:
        return batch[key[0]].cast(pa.string())
    return pc.binary_join_element_wise(*(batch[name].cast(pa.string()) for name in key), "/")


def _committed(generation: Generation, keys: Sequence[str]) -> set[tuple[str, str | None]]:
    """Return which of the keys are committed, and from which input; one batch of rows is held at a time."""
    if not keys:
        return set()
    table = generation.table
    digest = [column.name for column in table.columns if column.name == "input_digest"]
    found, wanted = set(), pa.array(keys, pa.string())
    for batch in generation.batches([*table.key, *digest]):
        names = joined(batch, table.key)
        kept = pc.is_in(names, value_set=wanted)
        rows = batch.filter(kept)
        digests = rows["input_digest"].to_pylist() if digest else [None] * len(rows)
        found |= set(zip(names.filter(kept).to_pylist(), digests, strict=True))
    return found
