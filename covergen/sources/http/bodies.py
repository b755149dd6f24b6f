"""The body of an answer, decoded and proven to be whole: by its length, chunks, coding, or by itself."""

import json
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import httpx2

from covergen.errors import BadInput, RejectCode

SLOWEST: Final = 120.0  # seconds for a whole body
CODINGS: Final = "gzip, deflate"  # what is asked for
_PIECE: Final = 2**20  # bytes that are inflated at once, so that no bomb goes off between two looks
_HTML_END: Final = re.compile(rb"(?i)</html\s*>")
_TAIL: Final = 4096  # bytes behind `</html>`: servers write comments there
# Pictures and sound that say how long they are: who decodes them sees it. MP3 does not.
_MEASURED: Final = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF|fLaC|.{4}ftyp", re.DOTALL)


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
    told = response.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() else None


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
