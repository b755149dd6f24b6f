"""Deezer: 30 s previews, covers of 1000 pixels, genres, popularity, ISRCs. Its API asks for no key.

Errors come with status 200. Addresses of previews are signed and expire, see `refresh`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from covergen.errors import BadInput, RejectCode
from covergen.sources import enriching
from covergen.sources.enriching import Origin, SourceAlbum, SourceSong
from covergen.sources.field_parsing import join_names
from covergen.sources.http.json_fields import (
    address,
    items_in,
    object_in,
    objects,
    part,
    shapeless,
    whole,
    words,
)
from covergen.sources.identity import normalise
from covergen.sources.matching.editions import title_key, without_edition
from covergen.sources.matching.matching import Candidate, best, first_artist, isrc_key, leads, upc_key
from covergen.sources.protocol import Found, Record
from covergen.sources.web_source import Answer, Parsed, RateLimit, Refusal, Request, Wanted, usual_refusal

BASE: Final = "https://api.deezer.com"
LICENCE: Final = "deezer-terms"
QUOTA_WAIT: Final = 5.0  # seconds: the window of the quota
BLOCK_WAIT: Final = 60.0  # seconds after a 403 without a word, which its door gives and not its API
RANK_SCALE: Final = 10_000  # ranks go to about 1,000,000, so that popularity is 0 to 100
_KINDS: Final = {"album": "album", "ep": "ep", "single": "single", "compile": "compilation"}
_LEADS: Final = 3  # albums of one search that are looked up until one is of the right year
_PAGE: Final = 100
_TRACK_PAGE: Final = re.compile(r"https?://(?:www\.)?deezer\.com/(?:[a-z]{2}/)?track/(\d+)")
_DENIED: Final = {"200", "300", "901"}  # permission, token, account
_NO_DATA: Final = "800"
_BY_UPC: Final = "album/upc:"
_SHAPES: Final[dict[str, dict[str, tuple[str, ...]]]] = {  # what the answers of each kind have
    "search": {"lists": ("data",)},
    "tracks": {"lists": ("data",)},
    "album": {"texts": ("id",)},
    "refresh": {"texts": ("id",)},
}


class DeezerSource:
    """More about known albums, from Deezer's public API.

    `base` is the address it asks. An album is asked for by its UPC; if that is unknown there, it is searched,
    and the likeliest are looked up until one matches, as a search tells no years.
    """

    name: ClassVar[str] = "deezer"
    turn: ClassVar[int] = 1
    follow_ups: ClassVar[float] = 1.5
    answer_bytes: ClassVar[int] = 8_000
    media_bytes: ClassVar[Mapping[str, int]] = {
        "cover": 150_000,
        "audio": 480_000,
    }  # 1000 px; 30 s of 128 kb/s
    is_api: ClassVar[bool] = True

    def __init__(self, *, base: str = BASE):
        self.base = base.rstrip("/")
        self.origin = Origin(self.name, LICENCE)

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        """Yield one request an album: by UPC where it is known, else a search."""
        for album in wanted:
            if upc := upc_key(album.upc):
                yield self._ask(album, "album", f"{_BY_UPC}{int(upc):012}", by="upc")
            else:
                yield self._search(album)

    def refresh(self, medium: Record) -> Request | None:
        """Return what asks for a preview's address anew; None for what is no preview of Deezer's.

        The answer parses to one media record of the same owner.
        """
        found = _TRACK_PAGE.match(medium["source_url"] or "")
        if medium["source"] != self.name or medium["kind"] != "audio" or not found:
            return None
        said = {"owner_id": medium["owner_id"], "source_url": medium["source_url"]}
        return Request(self.name, "refresh", f"{self.base}/track/{found[1]}", said)

    def rate_limit(self, request: Request) -> RateLimit:
        """50 requests in 5 seconds, whatever is asked."""
        return RateLimit(request.source, 50, 5.0)

    def headers(self) -> dict[str, str]:
        """JSON, please."""
        return {"accept": "application/json"}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        """Return what the error in an answer means; that a UPC is unknown is an answer: it is searched."""
        if answer.status == 403 and not answer.body.strip():
            said = f"{answer.url} answered 403 without a word: too many requests, and not what was asked for"
            return Refusal(RejectCode.RATE_LIMITED, said, wait=BLOCK_WAIT, again=True)
        if refused := usual_refusal(answer):
            return refused
        error = _error(answer)
        if error is None:
            return shapeless(answer, **_SHAPES[request.kind])
        code = words(error, "code")
        if code == _NO_DATA and _BY_UPC in request.url:  # who fetches knows no more of it than its address
            return None
        message = words(error, "message") or "no reason"
        said = f"Deezer answered {answer.url} with error {code or None}: {message}"
        if code == "4":
            return Refusal(RejectCode.RATE_LIMITED, said, wait=QUOTA_WAIT, again=True)
        if code == "700":
            return Refusal(RejectCode.SERVER_FAILED, said, again=True)
        if code == _NO_DATA:
            return Refusal(RejectCode.NOT_FOUND, said)
        return Refusal(RejectCode.FORBIDDEN if code in _DENIED else RejectCode.SOURCE_ERROR, said)

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return candidates to look up of a search, and the records of a lookup."""
        if request.kind == "refresh":
            return Parsed(self._refreshed(request, answer))
        wanted = enriching.wanted_of(request)
        parsers = {"search": self._searched, "album": self._album, "tracks": self._tracks}
        try:
            return parsers[request.kind](wanted, request, answer)
        except BadInput as problem:
            return Parsed(enriching.rejected(wanted, problem, self.name))

    def _searched(self, wanted: Wanted, request: Request, answer: Answer) -> Parsed:
        candidates = [_candidate(album) for album in items_in(object_in(answer), "data", answer)]
        found = leads(wanted, candidates)[:_LEADS]
        if not found and request.about["by"] == "fields":
            return Parsed(follow=(self._search(wanted, by="words"),))
        if not found:
            best(wanted, candidates)  # raises with what was offered
        return Parsed(follow=(self._lookup(wanted, [each.id for each in found]),))

    def _album(self, wanted: Wanted, request: Request, answer: Answer) -> Parsed:
        document = object_in(answer)
        if request.about["by"] == "upc" and "error" in document:
            return Parsed(follow=(self._search(wanted),))
        try:
            best(wanted, [_candidate(document)])
        except BadInput:
            others = json.loads(request.about.get("others", "[]"))
            if request.about["by"] == "upc":
                return Parsed(follow=(self._search(wanted),))
            if others:
                return Parsed(follow=(self._lookup(wanted, others),))
            raise
        album = _album_of(document)
        found = enriching.album_found(wanted, album, self.origin, fetched_at=answer.fetched_at)
        songs = objects(part(document, "tracks"), "data")
        if len(songs) == whole(document, "nb_tracks") and all(_is_whole(song) for song in songs):
            found.add(self._songs(wanted, album, songs, words(document, "id")))
            return Parsed(found)
        return Parsed(found, (self._list(wanted, album, words(document, "id")),))

    def _tracks(self, wanted: Wanted, request: Request, answer: Answer) -> Parsed:
        page, id = object_in(answer), request.about["deezer_album"]
        album = SourceAlbum(**json.loads(request.about["told"]))
        found = self._songs(wanted, album, items_in(page, "data", answer), id)
        start = int(request.about["start"]) + _PAGE
        if not address(page, "next") or start >= (whole(page, "total") or 0):
            return Parsed(found)
        known = {track["track_id"] for track in found.tracks}
        rest = tuple(track for track in wanted.tracks if track.track_id not in known)
        return Parsed(found, (self._list(replace(wanted, tracks=rest), album, id, start=start),))

    def _songs(self, wanted: Wanted, album: SourceAlbum, songs: list[Mapping[str, Any]], id: str) -> Found:
        return enriching.songs_found(wanted, album, [_song(song, id) for song in songs], self.origin)

    def _refreshed(self, request: Request, answer: Answer) -> Found:
        owner = request.about["owner_id"]
        if not (preview := address(object_in(answer), "preview")):
            raise BadInput(RejectCode.NO_MEDIA, f"Deezer has no preview any more of {answer.url}")
        medium = {"owner_id": owner, "kind": "audio", "uri": preview, "source": self.name}
        return Found(media=[medium | {"source_url": request.about["source_url"], "licence": LICENCE}])

    def _search(self, wanted: Wanted, by: str = "fields") -> Request:
        artist, title = first_artist(wanted.artist), without_edition(wanted.title)
        if by == "fields":
            query = f'artist:"{_unquoted(artist)}" album:"{_unquoted(title)}"'
        else:
            query = f"{normalise(artist)} {title_key(title).key}"
        return self._ask(wanted, "search", f"search/album?{urlencode({'q': query, 'limit': 25})}", by=by)

    def _lookup(self, wanted: Wanted, ids: list[str]) -> Request:
        first, *others = ids
        more = {"others": json.dumps(others)} if others else {}
        return self._ask(wanted, "album", f"album/{quote(first, safe='')}", by="id", **more)

    def _list(self, wanted: Wanted, album: SourceAlbum, id: str, *, start: int = 0) -> Request:
        path = f"album/{quote(id, safe='')}/tracks?{urlencode({'limit': _PAGE, 'index': start})}"
        album_json = json.dumps(asdict(album), ensure_ascii=False)
        return self._ask(wanted, "tracks", path, deezer_album=id, told=album_json, start=str(start))

    def _ask(self, wanted: Wanted, kind: str, path: str, **more: str) -> Request:
        return Request(self.name, kind, f"{self.base}/{path}", enriching.about(wanted, **more))


