"""Keeping tables tidy: files that no reader sees are removed, small parts merged. Thin over Delta Lake."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from deltalake import DeltaTable
from pyarrow import fs

from covergen.errors import ConfigError
from covergen.storage import objects
from covergen.storage.delta import Generation, refuse_links
from covergen.storage.root import Root
from covergen.storage.tables import TABLES

SAFE_HOURS = 168
PART_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Merged:
    """What merging did to a table: how many parts it had, and the bytes of each that it has now."""

    before: int
    sizes: tuple[int, ...]


def sweep(uri: str, *, hours: int = SAFE_HOURS, dry_run: bool = False) -> dict[str, int]:
    """Remove files that no version needs and that are older than `hours`; return how many by table.

    A killed job leaves such orphans. Running writers need theirs, so `hours` must exceed the longest job.
    Raises RootError if there is no root, or a link in its tables, before anything is removed; ConfigError for
    negative hours.
    """
    check_hours(hours)
    generations = list(_generations(Root.open(uri)))
    for generation in generations:
        refuse_links(generation.uri)
    removed: dict[str, int] = {}
    for generation in generations:
        present = _files(generation)
        named = generation.persistently("swept", partial(_vacuum, generation, hours, dry_run=dry_run))
        # The log goes on naming files that an earlier sweep has removed.
        count = len(present.intersection(named))
        removed[generation.table_name] = removed.get(generation.table_name, 0) + count
    return removed


def check_hours(hours: int) -> None:
    """Raise ConfigError for negative hours."""
    if hours < 0:
        raise ConfigError(
            f"hours={hours} is negative; take 0 or more, {SAFE_HOURS} where jobs may be running."
        )


def compact(uri: str) -> dict[str, Merged]:
    """Merge small parts of each table's current generation; return what it did by table.

    The old files stay for readers of older versions until `sweep` removes them.
    """
    root, counts = Root.open(uri), {}
    for table in TABLES.values():
        if root.has(table):
            counts[table.name] = merge_parts(root.current(table))
    return counts


def merge_parts(generation: Generation, *, at_least: int = 2) -> Merged:
    """Merge a generation's small parts into parts of about `PART_BYTES`; below `at_least` do nothing."""

    def merge() -> Merged:
        delta = generation.delta()
        before = len(delta.file_uris())
        if before >= at_least:
            delta.optimize.compact(target_size=PART_BYTES)
        return Merged(before, _sizes(delta))

    return generation.persistently("merged", merge)


def _sizes(delta: DeltaTable) -> tuple[int, ...]:
    actions = pa.table(delta.get_add_actions(flatten=True))
    return tuple(sorted(actions["size_bytes"].to_pylist()))


def _vacuum(generation: Generation, hours: int, *, dry_run: bool) -> list[str]:
    names: list[str] = generation.delta().vacuum(
        retention_hours=hours, dry_run=dry_run, enforce_retention_duration=False, full=True
    )
    return names


def _files(generation: Generation) -> set[str]:
    """Return the paths of a generation's files, relative to it."""
    everything = fs.FileSelector("", recursive=True)
    store = objects.arrow_filesystem(generation.uri)
    return {info.path for info in generation.persistently("listed", lambda: store.get_file_info(everything))}


def _generations(root: Root) -> Iterator[Generation]:
    """Yield every generation, those that are no longer current included."""
    for table in TABLES.values():
        for name in objects.children(root.path(table.name)):
            # A folder without a log is what a job left that was killed while it made the table.
            if "." not in name and objects.children(root.path(table.name, name, "_delta_log")):
                yield Generation(root.path(table.name, name), table.name)
