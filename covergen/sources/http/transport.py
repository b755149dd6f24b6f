"""One answer from the wire: the limiter is asked before each send, redirects and bodies have their limits.

What is worth another try, and what is kept, is left to `fetch.py`.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx2

from covergen.errors import BadInput, RejectCode, one_line
from covergen.sources.http.addresses import host_of, masked, redirected, web_address
from covergen.sources.http.bodies import CODINGS, read_body
from covergen.sources.http.robots import MAX_BYTES, NOT_KEPT, NOT_READ, Robots, refused_by
from covergen.sources.limiter.limiter import Limiter
from covergen.sources.request import Answer, Manners

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
CRAWL_DELAY: Final = "crawl-delay"  # before a host: the bucket of its own pause
SHORTEST_DELAY: Final = 0.25  # seconds; slots of less are too short to be met
HOPS: Final = 5  # redirects that are followed
TIMEOUT: Final = 30.0  # seconds of silence
CONNECT: Final = 10.0  # seconds until a connection stands
LONGEST_REST: Final = 86_400.0  # seconds: a Retry-After beyond a day is taken for a day
_LOGGERS: Final = ("httpx2", "httpcore2", "hishel")


@dataclass(frozen=True)
class Ask:
    """How an address is asked for. `headers` go to its own origin only; `checks` (conditions) go along."""

    manners: Manners
    headers: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int = 2**25
    ruled: bool = True  # by robots.txt and X-Robots-Tag
    prefix: bool = False  # of a longer body the first `max_bytes` will do
    kept: bool = False  # the bytes themselves will be kept, not only what is read from them


class Transport:
    """A pool of connections. Safe for threads."""

    def __init__(
        self,
        user_agent: str,
        limiter: Limiter,
        *,
        timeout: float = TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.user_agent, self.limiter, self.clock = user_agent, limiter, clock
        for name in _LOGGERS:  # they would write addresses and headers, secrets among them
            logging.getLogger(name).setLevel(logging.WARNING)
        self.client = httpx2.Client(
            transport=transport,
            timeout=httpx2.Timeout(timeout, connect=CONNECT),
            headers={"User-Agent": user_agent, "Accept-Encoding": CODINGS},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # keeps none, so sends none
        )
        self.robots = Robots(user_agent, self._ask_unruled, clock=clock)
        self.sent: Counter[str] = Counter()  # by bucket
        self.paused: Counter[str] = Counter()  # milliseconds for hosts that ask for a pause, by bucket

    def ask(self, url: str, ask: Ask) -> Answer:
        """Return whatever answers at an address in the end, its own address masked. Raises BadInput."""
        address, headers = web_address(url), {**ask.headers, **ask.checks}
        first = _origin(address)
        for _ in range(HOPS + 1):
            delay = self.robots.check(str(address), ask.manners) if ask.ruled else None
            answer, further = self._send(address, headers, ask, delay=delay)
            if further is None:
                return answer
            address = redirected(address, further)
            if _origin(address) != first:
                headers = dict(ask.checks)
        raise BadInput(RejectCode.SOURCE_ERROR, f"{masked(str(address))} redirects on and on")

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _ask_unruled(self, url: str, manners: Manners) -> Answer:
        return self.ask(url, Ask(manners, ruled=False, max_bytes=MAX_BYTES, prefix=True))

    def _send(
        self, url: httpx2.URL, headers: Mapping[str, str], ask: Ask, *, delay: float | None
    ) -> tuple[Answer, str | None]:
        """Return an answer, and where it redirects to; the host is sent one request in `delay` seconds."""
        name, request = masked(str(url)), self.client.build_request("GET", url, headers=dict(headers))
        try:
            with self.limiter.turn(ask.manners), self._spaced(host_of(url), delay, ask.manners.bucket):
                self.sent[ask.manners.bucket] += 1
                response = self.client.send(request, stream=True, follow_redirects=False)
                try:
                    told = {name.lower(): value for name, value in response.headers.items()}
                    self._heed(response.status_code, told, ask.manners)  # before the body, which may be slow
                    further = told.get("location") if response.status_code in REDIRECTS else None
                    body = b"" if further else self._body(response, name, ask)
                finally:
                    response.close()
        except (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError) as error:
            reason = f"{name} broke off: {type(error).__name__} {masked(one_line(error))}".rstrip()
            retriable = not isinstance(error, httpx2.UnsupportedProtocol)
            raise BadInput(RejectCode.UNREACHABLE, reason, retriable=retriable) from None
        return Answer(name, response.status_code, told, body, datetime.now(UTC)), further

    @contextmanager
    def _spaced(self, host: str, delay: float | None, bucket: str) -> Iterator[None]:
        """Wait until the host's own pause between two requests, of all sources together, is over."""
        if not delay:
            yield
            return
        began = self.clock()
        pause = Manners(f"{CRAWL_DELAY}/{host}", 1, max(delay, SHORTEST_DELAY), at_once=1)
        with self.limiter.turn(pause):
            self.paused[bucket] += round(1000 * (self.clock() - began))
            yield

    def _heed(self, status: int, headers: Mapping[str, str], manners: Manners) -> None:
        """Let everybody rest where the answer asks for it, whatever its status."""
        wait = retry_after(headers)
        if wait is None and status == 429:
            wait = max(1.0, manners.seconds)
        if wait:
            self.limiter.rest(manners.bucket, min(wait, LONGEST_REST))

    def _body(self, response: httpx2.Response, name: str, ask: Ask) -> bytes:
        """Return the decoded body. Raises BadInput, before it is read where the headers tell enough."""
        if response.status_code == 304:
            return b""
        if ask.ruled and response.status_code == 200:
            word = refused_by(response.headers, self.user_agent, NOT_KEPT if ask.kept else NOT_READ)
            if word is not None:
                raise BadInput(RejectCode.ROBOTS, f"{name} says {word} in X-Robots-Tag")
        return read_body(response, name, max_bytes=ask.max_bytes, prefix=ask.prefix, clock=self.clock)


def retry_after(headers: Mapping[str, str], *, wall: Callable[[], float] = time.time) -> float | None:
    """Return the seconds that Retry-After asks for, given as such or as a date; None without a usable one."""
    told = headers.get("retry-after", "").strip()
    if not told:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", told):
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - wall())
    except (ValueError, TypeError, OverflowError):
        return None


def _origin(url: httpx2.URL) -> tuple[str, str]:
    return url.scheme, host_of(url)
