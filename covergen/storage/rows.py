"""Rows in and out of tables: conforming, checksums, tensors as binary columns."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from covergen.errors import BadInput, ModelError, RejectCode, RootError
from covergen.storage.columns import Table
from covergen.storage.tables import CHECKSUM

_HALF_MAX: Final = float(np.finfo(np.float16).max)


def from_records(table: Table, records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return `records` in the table's schema; absent keys become nulls, unknown ones are an error."""
    names = {column.name for column in table.columns}
    for record in records:
        if surplus := set(record) - names:
            raise RootError(f"table {table.name} has no column {min(surplus)!r}")
    return pa.Table.from_pylist([dict(record) for record in records], schema=table.schema())


REJECT_COLUMNS = pa.schema(
    [("reject_code", pa.string()), ("reject_reason", pa.string()), ("reject_retriable", pa.bool_())]
)


def outcomes(table: Table, inputs: pa.Table, results: Sequence[Mapping[str, Any] | BadInput]) -> pa.Table:
    """Return what a stage made of each input row, in order: the table's columns, then the reject columns.

    `inputs` gives the key (and `input_digest`, where the table has one); `results[i]` gives the other columns
    of row i, tensors as arrays of one shape, or the BadInput that refused it. The last operator of a job
    sends refused rows to `rejects` and the others to the table.
    """
    columns: dict[str, pa.Array] = {}
    for column in table.columns:
        if column == CHECKSUM:
            continue
        if column.name in inputs.column_names:
            columns[column.name] = inputs[column.name]
            continue
        values = [None if isinstance(r, BadInput) else r.get(column.name) for r in results]
        if column.tensor:
            values = [
                None if v is None else np.ascontiguousarray(v, dtype=column.tensor).tobytes() for v in values
            ]
        columns[column.name] = pa.array(values, column.type)
    refused = [r if isinstance(r, BadInput) else None for r in results]
    columns["reject_code"] = pa.array([r and r.code.value for r in refused], pa.string())
    columns["reject_reason"] = pa.array([r and r.reason for r in refused], pa.string())
    columns["reject_retriable"] = pa.array([r and r.retriable for r in refused], pa.bool_())
    return pa.table(columns)


def outcome_schema(table: Table) -> pa.Schema:
    """Return the columns that a stage gives for `table`: its own, then the reject columns; no metadata."""
    own = [pa.field(column.name, column.type) for column in table.columns if column != CHECKSUM]
    return pa.schema([*own, *REJECT_COLUMNS])


def reject_columns(problem: BadInput) -> dict[str, Any]:
    """Return what a refused row has in REJECT_COLUMNS."""
    told = (problem.code.value, problem.reason, problem.retriable)
    return dict(zip(REJECT_COLUMNS.names, told, strict=True))


def refused(schema: pa.Schema, batch: pa.Table, problem: BadInput) -> pa.Table:
    """Return all rows of `batch` refused for `problem`, in `schema`, without what is binary."""
    values, columns = reject_columns(problem), {}
    for field in schema:
        if field.name in values:
            columns[field.name] = pa.array([values[field.name]] * len(batch), field.type)
        elif field.name in batch.column_names and not pa.types.is_binary(field.type):
            columns[field.name] = batch[field.name].cast(field.type)
        else:
            columns[field.name] = pa.nulls(len(batch), field.type)
    return pa.table(columns)


def refusals(batch: pa.Table) -> list[Mapping[str, Any] | BadInput]:
    """Return, for each outcome of an earlier operator, the BadInput that refused it, or nothing yet."""
    records = zip(*(batch[name].to_pylist() for name in REJECT_COLUMNS.names), strict=True)
    return [
        BadInput(RejectCode(code), reason, retriable=bool(retriable)) if code else {}
        for code, reason, retriable in records
    ]


def check_shape(answer: NDArray[Any], shape: Sequence[int], *, whose: str) -> None:
    """Raise ModelError unless a model's answer has the shape that the model promised."""
    if answer.shape != tuple(shape):
        raise ModelError(
            f"the {whose} answered with the shape {answer.shape}, where what it tells of itself promises "
            f"{tuple(shape)}: it is the model that has to be mended, no row is to blame"
        )


