"""All sites under one roof, and the server's own pages: /_faults, /_log, /_settings, /_catalogue."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from tests.sites.answers import plain_json
from tests.sites.catalogue import Record
from tests.sites.coverart import CoverArt
from tests.sites.deezer import Deezer
from tests.sites.door import Door
from tests.sites.itunes import ITunes
from tests.sites.media import Media
from tests.sites.musicbrainz import MusicBrainz
from tests.sites.spotify import Spotify
from tests.sites.spotify_accounts import SpotifyAccounts
from tests.sites.wikipedia import Wikipedia, title_of
from tests.sites.world import World
from tests.sites.youtube import YouTube
from tests.sites.youtube_api import YouTubeApi

ROBOTS = """User-agent: *
Allow: /wikipedia/w/load.php?
Disallow: /wikipedia/w/
Disallow: /wikipedia/api/
Disallow: /wikipedia/wiki/Special:
Disallow: /youtube/results
Allow: /
"""


def sites(world: World) -> dict[str, Any]:
    """Return the sites by prefix."""
    return {
        "/wikipedia": Wikipedia(world),
        "/spotify": Spotify(world),
        "/spotify-dev": Spotify(world, development=True),
        "/spotify-accounts": SpotifyAccounts(world),
        "/youtube": YouTube(world),
        "/youtube-api": YouTubeApi(world),
        "/deezer": Deezer(world),
        "/itunes": ITunes(world),
        "/musicbrainz": MusicBrainz(world),
        "/coverart": CoverArt(world),
        "/media": Media(world),
    }


# Where the real address has a path of its own, both forms are served.
DEEPER = {
    "/spotify": "/v1", "/spotify-dev": "/v1", "/youtube-api": "/youtube/v3", "/musicbrainz": "/ws/2",
}  # fmt: skip


def application(world: World) -> Door:
    """Return the ASGI application."""
    routes: list[Route | Mount] = ControlPages(world).routes()
    for prefix, site in sites(world).items():
        if prefix in DEEPER:
            routes.append(Mount(prefix + DEEPER[prefix], routes=site.routes()))
        routes.append(Mount(prefix, routes=site.routes()))
    return Door(Starlette(routes=routes), world)


class ControlPages:
    """The server's own pages."""

    def __init__(self, world: World):
        self.world = world

    def routes(self) -> list[Route | Mount]:
        return [
            Route("/robots.txt", self.robots),
            Route("/wiki/{title:path}", self.linked),
            Route("/_faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_settings", self.settings, methods=["GET", "POST", "DELETE"]),
            Route("/_log", self.log, methods=["GET", "DELETE"]),
            Route("/_catalogue", self.catalogue),
        ]

    async def robots(self, request: Request) -> Response:
        return PlainTextResponse(ROBOTS)

    async def linked(self, request: Request) -> Response:
        """Lead on whoever follows a link of a Wikipedia page, which is written as on the real ones."""
        return RedirectResponse(f"/wikipedia{request.url.path}", 301)

    async def faults(self, request: Request) -> Response:
        faults = self.world.faults
        if request.method == "DELETE":
            faults.on.clear()
        if request.method == "POST":
            try:
                faults.add(await request.json())
            except (ValueError, TypeError) as error:
                return plain_json({"error": str(error)}, 400)
        return plain_json([vars(fault) for fault in faults.on])

    async def settings(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.world.reset()
        if request.method == "POST":
            try:
                self.world.settings.change(await request.json())
            except ValueError as error:
                return plain_json({"error": str(error)}, 400)
        return plain_json(self.world.settings.values | {"spent": self.world.spent})

    async def log(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.world.log.entries.clear()
        return plain_json(self.world.log.told())

    async def catalogue(self, request: Request) -> Response:
        return plain_json([told(record) for record in self.world.catalogue.sold])


def told(record: Record) -> dict[str, Any]:
    """Return an album as /_catalogue tells it: what every site says of it, so that a test can compare."""
    half = 0 if record.released.year != 2021 else 1 + (record.released.month > 6)
    return {
        "key": record.key,
        "artist": record.artist,
        "title": record.title,
        "genre": record.genre,
        "label": record.label,
        "released": record.released.isoformat(),
        "upc": record.upc,
        "kind": record.kind,
        "decoy": record.decoy,
        "page": None if record.decoy else title_of(record.released.year, half),
        "spotify": record.spotify_id,
        "deezer": record.deezer_id,
        "itunes": record.itunes_id,
        "musicbrainz": record.release_id,
        "songs": [
            {
                "title": song.title,
                "isrc": song.isrc,
                "seconds": song.seconds,
                "popularity": song.popularity,
                "views": song.views,
                "spotify": song.spotify_id,
                "youtube": song.youtube_id,
                "deezer": song.deezer_id,
            }
            for song in record.songs
        ],
    }
