"""One answer from the wire: the limiter is asked before each send, redirects and bodies have their limits.

What is worth another try, and what is kept, is left to `fetch.py`.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx2

from covergen.errors import BadInput, RejectCode, one_line
from covergen.sources.limits import Limiter
from covergen.sources.robots import NOT_KEPT, NOT_READ, Robots, refused_by
from covergen.sources.web import Answer, Manners

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
HOPS: Final = 5  # redirects that are followed
TIMEOUT: Final = 30.0  # seconds of silence
CONNECT: Final = 10.0  # seconds until a connection stands
SLOWEST: Final = 120.0  # seconds for a whole body
LONGEST_REST: Final = 86_400.0  # seconds: a Retry-After beyond a day is taken for a day
SECRET: Final = re.compile(
    r"(?i)([?&;](?:api_?key|key|access_token|refresh_token|token|client_secret|secret|password|sig|signature)=)"
    r"[^&#;\s]+"
)
_LOGIN: Final = re.compile(r"(?i)(https?://)[^/@\s]+@")
_LOGGERS: Final = ("httpx2", "httpcore2", "hishel")


def masked(text: str) -> str:
    """Return an address, or a text with addresses, with the values of secrets in it replaced by stars."""
    return _LOGIN.sub(r"\1***@", SECRET.sub(r"\1***", text))


@dataclass(frozen=True)
class Ask:
    """How an address is asked for. `headers` go to its own origin only; `checks` (conditions) go along."""

    manners: Manners
    headers: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int = 2**25
    ruled: bool = True  # by robots.txt and X-Robots-Tag
    kept: bool = False  # the bytes themselves will be kept, not only what is read from them


class Wire:
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
            headers={"User-Agent": user_agent},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # keeps none, so sends none
        )
        self.robots = Robots(user_agent, self._ask_unruled, clock=clock)
        self.sent: Counter[str] = Counter()  # by bucket

    def ask(self, url: str, ask: Ask) -> Answer:
        """Return whatever answers at an address in the end, its own address masked. Raises BadInput."""
        first, headers = _origin(url), {**ask.headers, **ask.checks}
        for _ in range(HOPS + 1):
            if ask.ruled:
                self.robots.check(url, ask.manners)
            answer, further = self._send(url, headers, ask)
            if further is None:
                return answer
            url = urljoin(url, further)
            if _origin(url) != first:
                headers = dict(ask.checks)
        raise BadInput(RejectCode.SOURCE_ERROR, f"{masked(url)} redirects on and on")

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _ask_unruled(self, url: str, manners: Manners) -> Answer:
        return self.ask(url, Ask(manners, ruled=False, max_bytes=2**20))

    def _send(self, url: str, headers: Mapping[str, str], ask: Ask) -> tuple[Answer, str | None]:
        """Return an answer, and where it redirects to."""
        try:
            request = self.client.build_request("GET", url, headers=dict(headers))
        except (httpx2.InvalidURL, ValueError) as error:
            reason = f"{masked(url)} is no address: {masked(one_line(error))}"
            raise BadInput(RejectCode.SOURCE_ERROR, reason) from None
        try:
            with self.limiter.turn(ask.manners):
                self.sent[ask.manners.bucket] += 1
                response = self.client.send(request, stream=True, follow_redirects=False)
                try:
                    told = {name.lower(): value for name, value in response.headers.items()}
                    self._heed(response.status_code, told, ask.manners)  # before the body, which may be slow
                    further = told.get("location") if response.status_code in REDIRECTS else None
                    body = b"" if further else self._body(response, url, ask)
                finally:
                    response.close()
        except (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError) as error:
            reason = f"{masked(url)} broke off: {type(error).__name__} {masked(one_line(error))}".rstrip()
            retriable = not isinstance(error, httpx2.UnsupportedProtocol)
            raise BadInput(RejectCode.UNREACHABLE, reason, retriable=retriable) from None
        return Answer(masked(url), response.status_code, told, body, datetime.now(UTC)), further

    def _heed(self, status: int, headers: Mapping[str, str], manners: Manners) -> None:
        """Let everybody rest where the answer asks for it, whatever its status."""
        wait = retry_after(headers)
        if wait is None and status == 429:
            wait = max(1.0, manners.seconds)
        if wait:
            self.limiter.rest(manners.bucket, min(wait, LONGEST_REST))

    def _body(self, response: httpx2.Response, url: str, ask: Ask) -> bytes:
        """Return the decoded body. Raises BadInput, before it is read where the headers tell enough."""
        if ask.ruled and response.status_code == 200:
            word = refused_by(response.headers, self.user_agent, NOT_KEPT if ask.kept else NOT_READ)
            if word is not None:
                raise BadInput(RejectCode.ROBOTS, f"{masked(url)} says {word} in X-Robots-Tag")
        length = response.headers.get("content-length", "")
        large = f"{masked(url)} is larger than the {ask.max_bytes} bytes that are read"
        if length.isdigit() and int(length) > ask.max_bytes:
            raise BadInput(RejectCode.TOO_LARGE, large)
        began, parts, size = self.clock(), [], 0
        for part in response.iter_bytes(2**16):
            parts.append(part)
            size += len(part)
            if size > ask.max_bytes:
                raise BadInput(RejectCode.TOO_LARGE, large)
            if self.clock() - began > SLOWEST:
                reason = f"{masked(url)} sent {size} bytes in {SLOWEST:.0f} s and was given up"
                raise BadInput(RejectCode.UNREACHABLE, reason, retriable=True)
        plain = response.status_code != 304 and "content-encoding" not in response.headers
        if length.isdigit() and plain and size < int(length):
            reason = f"{masked(url)} sent {size} of {length} bytes"
            raise BadInput(RejectCode.UNREACHABLE, reason, retriable=True)
        return b"".join(parts)


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


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port. Raises BadInput for what is no address of the web."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts.scheme, parts.hostname, parts.port
    except ValueError:
        pass  # told below
    raise BadInput(RejectCode.SOURCE_ERROR, f"{masked(url)!r} is no address of the web")
