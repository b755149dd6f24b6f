"""What the sources that know more of a wanted album share: it rides along with requests, and becomes records.

Songs land on the wanted album: on its own song where that is known, else beside it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.field_parsing import parse_date
from covergen.sources.identity import album_id, normalise, track_id
from covergen.sources.matching.editions import artist_key, title_key
from covergen.sources.matching.matching import isrc_key, same_song
from covergen.sources.protocol import Found, Record, Rejected
from covergen.sources.web_source import Request, Wanted, WantedTrack

STAGE: Final = "answers"


@dataclass(frozen=True)
class Origin:
    """Whose facts they are; `covers` is the licence of pictures where it is another one."""

    source: str
    licence: str
    covers: str | None = None


@dataclass(frozen=True)
class SourceSong:
    """A song as a source tells it. `url`: its page; `preview`: where a clip of it can be fetched."""

    title: str
    artist: str
    disc: int | None = None
    number: int | None = None
    isrcs: tuple[str, ...] = ()
    duration_ms: int | None = None
    popularity: float | None = None
    preview: str | None = None
    url: str | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceAlbum:
    """An album as a source tells it, without its songs. `url`: its page; `cover`: its picture's address."""

    artist: str
    title: str
    date: str | None = None
    genres: tuple[str, ...] = ()
    label: str | None = None
    cover: str | None = None
    url: str | None = None


def about(wanted: Wanted, **more: str) -> dict[str, str]:
    """Return what a request says of the album that it is about; `wanted_of` reads it."""
    fields = {"album_id": wanted.album_id, "artist": wanted.artist, "title": wanted.title}
    fields |= {name: value for name in ("year", "upc", "kind") if (value := getattr(wanted, name))}
    if wanted.tracks:
        tracks = [asdict(track) for track in wanted.tracks]
        fields["tracks"] = json.dumps(tracks, ensure_ascii=False)
    return fields | more


def wanted_of(request: Request) -> Wanted:
    """Return the album that a request is about."""
    said = request.about
    tracks = tuple(WantedTrack(**track) for track in json.loads(said.get("tracks", "[]")))
    known = {name: said.get(name) for name in ("year", "upc", "kind")}
    return Wanted(said["album_id"], said["artist"], said["title"], **known, tracks=tracks)


def album_found(wanted: Wanted, album: SourceAlbum, origin: Origin, *, fetched_at: datetime) -> Found:
    """Return an album's cover as a candidate and, where genres are told, an ALBUMS record that tells them."""
    found = Found()
    if album.cover:
        found.media.append(_medium(wanted.album_id, "cover", album.cover, album.url, origin))
    if album.genres:
        found.albums.append(_album(wanted, album, origin, fetched_at))
    return found


def songs_found(
    wanted: Wanted, album: SourceAlbum, songs: Iterable[SourceSong | BadInput], origin: Origin
) -> Found:
    """Return songs as TRACKS records and their previews as candidates; a BadInput stands for a lost song.

    A song under two numbers that would have one id is there once.
    """
    found, free, given = Found(), list(wanted.tracks), set[str]()
    for place, song in enumerate(songs, start=1):
        key = f"{key_of(wanted, origin.source)}, song {place}"
        if isinstance(song, BadInput):
            found.rejects.append(Rejected(STAGE, key, song))
            continue
        known = _known(song, free)
        if known:
            free.remove(known)
        own = track_id(wanted.album_id, song.disc, song.number, song.title)
        owner = known.track_id if known else own
        if owner in given:
            problem = BadInput(RejectCode.DUPLICATE, f"{song.title!r} is told twice under one number")
            found.rejects.append(Rejected(STAGE, key, problem))
            continue
        given.add(owner)
        found.tracks.append(_track(owner, wanted, album, song, known, origin))
        if song.preview:
            found.media.append(_medium(owner, "audio", song.preview, song.url or album.url, origin))
    return found


def rejected(wanted: Wanted, problem: BadInput, source: str) -> Found:
    """Return what says that a source's answer is of no use for an album."""
    return Found(rejects=[Rejected(STAGE, key_of(wanted, source), problem)])


def key_of(wanted: Wanted, source: str) -> str:
    """Return what a person looks for."""
    return f"{wanted.artist}: {wanted.title} ({source})"


def _known(song: SourceSong, tracks: list[WantedTrack]) -> WantedTrack | None:
    """Return which of the known songs this is: by its ISRC, then as it is spelt, then but for guests."""
    for track in tracks:
        if (isrc := isrc_key(track.isrc)) and isrc in song.isrcs:
            return track
    for track in tracks:
        if normalise(track.title) == normalise(song.title):
            return track
    return next((track for track in tracks if same_song(track.title, song.title)), None)


def _album(wanted: Wanted, album: SourceAlbum, origin: Origin, fetched_at: datetime) -> Record:
    """Return the record whose id is of the source's own spelling, as far as the clean job sees one album.

    That merges rows of one artist and one title, and plain titles of one year alone; so what a match forgave
    beyond that is spelt as it was wanted.
    """
    date, precision = parse_date(album.date)
    if wanted.year and (not date or date[:4] != wanted.year[:4]):
        date, precision = parse_date(wanted.year)
    one, other = title_key(wanted.title), title_key(album.title)
    title = album.title if (one.key, one.has_article) == (other.key, other.has_article) else wanted.title
    artist = album.artist if artist_key(album.artist) == artist_key(wanted.artist) else wanted.artist
    return {
        "album_id": album_id(artist, title, date and date[:4]),
        "artist": artist,
        "title": title,
        "release_date": date,
        "release_date_precision": precision,
        "genres": list(album.genres),
        "label": album.label,
        "source": origin.source,
        "source_url": album.url,
        "source_revision": None,
        "licence": origin.licence,
        "fetched_at": fetched_at,
    }


def _track(
    owner: str,
    wanted: Wanted,
    album: SourceAlbum,
    song: SourceSong,
    known: WantedTrack | None,
    origin: Origin,
) -> dict[str, Any]:
    isrcs = [isrc for isrc in (known and isrc_key(known.isrc),) if isrc in song.isrcs] or song.isrcs
    return {
        "track_id": owner,
        "album_id": wanted.album_id,
        "title": song.title,
        "artist": song.artist or album.artist or wanted.artist,
        "disc": song.disc,
        "number": song.number,
        "isrc": next(iter(isrcs), None),
        "duration_ms": song.duration_ms,
        "popularity": song.popularity,
        "views": None,
        "preview_url": song.preview,
        "cover_url": album.cover,
        "external_ids": dict(song.ids),
        "source": origin.source,
        "source_url": song.url or album.url,
        "licence": origin.licence,
    }


def _medium(owner: str, kind: str, uri: str, url: str | None, origin: Origin) -> Record:
    licence = origin.licence if kind == "audio" else origin.covers or origin.licence
    return {
        "owner_id": owner,
        "kind": kind,
        "uri": uri,
        "source": origin.source,
        "source_url": url,
        "licence": licence,
    }
