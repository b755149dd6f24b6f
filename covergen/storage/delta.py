"""One generation of a table, a Delta table: committed exactly once, by one run at a time, read in pieces.

Which generation is current, and where its address comes from, is left to `root.py`.
"""

import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from covergen.errors import RootError, one_line
from covergen.storage import objects
from covergen.storage.columns import Table
from covergen.storage.rows import conform
from covergen.storage.tables import TABLES

RUN = "covergen.run"  # the table property that names the run which may write
WRITES, READS = 8, 4  # attempts
CHECKPOINT = 10  # commits after which the log is summed up, so that reading it stays short

T = TypeVar("T")


class Generation:
    """One Delta table. Picklable: the log stays behind and is read anew in each process.

    `fence` is a table property and the run it names: after another run took over, this one can commit nothing
    more. For one thread at a time: reading anew moves what a commit is held against.
    """

    def __init__(self, uri: str, table_name: str, fence: tuple[str, str] | None = None):
        self.uri = uri
        self.table_name = table_name
        self.fence = fence

        self._newest: DeltaTable | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_newest": None}

    @property
    def table(self) -> Table:
        """The declaration of this table."""
        return TABLES[self.table_name]

    @property
    def name(self) -> str:
        """The generation's digest."""
        return self.uri.rsplit("/", 1)[-1]

    def create(self, schema: pa.Schema) -> None:
        """Make the empty table if it is not there."""

        def make() -> DeltaTable:
            return DeltaTable.create(
                self.uri,
                schema,
                mode="ignore",
                name=self.table_name,
                configuration={"delta.checkpointInterval": str(CHECKPOINT)},
                storage_options=objects.delta_options(self.uri),
            )

        self.persistently("made", make)

    def delta(self) -> DeltaTable:
        """Return the Delta table at its newest version. Raises RootError if it cannot be read."""
        return self.persistently("read", self._opened, attempts=READS)

    def _opened(self) -> DeltaTable:
        """Read the log: whole at first, then what is new in it."""
        table, self._newest = self._newest, None  # a reading that broke off leaves nothing behind
        try:
            if table is None:
                refuse_links(self.uri)
                table = DeltaTable(self.uri, storage_options=objects.delta_options(self.uri))
            else:
                table.update_incremental()
        except TableNotFoundError as error:
            raise RootError(f"{self.uri} is missing, though it is the current generation.") from error
        self._newest = table
        return table

    def persistently(self, done: str, act: Callable[[], T], *, attempts: int = WRITES) -> T:
        """Return what `act` returns, tried again where another writer came first or the way broke off.

        Raises RootError, which says that the table cannot be `done`.
        """
        attempt = 0
        while True:
            try:
                return act()
            except (DeltaError, OSError) as error:
                attempt += 1
                if attempt == attempts:
                    raise RootError(f"{self.uri} cannot be {done}: {one_line(error)}") from error
            time.sleep(random.uniform(0, min(10.0, 0.05 * 2**attempt)))  # so that two do not meet again

    @cached_property
    def schema(self) -> pa.Schema:
        """The table's Arrow schema with its field metadata: units, tensor dtypes and shapes."""
        return pa.schema(self.delta().schema())

    @property
    def version(self) -> int:
        """The newest version; a job records it, so that what it read can be read again."""
        return int(self.delta().version())

    def take_over(self, role: str = RUN) -> "Generation":
        """Return this generation as a new run writes it: workers of an older run, dead or not, are shut out.

        The run's name is table metadata, and Delta Lake refuses a commit whose reading of the log is older
        than a change of metadata: there is no moment in which both can write. Runs in different roles write
        beside each other.
        """
        run = uuid4().hex
        self.persistently(
            "taken over",
            lambda: self.delta().alter.set_table_properties({role: run}, raise_if_not_exists=False),
        )
        return Generation(self.uri, self.table_name, (role, run))

    def append(self, batch: pa.Table, *, block: str | None = None) -> int:
        """Commit new rows in one transaction and return how many.

        `block` names the work they came of, else their keys and input digests do: a retried task, whose rows
        may be others this time, finds its own commit and adds only what is not there. Raises RootError where
        another run has taken over.
        """
        rows = conform(self.table, batch, self.schema)
        name = block or self.block_of(rows)

        def commit() -> int:
            # Another run may have taken over, a second copy of this task may have committed a moment ago,
            # or the answer to our own commit was lost on its way: the log, read anew, tells.
            delta = self._mine()
            before = delta.transaction_version(name)
            fresh = rows if before is None else rows.filter(self._is_absent(delta, rows))
            if not len(fresh):
                return 0
            properties = CommitProperties(app_transactions=[Transaction(name, (before or 0) + 1)])
            write_deltalake(delta, fresh, mode="append", commit_properties=properties)
            return len(fresh)

        return self.persistently("written", commit)

    def knows(self, block: str) -> bool:
        """Say whether rows of this block were committed."""
        return self.delta().transaction_version(block) is not None

    def absent(self, batch: pa.Table) -> pa.Table:
        """Return the rows of a batch whose key is not in the table."""
        return batch.filter(self._is_absent(self.delta(), batch))

    def block_of(self, batch: pa.Table) -> str:
        """Return the name of a block of work in this run: the SHA-256 of its keys and input digests."""
        names = [*self.table.key, *(n for n in ("input_digest",) if n in batch.column_names)]
        keys = sorted(zip(*(map(str, batch[name].to_pylist()) for name in names), strict=True))
        return hashlib.sha256(json.dumps([self.fence, keys]).encode()).hexdigest()

    def _mine(self) -> DeltaTable:
        """Return the table at its newest version. Raises RootError where another run has taken over."""
        delta = self.delta()
        if self.fence is not None:
            role, run = self.fence
            if delta.metadata().configuration.get(role) != run:
                raise RootError(f"{self.uri}: another run of this job has taken over; this one ends.")
        return delta

    def _is_absent(self, delta: DeltaTable, batch: pa.Table) -> pa.Array:
        """Return, for each row of a batch, whether its key is in no row of the table as it was read."""
        key = self.table.key
        where = one_of(key[0], batch[key[0]].to_pylist())
        found = pa.RecordBatchReader.from_stream(delta.scan(columns=list(key), predicate=where)).read_all()
        there = set(zip(*(found[name].to_pylist() for name in key), strict=True))
        own = zip(*(batch[name].to_pylist() for name in key), strict=True)
        return pa.array([each not in there for each in own], pa.bool_())

    def drop_doubles(self) -> int:
        """Leave one row of each key and return how many went.

        Killed amid this, it leaves rows out, which are then owed again.
        """
        key = self.table.key
        found = self.read(key)
        keys = Counter(zip(*(found[name].to_pylist() for name in key), strict=True))
        doubled = {each for each, count in keys.items() if count > 1}
        if not doubled:
            return 0
        where = one_of(key[0], {each[0] for each in doubled})
        rows = self.read(where=where)
        places = {
            each: place for place, each in enumerate(zip(*(rows[n].to_pylist() for n in key), strict=True))
        }
        self.persistently("written", lambda: self._mine().delete(where))
        self.append(rows.take(list(places.values())).drop_columns("checksum"), block=uuid4().hex)
        return len(rows) - len(places)

    def upsert(self, batch: pa.Table) -> int:
        """Merge rows by key: new ones are added, changed ones replaced, equal ones left. Return how many."""
        if not len(batch):
            return 0
        rows = conform(self.table, batch, self.schema)
        on = " AND ".join(f"source.{name} = target.{name}" for name in self.table.key)

        def merge() -> int:
            merger = self._mine().merge(rows, on, source_alias="source", target_alias="target")
            merger = merger.when_matched_update_all("source.checksum <> target.checksum")
            metrics = merger.when_not_matched_insert_all().execute()
            return int(metrics["num_target_rows_inserted"]) + int(metrics["num_target_rows_updated"])

        return self.persistently("written", merge)

    def remove(self, keys: Collection[str]) -> int:
        """Delete the rows with these values of the key column and return how many; for keys of one column."""
        if not keys:
            return 0
        (name,) = self.table.key
        where = one_of(name, keys)
        metrics = self.persistently("written", lambda: self._mine().delete(where))
        return int(metrics["num_deleted_rows"])

    def read(self, columns: Sequence[str] | None = None, *, where: str | None = None) -> pa.Table:
        """Return rows in no particular order; `where` is an SQL condition over the columns."""
        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        return pa.concat_tables([schema.empty_table(), *self.batches(columns, where=where)])

    def batches(
        self, columns: Sequence[str] | None = None, *, where: str | None = None
    ) -> Iterator[pa.Table]:
        """Yield the rows of `read` in pieces as they come from storage."""
        wanted = list(columns) if columns is not None else self.schema.names
        schema = pa.schema([self.schema.field(name) for name in wanted])
        try:
            for batch in pa.RecordBatchReader.from_stream(self.delta().scan(columns=wanted, predicate=where)):
                yield pa.Table.from_batches([batch]).cast(schema)
        except (DeltaError, OSError, pa.ArrowException) as error:
            self._newest = None
            raise RootError(f"{self.uri} cannot be read: {one_line(error)}") from error

    def count(self) -> int:
        """Return the number of rows, from the log alone where it can be."""
        return self.persistently("read", lambda: int(self.delta().count()), attempts=READS)


def refuse_links(uri: str) -> None:
    """Raise RootError where something in a generation is a link, which Delta Lake would follow."""
    if found := objects.links(uri):
        raise RootError(
            f"{found[0]} is a link, and nothing outside of a root is touched; put the file itself there, or "
            "remove the link."
        )


def one_of(column: str, keys: Collection[str]) -> str:
    """Return the SQL condition that a column holds one of the keys."""
    quoted = ", ".join("'" + key.replace("'", "''") + "'" for key in sorted(set(keys)))
    return f"{column} IN ({quoted})" if quoted else "1 = 0"
