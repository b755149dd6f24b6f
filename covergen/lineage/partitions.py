"""Large tables in pieces by key: each is read once, and its keys are spread into files on the driver's disk.

What is compared key by key so needs the memory of one piece, whatever the size of the tables, and time that
is linear in their rows. Keys are SHA-256 digests, so that pieces by their first two digits are equally large.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from covergen.errors import RootError, one_line
from covergen.storage.delta import Generation

_DIGITS: Final = pa.array([f"{place:02x}" for place in range(256)])
_HELD: Final = 200_000  # rows that are held before they are written to the pieces' files


@dataclass
class KeyPartitions:
    """Tables in `count` pieces; the files lie in `folder`."""

    count: int
    folder: Path
    done: dict[tuple[str, ...], Path] = field(default_factory=dict)

    def read(self, generation: Generation, columns: Sequence[str], where: str | None, piece: int) -> pa.Table:
        """Return the rows of one piece, by the first of the columns."""
        if self.count == 1:
            return generation.read(columns, where=where)
        query = (generation.uri, *columns, where or "")
        if query not in self.done:
            self.done[query] = self._written(generation, columns, where)
        with pa.OSFile(str(self.done[query] / str(piece))) as file:
            return pa.ipc.open_stream(file).read_all()

    def _written(self, generation: Generation, columns: Sequence[str], where: str | None) -> Path:
        folder = self.folder / str(len(self.done))
        folder.mkdir()
        schema = pa.schema([generation.schema.field(name) for name in columns])
        with ExitStack() as opened:
            writers = [
                opened.enter_context(pa.ipc.new_stream(str(folder / str(piece)), schema))
                for piece in range(self.count)
            ]
            for rows in _gathered(generation.batches(columns, where=where)):
                places = places_of(rows.column(0), self.count)
                order = np.argsort(places, kind="stable")
                sorted_rows, bounds = rows.take(order), np.searchsorted(places[order], range(self.count + 1))
                for piece, writer in enumerate(writers):
                    writer.write_table(sorted_rows.slice(bounds[piece], bounds[piece + 1] - bounds[piece]))
        return folder


@dataclass(frozen=True)
class Piece:
    """One of the equal parts into which keys fall."""

    partitions: KeyPartitions
    number: int

    def read(self, generation: Generation, columns: Sequence[str], *, where: str | None = None) -> pa.Table:
        """Return the rows whose first column, a key, falls into this piece, in no particular order."""
        return self.partitions.read(generation, columns, where, self.number)

    def of(self, table: pa.Table) -> pa.Table:
        """Return the rows of a table in memory whose first column falls into this piece."""
        return table.filter(pa.array(places_of(table.column(0), self.partitions.count) == self.number))


@contextmanager
def pieces(count: int) -> Iterator[list[Piece]]:
    """Give the pieces; the files go when they are left. Raises RootError where there is no room for them."""
    if count == 1:
        yield [Piece(KeyPartitions(1, Path()), 0)]
        return
    try:
        with tempfile.TemporaryDirectory(prefix="covergen-") as folder:
            partitions = KeyPartitions(count, Path(folder))
            yield [Piece(partitions, number) for number in range(count)]
    except OSError as error:
        raise RootError(
            f"There is no room to spread keys over temporary files: {one_line(error)}. They need about 400 "
            "bytes a row; TMPDIR names their folder."
        ) from error


def places_of(keys: pa.ChunkedArray, count: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return for each key the number of its piece; keys that are no digests all fall into the first."""
    digits = pc.index_in(pc.utf8_slice_codeunits(keys, 0, 2), value_set=_DIGITS)
    return np.asarray(pc.fill_null(digits, 0), np.int64) * count // len(_DIGITS)


def _gathered(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join small batches to tables of `_HELD` rows and more."""
    held: list[pa.Table] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= _HELD:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)
