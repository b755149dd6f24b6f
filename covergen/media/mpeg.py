"""Frames of an mp3 file (ISO 11172-3 and 13818-3): its length by counting them, or by a header."""

import io
from typing import BinaryIO, Final

_MAX_BYTES: Final = 2**26  # more is not walked through
_RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBITS: Final = {
    (True, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # by MPEG-1 or not, and by the header's code of the layer: 3 is layer I, 1 is layer III
_TRAILERS: Final = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")


def has_length(raw: BinaryIO) -> bool:
    """Tell whether a Xing, Info or VBRI header gives the length of an mp3: it is only guessed without."""
    raw.seek(0)
    raw.seek(_tag_size(raw.read(10)))
    first_frame = raw.read(4096)
    raw.seek(0)
    return any(mark in first_frame for mark in (b"Xing", b"Info", b"VBRI"))


def counted_seconds(raw: BinaryIO) -> float | None:
    """Return the seconds of an mp3 by its frames, None unless they lie side by side up to a whole last one.

    Tags may stand before, between and behind them.
    """
    size = raw.seek(0, io.SEEK_END)
    raw.seek(0)
    data = raw.read() if size <= _MAX_BYTES else b""
    raw.seek(0)
    position, seconds, count = 0, 0.0, 0
    while position + 4 <= len(data):
        if not (frame := _frame(data, position)):
            if tag := _tag_size(data[position : position + 10]):
                position += tag
                continue
            break
        position, seconds, count = position + frame[0], seconds + frame[1], count + 1
    rest = data[position:]
    is_whole = position <= len(data) and (rest.startswith(_TRAILERS) or not rest.strip(b"\0"))
    return seconds if count > 1 and is_whole else None


def _frame(data: bytes, position: int) -> tuple[int, float] | None:
    """Return (bytes, seconds) of the frame at a place, None where none begins."""
    if data[position] != 0xFF or data[position + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[position + 1] >> 3 & 3, data[position + 1] >> 1 & 3
    bits, rate, padding = data[position + 2] >> 4, data[position + 2] >> 2 & 3, data[position + 2] >> 1 & 1
    if version == 1 or layer == 0 or bits in {0, 15} or rate == 3:
        return None
    hertz, kbits = _RATES[version][rate], _KBITS[version == 3, layer][bits - 1]
    if layer == 3:
        return (12_000 * kbits // hertz + padding) * 4, 384 / hertz
    samples = 576 if layer == 1 and version != 3 else 1152
    return samples * 125 * kbits // hertz + padding, samples / hertz


def _tag_size(head: bytes) -> int:
    """Return the bytes of the ID3v2 tag that begins like `head`, 0 where none does."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
