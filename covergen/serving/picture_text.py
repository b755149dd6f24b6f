"""The words inside a picture, read from between its pixels: none is decoded, whatever the picture's size.

PNG: https://www.w3.org/TR/png-3/, 11.3.3; JPEG: ISO/IEC 10918-1, B.1; WebP: RFC 9649, 2.3; the comment of
EXIF 2.32, 4.6.5. What a file claims of its lengths is checked against how long it is, and what is packed is
unpacked up to a limit.
"""

import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Final

from PIL import ExifTags, Image

from covergen.errors import BadInput, RejectCode

LONGEST: Final = 2**18  # bytes of one text, unpacked: covergen's own has 64 kB at most
_MOST: Final = 64  # texts
_MOST_PARTS: Final = 2**16  # chunks or segments: 4 GB where they are as long as others make them
_ASCII: Final = b"ASCII\0\0\0"  # how an EXIF comment names its character set
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # JPEG's markers without a length
_PIXELS_FOLLOW: Final = frozenset({0xD9, 0xDA})  # JPEG's end, and its scan


def read_text(picture: IO[bytes]) -> dict[str, str]:
    """Return a PNG's texts by their keywords, and "comment" for an EXIF comment of any format.

    Raises BadInput: EMPTY_FILE, DAMAGED_IMAGE, or TOO_LARGE for texts beyond all measure.
    """
    picture.seek(0)
    head = picture.read(12)
    if not head:
        raise BadInput(RejectCode.EMPTY_FILE, "the picture is empty")
    for sign, reader in _READERS.items():
        if head.startswith(sign) and (sign != b"RIFF" or head[8:] == b"WEBP"):
            picture.seek(len(sign))
            return reader(picture)
    raise BadInput(RejectCode.DAMAGED_IMAGE, "not a picture of a known format: PNG, JPEG or WebP")


def _png(picture: IO[bytes]) -> dict[str, str]:
    text: dict[str, str] = {}
    for kind, length in _chunks(picture, ">I4s", "the PNG"):
        if kind in _TEXTS or kind == b"eXIf":
            data = _read(picture, length)
            if zlib.crc32(kind + data) != int.from_bytes(_read(picture, 4)):
                raise BadInput(RejectCode.DAMAGED_IMAGE, "a text of the PNG is damaged")
            entry = _comment(data) if kind == b"eXIf" else _entry(kind, data)
            text = _added(text, entry)
        else:
            _skip(picture, length + 4, "the PNG")
        if kind == b"IEND":
            return text
    raise _cut("the PNG")


def _entry(kind: bytes, data: bytes) -> dict[str, str]:
    """Return the words of a chunk by their keyword; nothing where it is damaged."""
    keyword, _, rest = data.partition(b"\0")
    words = _TEXTS[kind](rest)
    return {} if words is None else {keyword.decode("latin-1"): words}


def _plain(rest: bytes) -> str | None:
    return rest.decode("latin-1")


def _packed(rest: bytes) -> str | None:
    words = _unpacked(rest[1:]) if rest[:1] == b"\0" else None
    return None if words is None else words.decode("latin-1")


def _international(rest: bytes) -> str | None:
    packed, method = rest[:1], rest[1:2]
    parts = rest[2:].split(b"\0", 2)  # language, translated keyword, words
    if len(parts) < 3 or method != b"\0":
        return None
    words = _unpacked(parts[2]) if packed == b"\1" else parts[2]
    return None if words is None else words.decode("utf-8", "replace")


def _unpacked(data: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        words = unpacker.decompress(data, LONGEST)
    except zlib.error:
        return None
    if unpacker.unconsumed_tail:
        raise _too_long()
    return words


def _jpeg(picture: IO[bytes]) -> dict[str, str]:
    for _ in range(_MOST_PARTS):
        begin, marker = _read(picture, 2)
        while begin == 0xFF and marker == 0xFF:  # any number of these may stand before a marker
            (marker,) = _read(picture, 1)
        if begin != 0xFF:
            raise BadInput(RejectCode.DAMAGED_IMAGE, "the JPEG is damaged")
        if marker in _PIXELS_FOLLOW:
            return {}
        if marker in _ALONE:
            continue
        length = int.from_bytes(_read(picture, 2)) - 2
        if length < 0:
            raise BadInput(RejectCode.DAMAGED_IMAGE, "the JPEG is damaged")
        if marker != 0xE1:
            _skip(picture, length, "the JPEG")
        elif comment := _comment(_read(picture, length)):
            return comment
    raise _too_long()


def _webp(picture: IO[bytes]) -> dict[str, str]:
    picture.seek(12)
    for kind, length in _chunks(picture, "<4sI", "the WebP"):
        if kind == b"EXIF":
            return _comment(_read(picture, length))
        _skip(picture, length + length % 2, "the WebP")
    return {}


def _comment(exif: bytes) -> dict[str, str]:
    """Return the comment of an EXIF, where it is one in ASCII."""
    tags = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is damaged there, too
            tags.load(exif)
            comment = tags.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    # Pillow raises any of these for damaged EXIF.
    except (OSError, ValueError, SyntaxError, LookupError, TypeError, struct.error):
        return {}
    if not isinstance(comment, bytes) or not comment.startswith(_ASCII):
        return {}
    return {"comment": comment.removeprefix(_ASCII).decode("ascii", "replace")}


def _chunks(picture: IO[bytes], form: str, name: str) -> Iterator[tuple[bytes, int]]:
    """Give kind and length of each chunk; whoever asks for the next has read or skipped the last."""
    for _ in range(_MOST_PARTS):
        head = picture.read(8)
        if not head:
            return
        if len(head) < 8:
            raise _cut(name)
        first, second = struct.unpack(form, head)
        yield (second, first) if isinstance(first, int) else (first, second)
    raise _too_long()


def _read(picture: IO[bytes], length: int) -> bytes:
    if length > LONGEST:
        raise _too_long()
    data = picture.read(length)
    if len(data) < length:
        raise _cut("the picture")
    return data


def _skip(picture: IO[bytes], length: int, name: str) -> None:
    if length and (picture.seek(length - 1, 1), picture.read(1))[1] == b"":
        raise _cut(name)


def _added(text: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    if len(text) >= _MOST:
        raise _too_long()
    return {**text, **more}


def _cut(what: str) -> BadInput:
    return BadInput(RejectCode.DAMAGED_IMAGE, f"{what} is cut off")


def _too_long() -> BadInput:
    return BadInput(RejectCode.TOO_LARGE, f"its texts are longer than {LONGEST // 2**10} kB, or too many")


_TEXTS: Final[Mapping[bytes, Callable[[bytes], str | None]]] = {
    b"tEXt": _plain,
    b"zTXt": _packed,
    b"iTXt": _international,
}
_READERS: Final[Mapping[bytes, Callable[[IO[bytes]], dict[str, str]]]] = {
    _PNG: _png,
    b"\xff\xd8": _jpeg,
    b"RIFF": _webp,
}