def popularity(rank: Any) -> float | None:
    """Return a song's rank, 0 to about 1,000,000, as 0 to 100."""
    is_rank = isinstance(rank, int | float) and not isinstance(rank, bool) and rank >= 0
    return min(100.0, rank / RANK_SCALE) if is_rank else None


def _error(answer: Answer) -> Mapping[str, Any] | None:
    try:
        document = object_in(answer)
    except BadInput:
        return None  # what it is instead, `parse` says
    return part(document, "error") if "error" in document else None


def _candidate(album: Mapping[str, Any]) -> Candidate:
    kind = _KINDS.get(words(album, "record_type"))
    return Candidate(
        id=words(album, "id"),
        artist=_artists(album),
        title=words(album, "title"),
        year=words(album, "release_date") or None,
        upc=words(album, "upc") or None,
        kind=kind,
    )


def _album_of(album: Mapping[str, Any]) -> SourceAlbum:
    genres = [words(genre, "name") for genre in objects(part(album, "genres"), "data") if genre.get("id")]
    return SourceAlbum(
        artist=_artists(album),
        title=words(album, "title"),
        date=words(album, "release_date") or None,
        genres=tuple(dict.fromkeys(filter(None, genres))),  # id 0 is "All"
        label=words(album, "label") or None,
        cover=address(album, "cover_xl") or address(album, "cover_big"),
        url=address(album, "link"),
    )


