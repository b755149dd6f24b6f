"""The jobs in order, by name, with the tables that each reads and writes, and the rows that a table owes.

The demo runs them, work lists and `covergen verify` go by them; README and docs/architecture.md show them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from covergen.generation.requests import requests
from covergen.lineage.partitions import Piece
from covergen.storage.columns import Table
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
    TABLES,
    TAGS,
    TEXT_EMBEDDINGS,
    TRACKS,
)

RequiredRows = Callable[[Root, Piece], pa.Table]
"""From a root and a piece of all keys to those (with input digests) that a table owes in it."""


@dataclass(frozen=True)
class Output:
    """A table that a job writes, those with whose rows its keys are compared, and the rows it owes them.

    None where only the job knows what is owed.
    """

    table: Table
    compared: tuple[Table, ...] = ()
    required: RequiredRows | None = None


@dataclass(frozen=True)
class Step:
    """A job, by its name, with the tables that it reads of others and those that it writes."""

    job: str
    reads: tuple[Table, ...] = ()
    writes: tuple[Output, ...] = ()


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


PIPELINE = (
    Step("scrape", (), (Output(ALBUMS), Output(TRACKS), Output(ANSWERS), Output(MEDIA))),
    Step("tag", (MEDIA,), (Output(TAGS, (MEDIA,), _tags),)),
    Step(
        "clean",
        (ALBUMS, TRACKS, MEDIA, TAGS),
        (Output(CATALOG, (ALBUMS,), _catalog), Output(PROMPTS, (CATALOG,))),
    ),
    Step(
        "embed",
        (CATALOG, MEDIA, PROMPTS),
        (
            Output(AUDIO_EMBEDDINGS, (CATALOG, MEDIA), _audio),
            Output(TEXT_EMBEDDINGS, (PROMPTS,), _words),
            Output(IMAGE_EMBEDDINGS, (CATALOG,), _covers),
        ),
    ),
    Step("encode", (CATALOG, MEDIA), (Output(LATENTS, (CATALOG,), _covers),)),
    Step("train", (CATALOG, LATENTS, TEXT_EMBEDDINGS, AUDIO_EMBEDDINGS)),
    Step(
        "generate",
        (CATALOG, PROMPTS, TEXT_EMBEDDINGS, AUDIO_EMBEDDINGS),
        (Output(GENERATED, (CATALOG,), _painted),),
    ),
    Step("evaluate", tuple(TABLES.values())),
)

JOBS = tuple(step.job for step in PIPELINE)
OUTPUTS = {output.table.name: output for step in PIPELINE for output in step.writes}
REQUIRED_ROWS = {name: output.required for name, output in OUTPUTS.items() if output.required is not None}
