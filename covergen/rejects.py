"""Rows that could not be used: one row of `rejects` per attempt; the latest attempt of a key counts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from covergen.columns import Table
from covergen.delta import Generation
from covergen.rows import REJECT_COLUMNS, from_records
from covergen.storage import Root
from covergen.tables import REJECTS, TABLES

RECIPE = {"table": "rejects", "version": 1}
RETRY_AFTER = timedelta(minutes=10)  # doubled at each attempt


def rejects_of(root: Root) -> Generation:
    """Return the table of rejects, made if it is new."""
    return root.generation(REJECTS, RECIPE)


def latest(root: Root, stage: str | None = None) -> pa.Table:
    """Return the latest attempt per stage and key, the ones that a later success cleared left out."""
    if not root.has(REJECTS):
        return REJECTS.schema().empty_table()
    found = root.current(REJECTS).read(where=f"stage = '{stage}'" if stage else None)
    newest: dict[tuple[str, str], dict[str, object]] = {}
    for row in sorted(found.to_pylist(), key=lambda row: row["attempt"]):
        newest[row["stage"], row["key"]] = row
    cleared = {
        name: _committed(root, TABLES[name], [key for stage, key in newest if stage == name])
        for name in {stage for stage, _ in newest} & set(TABLES)
    }
    standing = [
        row for (s, key), row in newest.items() if (key, row["input_digest"]) not in cleared.get(s, ())
    ]
    return pa.Table.from_pylist(standing, schema=REJECTS.schema())


def write(generation: Generation, stage: str, refused: pa.Table, *, key: Sequence[str]) -> int:
    """Write what a stage refused (key columns, input_digest, reject columns) as one more attempt each."""
    if not len(refused):
        return 0
    keys = joined_keys(refused, key)
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in keys)
    before = generation.read(["key", "attempt"], where=f"stage = '{stage}' AND key IN ({quoted})").to_pylist()
    attempts: dict[str, int] = {}
    for row in before:
        attempts[row["key"]] = max(row["attempt"], attempts.get(row["key"], 0))
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
                "next_retry_at": now + RETRY_AFTER * 2 ** (attempt - 1) if row["reject_retriable"] else None,
                "input_digest": row.get("input_digest"),
            }
        )
    return generation.append(from_records(REJECTS, records).drop_columns("checksum"))


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


def _committed(root: Root, table: Table, keys: Sequence[str]) -> set[tuple[str, str | None]]:
    """Return which of the keys are committed, and from which input; one batch of rows is held at a time."""
    if not root.has(table):
        return set()
    digest = [column.name for column in table.columns if column.name == "input_digest"]
    found, wanted = set(), pa.array(keys, pa.string())
    for batch in root.current(table).batches([*table.key, *digest]):
        names = joined(batch, table.key)
        kept = pc.is_in(names, value_set=wanted)
        rows = batch.filter(kept)
        digests = rows["input_digest"].to_pylist() if digest else [None] * len(rows)
        found |= set(zip(names.filter(kept).to_pylist(), digests, strict=True))
    return found
