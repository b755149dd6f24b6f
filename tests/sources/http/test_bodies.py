"""Every end of a body is proven; what is cut off is never taken for whole."""

import gzip
import json
import zlib
from collections.abc import Iterator

import httpx2
import numpy as np
import pytest

from covergen.errors import BadInput, RejectCode
from covergen.media import audio, images
from covergen.sources.http.transport import read_body

TEXT = b'{"songs": [1, 2, 3]}' * 5000
RAW = zlib.compressobj(wbits=-15)
CODED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),  # members, joined
    "GZIP": gzip.compress(TEXT) + b"\0" * 12,  # padded, as tapes do
    "deflate": zlib.compress(TEXT),
    "Deflate": RAW.compress(TEXT) + RAW.flush(),
    "gzip, deflate": zlib.compress(gzip.compress(TEXT)),
}


def response(body: bytes, *, piece: int = 7919, **headers: str) -> httpx2.Response:
    """A response whose body comes in pieces and which says nothing of its end."""

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    made = httpx2.Response(200, content=pieces())
    made.headers = httpx2.Headers(named)  # without the frame that httpx2 adds
    return made


def read(body: bytes, *, max_bytes: int = 2**22, prefix: bool = False, **headers: str) -> bytes:
    return read_body(response(body, **headers), "https://a.org/x", max_bytes=max_bytes, prefix=prefix)


def refused(body: bytes, **headers: str) -> str:
    with pytest.raises(BadInput) as problem:
        read(body, **headers)
    assert (problem.value.code, problem.value.retriable) == (RejectCode.UNREACHABLE, True)
    return problem.value.reason


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("piece", [1, 7919])
def test_a_coded_body_is_whole_at_its_own_end(coding: str, piece: int) -> None:
    made = response(CODED[coding], content_encoding=coding, piece=piece)
    assert read_body(made, "x", max_bytes=2**22) == TEXT


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("how", ["content_length", "transfer_encoding", ""])
def test_a_coded_body_that_is_cut_is_none_whatever_its_frame_says(coding: str, how: str) -> None:
    whole = CODED[coding].rstrip(b"\0")
    for length in (1, len(whole) // 2, len(whole) - 1):
        frame = {"content_length": str(length), "transfer_encoding": "chunked", "": ""}[how]
        reason = refused(whole[:length], content_encoding=coding, **({how: frame} if how else {}))
        assert "cut off: its coding has no end" in reason or "cannot be decoded" in reason


def test_what_is_not_coded_as_it_says_is_refused() -> None:
    assert "cannot be decoded" in refused(TEXT, content_encoding="gzip")
    assert "cannot be decoded" in refused(CODED["gzip"][:-6] + b"wrong!", content_encoding="gzip")
    assert read(TEXT, content_encoding="x-foo", content_length=str(len(TEXT))) == TEXT  # as browsers have it
    assert read(b"", content_encoding="gzip", content_length="0") == b""


def test_fewer_bytes_than_told_are_refused() -> None:
    assert refused(TEXT[:50], content_length="100000") == "https://a.org/x sent 50 of 100000 bytes"
    cut = CODED["gzip"][:50]
    assert "sent 50 of" in refused(cut, content_length=str(len(CODED["gzip"])), content_encoding="gzip")
    assert read(TEXT, transfer_encoding="chunked") == TEXT


def test_what_only_its_connection_ends_has_to_end_by_itself() -> None:
    whole = [
        json.dumps({"a": [1, 2]}).encode(),
        b"<!DOCTYPE html><html><body>x</body></HTML >\n<!-- made by a server -->\n",
        images.encode_png(np.zeros((8, 8, 3), np.uint8)),
        images.encode_jpeg(np.zeros((8, 8, 3), np.uint8)),
        audio.encode_flac(np.zeros(8000, np.float32), 8000),
        b"OggS\0\x02" + b"x" * 20 + b"OggS\0\x04" + b"x" * 20,
        b"",
    ]
    assert [read(body) for body in whole] == whole
    for body in (whole[0][:-1], whole[1][:30], whole[5][:20], b"ID3\x04 and what follows", b"[" * 9000):
        assert "nothing in it says that it is whole" in refused(body)
    assert read(b"User-agent: *", prefix=True) == b"User-agent: *"


def test_too_much_is_refused_and_of_a_prefix_the_first_bytes_are_read() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    for headers in (
        {"content_encoding": "gzip"},
        {"content_encoding": "gzip", "transfer_encoding": "chunked"},
    ):
        with pytest.raises(BadInput) as problem:
            read(bomb, max_bytes=1000, **headers)
        assert problem.value.code is RejectCode.TOO_LARGE
    assert read(bomb, max_bytes=1000, prefix=True, content_encoding="gzip") == bytes(1000)
    assert read(TEXT, max_bytes=10, prefix=True, content_length=str(len(TEXT))) == TEXT[:10]


def test_a_body_that_trickles_is_given_up() -> None:
    now = iter(range(0, 1000, 50))
    with pytest.raises(BadInput, match=r"sent 3 bytes in 120 s and was given up") as problem:
        made = response(b"xxxxxxxx", piece=1, transfer_encoding="chunked")
        read_body(made, "x", max_bytes=100, clock=lambda: next(now))
    assert problem.value.retriable
