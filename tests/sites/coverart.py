"""The Cover Art Archive: the front cover of a release or of its group, by redirects."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tests.sites.answers import HTML, answer_json, host
from tests.sites.catalogue import Record
from tests.sites.media import cover_url
from tests.sites.world import World

_ORIGINAL = 1000


class CoverArt:
    """The archive."""

    def __init__(self, world: World):
        self.catalogue = world.catalogue

    def routes(self) -> list[Route]:
        return [
            Route("/{kind}/{id}/front", self.front),
            Route("/{kind}/{id}/front-{size:int}", self.front),
            Route("/{kind}/{id}", self.listed),
        ]

    async def listed(self, request: Request) -> Response:
        record = self._found(request)
        if not record:
            return _nothing()
        return answer_json(request, _images(host(request), record))

    async def front(self, request: Request) -> Response:
        record, size = self._found(request), request.path_params.get("size", _ORIGINAL)
        if not record or size not in {250, 500, 1200, _ORIGINAL}:
            return _nothing()
        return RedirectResponse(cover_url(host(request), record, str(size)), 307)

    def _found(self, request: Request) -> Record | None:
        kind, asked = request.path_params["kind"], request.path_params["id"]
        for record in self.catalogue.sold:
            if {"release": record.release_id, "release-group": record.group_id}.get(kind) == asked:
                return record
        return None


def _images(base: str, record: Record) -> dict[str, Any]:
    sizes = {name: cover_url(base, record, name) for name in ("250", "500", "1200")}
    image = {
        "id": str(record.itunes_id),
        "types": ["Front"],
        "front": True,
        "back": False,
        "approved": True,
        "comment": "",
        "edit": 1,
        "image": cover_url(base, record, str(_ORIGINAL)),
        "thumbnails": {**sizes, "small": sizes["250"], "large": sizes["500"]},
    }
    return {"images": [image], "release": f"https://musicbrainz.org/release/{record.release_id}"}


def _nothing() -> Response:
    return Response("<html><body>No cover art found</body></html>", 404, media_type=HTML)
