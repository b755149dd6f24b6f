"""YouTube's Data API, version 3: search and videos, with quotas that can be used up."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.sites import ids, search
from tests.sites.answers import answer_json, whole
from tests.sites.catalogue import Record, Song
from tests.sites.faults import youtube_error
from tests.sites.world import World

BAD_KEY = "bad"  # the one key that is refused
_SPENT = "The request cannot be completed because you have exceeded your quota."


class YouTubeApi:
    """The API; the number of searches and units of a day are settings, used up until these are reset."""

    def __init__(self, world: World):
        self.world, self.catalogue = world, world.catalogue

    def routes(self) -> list[Route]:
        return [Route("/search", self.search), Route("/videos", self.videos)]

    async def search(self, request: Request) -> Response:
        if refused := self._refused(request, "youtube_searches"):
            return refused
        limit = min(max(whole(request.query_params.get("maxResults"), 5), 0), 50)
        found = search.closest(self.catalogue, request.query_params.get("q", ""))
        told = {
            "kind": "youtube#searchListResponse",
            "etag": "search",
            "nextPageToken": "CAUQAA",
            "regionCode": "US",
            "pageInfo": {"totalResults": len(found), "resultsPerPage": limit},
            "items": [_result(record, song) for record, song in found[:limit]],
        }
        return answer_json(request, told)

    async def videos(self, request: Request) -> Response:
        asked = [part for part in request.query_params.get("id", "").split(",") if part]
        if len(asked) > 50 or not asked:
            said = "The request specifies an invalid filter parameter."
            return youtube_error(400, "invalidFilters", said, domain="youtube.parameter")
        if refused := self._refused(request, "youtube_units"):
            return refused
        known = {song.youtube_id: (record, song) for record, song in self.catalogue.songs}
        parts = request.query_params.get("part", "").split(",")
        items = [_video(*known[number], parts) for number in asked if number in known]
        told = {
            "kind": "youtube#videoListResponse",
            "etag": "videos",
            "items": items,
            "pageInfo": {"totalResults": len(items), "resultsPerPage": len(items)},
        }
        return answer_json(request, told)

    def _refused(self, request: Request, bucket: str) -> Response | None:
        key = request.query_params.get("key") or request.headers.get("x-goog-api-key")
        if not key:
            said = "Method doesn't allow unregistered callers (callers without established identity)."
            return youtube_error(403, "forbidden", said, domain="global")
        if key == BAD_KEY:
            said = "API key not valid. Please pass a valid API key."
            return youtube_error(400, "badRequest", said, domain="global")
        if not request.query_params.get("part"):
            return youtube_error(400, "missingRequiredParameter", "No filter selected.", domain="global")
        if self.world.spent[bucket] >= self.world.settings.values[bucket]:
            return youtube_error(403, "quotaExceeded", _SPENT, domain="youtube.quota")
        self.world.spent[bucket] += 1
        return None


def _snippet(record: Record, song: Song) -> dict[str, Any]:
    title = song.title if record.decoy else f"{song.artist} - {song.title} (Official Audio)"
    thumbnail = f"https://i.ytimg.com/vi/{song.youtube_id}/hqdefault.jpg"
    return {
        "publishedAt": f"{max(record.released.year, 2009)}-06-01T12:00:00Z",
        "channelId": "UC" + ids.youtube_id("channel", song.artist) * 2,
        "title": title,
        "description": f"From {record.title}, {record.label}.",
        "thumbnails": {"high": {"url": thumbnail, "width": 480, "height": 360}},
        "channelTitle": song.artist if record.decoy else f"{song.artist} - Topic",
        "liveBroadcastContent": "none",
    }


def _result(record: Record, song: Song) -> dict[str, Any]:
    return {
        "kind": "youtube#searchResult",
        "etag": song.key,
        "id": {"kind": "youtube#video", "videoId": song.youtube_id},
        "snippet": _snippet(record, song),
    }


def _video(record: Record, song: Song, parts: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": "youtube#video", "etag": song.key, "id": song.youtube_id}
    if "snippet" in parts:
        told["snippet"] = _snippet(record, song) | {"categoryId": "10"}
    if "contentDetails" in parts:
        told["contentDetails"] = {"duration": f"PT{song.seconds // 60}M{song.seconds % 60}S"}
    if "statistics" in parts:
        told["statistics"] = {
            "viewCount": str(song.views),
            "likeCount": str(song.views // 40),
            "favoriteCount": "0",
            "commentCount": str(song.views // 900),
        }
    return told
