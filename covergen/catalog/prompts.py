"""Clean rows to prompts: what an album is in words, in three variants.

Training draws among the variants, so that the model learns to do without a title; generation takes `full`.
"""

import hashlib
import string
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa

from covergen import rows
from covergen.errors import ConfigError
from covergen.tables import PROMPTS

Row = Mapping[str, Any]
Style = Callable[[Row, str | None], dict[str, str]]
VARIANTS: Final = ("full", "untitled", "genre")
FIELDS: Final = ("album", "artist", "genre", "year", "track")


def album_genre(row: Row, _template: str | None = None) -> dict[str, str]:
    """Name album and genre, in the words of the first of such models."""
    return {
        "full": f"Create an album cover for the album '{row['title']}'. The genre is {row['genre']}.",
        **_without_title(row),
    }


def custom(row: Row, template: str | None = None) -> dict[str, str]:
    """Fill one's own template with {album}, {artist}, {genre}, {year} and {track}. Raises ConfigError."""
    check_template(template)
    values = {
        "album": row["title"],
        "artist": row["artist"],
        "genre": row["genre"],
        "year": row["year"] or "",
        "track": row["track_title"] or "",
    }
    return {"full": " ".join(str(template).format(**values).split()), **_without_title(row)}


PROMPT_STYLES: Final[dict[str, Style]] = {"album_genre": album_genre, "custom": custom}


def check_template(template: str | None) -> None:
    """Raise ConfigError unless every field of a template is one that an album has."""
    if not template:
        raise ConfigError("The prompt style 'custom' needs a template; set clean.prompt_template.")
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"The prompt template {template!r} cannot be read: {error}.") from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in FIELDS or form or conversion):
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise ConfigError(f"The prompt template has the field {{{name}}}; use {known}.")


def make_prompts(catalog: pa.Table, style: str = "album_genre", *, template: str | None = None) -> pa.Table:
    """Return the rows of PROMPTS of clean rows: one per album and variant. Raises ConfigError.

    `input_digest` is that of the text: a catalogue row that changed without changing its words owes nothing.
    """
    if style not in PROMPT_STYLES:
        raise ConfigError(f"There is no prompt style {style!r}; use {', '.join(PROMPT_STYLES)}.")
    records = []
    for row in catalog.to_pylist():
        for variant, text in PROMPT_STYLES[style](row, template).items():
            key = {"album_id": row["album_id"], "style": style, "variant": variant}
            records.append(
                {"prompt_id": _digest("/".join(key.values())), **key, "text": text} | _made_from(text)
            )
    return rows.from_records(PROMPTS, records).drop_columns("checksum")


def _without_title(row: Row) -> dict[str, str]:
    return {
        "untitled": f"Create an album cover. The genre is {row['genre']}.",
        "genre": f"{row['genre']} album cover",
    }


def _made_from(text: str) -> dict[str, str]:
    return {"input_digest": _digest(text)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
