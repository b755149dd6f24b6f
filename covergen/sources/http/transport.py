"""One answer from the wire: the limiter is asked before each send, redirects and bodies have their limits.

What is worth another try, and what is kept, is left to `fetch.py`.
"""

import json
import logging
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Protocol

import httpx2

from covergen.errors import BadInput, RejectCode, one_line
from covergen.sources.http.addresses import host_of, masked, redirected, web_address
from covergen.sources.http.robots import MAX_BYTES, NOT_KEPT, NOT_READ, Robots, refused_by
from covergen.sources.limiter.limiter import Limiter
from covergen.sources.web_source import Answer, RateLimit

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
CRAWL_DELAY: Final = "crawl-delay"  # before a host: the bucket of its own pause
SHORTEST_DELAY: Final = 0.25  # seconds; slots of less are too short to be met
HOPS: Final = 5  # redirects that are followed
TIMEOUT: Final = 30.0  # seconds of silence
CONNECT: Final = 10.0  # seconds until a connection stands
LONGEST_REST: Final = 86_400.0  # seconds: a Retry-After beyond a day is taken for a day
_LOGGERS: Final = ("httpx2", "httpcore2", "hishel")
SLOWEST: Final = 120.0  # seconds for a whole body
CODINGS: Final = "gzip, deflate"  # what is asked for
_PIECE: Final = 2**20  # bytes that are inflated at once, so that no bomb goes off between two looks
_HTML_END: Final = re.compile(rb"(?i)</html\s*>")
_TAIL: Final = 4096  # bytes behind `</html>`: servers write comments there
# Pictures and sound that say how long they are: who decodes them sees it. MP3 does not.
_MEASURED: Final = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF|fLaC|.{4}ftyp", re.DOTALL)


@dataclass(frozen=True)
class Ask:
    """How an address is asked for. `headers` go to its own origin only; `checks` (conditions) go along."""

    rate_limit: RateLimit
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
            delay = self.robots.check(str(address), ask.rate_limit) if ask.ruled else None
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

    def _ask_unruled(self, url: str, rate_limit: RateLimit) -> Answer:
        return self.ask(url, Ask(rate_limit, ruled=False, max_bytes=MAX_BYTES, prefix=True))

    def _send(
        self, url: httpx2.URL, headers: Mapping[str, str], ask: Ask, *, delay: float | None
    ) -> tuple[Answer, str | None]:
        """Return an answer, and where it redirects to; the host is sent one request in `delay` seconds."""
        name, request = masked(str(url)), self.client.build_request("GET", url, headers=dict(headers))
        try:
            with self.limiter.turn(ask.rate_limit), self._spaced(host_of(url), delay, ask.rate_limit.bucket):
                self.sent[ask.rate_limit.bucket] += 1
                response = self.client.send(request, stream=True, follow_redirects=False)
                try:
                    response_headers = {name.lower(): value for name, value in response.headers.items()}
                    self._heed(
                        response.status_code, response_headers, ask.rate_limit
                    )  # before the body, which may be slow
                    further = response_headers.get("location") if response.status_code in REDIRECTS else None
                    body = b"" if further else self._body(response, name, ask)
                finally:
                    response.close()
        except (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError) as error:
            reason = f"{name} broke off: {type(error).__name__} {masked(one_line(error))}".rstrip()
            retriable = not isinstance(error, httpx2.UnsupportedProtocol)
            raise BadInput(RejectCode.UNREACHABLE, reason, retriable=retriable) from None
        return Answer(name, response.status_code, response_headers, body, datetime.now(UTC)), further

    @contextmanager
    def _spaced(self, host: str, delay: float | None, bucket: str) -> Iterator[None]:
        """Wait until the host's own pause between two requests, of all sources together, is over."""
        if not delay:
            yield
            return
        began = self.clock()
        pause = RateLimit(f"{CRAWL_DELAY}/{host}", 1, max(delay, SHORTEST_DELAY), at_once=1)
        with self.limiter.turn(pause):
            self.paused[bucket] += round(1000 * (self.clock() - began))
            yield

    def _heed(self, status: int, headers: Mapping[str, str], rate_limit: RateLimit) -> None:
        """Let everybody rest where the answer asks for it, whatever its status."""
        wait = retry_after(headers)
        if wait is None and status == 429:
            wait = max(1.0, rate_limit.seconds)
        if wait:
            self.limiter.rest(rate_limit.bucket, min(wait, LONGEST_REST))

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
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - wall())
    except (ValueError, TypeError, OverflowError):
        return None


def _origin(url: httpx2.URL) -> tuple[str, str]:
    return url.scheme, host_of(url)


# The body of an answer, decoded and proven to be whole: by its length, chunks, coding, or by itself.