def _song(song: Mapping[str, Any], id: str) -> SourceSong | BadInput:
    if not (title := words(song, "title")):
        return BadInput(RejectCode.MISSING_FIELD, "Deezer's song has no title")
    seconds = whole(song, "duration")
    own = words(song, "id")
    return SourceSong(
        title=title,
        artist=_artists(song),
        disc=whole(song, "disk_number"),
        number=whole(song, "track_position"),
        isrcs=tuple(filter(None, [isrc_key(words(song, "isrc"))])),
        duration_ms=seconds and seconds * 1000,
        popularity=popularity(song.get("rank")),
        preview=address(song, "preview"),
        url=address(song, "link") or (own and f"https://www.deezer.com/track/{own}") or None,
        ids={name: value for name, value in (("deezer", own), ("deezer_album", id)) if value},
    )


def _artists(item: Mapping[str, Any]) -> str:
    """Return who made it: the artist, then whoever else contributes as a main artist."""
    others = [each for each in objects(item, "contributors") if words(each, "role") in {"Main", ""}]
    return join_names(words(each, "name") for each in (part(item, "artist"), *others))


def _is_whole(song: Mapping[str, Any]) -> bool:
    return bool(song.get("isrc") and song.get("track_position"))


def _unquoted(text: str) -> str:
    return " ".join(text.replace('"', " ").split())
