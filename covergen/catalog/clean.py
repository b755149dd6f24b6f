"""Albums, tracks, media and tags as they were told to one clean row per album.

Works on the rows of whole artists, since an artist's albums tell each other's genre. Where the rows come
from, and which of them are new, is left to the job.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from covergen.catalog.deduplicate import duplicates
from covergen.catalog.genres import canonical_genre, split_genres
from covergen.catalog.splits import split_of
from covergen.catalog.tagged import heard_genres
from covergen.errors import BadInput, RejectCode
from covergen.sources.field_parsing import join_names
from covergen.sources.matching.editions import NOBODY, artist_key, title_key
from covergen.storage import rows
from covergen.storage.tables import CATALOG

Row = Mapping[str, Any]
MediaRows = Mapping[tuple[str, str], Row]
# all that is read of MEDIA: never its bytes
MEDIA_COLUMNS = ("owner_id", "kind", "sha256", "licence", "checksum")
TAG_COLUMNS = ("track_id", "tagger", "mood", "genre", "basis")
SHOWN: Final = 5
_SOURCES: Final = {
    "artist": "from the artist's other albums",
    "tags": "heard in the music",
    "default": "by default",
}


@dataclass(frozen=True)
class Cleaning:
    """What the rows cannot tell: the genre of last resort, a tagger's least score, the shares held out."""

    default_genre: str = "unknown"
    genre_score: float = 0.1
    validation: float = 0.05
    test: float = 0.1


@dataclass
class _Album:
    """One album: the row that stays, then those merged into it, with the tracks of all of them."""

    rows: list[dict[str, Any]]
    tracks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def own(self) -> dict[str, Any]:
        return self.rows[0]

    @property
    def genres(self) -> list[str]:
        return [genre for row in self.rows for genre in row["genres"] or ()]


def clean(
    albums: pa.Table,
    tracks: pa.Table,
    media: pa.Table,
    settings: Cleaning | None = None,
    *,
    tags: pa.Table | None = None,
) -> pa.Table:
    """Return one outcome per album_id of `albums`: its row of CATALOG, or why there is none.

    An album that another source or edition tells too is refused as a duplicate that names the row it was
    merged into. `media` needs MEDIA_COLUMNS only, `tags` TAG_COLUMNS. The result is sorted by album_id and
    depends on no order of its inputs.
    """
    settings = settings or Cleaning()
    records = _merged(albums.to_pylist(), "album_id")
    songs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for track in _merged(tracks.to_pylist(), "track_id").values():
        songs[track["album_id"]].append(track)
    media_rows = {(row["owner_id"], row["kind"]): row for row in media.select(MEDIA_COLUMNS).to_pylist()}
    into = _same_albums(records, songs, media_rows)
    whole = _whole(records, songs, into)
    words = heard_genres(tags.select(TAG_COLUMNS).to_pylist() if tags else (), settings.genre_score)
    genres = _artist_genres(whole.values())
    results: list[dict[str, Any] | BadInput] = []
    digests: list[str] = []
    for key in sorted(records):
        if (kept := into.get(key)) is not None:
            results.append(_duplicate(records[key], records[kept]))
            digests.append(_digest([records[key]["checksum"]], (kept,)))
            continue
        album = whole[key]
        decided = (*_genre(album, genres, words, settings.default_genre), _split(album.own, settings))
        results.append(_row(album, media_rows, decided))
        digests.append(_digest(_ingredients(album, media_rows), decided))
    keys = pa.table(
        {"album_id": pa.array(sorted(records), pa.string()), "input_digest": pa.array(digests, pa.string())}
    )
    return rows.outcomes(CATALOG, keys, results)


def _merged(records: Iterable[Row], key: str) -> dict[str, dict[str, Any]]:
    """Return one record per key: the first source that tells a field, all genres, all licences."""
    several: dict[str, list[Row]] = defaultdict(list)
    for record in records:
        several[record[key]].append(record)
    return {name: _one(found) for name, found in several.items()}


def _one(records: list[Row]) -> dict[str, Any]:
    ordered = sorted(records, key=lambda r: (r["source"] or "", r["source_url"] or "", r["checksum"]))
    one = {name: next((r[name] for r in ordered if r[name] not in (None, [])), None) for name in ordered[0]}
    if "genres" in one:
        one["genres"] = list(dict.fromkeys(genre for r in ordered for genre in r["genres"] or ()))
    one["licence"] = join_names(r["licence"] or "" for r in ordered) or None
    one["checksum"] = b"".join(r["checksum"] for r in ordered)
    return one


def _same_albums(
    records: Mapping[str, dict[str, Any]], songs: Mapping[str, list[dict[str, Any]]], media_rows: MediaRows
) -> dict[str, str]:
    """Return album_id -> the album_id it is merged into; those with sound, then with a cover, stay."""

    def rank(key: str) -> tuple[bool, bool]:
        sounds = any((track["track_id"], "audio") in media_rows for track in songs.get(key, ()))
        return not sounds, (key, "cover") not in media_rows

    titles = {
        key: {title_key(track["title"]).key for track in own if track["title"]} for key, own in songs.items()
    }
    return duplicates(records.values(), titles, rank=rank)