class _Decoder(Protocol):
    """Undoes one coding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes hold. Raises zlib.error."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether all that began has ended."""
        ...


class _Gzip:
    """Members of RFC 1952, one after another: each has to end with its checksum and length."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")  # padding
                if not data.startswith(b"\x1f"):
                    return  # what follows the last member is none, and left alone, as gzip does
                self._member, self._begun = zlib.decompressobj(wbits=31), False
            self._begun = True
            yield from _inflated(self._member, data)
            data = self._member.unused_data

    @property
    def is_done(self) -> bool:
        return self._member.eof or not self._begun


class _Deflate:
    """RFC 1950, or RFC 1951 without its frame, which some servers take for the same."""

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._head, data = b"", self._head + data
            if len(data) < 2:
                self._head = data
                return
            is_framed = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._stream = zlib.decompressobj(wbits=15 if is_framed else -15)
        yield from _inflated(self._stream, data)

    @property
    def is_done(self) -> bool:
        return self._stream.eof if self._stream is not None else not self._head


_DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate}


def read_body(
    response: httpx2.Response,
    name: str,
    *,
    max_bytes: int,
    prefix: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """Return the body of a response that was not read; `name` is what a sentence calls it.

    `prefix`: of a larger one the first `max_bytes` will do, and text that only the end of its connection ends
    is taken as it is. Raises BadInput: TOO_LARGE, before it is read where the headers tell enough, and
    UNREACHABLE (retriable) for what is cut off, damaged or too slow.
    """
    large = BadInput(RejectCode.TOO_LARGE, f"{name} is larger than the {max_bytes} bytes that are read")
    length = _length(response)
    if length is not None and length > max_bytes and not prefix:
        raise large
    decoders, received, parts, size, began = _decoders(response), 0, [], 0, clock()
    for chunk in _raw(response):
        received += len(chunk)
        for part in _decoded(chunk, decoders, name):
            parts.append(part)
            size += len(part)
            if size > max_bytes and prefix:
                return b"".join(parts)[:max_bytes]
            if size > max_bytes:
                raise large
        if clock() - began > SLOWEST:
            raise _cut(f"{name} sent {received} bytes in {SLOWEST:.0f} s and was given up")
    body = b"".join(parts)
    if length is not None and received < length:
        raise _cut(f"{name} sent {received} of {length} bytes")
    if not all(decoder.is_done for decoder in decoders):
        raise _cut(f"{name} is cut off: its coding has no end")
    is_framed = length is not None or "chunked" in response.headers.get("transfer-encoding", "").lower()
    if not is_framed and not decoders and not prefix and not _ends(body):
        raise _cut(f"{name} was sent without a length, and nothing in it says that it is whole")
    return body


def _length(response: httpx2.Response) -> int | None:
    """Return how many bytes will be sent, before any decoding; None where that is not told."""
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _decoders(response: httpx2.Response) -> list[_Decoder]:
    """Return what undoes the codings, the last one first; unknown ones are none, as browsers have it."""
    names = response.headers.get("content-encoding", "").lower().split(",")
    return [_DECODERS[name.strip()]() for name in reversed(names) if name.strip() in _DECODERS]


def _raw(response: httpx2.Response) -> Iterator[bytes]:
    """Yield the bytes as they are sent: httpx2 decodes half a gzip, or its first member, without a word."""
    stream = response.stream
    if not isinstance(stream, httpx2.SyncByteStream):
        raise TypeError("the response is none of a synchronous client")
    yield from stream


def _decoded(chunk: bytes, decoders: list[_Decoder], name: str) -> Iterator[bytes]:
    parts: Iterable[bytes] = (chunk,)
    for decoder in decoders:
        parts = _fed(decoder, parts)
    try:
        yield from parts
    except zlib.error as error:
        raise _cut(f"{name} cannot be decoded: {error}") from None


def _fed(decoder: _Decoder, parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield from decoder.feed(part)


def _inflated(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    while part := stream.decompress(data, _PIECE):
        yield part
        data = stream.unconsumed_tail


def _ends(body: bytes) -> bool:
    """Say whether a body that nothing else ends is whole by itself, or its decoder will tell."""
    first = body.lstrip()[:1]
    if first in {b"{", b"["}:
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            return False
        return True
    if first == b"<":
        return _HTML_END.search(body, max(0, len(body) - _TAIL)) is not None
    if body.startswith(b"OggS"):
        return bool(body[body.rindex(b"OggS") :][5:6] >= b"\x04")  # its last page is marked as such
    return not body or _MEASURED.match(body) is not None


def _cut(reason: str) -> BadInput:
    return BadInput(RejectCode.UNREACHABLE, reason, retriable=True)
