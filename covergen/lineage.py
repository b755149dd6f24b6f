"""Which rows each table owes its inputs: what jobs work by, and what `covergen verify` checks.

A table owes one row per key, made from the input that `input_digest` names. The work list is what is owed,
minus what is committed with the same key and digest, minus what was refused with that digest. Resume after
a kill, a nightly delta and a rerun with nothing to do are this one mechanism.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from covergen import rejects
from covergen.columns import Table
from covergen.generation.requests import requests
from covergen.storage import Generation, Root
from covergen.tables import (
    ALBUMS,
    AUDIO_EMBEDDINGS,
    CATALOG,
    GENERATED,
    LATENTS,
    MEDIA,
    PROMPTS,
    TAGS,
    TEXT_EMBEDDINGS,
)


@dataclass(frozen=True)
class Work:
    """What a job has to do: keys with digests, and whether some of them replace committed rows."""

    todo: pa.Table
    owed: int
    refused: int
    replaces: bool


def work_list(root: Root, generation: Generation, owed: pa.Table, *, retry: Sequence[str] = ()) -> Work:
    """Return what is owed and neither committed nor refused; codes in `retry` are taken up again."""
    key = list(generation.table.key)
    match = [*key, "input_digest"]
    done = generation.read(match)
    left = owed.join(done, match, join_type="left anti")
    refused = _standing(root, generation.table, retry)
    waiting = pa.array([k in refused for k in _pairs(left, key)], pa.bool_())
    todo = left.filter(pc.invert(waiting)).sort_by([(name, "ascending") for name in key])
    replaces = len(todo.select(key).join(done.select(key), key, join_type="left semi")) > 0
    return Work(todo, len(owed), pc.sum(waiting).as_py() or 0, replaces)


def _standing(root: Root, table: Table, retry: Sequence[str]) -> set[tuple[str, str | None]]:
    now, standing = datetime.now(UTC), set()
    for row in rejects.latest(root, table.name).to_pylist():
        due = row["retriable"] and row["next_retry_at"] and row["next_retry_at"] <= now
        if not due and row["code"] not in retry:
            standing.add((row["key"], row["input_digest"]))
    return standing


def _pairs(rows: pa.Table, key: Sequence[str]) -> list[tuple[str, str | None]]:
    return list(zip(rejects.joined_keys(rows, key), rows["input_digest"].to_pylist(), strict=True))


def _audio(root: Root) -> pa.Table:
    """Each catalogue row owes an embedding of its track, made from the track's media."""
    tracks = root.current(CATALOG).read(["track_id"])
    media = root.current(MEDIA).read(["owner_id", "sha256"], where="kind = 'audio'")
    return tracks.join(media, "track_id", "owner_id").rename_columns(["track_id", "input_digest"])


def _tags(root: Root) -> pa.Table:
    """Each song in `media` owes a row per tagger of the current generation, made from the file."""
    media = root.current(MEDIA).read(["owner_id", "sha256"], where="kind = 'audio'")
    songs = media.rename_columns(["track_id", "input_digest"])
    owed = [
        songs.append_column("tagger", pa.array([name] * len(songs), pa.string()))
        for name in sorted(root.recipe(TAGS)["taggers"])
    ]
    return pa.concat_tables(owed).select([*TAGS.key, "input_digest"])


def _words(root: Root) -> pa.Table:
    """Each prompt owes an embedding, made from its text."""
    return root.current(PROMPTS).read(["prompt_id", "input_digest"])


def _latents(root: Root) -> pa.Table:
    """Each album with a cover of its own owes latents."""
    rows = root.current(CATALOG).read(["album_id", "cover_sha256"], where="cover_sha256 IS NOT NULL")
    return rows.rename_columns(["album_id", "input_digest"])


def _catalog(root: Root) -> pa.Table:
    """Each album owes a catalogue row."""
    return root.current(ALBUMS).read(["album_id"])


def _painted(root: Root) -> pa.Table:
    """Each album in scope owes a cover per system and variant."""
    return requests(root, root.scope(GENERATED)).select([*GENERATED.key, "input_digest"])


OWED: dict[str, Callable[[Root], pa.Table]] = {
    TAGS.name: _tags,
    CATALOG.name: _catalog,
    AUDIO_EMBEDDINGS.name: _audio,
    TEXT_EMBEDDINGS.name: _words,
    LATENTS.name: _latents,
    GENERATED.name: _painted,
}
