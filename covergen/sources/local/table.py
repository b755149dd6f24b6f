"""A catalogue as a table: one row a song or an album, in CSV, JSON or Parquet."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.fields import parse_date
from covergen.sources.identity import album_id, track_id
from covergen.sources.local.file_urls import address_of
from covergen.sources.local.table_columns import ALIASES, Columns, match_columns
from covergen.sources.local.table_rows import READERS, read_rows
from covergen.sources.protocol import Found, Record, Rejected

_log = logging.getLogger(__name__)


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
