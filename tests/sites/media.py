"""The media host: covers at any size, songs in three formats, signed previews that expire.

/media/noai/... serves the same under a header by which its owner forbids to learn from it.
"""

import hashlib
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.sites.answers import answer, host
from tests.sites.catalogue import Record, Song
from tests.sites.world import World

MIMES = {"mp3": "audio/mpeg", "m4a": "audio/mp4", "flac": "audio/flac"}
_SECRET = "a loopback server has none"
_KEPT = {"Cache-Control": "public, max-age=86400"}


def cover_url(base: str, record: Record, shape: str = "640") -> str:
    """Return where a cover is; a shape is as the services write it: 640, 1000x1000-..., 100x100bb."""
    return f"{base}/media/cover/{record.key}/{shape}.jpg"


def song_url(base: str, song: Song, kind: str = "mp3") -> str:
    return f"{base}/media/song/{song.key}.{kind}"


def signed_url(base: str, song: Song, seconds: float) -> str:
    """Return where a preview is for `seconds` from now."""
    expires = int(time.time() + seconds)
    return f"{base}/media/preview/{song.key}.mp3?exp={expires}&sig={_signature(song.key, expires)}"


class Media:
    """The host."""

    def __init__(self, world: World):
        self.world = world

    def routes(self) -> list[Route]:
        return [
            Route("/cover/{key}/{shape}.jpg", self.cover),
            Route("/song/{key}.{kind}", self.song),
            Route("/preview/{key}.mp3", self.preview),
            Route("/noai/cover/{key}/{shape}.jpg", self.forbidden),
        ]

    def cover(self, request: Request) -> Response:
        size = request.path_params["shape"].split("x")[0]
        if not size.isdigit() or int(size) < 8:
            return Response("no such size", 404)
        try:
            body = self.world.media_maker.cover(request.path_params["key"], int(size))
        except KeyError:
            return Response("no such cover", 404)
        return answer(request, body, "image/jpeg", _KEPT)

    def song(self, request: Request) -> Response:
        return self._song(request, request.path_params["kind"], _KEPT)

    def preview(self, request: Request) -> Response:
        """Answer a signed address, 403 once it has expired or where it was never signed."""
        expires, key = request.query_params.get("exp", ""), request.path_params["key"]
        signed = expires.isdigit() and request.query_params.get("sig") == _signature(key, int(expires))
        if not signed or int(expires) < time.time():
            return Response("Access Denied", 403, media_type="text/plain")
        return self._song(request, "mp3", {"Cache-Control": "private"})

    def forbidden(self, request: Request) -> Response:
        told = self.cover(request)
        told.headers["X-Robots-Tag"] = "noai, noimageai"
        return told

    def _song(self, request: Request, kind: str, headers: dict[str, str]) -> Response:
        if kind not in MIMES:
            return Response("no such format", 404)
        try:
            body = self.world.media_maker.song(request.path_params["key"], kind)
        except KeyError:
            return Response("no such song", 404)
        return answer(request, body, MIMES[kind], headers)


def _signature(key: str, expires: int) -> str:
    return hashlib.sha256(f"{_SECRET}/{key}/{expires}".encode()).hexdigest()[:40]


def addresses(request: Request, record: Record) -> list[dict[str, object]]:
    """Return a cover in three sizes as Spotify lists them, widest first."""
    base = host(request)
    return [
        {"url": cover_url(base, record, str(size)), "height": size, "width": size} for size in (640, 300, 64)
    ]
