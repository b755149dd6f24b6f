"""What a site wishes of robots: robots.txt (RFC 9309), and X-Robots-Tag on what it sends."""

import codecs
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from protego import Protego

from covergen.errors import BadInput, RejectCode
from covergen.sources.http.addresses import host_of, web_address
from covergen.sources.web_source import Answer, RateLimit

DAY: Final = 86_400.0
SOON: Final = 300.0  # seconds after which a robots.txt that could not be had is asked for again
MAX_BYTES: Final = 512 * 1024  # of robots.txt are read; RFC 9309 asks for no fewer than 500 KiB
LONGEST_DELAY: Final = 180.0  # seconds of Crawl-delay that are waited for; who asks for more is left alone
NOT_KEPT: Final = frozenset({"noai", "noimageai", "none", "noindex"})
NOT_READ: Final = frozenset({"noai", "none"})
_VALUED: Final = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


class Robots:
    """The robots.txt of every host asked, each fetched once a day. Safe for threads.

    `ask` fetches an address, at the pace of what is asked for, without asking about robots. A 4xx allows
    all; a 5xx, a 429 or no answer forbids all for now.
    """

    def __init__(
        self,
        user_agent: str,
        ask: Callable[[str, RateLimit], Answer],
        *,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.product, self.ask, self.clock = user_agent.partition("/")[0].strip().lower(), ask, clock
        self._lock = threading.Lock()
        self._hosts: dict[str, threading.Lock] = {}
        self._rules: dict[
            str, tuple[float, Protego | None]
        ] = {}  # until when, and None where all is forbidden

    def check(self, url: str, rate_limit: RateLimit) -> float | None:
        """Return the seconds that the host asks for between two requests, None where it asks for no pause.

        Raises BadInput ROBOTS if it does not want the address fetched.
        """
        address = web_address(url)
        name, path = host_of(address), address.raw_path.decode("ascii")
        rules = self._of(f"{address.scheme}://{name}", rate_limit)
        if rules is None:
            reason = f"robots.txt of {name} cannot be had, so nothing there is fetched for now"
            raise BadInput(RejectCode.ROBOTS, reason, retriable=True)
        if not rules.can_fetch(f"{address.scheme}://{name}{path}", self.product):
            reason = f"robots.txt of {name} asks {self.product} to leave {address.path} alone"
            raise BadInput(RejectCode.ROBOTS, reason)
        delay = rules.crawl_delay(self.product)
        if delay is not None and not delay <= LONGEST_DELAY:
            reason = f"robots.txt of {name} asks for {delay:g} s between two requests, which nobody waits for"
            raise BadInput(RejectCode.ROBOTS, reason)
        return delay

    def _of(self, host: str, rate_limit: RateLimit) -> Protego | None:
        with self._lock:
            lock = self._hosts.setdefault(host, threading.Lock())
        with lock:  # of several threads one fetches it
            until, rules = self._rules.get(host, (float("-inf"), None))
            if self.clock() >= until:
                rules = self._fetch(host, rate_limit)
                self._rules[host] = self.clock() + (SOON if rules is None else DAY), rules
            return rules

    def _fetch(self, host: str, rate_limit: RateLimit) -> Protego | None:
        try:
            answer = self.ask(f"{host}/robots.txt", rate_limit)
        except BadInput as problem:
            if problem.code in {RejectCode.RATE_LIMITED, RejectCode.QUOTA_SPENT}:
                raise  # of this bucket, and nothing about the host
            return None
        if answer.status == 200:
            return Protego.parse(_text(answer.body))
        return Protego.parse("") if 400 <= answer.status < 500 and answer.status != 429 else None


def _text(body: bytes) -> str:
    """Return a robots.txt as text: its byte-order mark and a rule that was cut in its midst left out."""
    if len(body) >= MAX_BYTES:
        body = body[:MAX_BYTES].rpartition(b"\n")[0]
    marked = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return body.decode("utf-16" if marked else "utf-8-sig", "replace")


def refused_by(headers: Mapping[str, str], user_agent: str, unwanted: frozenset[str]) -> str | None:
    """Return which of the unwanted words X-Robots-Tag says to all robots or to ours; None if none.

    A field may be for one robot, `name: word, word`; fields come joined by commas.
    """
    product, said_to = user_agent.partition("/")[0].strip().lower(), ""
    for part in headers.get("x-robots-tag", "").lower().split(","):
        word = part.strip()
        name, colon, rest = word.partition(":")
        if colon and not name.strip().startswith(_VALUED):
            said_to, word = name.strip(), rest.strip()
        if word in unwanted and said_to in {"", "*", product}:
            return word
    return None
