"""Deezer: errors in answers of status 200, previews under signed addresses that expire."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tests.sites import ids, search
from tests.sites.answers import host, plain_json, whole
from tests.sites.catalogue import Record, Song
from tests.sites.media import cover_url, signed_url
from tests.sites.world import World

GENRES = {
    "ambient": "Electro", "classical": "Classical", "electronic": "Electro", "folk": "Folk",
    "hip hop": "Rap/Hip Hop", "jazz": "Jazz", "metal": "Metal", "pop": "Pop", "rock": "Rock",
    "soul": "Soul & Funk",
}  # fmt: skip
_NO_DATA = {"error": {"type": "DataException", "message": "no data", "code": 800}}
_FIELDS = {"artist": "artist", "album": "album", "track": "track", "label": "label"}
_SIZES = {"small": 56, "medium": 250, "big": 500, "xl": 1000}


class Deezer:
    """The API."""

    def __init__(self, world: World):
        self.world, self.catalogue = world, world.catalogue

    def routes(self) -> list[Route]:
        return [
            Route("/album/{id}/tracks", self.tracks),
            Route("/album/{id}/image", self.image),
            Route("/album/{id}", self.album),
            Route("/track/{id}", self.track),
            Route("/genre", self.genres),
            Route("/search/album", self.search_albums),
            Route("/search/track", self.search_tracks),
            Route("/search", self.search_tracks),
        ]

    async def album(self, request: Request) -> Response:
        record = self._found(request)
        return plain_json(self._album(request, record) if record else _NO_DATA)

    async def tracks(self, request: Request) -> Response:
        record = self._found(request)
        if not record:
            return plain_json(_NO_DATA)
        listed = [_listed(self._song(request, record, song), record, song) for song in record.songs]
        return self._paged(request, listed, 25)

    async def image(self, request: Request) -> Response:
        record = self._found(request)
        if not record:
            return plain_json(_NO_DATA)
        size = _SIZES.get(request.query_params.get("size", ""), 120)
        return RedirectResponse(cover_url(host(request), record, _shape(size)), 302)

    async def track(self, request: Request) -> Response:
        asked = request.path_params["id"]
        for record, song in self.catalogue.songs:
            if asked in {str(song.deezer_id), f"isrc:{song.isrc}"}:
                whole_song = _listed(self._song(request, record, song), record, song)
                extra = {"release_date": record.released.isoformat(), "bpm": 0, "gain": -9.5}
                return plain_json(whole_song | extra | {"album": self._brief(request, record)})
        return plain_json(_NO_DATA)

    async def genres(self, request: Request) -> Response:
        return plain_json({"data": [_genre(host(request), name) for name in sorted(set(GENRES.values()))]})

    async def search_albums(self, request: Request) -> Response:
        found = search.albums(self.catalogue, request.query_params.get("q", ""), _FIELDS)
        return self._paged(request, [self._searched(request, record) for record in found], 25)

    async def search_tracks(self, request: Request) -> Response:
        found = search.songs(self.catalogue, request.query_params.get("q", ""), _FIELDS)
        songs = [
            self._song(request, record, song) | {"album": self._brief(request, record)}
            for record, song in found
        ]
        return self._paged(request, songs, 25)

    def _found(self, request: Request) -> Record | None:
        asked = request.path_params["id"]
        for record in self.catalogue.sold:
            by_code = asked.startswith("upc:") and search.same_code(asked[4:], record.upc)
            if by_code or asked == str(record.deezer_id):
                return record
        return None

    def _paged(self, request: Request, items: list[Any], usual: int) -> Response:
        start = whole(request.query_params.get("index"), 0)
        limit = min(whole(request.query_params.get("limit"), usual), 100)
        if start < 0 or limit < 1:
            error = {"type": "ParameterException", "message": "Wrong parameter", "code": 500}
            return plain_json({"error": error})
        told: dict[str, Any] = {"data": search.page_of(items, start, limit), "total": len(items)}
        if start + limit < len(items):
            told["next"] = str(request.url.include_query_params(index=start + limit))
        return plain_json(told)

    def _album(self, request: Request, record: Record) -> dict[str, Any]:
        base = host(request)
        artist = _artist(base, record.artist)
        return {
            **self._searched(request, record),
            "upc": record.upc.lstrip("0"),
            "share": f"https://www.deezer.com/album/{record.deezer_id}?utm_source=deezer",
            "genres": {"data": [_genre(base, GENRES[record.genre])]},
            "label": record.label,
            "duration": record.seconds,
            "fans": record.popularity * 311,
            "release_date": record.released.isoformat(),
            "available": True,
            "contributors": [artist | {"role": "Main"}],
            "artist": artist,
            "tracks": {
                "data": [
                    self._song(request, record, song) | {"album": self._brief(request, record)}
                    for song in record.songs
                ]
            },
        }

    def _searched(self, request: Request, record: Record) -> dict[str, Any]:
        return {
            **self._brief(request, record),
            "link": f"https://www.deezer.com/album/{record.deezer_id}",
            "genre_id": _genre("", GENRES[record.genre])["id"],
            "nb_tracks": len(record.songs),
            "record_type": record.kind,
            "explicit_lyrics": False,
            "artist": _artist(host(request), record.artist),
        }

    def _brief(self, request: Request, record: Record) -> dict[str, Any]:
        base = host(request)
        return {
            "id": record.deezer_id,
            "title": record.title,
            "cover": f"{base}/deezer/album/{record.deezer_id}/image",
            **{f"cover_{name}": cover_url(base, record, _shape(size)) for name, size in _SIZES.items()},
            "md5_image": record.key,
            "tracklist": f"{base}/deezer/album/{record.deezer_id}/tracks",
            "type": "album",
        }

    def _song(self, request: Request, record: Record, song: Song) -> dict[str, Any]:
        """Return a song as it stands inside an album or a search: no ISRC, no number."""
        base = host(request)
        life = self.world.settings.values["preview_seconds"]
        return {
            "id": song.deezer_id,
            "readable": True,
            "title": song.title,
            "title_short": song.title,
            "title_version": "",
            "link": f"https://www.deezer.com/track/{song.deezer_id}",
            "duration": song.seconds,
            "rank": song.popularity * 10_000,
            "explicit_lyrics": False,
            "explicit_content_lyrics": 0,
            "explicit_content_cover": 0,
            "preview": signed_url(base, song, life),
            "md5_image": record.key,
            "artist": _artist(base, song.artist),
            "type": "track",
        }


def _listed(told: dict[str, Any], record: Record, song: Song) -> dict[str, Any]:
    """Return a song as its own call and an album's list of tracks tell it."""
    return told | {"isrc": song.isrc, "track_position": song.number, "disk_number": 1}


def _shape(size: int) -> str:
    return f"{size}x{size}-000000-80-0-0"


def _artist(base: str, name: str) -> dict[str, Any]:
    number = ids.number_id("deezer artist", name, digits=7)
    return {
        "id": number,
        "name": name,
        "link": f"https://www.deezer.com/artist/{number}",
        "tracklist": f"{base}/deezer/artist/{number}/top?limit=50",
        "type": "artist",
    }


def _genre(base: str, name: str) -> dict[str, Any]:
    number = 100 + sorted(set(GENRES.values())).index(name)
    return {"id": number, "name": name, "picture": f"{base}/deezer/genre/{number}/image", "type": "genre"}
