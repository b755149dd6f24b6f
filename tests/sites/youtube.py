"""YouTube's results pages: everything in ytInitialData, behind a consent page.

Views are exact; among the results are what real ones hold too: an advertisement, a shelf, a live stream with
watchers, "No views", "1 view". Without hl=en a German browser gets German.
"""

import json
from html import escape
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tests.sites import ids, search
from tests.sites.answers import HTML, answer
from tests.sites.catalogue import Record, Song
from tests.sites.world import World

MOST = 12
_COOKIE = "SOCS"


class YouTube:
    """The site."""

    def __init__(self, world: World):
        self.catalogue = world.catalogue

    def routes(self) -> list[Route]:
        return [
            Route("/results", self.results),
            Route("/consent", self.consent),
            Route("/consent/save", self.save, methods=["POST"]),
            Route("/watch", self.watch),
        ]

    async def results(self, request: Request) -> Response:
        asked = request.query_params
        if _COOKIE not in request.cookies and asked.get("ucbcb") != "1":
            address = f"/youtube/results?{request.url.query}"
            return RedirectResponse(f"/youtube/consent?continue={quote(address, safe='')}", 302)
        german = request.headers.get("accept-language", "").lower().startswith("de")
        language = asked.get("hl") or ("de" if german else "en")
        query = asked.get("search_query", "")
        found = search.closest(self.catalogue, query)[:MOST]
        headers = {"Cache-Control": "no-cache, no-store", "Vary": "Cookie, Accept-Language"}
        return answer(request, _page(query, initial_data(query, found, language), language), HTML, headers)

    async def consent(self, request: Request) -> Response:
        target = escape(request.query_params.get("continue", "/youtube/results"))
        form = "".join(
            '<form action="/youtube/consent/save" method="POST">'
            f'<input type="hidden" name="continue" value="{target}">'
            f'<button aria-label="{words}" name="set" value="{value}">{words}</button></form>'
            for words, value in (("Reject all", "CAE"), ("Accept all", "CAI"))
        )
        page = f"<title>Before you continue to YouTube</title></head><body><h1>Before you continue</h1>{form}"
        return Response(f"<!DOCTYPE html><html><head>{page}</body></html>", media_type=HTML)

    async def save(self, request: Request) -> Response:
        form = await request.form()
        target = str(form.get("continue", "/youtube/results"))
        told = RedirectResponse(target if target.startswith("/youtube/") else "/youtube/results", 303)
        told.set_cookie(_COOKIE, str(form.get("set", "CAI")), path="/")
        return told

    async def watch(self, request: Request) -> Response:
        for record, song in self.catalogue.songs:
            if song.youtube_id == request.query_params.get("v"):
                title = f"{record.artist} - {song.title}"
                return answer(request, f"<!DOCTYPE html><title>{escape(title)} - YouTube</title>", HTML)
        return Response("Not Found", 404)


def initial_data(query: str, found: list[tuple[Record, Song]], language: str) -> dict[str, Any]:
    """Return what the page keeps in ytInitialData."""
    videos: list[dict[str, Any]] = [{"adSlotRenderer": {"adSlotMetadata": {"slotId": "0:0:0:0"}}}]
    for record, song in found:
        videos.append({"videoRenderer": _video(record, song, language)})
    if found:
        record, song = found[0]
        videos.append({"shelfRenderer": _shelf(record, song, language)})
        videos += [
            {"videoRenderer": _other(record, song, kind, views)}
            for kind, views in (
                ("live now", "999 watching"),
                ("first take", "No views"),
                ("my cover", "1 view"),
            )
        ]
    section = {"itemSectionRenderer": {"contents": videos, "trackingParams": "AAAA"}}
    more = {"continuationItemRenderer": {"trigger": "CONTINUATION_TRIGGER_ON_ITEM_SHOWN"}}
    primary = {"sectionListRenderer": {"contents": [section, more]}}
    return {
        "responseContext": {"serviceTrackingParams": [{"service": "GUIDED_HELP", "params": []}]},
        "estimatedResults": str(len(found)),
        "contents": {"twoColumnSearchResultsRenderer": {"primaryContents": primary}},
        "refinements": [f"{query} live"],
        "trackingParams": "AAAA",
    }


def view_texts(views: int, language: str) -> tuple[str, str]:
    """Return the exact and the short text of views."""
    if language != "en":
        return f"{views:,}".replace(",", ".") + " Aufrufe", f"{views:,}".replace(",", ".") + " Aufrufe"
    if views == 0:
        return "No views", "No views"
    if views == 1:
        return "1 view", "1 view"
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if views >= unit:
            short = views / unit
            told = f"{short:.1f}".removesuffix(".0") if short < 10 else f"{short:.0f}"
            return f"{views:,} views", f"{told}{name} views"
    return f"{views:,} views", f"{views:,} views"


def _video(record: Record, song: Song, language: str) -> dict[str, Any]:
    long, short = view_texts(song.views, language)
    title = song.title if record.decoy else f"{song.artist} - {song.title} (Official Audio)"
    return {
        **_core(song.youtube_id, title, song.artist, song.seconds),
        "publishedTimeText": {"simpleText": "3 years ago"},
        "viewCountText": {"simpleText": long},
        "shortViewCountText": {"accessibility": {"accessibilityData": {"label": short}}, "simpleText": short},
    }


def _other(record: Record, song: Song, kind: str, views: str) -> dict[str, Any]:
    """Return a video that nobody looks for, with a view text of its own."""
    number = ids.youtube_id(song.key, kind)
    told = _core(number, f"{song.artist} - {song.title} ({kind})", "Somebody Else", song.seconds)
    if views.endswith("watching"):
        del told["lengthText"]
        runs = {"runs": [{"text": views.split(maxsplit=1)[0]}, {"text": " watching"}]}
        return told | {"viewCountText": runs, "shortViewCountText": runs}
    return told | {"viewCountText": {"simpleText": views}, "shortViewCountText": {"simpleText": views}}


def _shelf(record: Record, song: Song, language: str) -> dict[str, Any]:
    items = [
        {"videoRenderer": _video(record, other, language)} for other in record.songs if other is not song
    ]
    return {
        "title": {"simpleText": f"Latest from {record.artist}"},
        "content": {"verticalListRenderer": {"items": items, "collapsedItemCount": 2}},
    }


def _core(number: str, title: str, channel: str, seconds: int) -> dict[str, Any]:
    owner = {"runs": [{"text": channel}]}
    length = f"{seconds // 60}:{seconds % 60:02d}"
    thumbnail = {"url": f"/youtube/vi/{number}/hq720.jpg", "width": 720, "height": 404}
    return {
        "videoId": number,
        "thumbnail": {"thumbnails": [thumbnail]},
        "title": {
            "runs": [{"text": title}],
            "accessibility": {"accessibilityData": {"label": f"{title} by {channel}"}},
        },
        "longBylineText": owner,
        "lengthText": {
            "accessibility": {"accessibilityData": {"label": f"{seconds} seconds"}},
            "simpleText": length,
        },
        "navigationEndpoint": {"watchEndpoint": {"videoId": number}},
        "ownerText": owner,
        "shortBylineText": owner,
        "trackingParams": "AAAA",
    }


def _page(query: str, data: dict[str, Any], language: str) -> str:
    # "<" is escaped in the data as the real page does it: a title may hold "</script>".
    script = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><title>{escape(query)} - YouTube</title>'
        f'<script nonce="aaaa">window.ytcfg={{}};</script></head><body><ytd-app></ytd-app>'
        f'<script nonce="aaaa">var ytInitialData = {script};</script></body></html>'
    )
