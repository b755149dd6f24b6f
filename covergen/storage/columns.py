"""What a table is made of: columns with a type and a sentence each, and which of them are tensors."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")
WORDS = pa.map_(pa.string(), pa.float64())
IDS = pa.map_(pa.string(), pa.string())
STRINGS = pa.list_(pa.string())


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type and a sentence that says what it holds, with units."""

    name: str
    type: pa.DataType
    doc: str
    tensor: str = ""  # numpy dtype, little-endian, of a tensor column


@dataclass(frozen=True)
class Table:
    """One table: the columns of its key come first in `columns`."""

    name: str
    key: tuple[str, ...]
    doc: str
    columns: tuple[Column, ...]

    def schema(self, shapes: Mapping[str, Sequence[int]] | None = None) -> pa.Schema:
        """Return the Arrow schema; `shapes` gives each tensor column's shape in this generation."""
        return pa.schema([_field(column, shapes or {}) for column in self.columns])

    @property
    def tensors(self) -> tuple[str, ...]:
        """The names of the tensor columns."""
        return tuple(column.name for column in self.columns if column.tensor)


def _field(column: Column, shapes: Mapping[str, Sequence[int]]) -> pa.Field:
    metadata = {"comment": column.doc}
    if column.tensor:
        metadata |= {"dtype": column.tensor, "shape": json.dumps(list(shapes.get(column.name, ())))}
    return pa.field(column.name, column.type, metadata=metadata)


def text(name: str, doc: str) -> Column:
    """Return a column of text."""
    return Column(name, pa.string(), doc)


def number(name: str, doc: str) -> Column:
    """Return a column of 64-bit floats."""
    return Column(name, pa.float64(), doc)


def count(name: str, doc: str) -> Column:
    """Return a column of 64-bit integers."""
    return Column(name, pa.int64(), doc)


def time(name: str, doc: str) -> Column:
    """Return a column of UTC timestamps in microseconds."""
    return Column(name, TIMESTAMP, doc)


def tensor(name: str, doc: str) -> Column:
    """Return a column of little-endian float16 tensors, one shape in each generation."""
    return Column(name, pa.binary(), doc, tensor="<f2")
