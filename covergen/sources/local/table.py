"""A catalogue as a table: one row a song or an album, in CSV, JSON or Parquet."""

import ast
import csv
import json
import logging
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

import pyarrow as pa
import pyarrow.parquet as pq

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.field_parsing import clean_text, parse_date
from covergen.sources.identity import album_id, track_id
from covergen.sources.local.file_urls import address_of
from covergen.sources.protocol import Found, Record, Rejected

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
Row = tuple[int, dict[str, Any] | None]  # None: this row is no record
_BATCH: Final = 1000
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")  # and what guards one, so that a guard is guarded too
_log = logging.getLogger(__name__)


# Columns of a table by the names that people give them, and cells by our own types.


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


# Rows of a CSV, JSON or Parquet file, one after another, as (row number, cells).


def read_csv(path: Path) -> Iterator[Row]:
    """Yield rows between commas, semicolons or tabs, whichever its first line has most of; UTF-8."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=header.count)
        for number, row in enumerate(csv.DictReader(file, delimiter=delimiter), start=1):
            surplus = row.pop(None, None)
            yield number, None if surplus else {name: _unguarded(cell) for name, cell in row.items()}


def read_json(path: Path) -> Iterator[Row]:
    """Yield the objects of a JSON array, or of lines with one object each."""
    with path.open(encoding="utf-8-sig") as file:
        first = file.read(64).lstrip()[:1]
        file.seek(0)
        records: Iterator[Any] = iter(json.load(file)) if first == "[" else map(_line, file)
        for number, record in enumerate(records, start=1):
            if record != "":
                yield number, record if isinstance(record, dict) else None


def read_parquet(path: Path) -> Iterator[Row]:
    """Yield the rows of a Parquet file."""
    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def guarded(cell: str) -> str:
    """Return a cell of CSV that no spreadsheet takes for a formula; `read_csv` gives it back as it was."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _unguarded(cell: str | None) -> str | None:
    return cell[1:] if cell and cell[0] == "'" and _FORMULA.match(cell) else cell


def _line(text: str) -> Any:
    if not text.strip():
        return ""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


READERS: Final[dict[str, Callable[[Path], Iterator[Row]]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".json": read_json,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".parquet": read_parquet,
}


def read_rows(path: Path) -> Iterator[Row]:
    """Yield a table's rows by its suffix. Raises ConfigError where the file is not what its name says."""
    try:
        yield from READERS[path.suffix.lower()](path)
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, pa.ArrowInvalid) as error:
        raise ConfigError(f"The table {path} is not {path.suffix[1:].upper()} in UTF-8: {error}.") from error
    except OSError as error:
        raise ConfigError(f"The table {path} cannot be read: {error}.") from error


# The source.