def _whole(
    records: Mapping[str, dict[str, Any]], songs: Mapping[str, list[dict[str, Any]]], into: Mapping[str, str]
) -> dict[str, _Album]:
    whole = {key: _Album([records[key]]) for key in sorted(records) if key not in into}
    for key in sorted(into):
        whole[into[key]].rows.append(records[key])
    for album in whole.values():
        album.tracks += [track for row in album.rows for track in songs.get(row["album_id"], ())]
    return whole


def _artist_genres(albums: Iterable[_Album]) -> dict[str, list[str]]:
    """Return all genres of each artist's albums; a name for many artists tells nothing of any."""
    found: dict[str, list[str]] = defaultdict(list)
    for album in albums:
        if (artist := artist_key(album.own["artist"])) not in NOBODY:
            found[artist] += album.genres
    return found


def _genre(
    album: _Album,
    of_artists: Mapping[str, list[str]],
    of_tracks: Mapping[str, tuple[float, str]],
    default: str,
) -> tuple[str, str]:
    """Return (canonical genre, where it came from)."""
    if own := canonical_genre(album.genres):
        return own, "album"
    if shared := canonical_genre(of_artists.get(artist_key(album.own["artist"]), ())):
        return shared, "artist"
    candidates = [of_tracks[track["track_id"]] for track in album.tracks if track["track_id"] in of_tracks]
    if candidates:
        return min(candidates)[1], "tags"
    return default, "default"


def _split(album: Row, settings: Cleaning) -> str:
    return split_of(
        album["artist"],
        validation=settings.validation,
        test=settings.test,
        source_url=album["source_url"],
    )


def _row(album: _Album, media_rows: MediaRows, decided: tuple[str, str, str]) -> dict[str, Any] | BadInput:
    own, tracks = album.own, album.tracks
    usable = [track for track in tracks if (track["track_id"], "audio") in media_rows]
    if not usable:
        subject = f"none of its {len(tracks)} tracks has" if tracks else "no track is known that has"
        reason = f"{own['artist']}: {own['title']}: {subject} audio that can be used"
        return BadInput(RejectCode.NO_MEDIA, reason)
    track = min(usable, key=_rank)
    cover = media_rows.get((own["album_id"], "cover"))
    taken = [*album.rows, track, media_rows[track["track_id"], "audio"], *([cover] if cover else [])]
    date = next((row["release_date"] for row in album.rows if row["release_date"]), None)
    return {
        "artist": own["artist"],
        "title": own["title"],
        "year": date and date[:4],
        "track_id": track["track_id"],
        "track_title": track["title"],
        "genre": decided[0],
        "genre_source": decided[1],
        "genres": split_genres(album.genres),
        "popularity": track["popularity"],
        "split": decided[2],
        "licence": join_names(one for row in taken for one in (row["licence"] or "").split(";")) or None,
        "cover_sha256": cover and cover["sha256"],
    }


def _duplicate(album: Row, kept: Row) -> BadInput:
    where = f"{kept['title']} ({kept['album_id']})"
    return BadInput(RejectCode.DUPLICATE, f"{album['artist']}: {album['title']}: merged into {where}")


def _rank(track: Row) -> tuple[object, ...]:
    """Sort the most popular track first, then the most played, then by place on the album."""
    popularity, views = track["popularity"], track["views"]
    return (
        -1.0 if popularity is None else -popularity - 2.0,
        -1 if views is None else -views - 2,
        track["disc"] or 1,
        track["number"] or 10**6,
        track["title"] or "",
        track["track_id"],
    )


def _ingredients(album: _Album, media_rows: MediaRows) -> list[bytes]:
    """Return the checksums of all rows that went in."""
    owners = [(track["track_id"], "audio") for track in album.tracks] + [(album.own["album_id"], "cover")]
    media = [media_rows[owner]["checksum"] for owner in owners if owner in media_rows]
    return [row["checksum"] for row in album.rows] + [track["checksum"] for track in album.tracks] + media


def _digest(checksums: list[bytes], decided: tuple[str, ...]) -> str:
    """Return SHA-256 over what went in, and over what was decided beside it."""
    digest = hashlib.sha256("\x1f".join(decided).encode())
    for checksum in sorted(checksums):
        digest.update(checksum)
    return digest.hexdigest()


# A catalogue's genres in a line.


def genre_summary(catalog: pa.Table) -> str:
    """Return the largest genres with their albums, and how many no source told of the album itself."""
    counts = Counter(catalog["genre"].to_pylist())
    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    largest = ", ".join(f"{genre} {count}" for genre, count in first[:SHOWN])
    more = f" and {len(first) - SHOWN} more" if len(first) > SHOWN else ""
    origins = Counter(catalog["genre_source"].to_pylist())
    filled = ", ".join(f"{origins[name]} {words}" for name, words in _SOURCES.items() if origins[name])
    return f"genres: {largest or 'none'}{more}{f'; {filled}' if filled else ''}"
