"""sources -> albums, tracks, media: every file found is opened, proved usable or refused with a reason."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import pyarrow as pa

from covergen import rejects, rows
from covergen.audio import AudioLimits
from covergen.columns import Table
from covergen.config import Config
from covergen.lineage import held
from covergen.sources.media import CheckMedia, stamp
from covergen.sources.protocol import Found, Rejected
from covergen.sources.registry import SOURCES
from covergen.storage import Root
from covergen.tables import ALBUMS, MEDIA, TRACKS
from jobs import entry, operators
from jobs.progress import say

PART = 16  # media that one task opens
CANDIDATE_COLUMNS = [*MEDIA.key, "uri", "source", "source_url", "licence", "bytes", "input_digest"]
CANDIDATES = 4096  # media in one batch
VERSIONS = {ALBUMS.name: 1, TRACKS.name: 2, MEDIA.name: 1}  # of their columns and what is read into them
RECIPES = {name: {"table": name, "version": version} for name, version in VERSIONS.items()}


def main(config: Config) -> None:
    """Read the sources, then check the media that are new or changed."""
    sources = [SOURCES[asked.name](**asked.model_dump(exclude={"name"})) for asked in config.scrape.sources]
    root = Root.create(config.root)
    for table in (ALBUMS, TRACKS, MEDIA):
        root.generation(table, RECIPES[table.name])
    new = count = 0
    for found in batched(chain.from_iterable(source.read() for source in sources)):
        new += _upsert(root, ALBUMS, found.albums) + _upsert(root, TRACKS, found.tracks)
        count += len(found.albums)
        refuse(root, found.rejects)
        check(root, found.media, config)
    say(f"scrape: {count} albums read, {new} rows of albums and tracks new or changed")


def batched(pieces: Iterable[Found]) -> Iterator[Found]:
    """Join the pieces that sources yield into batches worth a commit."""
    batch = Found()
    for piece in pieces:
        batch.albums.extend(piece.albums)
        batch.tracks.extend(piece.tracks)
        batch.media.extend(piece.media)
        batch.rejects.extend(piece.rejects)
        if len(batch.media) >= CANDIDATES:
            yield batch
            batch = Found()
    yield batch


def check(root: Root, candidates: list[Mapping[str, Any]], config: Config) -> None:
    """Open the candidates that are new or changed, in parallel, and write them to `media` or `rejects`."""
    asked, generation = config.scrape, root.current(MEDIA)
    first = {tuple(candidate[name] for name in MEDIA.key): candidate for candidate in reversed(candidates)}
    stamped = [{**candidate, "input_digest": stamp(candidate)} for candidate in first.values()]
    table = rows.from_records(MEDIA, stamped).drop_columns(["checksum"])
    owed = held(table.select([*MEDIA.key, "input_digest"]))
    begun = operators.begin(root, generation, config, name="media", owed=owed)
    if begun is None:
        return
    generation, work = begun
    wanted = set(rejects.joined_keys(work.todo, MEDIA.key))
    chosen = pa.array([key in wanted for key in rejects.joined_keys(table, MEDIA.key)])
    limits = AudioLimits(
        max_bytes=int(asked.max_file_mb * 2**20), max_seconds=asked.max_seconds, min_seconds=asked.min_seconds
    )
    candidates_left = table.filter(chosen).select(CANDIDATE_COLUMNS)
    stage = CheckMedia(limits)
    checked = operators.mapped(operators.rows(candidates_left, per_block=PART), stage, batch_size=PART)
    operators.write(checked, root, generation, work=work, per_block=16 * PART, stage=stage, config=config)


def refuse(root: Root, refused: Iterable[Rejected]) -> None:
    """Write what a source met and could not use, once."""
    standing = {(row["stage"], row["key"], row["code"]) for row in rejects.latest(root).to_pylist()}
    for one in refused:
        if (one.stage, one.key, one.problem.code.value) not in standing:
            problem = one.problem
            told = [problem.code.value], [problem.reason], [problem.retriable]
            row = pa.table(dict(zip(rows.REJECT_COLUMNS.names, told, strict=True)))
            row = row.append_column("key", pa.array([one.key]))
            rejects.write(rejects.rejects_of(root), one.stage, row, key=["key"])


def _upsert(root: Root, table: Table, records: list[Mapping[str, Any]]) -> int:
    """Write the records that say something new; when they were read is no news."""
    if not records:
        return 0
    first = {tuple(record[name] for name in table.key): record for record in reversed(records)}
    found = rows.from_records(table, list(first.values())).drop_columns(["checksum"])
    generation = root.current(table)
    names = [name for name in found.column_names if name != "fetched_at"]
    known = {repr(row) for row in generation.read(names).to_pylist()}
    news = [repr(row) not in known for row in found.select(names).to_pylist()]
    return generation.upsert(found.filter(pa.array(news, pa.bool_())))


if __name__ == "__main__":
    entry.run(main)
