"""Which rows each table owes its inputs: what jobs work by, and what `covergen verify` checks.

A table owes one row per key, made from the input that `input_digest` names. The work list is what is owed,
minus what is committed with the same key and digest, minus what was refused with that digest. Resume after
a kill, a nightly delta and a rerun with nothing to do are this one mechanism. Large tables are compared piece
by piece, by the first key column.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from covergen.generation.requests import requests
from covergen.lineage.partitions import Piece, pieces
from covergen.storage import rejects
from covergen.storage.columns import Table
from covergen.storage.delta import Generation
from covergen.storage.root import Root
from covergen.storage.tables import (
    ALBUMS,
    ANSWERS,
    AUDIO_EMBEDDINGS,
    CATALOG,
    GENERATED,
    IMAGE_EMBEDDINGS,
    LATENTS,
    MEDIA,
    PROMPTS,
    TAGS,
    TEXT_EMBEDDINGS,
)

WHOLE = 500_000  # rows up to which all keys are compared at once
PIECES = 32

RequiredRows = Callable[[Root, Piece], pa.Table]
"""From a root and a piece of all keys to those (with input digests) that a table owes in it."""


@dataclass(frozen=True)
class Work:
    """What a job has to do: keys with digests; `replaced` are those (joined) whose committed row is stale."""

    todo: pa.Table
    required: int
    refused: int
    replaced: pa.ChunkedArray


def work_list(
    root: Root, generation: Generation, required: RequiredRows, *, retry: Sequence[str] = ()
) -> Work:
    """Return what is owed and neither committed nor refused; codes in `retry` are taken up again."""
    refused = _standing(root, generation.table, retry)
    with pieces(number_of_pieces(generation, *inputs_of(root, generation))) as whole:
        parts = [_part(generation, required(root, piece), piece, refused) for piece in whole]
    todo = pa.concat_tables([part.todo for part in parts])
    return Work(
        todo.sort_by([(name, "ascending") for name in generation.table.key]),
        sum(part.required for part in parts),
        sum(part.refused for part in parts),
        pa.chunked_array([chunk for part in parts for chunk in part.replaced.chunks], pa.string()),
    )


def number_of_pieces(*compared: Generation) -> int:
    """Return in how many pieces the keys of some tables are compared: 1 where all are small."""
    return 1 if max(generation.count() for generation in compared) <= WHOLE else PIECES


def inputs_of(root: Root, generation: Generation) -> list[Generation]:
    """Return the tables that a table's rows are made of."""
    return [root.current(table) for table in INPUTS[generation.table_name] if root.has(table)]


def held(table: pa.Table) -> RequiredRows:
    """Return what a table in memory owes: its own rows."""
    return lambda _root, piece: piece.of(table)


def _part(
    generation: Generation, required: pa.Table, piece: Piece, refused: set[tuple[str, str | None]]
) -> Work:
    key = list(generation.table.key)
    done = piece.read(generation, [*key, "input_digest"])
    names = rejects.joined(done, key).combine_chunks()
    place = pc.index_in(rejects.joined(required, key), value_set=names)
    same = pc.equal(done["input_digest"].take(place), required["input_digest"])
    open_rows = pc.invert(pc.fill_null(same, False))
    left = required.filter(open_rows)
    waiting = [pair in refused for pair in _pairs(left, key)] if refused else [False] * len(left)
    todo = left.filter(pc.invert(pa.array(waiting, pa.bool_())))
    replaced = rejects.joined(required, key).filter(pc.and_(open_rows, pc.is_valid(place)))
    return Work(todo, len(required), sum(waiting), replaced)


def _standing(root: Root, table: Table, retry: Sequence[str]) -> set[tuple[str, str | None]]:
    now, standing = datetime.now(UTC), set()
    for row in rejects.latest(root, table.name).to_pylist():
        due = row["retriable"] and row["next_retry_at"] and row["next_retry_at"] <= now
        if not due and row["code"] not in retry:
            standing.add((row["key"], row["input_digest"]))
    return standing


def _pairs(rows: pa.Table, key: Sequence[str]) -> list[tuple[str, str | None]]:
    return list(zip(rejects.joined_keys(rows, key), rows["input_digest"].to_pylist(), strict=True))


def _audio(root: Root, piece: Piece) -> pa.Table:
    """Each catalogue row owes an embedding of its track, made from the track's media."""
    tracks = piece.read(root.current(CATALOG), ["track_id"])
    media = piece.read(root.current(MEDIA), ["owner_id", "sha256"], where="kind = 'audio'")
    place = pc.index_in(tracks["track_id"], value_set=media["owner_id"].combine_chunks())
    return tracks.append_column("input_digest", media["sha256"].take(place))


def _tags(root: Root, piece: Piece) -> pa.Table:
    """Each song in `media` owes a row per tagger of the current generation, made from the file."""
    media = piece.read(root.current(MEDIA), ["owner_id", "sha256"], where="kind = 'audio'")
    songs = media.rename_columns(["track_id", "input_digest"])
    required = [
        songs.append_column("tagger", pa.array([name] * len(songs), pa.string()))
        for name in sorted(root.recipe(TAGS)["taggers"])
    ]
    return pa.concat_tables(required).select([*TAGS.key, "input_digest"])


def _words(root: Root, piece: Piece) -> pa.Table:
    """Each prompt owes an embedding, made from its text."""
    return piece.read(root.current(PROMPTS), ["prompt_id", "input_digest"])


def _covers(root: Root, piece: Piece) -> pa.Table:
    """Each album with a cover of its own owes latents, and an embedding where covers are embedded."""
    covered = "cover_sha256 IS NOT NULL"
    rows = piece.read(root.current(CATALOG), ["album_id", "cover_sha256"], where=covered)
    return rows.rename_columns(["album_id", "input_digest"])


def _catalog(root: Root, piece: Piece) -> pa.Table:
    """Each album owes a catalogue row."""
    return piece.read(root.current(ALBUMS), ["album_id"])


def _painted(root: Root, piece: Piece) -> pa.Table:
    """Each album in scope owes a cover per system and variant."""
    wanted = requests(root, root.scope(GENERATED)).select([*GENERATED.key, "input_digest"])
    return piece.of(wanted)


REQUIRED_ROWS: dict[str, RequiredRows] = {
    TAGS.name: _tags,
    CATALOG.name: _catalog,
    AUDIO_EMBEDDINGS.name: _audio,
    TEXT_EMBEDDINGS.name: _words,
    LATENTS.name: _covers,
    IMAGE_EMBEDDINGS.name: _covers,
    GENERATED.name: _painted,
}

INPUTS: dict[str, tuple[Table, ...]] = {
    ANSWERS.name: (ANSWERS,),
    MEDIA.name: (MEDIA,),
    TAGS.name: (MEDIA,),
    CATALOG.name: (ALBUMS,),
    PROMPTS.name: (CATALOG,),
    AUDIO_EMBEDDINGS.name: (CATALOG, MEDIA),
    TEXT_EMBEDDINGS.name: (PROMPTS,),
    LATENTS.name: (CATALOG,),
    IMAGE_EMBEDDINGS.name: (CATALOG,),
    GENERATED.name: (CATALOG,),
}
"""The tables whose rows each table's keys are compared with."""
