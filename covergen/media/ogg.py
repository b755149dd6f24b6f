"""Pages of an Ogg file (RFC 3533): whether its end is there, and the links that it is chained of.

Decoding is left to FFmpeg, which reads one link after another only while rate and codec stay as they are.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

_MAGIC: Final = b"OggS"
_HEAD: Final = 27  # bytes of a page's header, its table of segments left out
_TAIL: Final = 2 * 65_307  # the largest page, twice
_FIRST_PAGE: Final = 0x02  # of a stream


class _Page(NamedTuple):
    start: int
    end: int  # as its table of segments tells, be it there or not
    is_first: bool


def is_ogg(raw: BinaryIO) -> bool:
    """Tell whether a file begins as Ogg; leaves it at its start."""
    raw.seek(0)
    found = raw.read(len(_MAGIC)) == _MAGIC
    raw.seek(0)
    return found


def is_cut_off(raw: BinaryIO) -> bool:
    """Tell whether the last page of an Ogg file is incomplete: its length is then that of the remainder.

    The mark of a last page proves nothing: many recorders never set it.
    """
    page, size = _last_page(raw), raw.seek(0, io.SEEK_END)
    return page is None or page.end > size


def links(raw: BinaryIO) -> list[tuple[int, int]]:
    """Return (start, end) of each link of a chained Ogg file, in bytes; one link where it is none.

    A file whose pages do not follow on one another is left to the demuxer as it is.
    """
    size = raw.seek(0, io.SEEK_END)
    last = _last_page(raw)
    if last is None:
        return [(0, size)]
    starts, end, after_data = (
        [0],
        0,
        False,
    )  # by first pages: links may share a serial number, which they should not
    for page in _pages(raw, size):
        if page.is_first and after_data:
            starts.append(page.start)
        end, after_data = page.end, not page.is_first
    return list(zip(starts, [*starts[1:], size], strict=True)) if end >= last.end else [(0, size)]


def _pages(raw: BinaryIO, size: int) -> Iterator[_Page]:
    """Yield pages from the start of a file to the first that is none."""
    position = 0
    while position < size:
        raw.seek(position)
        page = _page(raw.read(_HEAD + 255), position)
        if page is None:
            return
        yield page
        position = page.end


def _last_page(raw: BinaryIO) -> _Page | None:
    start = max(0, raw.seek(0, io.SEEK_END) - _TAIL)
    raw.seek(start)
    tail = raw.read(_TAIL)
    place = tail.rfind(_MAGIC)
    return None if place < 0 else _page(tail[place : place + _HEAD + 255], start + place)


def _page(head: bytes, start: int) -> _Page | None:
    if len(head) < _HEAD or not head.startswith(_MAGIC):
        return None
    count = head[26]
    segments = head[_HEAD : _HEAD + count]
    missing = count - len(segments)  # of a table cut off, which makes the page end beyond the file
    end = start + _HEAD + count + sum(segments) + missing
    return _Page(start, end, bool(head[5] & _FIRST_PAGE))
