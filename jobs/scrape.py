"""sources -> albums, tracks, media: every file found is opened, proved usable or refused with a reason."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

from covergen import rejects, rows
from covergen.audio import AudioLimits
from covergen.config import Config, ProceduralSource
from covergen.lineage import work_list
from covergen.sources import SOURCES
from covergen.sources.media import CheckMedia
from covergen.sources.places import path_of
from covergen.sources.protocol import Found, Rejected, Source
from covergen.storage import Root
from covergen.tables import ALBUMS, MEDIA, TRACKS, Table
from jobs import entry, operators
from jobs.progress import say

PART = 16  # procedural albums that one task makes
CANDIDATES = 4096  # media that are checked in one go
RECIPES = {table.name: {"table": table.name, "version": 1} for table in (ALBUMS, TRACKS, MEDIA)}


def main(config: Config) -> None:
    """Read the sources, then check the media that are new or changed."""
    sources = build_sources(config)
    root = Root.create(config.root)
    for table in (ALBUMS, TRACKS, MEDIA):
        root.generation(table, RECIPES[table.name])
    waiting: list[Mapping[str, Any]] = []
    new = count = 0
    for found in discover(sources):
        new += _upsert(root, ALBUMS, found.albums) + _upsert(root, TRACKS, found.tracks)
        count += len(found.albums)
        refuse(root, found.rejects)
        waiting += found.media
        if len(waiting) >= CANDIDATES:
            check(root, waiting, config)
            waiting = []
    say(f"scrape: {count} albums read, {new} rows of albums and tracks new or changed")
    check(root, waiting, config)


def build_sources(config: Config) -> list[Source]:
    """Return the sources that the config names, made-up albums in parts. Raises ConfigError."""
    sources: list[Source] = []
    for asked in config.scrape.sources:
        options = asked.model_dump(exclude={"name"})
        if not isinstance(asked, ProceduralSource):
            sources.append(SOURCES[asked.name](**options))
            continue
        for kind in ("train", "evaluation"):
            for start in range(0, getattr(asked, kind), PART):
                share = {"train": 0, "evaluation": 0, kind: min(PART, getattr(asked, kind) - start)}
                sources.append(SOURCES[asked.name](**share, seed=asked.seed + start))
    return sources


def discover(sources: Iterable[Source]) -> Iterator[Found]:
    """Read the sources as tasks and yield what each found, as it comes."""
    tasks = [_read.remote(source) for source in sources]
    while tasks:
        ready, tasks = ray.wait(tasks)
        yield ray.get(ready[0])


@ray.remote
def _read(source: Source) -> Found:
    found = Found()
    for piece in source.read():
        found.albums.extend(piece.albums)
        found.tracks.extend(piece.tracks)
        found.media.extend(piece.media)
        found.rejects.extend(piece.rejects)
    return found


def check(root: Root, candidates: list[Mapping[str, Any]], config: Config) -> None:
    """Open the candidates that are new or changed, in parallel, and write them to `media` or `rejects`."""
    asked, generation = config.scrape, root.current(MEDIA)
    stamped = [{**candidate, "input_digest": stamp(candidate)} for candidate in candidates]
    table = rows.from_records(MEDIA, stamped).drop_columns(["checksum"])
    work = work_list(root, generation, table.select([*MEDIA.key, "input_digest"]), retry=config.retry)
    if operators.nothing_to_do("media", work):
        return
    wanted = set(rejects.joined_keys(work.todo, MEDIA.key))
    chosen = pa.array([key in wanted for key in rejects.joined_keys(table, MEDIA.key)])
    limits = AudioLimits(
        max_bytes=int(asked.max_file_mb * 2**20), max_seconds=asked.max_seconds, min_seconds=asked.min_seconds
    )
    checked = operators.rows(table.filter(chosen), per_block=PART).map_batches(
        CheckMedia(limits), batch_format="pyarrow", batch_size=PART
    )
    operators.write(checked, root, generation, work=work, per_block=16 * PART)


def stamp(candidate: Mapping[str, Any]) -> str:
    """Return what tells whether a medium changed: its bytes' digest, or its address, size and time."""
    if candidate.get("bytes") is not None:
        return hashlib.sha256(candidate["bytes"]).hexdigest()
    address = candidate.get("uri") or ""
    path, facts = path_of(address), ""
    if path is not None and Path(path).is_file():
        status = Path(path).stat()
        facts = f"{status.st_size}/{status.st_mtime_ns}"
    return hashlib.sha256(f"{address}\x1f{facts}".encode()).hexdigest()


def refuse(root: Root, refused: Iterable[Rejected]) -> None:
    """Write what a source met and could not use, once."""
    standing = {(row["stage"], row["key"], row["code"]) for row in rejects.latest(root).to_pylist()}
    for one in refused:
        if (one.stage, one.key, one.problem.code.value) not in standing:
            row = {"key": [one.key], "reject_code": [one.problem.code.value]}
            row |= {"reject_reason": [one.problem.reason], "reject_retriable": [one.problem.retriable]}
            rejects.write(rejects.rejects_of(root), one.stage, pa.table(row), key=["key"])


def _upsert(root: Root, table: Table, records: list[Mapping[str, Any]]) -> int:
    if not records:
        return 0
    return root.current(table).upsert(rows.from_records(table, records).drop_columns(["checksum"]))


if __name__ == "__main__":
    entry.run(main)
