"""Albums, tracks and media as the sources tell them to one clean row per album.

Works on the rows of whole artists, since an artist's albums tell each other's genre. Where the rows come
from, and which of them are new, is left to the job.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from covergen import rows
from covergen.catalog.genres import canonical_genre, split_genres
from covergen.catalog.splits import split_of
from covergen.errors import BadInput, RejectCode
from covergen.sources.fields import VARIOUS, join_names
from covergen.sources.identity import normalise
from covergen.tables import CATALOG

Row = Mapping[str, Any]
MEDIA_COLUMNS = ("owner_id", "kind", "sha256", "checksum")  # all that is read of MEDIA: never its bytes


@dataclass(frozen=True)
class Cleaning:
    """What the rows cannot tell: the genre of last resort, and the shares of artists held out."""

    default_genre: str = "unknown"
    validation: float = 0.05
    test: float = 0.1


def clean(albums: pa.Table, tracks: pa.Table, media: pa.Table, settings: Cleaning | None = None) -> pa.Table:
    """Return one outcome per album_id of `albums`: its row of CATALOG, or why there is none.

    `media` needs MEDIA_COLUMNS only. The result is sorted by album_id and depends on no order of its inputs.
    """
    settings = settings or Cleaning()
    merged = _merged(albums.to_pylist(), "album_id")
    ordered = [merged[key] for key in sorted(merged)]
    songs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for track in _merged(tracks.to_pylist(), "track_id").values():
        songs[track["album_id"]].append(track)
    heard = {(row["owner_id"], row["kind"]): row for row in media.select(MEDIA_COLUMNS).to_pylist()}
    genres = _artist_genres(ordered)
    results: list[dict[str, Any] | BadInput] = []
    digests: list[str] = []
    for album in ordered:
        genre = _genre(album, genres, settings.default_genre)
        own = songs[album["album_id"]]
        split = split_of(
            album["artist"],
            validation=settings.validation,
            test=settings.test,
            source_url=album["source_url"],
        )
        results.append(_row(album, own, heard, genre, split))
        digests.append(_digest(album, own, heard, (*genre, split)))
    keys = pa.array([album["album_id"] for album in ordered], pa.string())
    return rows.outcomes(
        CATALOG, pa.table({"album_id": keys, "input_digest": pa.array(digests, pa.string())}), results
    )


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


def _artist_genres(albums: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return all genres of each artist's albums; a name for many artists tells nothing of any."""
    found: dict[str, list[str]] = defaultdict(list)
    for album in albums:
        if album["artist"] != VARIOUS:
            found[normalise(album["artist"])] += album["genres"] or []
    return found


def _genre(album: Row, of_artists: Mapping[str, list[str]], default: str) -> tuple[str, str]:
    """Return (canonical genre, where it came from)."""
    if own := canonical_genre(album["genres"] or ()):
        return own, "album"
    if shared := canonical_genre(of_artists.get(normalise(album["artist"]), ())):
        return shared, "artist"
    return default, "default"


def _row(
    album: Row,
    tracks: list[dict[str, Any]],
    heard: Mapping[tuple[str, str], Row],
    genre: tuple[str, str],
    split: str,
) -> dict[str, Any] | BadInput:
    usable = [track for track in tracks if (track["track_id"], "audio") in heard]
    if not usable:
        told = f"none of its {len(tracks)} tracks has" if tracks else "no track is known that has"
        reason = f"{album['artist']}: {album['title']}: {told} audio that can be used"
        return BadInput(RejectCode.NO_MEDIA, reason)
    track = min(usable, key=_rank)
    cover = heard.get((album["album_id"], "cover"))
    return {
        "artist": album["artist"],
        "title": album["title"],
        "year": album["release_date"] and album["release_date"][:4],
        "track_id": track["track_id"],
        "track_title": track["title"],
        "genre": genre[0],
        "genre_source": genre[1],
        "genres": split_genres(album["genres"] or ()),
        "popularity": track["popularity"],
        "split": split,
        "licence": album["licence"],
        "cover_sha256": cover and cover["sha256"],
    }


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


def _digest(
    album: Row, tracks: list[dict[str, Any]], heard: Mapping[tuple[str, str], Row], decided: tuple[str, ...]
) -> str:
    """Return SHA-256 over the checksums of all rows that went in, and over what was decided beside them."""
    owners = [(track["track_id"], "audio") for track in tracks] + [(album["album_id"], "cover")]
    media = [heard[owner]["checksum"] for owner in owners if owner in heard]
    digest = hashlib.sha256("\x1f".join(decided).encode())
    for checksum in sorted([album["checksum"], *(track["checksum"] for track in tracks), *media]):
        digest.update(checksum)
    return digest.hexdigest()