class TableSource:
    """Albums and songs of a table whose columns may have any usual name; paths count from the table's folder.

    Columns that mean nothing here are ignored and named once in the log. Rows of one album need not follow
    one another, but its facts are those of its first row. Remembers the ids it has given, nothing else.
    """

    name: ClassVar[str] = "table"

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise ConfigError(f"There is no table {self.path}; name a CSV, JSON or Parquet file that exists.")
        if self.path.suffix.lower() not in READERS:
            kinds = ", ".join(READERS)
            raise ConfigError(f"The table {self.path} has no known suffix; use one of {kinds}.")
        self.columns = self._match()

    def read(self) -> Iterator[Found]:
        """Yield what each row adds, in the order of the file."""
        if self.columns.ignored:
            _log.warning("%s: ignoring the columns %s", self.path, ", ".join(self.columns.ignored))
        given: set[str] = set()
        for number, row in read_rows(self.path):
            try:
                yield self._found(number, row, given)
            except BadInput as problem:
                key = f"{self.path.name}, row {number}"
                named = BadInput(problem.code, f"{key}: {problem.reason}")
                yield Found(rejects=[Rejected("albums", key, named)])

    def _match(self) -> Columns:
        names: dict[str, None] = {}
        for number, row in read_rows(self.path):
            names.update(dict.fromkeys(row or {}))
            if number >= 100 or (row and self.path.suffix.lower() not in {".json", ".jsonl", ".ndjson"}):
                break
        if not names:
            raise ConfigError(f"The table {self.path} has no rows.")
        columns = match_columns(names)
        for field in ("artist", "album"):
            if field not in columns.fields:
                raise ConfigError(
                    f"The table {self.path} has no column for the {field}; it has {', '.join(names)}. "
                    f"Name one of them {' or '.join(ALIASES[field][:3])}."
                )
        return columns

    def _found(self, number: int, row: Mapping[str, Any] | None, given: set[str]) -> Found:
        if row is None:
            raise BadInput(RejectCode.WRONG_TYPE, "not one value per column")
        url = f"{address_of(self.path.resolve())}#row={number}"
        album = self._album(row, url)
        track = self._track(row, album)
        if track and track["track_id"] in given:
            raise BadInput(RejectCode.DUPLICATE, f"it repeats {track['title']!r} of {album['title']!r}")
        found, owner = Found(), album["album_id"]
        if _new(owner, given):
            found.albums.append(album)
        cover = self.columns.text(row, "cover")
        if cover and _new(f"{owner}/cover", given):
            found.media.append(self._media(owner, "cover", cover, album))
        if track and _new(track["track_id"], given):
            found.tracks.append(track)
            if audio := self.columns.text(row, "audio"):
                found.media.append(self._media(track["track_id"], "audio", audio, album))
        return found

    def _album(self, row: Mapping[str, Any], url: str) -> dict[str, Any]:
        artist, title = self.columns.text(row, "artist"), self.columns.text(row, "album")
        if not artist or not title:
            missing = "artist" if not artist else "album"
            raise BadInput(RejectCode.MISSING_FIELD, f"{self.columns.fields[missing]} is empty")
        date, precision = parse_date(self.columns.text(row, "date"))
        return {
            "album_id": album_id(artist, title, date and date[:4]),
            "artist": artist,
            "title": title,
            "release_date": date,
            "release_date_precision": precision,
            "genres": self.columns.words(row, "genres"),
            "label": self.columns.text(row, "label"),
            "source": self.name,
            "source_url": url,
            "source_revision": None,
            "licence": self.columns.text(row, "licence"),
            "fetched_at": datetime.now(UTC),
        }

    def _track(self, row: Mapping[str, Any], album: Record) -> dict[str, Any] | None:
        columns = self.columns
        audio, title = columns.text(row, "audio"), columns.text(row, "track")
        if not audio and not title:
            return None
        title = title or Path(str(audio)).stem
        number, disc = columns.count(row, "number"), columns.count(row, "disc")
        cover = columns.text(row, "cover") or ""
        external = {name: str(row[name]) for name in columns.external if row.get(name) not in {None, ""}}
        return {
            "track_id": track_id(album["album_id"], disc, number, title),
            "album_id": album["album_id"],
            "title": title,
            "artist": album["artist"],
            "disc": disc,
            "number": number,
            "isrc": columns.text(row, "isrc"),
            "duration_ms": columns.count(row, "duration_ms"),
            "popularity": columns.number(row, "popularity"),
            "views": columns.count(row, "views"),
            "preview_url": columns.text(row, "preview_url"),
            "cover_url": cover if "://" in cover else None,
            "external_ids": external,
            "source": self.name,
            "source_url": album["source_url"],
            "licence": album["licence"],
        }

    def _media(self, owner: str, kind: str, place: str, album: Record) -> Record:
        uri = place if "://" in place else address_of((self.path.resolve().parent / place).absolute())
        source = {key: album[key] for key in ("source", "source_url", "licence")}
        return {"owner_id": owner, "kind": kind, "uri": uri, **source}


def _new(key: str, given: set[str]) -> bool:
    if key in given:
        return False
    given.add(key)
    return True