def storable(
    tensors: Mapping[str, NDArray[Any]], *, whose: str, probe: Callable[[], Mapping[str, NDArray[Any]]]
) -> list[Mapping[str, Any] | BadInput]:
    """Return each row of a model's answers (rows, ...), or a refusal of the row that float16 cannot hold.

    `probe` asks the model about a plain input, and is called where a row cannot be held: ModelError where the
    first tensor of that answer is no better, for then the model is to blame and every row would be refused.
    """
    records = [dict(zip(tensors, values, strict=True)) for values in zip(*tensors.values(), strict=True)]
    problem = BadInput(RejectCode.NOT_FINITE, f"the {whose}'s answer is not finite or beyond 16 bits")
    results: list[Mapping[str, Any] | BadInput] = [
        record if all(map(_fits_half, record.values())) else problem for record in records
    ]
    if problem in results and not _fits_half(next(iter(probe().values()))):
        raise ModelError(
            f"the {whose} answers a plain input with values that are not finite or beyond 16 bits: its "
            "weights are damaged, or overflow in this precision"
        )
    return results


def _fits_half(values: NDArray[Any]) -> bool:
    return bool(np.all(np.abs(values) <= _HALF_MAX))  # false for NaN


def conform(table: Table, batch: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `batch` with exactly the table's columns and a fresh checksum per row.

    Raises RootError for a missing or surplus column, a null key or a tensor of another length.
    """
    wanted = [name for name in schema.names if name != CHECKSUM.name]
    missing, surplus = set(wanted) - set(batch.column_names), set(batch.column_names) - set(schema.names)
    if missing or surplus:
        raise RootError(f"table {table.name}: missing columns {sorted(missing)}, surplus {sorted(surplus)}")
    batch = batch.select(wanted).cast(pa.schema([schema.field(name) for name in wanted]))
    for name in table.key:
        if batch[name].null_count:
            raise RootError(f"table {table.name}: {batch[name].null_count} rows have no {name}")
    for name in table.tensors:
        _check_tensor(table, batch, schema.field(name))
    checksums = pa.array(row_checksums(batch), pa.binary())
    return batch.append_column(schema.field(CHECKSUM.name), checksums)


def _check_tensor(table: Table, batch: pa.Table, field: pa.Field) -> None:
    size = int(np.prod(tensor_shape(field))) * tensor_dtype(field).itemsize
    for value in batch[field.name].combine_chunks().to_pylist():
        if value is None or len(value) != size:
            found = "null" if value is None else f"{len(value)} bytes"
            raise RootError(f"table {table.name}: {field.name} holds {found}, its shape needs {size} bytes")


def row_checksums(batch: pa.Table) -> list[bytes]:
    """Return each row's SHA-256 over its columns in order, the checksum column left out.

    A binary value counts as its length and bytes, any other as JSON: independent of Parquet's encoding.
    """
    binary = {f.name for f in batch.schema if pa.types.is_binary(f.type) or pa.types.is_large_binary(f.type)}
    names = [name for name in batch.column_names if name != CHECKSUM.name]
    columns = [batch[name].to_pylist() for name in names]
    checksums = []
    for values in zip(*columns, strict=True):
        digest = hashlib.sha256()
        for name, value in zip(names, values, strict=True):
            raw = value if name in binary and value is not None else json.dumps(value, default=str).encode()
            digest.update(f"{name}:{len(raw)}:".encode())
            digest.update(raw)
        checksums.append(digest.digest())
    return checksums


def tensor_shape(field: pa.Field) -> tuple[int, ...]:
    """Return the shape of one row of a tensor column."""
    return tuple(json.loads((field.metadata or {})[b"shape"]))


def tensor_dtype(field: pa.Field) -> np.dtype[Any]:
    """Return the dtype of a tensor column."""
    dtype: np.dtype[Any] = np.dtype((field.metadata or {})[b"dtype"].decode())
    return dtype


def read_tensor(batch: pa.Table, name: str, schema: pa.Schema | None = None) -> np.ndarray[Any, Any]:
    """Return a tensor column as an array (rows, ...), read-only and without a copy of one chunk.

    `schema` carries the shape where `batch` came through a reader that drops field metadata.
    """
    field = (schema or batch.schema).field(name)
    shape, dtype = tensor_shape(field), tensor_dtype(field)
    chunks = [_chunk_values(chunk, dtype).reshape(len(chunk), *shape) for chunk in batch[name].chunks]
    if not chunks:
        return np.empty((0, *shape), dtype)
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def _chunk_values(chunk: pa.Array, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    wide = pa.types.is_large_binary(chunk.type)
    offsets = np.frombuffer(chunk.buffers()[1], np.int64 if wide else np.int32)
    start, stop = offsets[chunk.offset], offsets[chunk.offset + len(chunk)]
    return np.frombuffer(chunk.buffers()[2] or b"", dtype, (stop - start) // dtype.itemsize, start)
