"""Columns of a table by the names that people give them, and cells by our own types."""

import ast
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.fields import clean_text

# `title` is not among them: it is the album's where no other column is, else the track's.
ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "artist": ("artist", "artist_name", "album_artist", "albumartist", "artists", "performer", "band"),
    "album": ("album", "album_name", "album_title", "release", "release_title"),
    "track": ("track", "track_name", "track_title", "song", "song_name", "song_title"),
    "genres": ("genres", "genre", "genres_list", "genre_list", "styles", "style", "singular_genre"),
    "date": ("release_date", "date", "year", "released", "release_year"),
    "number": ("track_number", "tracknumber", "number", "track_no", "no"),
    "disc": ("disc", "disc_number", "discnumber", "disk"),
    "audio": ("audio", "audio_path", "path", "file", "file_path", "filepath", "filename", "song_path", "mp3"),
    "preview_url": ("preview_url", "preview"),
    "cover": ("cover", "cover_path", "image", "image_path", "artwork", "cover_url", "img_path", "picture"),
    "label": ("label", "record_label"),
    "isrc": ("isrc",),
    "duration_ms": ("duration_ms",),
    "popularity": ("popularity",),
    "views": ("views", "plays", "view_count"),
    "licence": ("licence", "license"),
}
_EXTERNAL: Final = re.compile(r"(.+)_id")
_SEPARATORS: Final = re.compile(r"\s*[;|]\s*|\s*,\s+|,(?=\S)")


@dataclass(frozen=True)
class Columns:
    """Which column serves which field; `ignored` serve none, `external` hold ids of other places."""

    fields: Mapping[str, str]
    external: tuple[str, ...]
    ignored: tuple[str, ...]

    def cell(self, row: Mapping[str, Any], name: str) -> Any:
        """Return the value of a field, None where the column or the value is missing."""
        value = row.get(self.fields.get(name, ""))
        missing = value is None or value == "" or (isinstance(value, float) and math.isnan(value))
        return None if missing else value

    def text(self, row: Mapping[str, Any], name: str) -> str | None:
        """Return a field as text, several values joined by '; '. Raises BadInput for anything nested."""
        value = self.cell(row, name)
        if isinstance(value, (list, tuple)):
            value = "; ".join(str(part) for part in value if part is not None)
        if isinstance(value, (dict, bytes)):
            raise BadInput(
                RejectCode.WRONG_TYPE, f"{self.fields[name]} holds {type(value).__name__}, not text"
            )
        return clean_text(str(value)) or None if value is not None else None

    def count(self, row: Mapping[str, Any], name: str) -> int | None:
        """Return a field as a whole number. Raises BadInput."""
        value = self.number(row, name)
        return None if value is None else int(value)

    def number(self, row: Mapping[str, Any], name: str) -> float | None:
        """Return a field as a finite number. Raises BadInput."""
        value = self.cell(row, name)
        if value is None:
            return None
        try:
            number = float(str(value).strip())
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadInput(RejectCode.WRONG_TYPE, f"{self.fields[name]} is {value!r}, not a number")
        return number

    def words(self, row: Mapping[str, Any], name: str) -> list[str]:
        """Return a field as a list: a real one, one written as text, or text between commas."""
        value = self.cell(row, name)
        if isinstance(value, str) and value.strip().startswith("["):
            value = _listed(value.strip())
        if isinstance(value, (list, tuple)):
            parts: Iterable[str] = (str(part) for part in value if part is not None)
        else:
            parts = _SEPARATORS.split(self.text(row, name) or "") if value is not None else ()
        return list(dict.fromkeys(filter(None, map(clean_text, parts))))


def match_columns(names: Iterable[str]) -> Columns:
    """Return which of a table's columns serve; case, spaces and dashes in their names do not count."""
    plain = {
        re.sub(r"[\W_]+", "_", name.strip().casefold()).strip("_"): name for name in reversed(list(names))
    }
    fields: dict[str, str] = {}
    for field, aliases in ALIASES.items():
        if found := next((plain[alias] for alias in aliases if alias in plain), None):
            fields[field] = found
    if title := plain.get("title", plain.get("name")):
        fields.setdefault("track" if "album" in fields else "album", title)
    rest = [(key, name) for key, name in reversed(plain.items()) if name not in fields.values()]
    external = tuple(name for key, name in rest if _EXTERNAL.fullmatch(key))
    return Columns(fields, external, tuple(name for _, name in rest if name not in external))


def _listed(text: str) -> list[Any] | str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, list) else text
