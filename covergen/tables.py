"""Every table, declared once: name, key, columns. Arrow schemas that Delta Lake can hold.

Delta has no half floats and no fixed-size lists, so a tensor is a `binary` column of little-endian values
whose dtype and shape stand in the field's metadata. Filling and reading rows is left to `rows.py`, storing
and finding tables to `storage.py`.
"""

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


def _text(name: str, doc: str) -> Column:
    return Column(name, pa.string(), doc)


def _number(name: str, doc: str) -> Column:
    return Column(name, pa.float64(), doc)


def _count(name: str, doc: str) -> Column:
    return Column(name, pa.int64(), doc)


def _time(name: str, doc: str) -> Column:
    return Column(name, TIMESTAMP, doc)


def _tensor(name: str, doc: str) -> Column:
    return Column(name, pa.binary(), doc, tensor="<f2")


CHECKSUM = Column("checksum", pa.binary(), "SHA-256 over all other columns of the row, in the table's order")
INPUT_DIGEST = _text("input_digest", "digest of the input this row was made from; a new one means work")
_SOURCE = (
    _text("source", "name of the source in the registry"),
    _text("source_url", "where the row was read"),
    _text("licence", "licence of the row's facts; training refuses those it may not use"),
)

ALBUMS = Table(
    "albums",
    ("album_id",),
    "Albums as the sources tell them, one row per album and source spelling.",
    (
        _text("album_id", "SHA-256 of normalised artist, title and year, hexadecimal"),
        _text("artist", "album artist; several are joined by '; '"),
        _text("title", "album title as written"),
        _text("release_date", "ISO 8601 date as far as it is known: 1997, 1997-05 or 1997-05-21"),
        _text("release_date_precision", "year, month or day; null where there is no date"),
        Column("genres", STRINGS, "genres in the source's own words"),
        _text("label", "record label"),
        *_SOURCE,
        _text("source_revision", "revision or version of the page, file or generator"),
        _time("fetched_at", "when the row was read"),
        CHECKSUM,
    ),
)

TRACKS = Table(
    "tracks",
    ("track_id",),
    "Tracks as the sources tell them.",
    (
        _text("track_id", "SHA-256 of album_id, disc, number and normalised title, hexadecimal"),
        _text("album_id", "the album this track is on"),
        _text("title", "track title as written"),
        _text("artist", "track artist; several are joined by '; '"),
        _count("disc", "disc number from 1"),
        _count("number", "number on its disc from 1"),
        _text("isrc", "International Standard Recording Code"),
        _count("duration_ms", "length in milliseconds as the source tells it"),
        _number("popularity", "0 to 100, the source's own scale"),
        _count("views", "plays or views"),
        _time("views_at", "when the views were counted"),
        _text("preview_url", "where a clip can be fetched"),
        _text("cover_url", "where the cover can be fetched"),
        Column("external_ids", IDS, "ids elsewhere, by the name of the place"),
        *_SOURCE,
        CHECKSUM,
    ),
)

MEDIA = Table(
    "media",
    ("owner_id", "kind"),
    "Audio and covers: where they lie and what they are.",
    (
        _text("owner_id", "track_id of audio, album_id of a cover"),
        _text("kind", "audio or cover"),
        _text("uri", "file, https or s3 address; '#embedded' ends that of a picture inside an audio file"),
        _text("sha256", "digest of the bytes, hexadecimal"),
        _text("mime", "media type by content"),
        _count("size_bytes", "length in bytes"),
        _number("seconds", "length of audio"),
        _count("width", "pixels"),
        _count("height", "pixels"),
        *_SOURCE,
        Column(
            "bytes", pa.binary(), "the file itself where it was fetched or made; null for one's own files"
        ),
        CHECKSUM,
    ),
)

