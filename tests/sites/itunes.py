"""iTunes Search: whole albums in one lookup; above its rate a 403 with an empty body."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.sites import ids, search
from tests.sites.answers import answer, host, whole
from tests.sites.catalogue import Record, Song
from tests.sites.media import cover_url, song_url
from tests.sites.world import World

GENRES = {
    "ambient": "Electronic", "classical": "Classical", "electronic": "Electronic",
    "folk": "Singer/Songwriter", "hip hop": "Hip-Hop/Rap", "jazz": "Jazz", "metal": "Metal",
    "pop": "Pop", "rock": "Rock", "soul": "R&B/Soul",
}  # fmt: skip
_STORE = "https://music.apple.com/us"


class ITunes:
    """The API."""

    def __init__(self, world: World):
        self.catalogue = world.catalogue

    def routes(self) -> list[Route]:
        return [Route("/search", self.search), Route("/lookup", self.lookup)]

    async def search(self, request: Request) -> Response:
        asked, base = request.query_params, host(request)
        limit = min(whole(asked.get("limit"), 50), 200)
        if limit < 1:
            return _answer(request, {"errorMessage": "Invalid value(s) for key(s): [limit]"})
        if asked.get("entity", "song") == "album":
            found = [
                _album(base, record) for record in search.albums(self.catalogue, asked.get("term", ""), {})
            ]
        else:
            songs = search.songs(self.catalogue, asked.get("term", ""), {})
            found = [_song(base, record, song) for record, song in songs]
        return _results(request, found[:limit])

    async def lookup(self, request: Request) -> Response:
        asked, base = request.query_params, host(request)
        results = []
        wanted = [code for code in asked.get("id", "").split(",") if code]
        codes = [code for code in asked.get("upc", "").split(",") if code]
        for record in self.catalogue.sold:
            by_code = any(search.same_code(code, record.upc) for code in codes)
            if by_code or str(record.itunes_id) in wanted:
                results.append(_album(base, record))
                if asked.get("entity") == "song":
                    results += [_song(base, record, song) for song in record.songs]
            results += [_song(base, record, s) for s in record.songs if str(_track_id(record, s)) in wanted]
        return _results(request, results)


def _results(request: Request, found: list[dict[str, Any]]) -> Response:
    return _answer(request, {"resultCount": len(found), "results": found})


def _answer(request: Request, value: dict[str, Any]) -> Response:
    # As the real one: blank lines first, and a type that is not JSON's.
    return answer(request, "\n\n\n" + json.dumps(value), "text/javascript; charset=utf-8")


def _track_id(record: Record, song: Song) -> int:
    return record.itunes_id + song.number


def _common(base: str, record: Record) -> dict[str, Any]:
    artist = ids.number_id("itunes artist", record.artist)
    name = f"{record.title} - EP" if record.kind == "ep" else record.title
    return {
        "artistId": artist,
        "collectionId": record.itunes_id,
        "artistName": record.artist,
        "collectionName": name,
        "collectionCensoredName": name,
        "artistViewUrl": f"{_STORE}/artist/{artist}?uo=4",
        "collectionViewUrl": f"{_STORE}/album/{record.itunes_id}?uo=4",
        "artworkUrl60": cover_url(base, record, "60x60bb"),
        "artworkUrl100": cover_url(base, record, "100x100bb"),
        "collectionPrice": 9.99,
        "collectionExplicitness": "notExplicit",
        "trackCount": len(record.songs),
        "country": "USA",
        "currency": "USD",
        "primaryGenreName": GENRES[record.genre],
    }


def _album(base: str, record: Record) -> dict[str, Any]:
    return {
        "wrapperType": "collection",
        "collectionType": "Album",
        **_common(base, record),
        "copyright": f"℗ {record.released.year} {record.label}",
        "releaseDate": f"{record.released.isoformat()}T07:00:00Z",
    }


def _song(base: str, record: Record, song: Song) -> dict[str, Any]:
    number = _track_id(record, song)
    return {
        "wrapperType": "track",
        "kind": "song",
        **_common(base, record),
        "trackId": number,
        "trackName": song.title,
        "trackCensoredName": song.title,
        "trackViewUrl": f"{_STORE}/album/{record.itunes_id}?i={number}&uo=4",
        "previewUrl": song_url(base, song, "m4a"),
        "artworkUrl30": cover_url(base, record, "30x30bb"),
        "trackPrice": 1.29,
        "releaseDate": f"{record.released.isoformat()}T12:00:00Z",
        "trackExplicitness": "notExplicit",
        "discCount": 1,
        "discNumber": 1,
        "trackNumber": song.number,
        "trackTimeMillis": song.seconds * 1000,
        "isStreamable": True,
    }
