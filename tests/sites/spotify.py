"""Spotify's Web API, as extended-quota apps see it and as development-mode apps see it since 2026-03."""

import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.sites import ids, search
from tests.sites.answers import answer_json, host, plain_json, whole
from tests.sites.catalogue import Record, Song
from tests.sites.media import addresses, song_url
from tests.sites.world import World

_FIELDS = {
    "artist": "artist",
    "album": "album",
    "track": "track",
    "isrc": "isrc",
    "upc": "upc",
    "year": "year",
}
_MOST_IDS = {"albums": 20, "tracks": 50, "artists": 50}
_MARKETS = ["DE", "GB", "JP", "US"]
_UNSEEN = ("popularity", "label", "available_markets", "followers")  # by development-mode apps


class Spotify:
    """One of the two surfaces."""

    def __init__(self, world: World, *, development: bool = False):
        self.world, self.catalogue, self.development = world, world.catalogue, development
        self.prefix = "/spotify-dev" if development else "/spotify"

    def routes(self) -> list[Route]:
        return [
            Route("/albums", self._batch("albums")),
            Route("/albums/{id}", self._one("albums")),
            Route("/albums/{id}/tracks", self._guarded(self.tracks_of)),
            Route("/tracks", self._batch("tracks")),
            Route("/tracks/{id}", self._one("tracks")),
            Route("/artists", self._batch("artists")),
            Route("/artists/{id}", self._one("artists")),
            Route("/search", self._guarded(self.search)),
        ]

    def _guarded(self, told: Callable[[Request], Response]) -> Any:
        """Ask for a token first."""

        async def endpoint(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or not token:
                return _error(401, "No token provided")
            if token not in self.world.tokens:
                return _error(401, "Invalid access token")
            if self.world.tokens[token] < time.monotonic():
                return _error(401, "The access token expired")
            return told(request)

        return endpoint

    def _one(self, kind: str) -> Any:
        def told(request: Request) -> Response:
            found = self._object(request, kind, request.path_params["id"])
            return answer_json(request, found) if found else _error(404, "Resource not found")

        return self._guarded(told)

    def _batch(self, kind: str) -> Any:
        def told(request: Request) -> Response:
            if self.development:
                return _error(403, "Forbidden")
            asked = [part for part in request.query_params.get("ids", "").split(",") if part]
            if not asked or len(asked) > _MOST_IDS[kind]:
                return _error(400, "Too many ids requested" if asked else "Missing required field: ids")
            return answer_json(request, {kind: [self._object(request, kind, one) for one in asked]})

        return self._guarded(told)

    def tracks_of(self, request: Request) -> Response:
        record = self._record(request.path_params["id"])
        if not record:
            return _error(404, "Resource not found")
        return self._paged(request, [self._song(request, s) for s in record.songs], 20, 50)

    def search(self, request: Request) -> Response:
        """Search albums and tracks; each kind is a page of its own with absolute addresses."""
        asked, most = request.query_params, 10 if self.development else 50
        query, limit = asked.get("q", ""), whole(asked.get("limit"), 5 if self.development else 20)
        kinds = [kind for kind in asked.get("type", "").split(",") if kind]
        if not query or not kinds or not set(kinds) <= {"album", "track", "artist"}:
            return _error(400, "No search query" if not query else "Bad search type field")
        if not 1 <= limit <= most:
            return _error(400, "Invalid limit")
        told = {}
        if "album" in kinds:
            albums = search.albums(self.catalogue, query, _FIELDS)
            told["albums"] = self._page(request, [self._brief(request, r) for r in albums], limit)
        if "track" in kinds:
            songs = search.songs(self.catalogue, query, _FIELDS)
            told["tracks"] = self._page(request, [self._track(request, r, s) for r, s in songs], limit)
        if "artist" in kinds:
            artists = dict.fromkeys(r.artist for r in search.albums(self.catalogue, query, _FIELDS))
            told["artists"] = self._page(request, [self._artist(request, name) for name in artists], limit)
        return answer_json(request, told)

    def _paged(self, request: Request, items: list[Any], usual: int, most: int) -> Response:
        limit = whole(request.query_params.get("limit"), usual)
        if not 1 <= limit <= most:
            return _error(400, "Invalid limit")
        return answer_json(request, self._page(request, items, limit))

    def _page(self, request: Request, items: list[Any], limit: int, url: Any = None) -> dict[str, Any]:
        start = max(whole(request.query_params.get("offset"), 0), 0) if url is None else 0
        url = url or request.url
        here = url.include_query_params(offset=start, limit=limit)
        after = start + limit < len(items)
        before = start > 0
        return {
            "href": str(here),
            "items": search.page_of(items, start, limit),
            "limit": limit,
            "next": str(url.include_query_params(offset=start + limit, limit=limit)) if after else None,
            "offset": start,
            "previous": str(url.include_query_params(offset=max(start - limit, 0))) if before else None,
            "total": len(items),
        }

    def _record(self, asked: str) -> Record | None:
        return next((r for r in self.catalogue.sold if r.spotify_id == asked), None)

    def _object(self, request: Request, kind: str, asked: str) -> dict[str, Any] | None:
        if kind == "albums":
            record = self._record(asked)
            return self._album(request, record) if record else None
        if kind == "tracks":
            pairs = (pair for pair in self.catalogue.songs if pair[1].spotify_id == asked)
            pair = next(pairs, None)
            return self._track(request, *pair) if pair else None
        names = {ids.spotify_id("artist", r.artist): r.artist for r in self.catalogue.sold}
        return self._artist(request, names[asked]) if asked in names else None

    def _seen(self, value: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in value.items() if not (self.development and k in _UNSEEN)}

    def _named(self, request: Request, kind: str, number: str, name: str) -> dict[str, Any]:
        return {
            "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{number}"},
            "href": f"{host(request)}{self.prefix}/v1/{kind}s/{number}",
            "id": number,
            "name": name,
            "type": kind,
            "uri": f"spotify:{kind}:{number}",
        }

    def _brief_artist(self, request: Request, name: str) -> dict[str, Any]:
        return self._named(request, "artist", ids.spotify_id("artist", name), name)

    def _artist(self, request: Request, name: str) -> dict[str, Any]:
        records = [record for record in self.catalogue.sold if record.artist == name]
        told = self._brief_artist(request, name) | {
            "followers": {"href": None, "total": 1000 * max(r.popularity for r in records)},
            "genres": [] if self.development else sorted({r.genre for r in records}),
            "images": addresses(request, records[0]),
            "popularity": max(r.popularity for r in records),
        }
        return self._seen(told)

    def _brief(self, request: Request, record: Record) -> dict[str, Any]:
        return self._seen(
            {
                "album_type": "single" if record.kind == "ep" else "album",
                "total_tracks": len(record.songs),
                "available_markets": _MARKETS,
                **self._named(request, "album", record.spotify_id, record.title),
                "images": addresses(request, record),
                "release_date": record.released.isoformat(),
                "release_date_precision": "day",
                "artists": [self._brief_artist(request, record.artist)],
            }
        )

    def _album(self, request: Request, record: Record) -> dict[str, Any]:
        address = request.url.replace(path=f"{self.prefix}/v1/albums/{record.spotify_id}/tracks", query="")
        tracks = [self._song(request, song) for song in record.songs]
        told = self._brief(request, record) | {
            "tracks": self._page(request, tracks, 50, address),
            "copyrights": [{"text": f"{record.released.year} {record.label}", "type": "P"}],
            "external_ids": {"upc": record.upc.zfill(14)},
            "genres": [],
            "label": record.label,
            "popularity": record.popularity,
        }
        return self._seen(told)

    def _song(self, request: Request, song: Song) -> dict[str, Any]:
        """Return a song as it stands inside an album: never with its popularity or its ISRC."""
        return self._seen(
            {
                "artists": [self._brief_artist(request, song.artist)],
                "available_markets": _MARKETS,
                "disc_number": 1,
                "duration_ms": song.seconds * 1000,
                "explicit": False,
                **self._named(request, "track", song.spotify_id, song.title),
                "preview_url": None if self.development else song_url(host(request), song),
                "track_number": song.number,
                "is_local": False,
            }
        )

    def _track(self, request: Request, record: Record, song: Song) -> dict[str, Any]:
        told = self._song(request, song) | {
            "album": self._brief(request, record),
            "external_ids": {"isrc": song.isrc},
            "popularity": song.popularity,
        }
        return self._seen(told)


def _error(status: int, message: str) -> Response:
    return plain_json({"error": {"status": status, "message": message}}, status)