TAGS = Table(
    "tags",
    ("track_id", "tagger"),
    "What a tagger heard in a track.",
    (
        _text("track_id", "the track"),
        _text("tagger", "name of the tagger in the registry"),
        Column("mood", WORDS, "mood words with scores 0 to 1"),
        Column("genre", WORDS, "genre words with scores 0 to 1"),
        Column("instrument", WORDS, "instrument words with scores 0 to 1"),
        _number("tempo", "beats per minute"),
        _text("key", "tonic, such as F#"),
        _text("mode", "major or minor"),
        _number("energy", "0 to 1"),
        _number("brightness", "0 to 1"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

CATALOG = Table(
    "catalog",
    ("album_id",),
    "One clean row per album: what every later job reads.",
    (
        _text("album_id", "the album"),
        _text("artist", "album artist"),
        _text("title", "album title"),
        _text("year", "year of release"),
        _text("track_id", "the album's most popular track that has audio"),
        _text("track_title", "title of that track"),
        _text("genre", "canonical genre"),
        _text("genre_source", "where the genre came from: album, artist, default"),
        Column("genres", STRINGS, "genres in the source's own words"),
        _number("popularity", "0 to 100"),
        _text("split", "train, validation or test; by artist, so no artist is in two"),
        _text("licence", "licence of the row's facts"),
        _text("cover_sha256", "digest of the album's own cover; null where there is none"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

PROMPTS = Table(
    "prompts",
    ("prompt_id",),
    "What is said to the text encoder.",
    (
        _text("prompt_id", "SHA-256 of album_id, style and variant, hexadecimal"),
        _text("album_id", "the album"),
        _text("style", "name of the prompt style in the registry"),
        _text("variant", "full, untitled or genre: training draws among them, generation takes full"),
        _text("text", "the prompt"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

AUDIO_EMBEDDINGS = Table(
    "audio_embeddings",
    ("track_id",),
    "What a frozen encoder heard.",
    (
        _text("track_id", "the track"),
        _tensor("frames", "features [layers, frames, width], windows joined in time"),
        _number("seconds", "seconds of music that were heard"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

TEXT_EMBEDDINGS = Table(
    "text_embeddings",
    ("prompt_id",),
    "What the frozen CLIP text encoder made of a prompt.",
    (
        _text("prompt_id", "the prompt"),
        _text("album_id", "the album"),
        _text("variant", "the prompt's variant"),
        _tensor("states", "last hidden states [tokens, width]"),
        _tensor("pooled", "pooled vector [width]"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

IMAGE_EMBEDDINGS = Table(
    "image_embeddings",
    ("album_id",),
    "What the frozen image encoder made of a cover.",
    (
        _text("album_id", "the album"),
        _tensor("pooled", "pooled vector [width]"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

LATENTS = Table(
    "latents",
    ("album_id",),
    "Covers through the frozen VAE's encoder, not yet times its scaling factor.",
    (
        _text("album_id", "the album"),
        _tensor("mean", "mean of the latent distribution [channels, height, width]"),
        _tensor("std", "standard deviation of the latent distribution [channels, height, width]"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

GENERATED = Table(
    "generated",
    ("album_id", "system", "variant"),
    "Painted covers, with everything needed to paint them again.",
    (
        _text("album_id", "the album"),
        _text("system", "whose sound was heard: audio, shuffled, prompt_only"),
        _count("variant", "0, 1, ... : several covers of one album"),
        Column("image", pa.binary(), "the picture as PNG"),
        _text("prompt", "the words"),
        _text("track_id", "the track that was heard; null for prompt_only"),
        _text("seed", "seed of all noise, 0 to 2^64 - 1, as decimal digits"),
        _count("steps", "sampler steps"),
        _number("guidance_scale", "guidance by the words"),
        _number("audio_guidance_scale", "guidance by the sound"),
        _number("audio_scale", "weight of the audio layers, 0 to 1"),
        _text("noise_scheduler", "ddim, pndm, ddpm or dpm++"),
        _count("width", "pixels"),
        _count("height", "pixels"),
        _text("base_digest", "digest of the Stable Diffusion parts"),
        _text("fusion_digest", "digest of the fusion checkpoint"),
        _number("seconds", "time for this cover, its share of the batch"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

REJECTS = Table(
    "rejects",
    ("stage", "key", "attempt"),
    "Rows that could not be used. The latest attempt of a key counts; a later success clears it.",
    (
        _text("stage", "table or job that refused the row"),
        _text("key", "key of the row, its parts joined by '/'"),
        _count("attempt", "1, 2, ..."),
        _text("code", "a `RejectCode`"),
        _text("reason", "one sentence for a person"),
        Column("retriable", pa.bool_(), "whether the same input may succeed later"),
        _time("rejected_at", "when"),
        _time("next_retry_at", "not before this; null where a retry needs a person"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

TABLES = {
    table.name: table
    for table in (
        ALBUMS, TRACKS, MEDIA, TAGS, CATALOG, PROMPTS, AUDIO_EMBEDDINGS, TEXT_EMBEDDINGS, IMAGE_EMBEDDINGS,
        LATENTS, GENERATED, REJECTS,
    )
}  # fmt: skip
