"""A small YouTube on loopback: results pages in the real shape, slow as asked, with its consent page.

Every page is made from its query, so what was read can be checked; the site counts what it was asked.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

REAL_SIZE = 1_000_000  # characters of a results page in January 2026


@dataclass
class ResultsSite:
    """What the site does to its visitors, and what they asked."""

    latency: float = 0.0
    size: int = REAL_SIZE
    consent: str = "SOCS=CAI"  # the cookie that lets in; what the consent page's form gives is "SOCS=refused"
    requests: Counter[str] = field(default_factory=Counter)
    loading: Counter[str] = field(default_factory=Counter)
    most: int = 0  # pages that were loading at once
    consents: int = 0
    base: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def address(self, query: str) -> str:
        """Return the address of a results page."""
        return f"{self.base}/results?{urlencode({'search_query': query, 'hl': 'en', 'gl': 'US'})}"


def views_of(query: str, place: int = 0) -> int:
    """Return the views of the video at a place of a page."""
    return random.Random(f"{query}/{place}").randrange(10_000_000)


@contextmanager
def results_site(**settings: Any) -> Iterator[ResultsSite]:
    """Serve a site until the block ends."""
    site = ResultsSite(**settings)
    handler = type("Handler", (_Handler,), {"site": site})
    with _Server(("127.0.0.1", 0), handler) as server:
        site.base = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def results_page(query: str, *, count: int = 20, size: int = 0, language: str = "en") -> str:
    """Return a results page of `count` videos, filled up to `size` characters."""
    videos = [{"videoRenderer": video_renderer(query, place)} for place in range(count)]
    found = {"itemSectionRenderer": {"contents": videos, "trackingParams": "CFoQui8iEwjV8Iqf"}}
    data = {
        "responseContext": {"visitorData": "Cgs5SlpCZzJmRnlBdw%3D%3D", "serviceTrackingParams": []},
        "estimatedResults": "1234567",
        "contents": {
            "twoColumnSearchResultsRenderer": {
                "primaryContents": {"sectionListRenderer": {"contents": [found]}}
            }
        },
    }
    text = json.dumps(data)
    filling = "{};" * max(0, (size - len(text)) // 3)
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><title>{query} - YouTube</title>'
        f"<script>var ytcfg={{d:function(){{}}}};{filling}</script></head><body>"
        f"<script>var ytInitialData = {text};</script></body></html>"
    )


def video_renderer(query: str, place: int) -> dict[str, Any]:
    """Return one video as a results page tells it."""
    draw = random.Random(f"{query}|{place}")
    video_id = "".join(draw.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", k=11))
    views = views_of(query, place)
    channel = {"runs": [{"text": f"{query.partition(' ')[0]} - Topic" if place == 0 else f"Channel {place}"}]}
    return {
        "videoId": video_id,
        "thumbnail": {"thumbnails": [{"url": f"https://i.ytimg.com/vi/{video_id}/hq720.jpg", "width": 360}]},
        "title": {"runs": [{"text": query.partition(" ")[2] if place == 0 else f"Video {place} of {query}"}]},
        "longBylineText": channel,
        "ownerText": channel,
        "publishedTimeText": {"simpleText": "2 years ago"},
        "lengthText": {"simpleText": f"{draw.randrange(1, 10)}:{draw.randrange(60):02d}"},
        "viewCountText": {"simpleText": f"{views:,} views"},
        "shortViewCountText": {"simpleText": f"{views / 1e6:.1f}M views"},
    }


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # a browser was killed
        return


class _Handler(BaseHTTPRequestHandler):
    site: ResultsSite
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query).get("search_query", [""])[0]
        if parts.path != "/results":
            self._say(404 if parts.path != "/consent" else 200, CONSENT_PAGE.format(back=parts.query))
            return
        if self.site.consent not in self.headers.get("Cookie", ""):
            self._say(302, "", location=f"/consent?{parts.query}")
            return
        with self.site.lock:
            self.site.requests[query] += 1
            self.site.loading[query] += 1
            self.site.most = max(self.site.most, self.site.loading.total())
        time.sleep(self.site.latency)
        with self.site.lock:
            self.site.loading[query] -= 1
        self._say(200, results_page(query, size=self.site.size))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.site.lock:
            self.site.consents += 1
        self._say(303, "", location=f"/results?{urlsplit(self.path).query}", cookie="SOCS=refused; Path=/")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ARG002  # one line a page is too many
        return

    def _say(self, status: int, html: str, *, location: str = "", cookie: str = "") -> None:
        body = html.encode()
        self.send_response(status)
        headers = {"Content-Type": "text/html; charset=utf-8", "Location": location, "Set-Cookie": cookie}
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


CONSENT_PAGE = """<!DOCTYPE html><html lang="en"><head><title>Before you continue to YouTube</title></head>
<body><form action="/consent/save?{back}" method="POST"><input type="hidden" name="gl" value="US">
<button>Reject all</button></form>
<form action="/consent/save?{back}" method="POST"><button>Accept all</button></form></body></html>"""
