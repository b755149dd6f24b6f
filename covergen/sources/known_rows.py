"""What a root knows of albums, tracks and media, as sources tell it more."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from covergen.sources.field_parsing import join_names
from covergen.sources.protocol import Rejected
from covergen.sources.web_source import Wanted, WantedTrack
from covergen.storage import rejects, rows
from covergen.storage.columns import Table
from covergen.storage.delta import one_of
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS

Record = Mapping[str, Any]
_LOOKUP = 2000  # keys of one condition
_LATEST_WINS: Final = frozenset({"views", "views_at", "popularity", "preview_url", "cover_url"})
_JOINED: Final = frozenset({"source", "licence"})


def upsert(root: Root, table: Table, records: Sequence[Record]) -> int:
    """Write the records that say something new, joined with what is known; return how many rows changed.

    When they were read is no news.
    """
    if not records:
        return 0
    generation, (key,) = root.current(table), table.key
    known = {row[key]: row for row in _rows_of(root, table, [record[key] for record in records])}
    before = {name: _said(row) for name, row in known.items()}
    for record in rows.from_records(table, records).to_pylist():
        standing = known.get(record[key])
        known[record[key]] = record if standing is None else merged(standing, record)
    news = [row for name, row in known.items() if _said(row) != before.get(name)]
    return generation.upsert(rows.from_records(table, news).drop_columns(["checksum"])) if news else 0


def not_from_others(root: Root, candidates: Sequence[Record]) -> list[Record]:
    """Return the media candidates but those of which another source's medium is there already."""
    there = {
        (row["owner_id"], row["kind"]): row["source"]
        for row in _rows_of(root, MEDIA, [c["owner_id"] for c in candidates], ["owner_id", "kind", "source"])
    }
    return [c for c in candidates if there.get((c["owner_id"], c["kind"]), c["source"]) == c["source"]]


def refuse(root: Root, refused: Iterable[Rejected]) -> None:
    """Write what a source met and could not use, once."""
    standing = {(row["stage"], row["key"], row["code"]) for row in rejects.latest(root).to_pylist()}
    for one in refused:
        if (one.stage, one.key, one.problem.code.value) not in standing:
            row = pa.Table.from_pylist([{**rows.reject_columns(one.problem), "key": one.key}])
            rejects.write(rejects.rejects_of(root), one.stage, row, key=["key"])


def wanted_of(root: Root) -> Iterator[Wanted]:
    """Yield the albums that are known, by album_id, with their tracks; none of a root that is still to be."""
    if not root.has(TRACKS):
        return
    songs: dict[str, list[WantedTrack]] = {}
    columns = ["track_id", "album_id", "title", "artist", "isrc", "external_ids", "disc", "number"]
    for row in root.current(TRACKS).read(columns).sort_by("track_id").to_pylist():
        ids = dict(row["external_ids"] or ())
        track = WantedTrack(row["track_id"], row["title"], row["artist"], row["isrc"], ids)
        songs.setdefault(row["album_id"], []).append(track)
    albums = root.current(ALBUMS).read(["album_id", "artist", "title", "kind", "release_date"])
    for row in albums.sort_by("album_id").to_pylist():
        year = (row["release_date"] or "")[:4] or None
        tracks = tuple(songs.get(row["album_id"], ()))
        yield Wanted(row["album_id"], row["artist"], row["title"], year, kind=row["kind"], tracks=tracks)


def _rows_of(
    root: Root, table: Table, keys: Iterable[str], columns: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    unique = sorted(set(keys))
    generation = root.current(table)
    for start in range(0, len(unique), _LOOKUP):
        found = generation.read(columns, where=one_of(table.key[0], unique[start : start + _LOOKUP]))
        yield from found.to_pylist()


def _said(row: Record) -> str:
    return repr({n: v for n, v in sorted(row.items()) if n not in {"fetched_at", "checksum"}})


# What several sources tell of one album, track or medium, in one row.


def merged(known: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return a known row with what is told of the same key now.

    The source that told all of it replaces it. Another one fills gaps and adds genres and ids: what is known
    stays, but for counts and addresses, which are as they were told last. Where several have told, the first
    of them may correct the row. Sources and licences are joined: the row is bound by all of them.
    """
    if known["source"] == update["source"]:
        return dict(update)
    row, corrects = dict(known), update["source"] == known["source"].split("; ")[0]
    for name, value in update.items():
        before = row.get(name)
        if _is_gap(value):
            continue
        if name in _JOINED:
            row[name] = join_names([*(before or "").split(";"), *value.split(";")])
        elif name == "genres":
            row[name] = list(dict.fromkeys([*(before or ()), *value]))
        elif name == "external_ids":
            row[name] = {**dict(value), **dict(before or {})}
        elif corrects or _is_gap(before) or name in _LATEST_WINS:
            row[name] = value
    return row


def _is_gap(value: Any) -> bool:
    return value is None or value in ("", [], {})
