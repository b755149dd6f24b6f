"""Audio files that claim what is not so, each with the outcomes that are right: a code, or HEARD.

Every lie is told on purpose and alone, the rest of the file is whole; random damage is `hostile_files.py`.
"""

import struct
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product

import numpy as np

from covergen.errors import RejectCode
from tests.audio_files import id3, tone, wav_header

HEARD = "heard"
DAMAGED = frozenset(
    {
        HEARD,
        RejectCode.UNREADABLE,
        RejectCode.SHORTENED,
        RejectCode.UNSUPPORTED_FORMAT,
        RejectCode.NO_AUDIO_STREAM,
        RejectCode.TOO_SHORT,
        RejectCode.TOO_LONG,
        RejectCode.TOO_MANY_CHANNELS,
        RejectCode.NOT_FINITE,
        RejectCode.SILENT,
    }
)
"""What may come of a file damaged at random: it may even be whole to the ear. All others would be wrong."""

Lie = tuple[str, str, bytes, frozenset[str]]
"""What was done, the format that the file's name tells, the file, the right outcomes."""

_HOURS = 3 * 3600
_OPEN_ENDED = 2**32 - 1


def lies(songs: Mapping[str, bytes]) -> Iterator[Lie]:
    """Yield every lie once; `songs` are whole files of at least 8 s by format."""
    yield from _wav_lies()
    yield from _flac_lies(songs["flac"])
    for kind in ("ogg", "opus"):
        yield from _ogg_lies(kind, songs[kind])
    yield from _atom_lies(songs["m4a"])
    yield from _tag_lies(songs["mp3"])
    yield from _aiff_lies(songs["aiff"])
    yield from _mka_lies(songs["mka"])


def _is(*outcomes: str) -> frozenset[str]:
    return frozenset(outcomes)


def _wav_lies() -> Iterator[Lie]:
    data = (tone(8.0, 8_000) * 32_767).astype("<i2").tobytes()
    damaged = _is(RejectCode.UNREADABLE)
    for rate in (0, 1, 999, 2**31, 2**31 - 1, 2**32 - 1):
        yield f"rate {rate}", "wav", wav_header(rate=rate, data=data), damaged
    for bits in (0, 33, 255, 65_535):
        yield f"bits {bits}", "wav", wav_header(bits=bits, data=data), _is(RejectCode.UNSUPPORTED_FORMAT)
    for bits in (1, 7, 8, 24, 32, 64):
        yield f"bits {bits}", "wav", wav_header(bits=bits, data=data), DAMAGED
    for kind in (0, 2, 6, 0x11, 0x31, 0x50, 0x55, 0x161, 0xFFFE, 0xFFFF):
        yield f"codec {kind:#x}", "wav", wav_header(kind=kind, data=data), DAMAGED
    for channels in (0, 65_535):
        yield f"channels {channels}", "wav", wav_header(channels, bits=8, data=data), damaged
    for channels in (8, 9, 16):
        yield f"channels {channels}", "wav", wav_header(channels, data=channels * data), _is(HEARD)
    for channels in (17, 96, 255, 500):
        many = wav_header(channels, bits=8, data=bytes(channels * 8_000))
        yield f"channels {channels}", "wav", many, _is(RejectCode.TOO_MANY_CHANNELS)
    for size in (0, _OPEN_ENDED):
        streamed = bytearray(wav_header(data=data, size=size))
        streamed[4:8] = struct.pack("<I", size)
        yield f"size {size}", "wav", bytes(streamed), _is(HEARD)
    for share in (2, 10, 100):
        longer = wav_header(data=data, size=share * len(data))
        yield f"length x{share}", "wav", longer, _is(RejectCode.SHORTENED)
    yield "length 3/4", "wav", wav_header(data=data, size=len(data) * 3 // 4), _is(HEARD)
    yield "length 1/4", "wav", wav_header(data=data, size=len(data) // 4), _is(RejectCode.TOO_SHORT)
    hours = wav_header(data=data, size=_HOURS * 16_000)
    yield "length in hours", "wav", hours, _is(RejectCode.SHORTENED, RejectCode.TOO_LONG)
    for exponent, name in product(
        (33, 45, 62), ("bytes", "file")
    ):  # one lies on a disk, where seeks may fail
        yield f"a part of 2^{exponent} bytes, {name}", "w64", _endless_w64(2**exponent), damaged
    for value in (np.nan, np.inf, -np.inf, 1e30, np.finfo("f4").max):
        for channels, bits in ((1, 32), (2, 32), (1, 64)):
            samples = np.tile(tone(8.0, 8_000), (channels, 1)).T.astype(f"<f{bits // 8}")
            samples[30_000:30_002] = value
            loud = wav_header(channels, data=samples.tobytes(), kind=3, bits=bits)
            yield f"not finite {value} {bits}", "wav", loud, _is(RejectCode.NOT_FINITE)


def _endless_w64(size: int) -> bytes:
    """A WAV file of 64 bits (Sony Wave64) whose first part claims `size` bytes."""
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    riff = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    fmt = b"fmt " + tail + struct.pack("<QHHIIHH", 40, 1, 1, 8_000, 16_000, 2, 16)
    end = struct.pack("<Q", size)
    return riff + end + b"wave" + tail + b"junk" + tail + end + fmt + b"data" + tail + end + bytes(128_000)


def _flac_lies(song: bytes) -> Iterator[Lie]:
    def lied(shift: int, bits: int, value: int) -> bytes:
        """STREAMINFO's 64 bits: rate 20, channels less one 3, bits less one 5, length in samples 36."""
        facts = int.from_bytes(song[18:26], "big") & ~(2**bits - 1 << shift) | value << shift
        return song[:18] + facts.to_bytes(8, "big") + song[26:]

    length = int.from_bytes(song[18:26], "big") % 2**36
    for rate in (0, 1, 655_350, 2**20 - 1):
        yield f"rate {rate}", "flac", lied(44, 20, rate), DAMAGED
    for channels in range(8):
        yield f"channels {channels + 1}", "flac", lied(41, 3, channels), DAMAGED
    for bits in (0, 3, 7, 23, 31):
        yield f"bits {bits + 1}", "flac", lied(36, 5, bits), DAMAGED
    for share in (2, 10, 100):
        yield f"length x{share}", "flac", lied(0, 36, share * length), _is(RejectCode.SHORTENED)
    yield "length unknown", "flac", lied(0, 36, 0), _is(HEARD)
    yield "length in hours", "flac", lied(0, 36, 2**36 - 1), _is(RejectCode.TOO_LONG)
    yield "block sizes 0", "flac", song[:8] + bytes(4) + song[12:], DAMAGED


def _ogg_lies(kind: str, song: bytes) -> Iterator[Lie]:
    pages = ogg_pages(song)
    rate = 48_000 if kind == "opus" else struct.unpack_from("<I", pages[0], 40)[0]
    ends = {
        "length in hours": (_HOURS * rate, _is(RejectCode.TOO_LONG)),
        "length x10": (80 * rate, _is(RejectCode.SHORTENED)),
        "length -1": (-1, DAMAGED),
        "length 0": (0, DAMAGED),
        "length 2^63": (2**63 - 1, DAMAGED),
        "length -2^63": (-(2**63), DAMAGED),
    }
    for name, (granule, codes) in ends.items():
        last = sealed(pages[-1][:6] + struct.pack("<q", granule) + pages[-1][14:])
        yield name, kind, b"".join([*pages[:-1], last]), codes
    for granule in (-1, 0, 2**40, 2**62):
        middle = [sealed(p[:6] + struct.pack("<q", granule) + p[14:]) for p in pages[2:-1]]
        yield f"granules {granule}", kind, b"".join([*pages[:2], *middle, pages[-1]]), DAMAGED
    channels_at = 28 + (9 if kind == "opus" else 11)
    for channels in (0, 3, 17, 96, 255):
        first = bytearray(pages[0])
        first[channels_at] = channels
        codes = _is(RejectCode.UNREADABLE, RejectCode.TOO_MANY_CHANNELS)
        yield f"channels {channels}", kind, b"".join([sealed(bytes(first)), *pages[1:]]), codes
    yield "headers only", kind, b"".join(pages[:2]), _is(RejectCode.SHORTENED, RejectCode.UNREADABLE)


def ogg_pages(data: bytes) -> list[bytes]:
    """An Ogg file's pages."""
    pages, start = [], 0
    while start < len(data):
        segments = data[start + 26]
        stop = start + 27 + segments + sum(data[start + 27 : start + 27 + segments])
        pages.append(data[start:stop])
        start = stop
    return pages


def sealed(page: bytes) -> bytes:
    """The page with its checksum made right, so that the lie in it is believed."""
    checksum = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        checksum = (checksum << 8) % 2**32 ^ _checksums()[checksum >> 24 ^ byte]
    return page[:22] + struct.pack("<I", checksum) + page[26:]


@cache
def _checksums() -> list[int]:
    """CRC-32 as Ogg has it (RFC 3533): polynomial 0x04C11DB7, not reflected, from zero."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = value << 1 ^ (0x104C11DB7 if value >> 31 else 0)
        table.append(value)
    return table


def _atom_lies(song: bytes) -> Iterator[Lie]:
    values = (0, 1, 7, 2**16, 2**31 - 1, 2**31, _OPEN_ENDED)
    for atom in (b"ftyp", b"mdat", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"esds", b"stsz"):
        at = song.index(atom) - 4
        for value in values:
            lied = song[:at] + struct.pack(">I", value) + song[at + 4 :]
            yield f"{atom.decode()} size {value}", "m4a", lied, DAMAGED
    fields = {b"mdhd": (12, 16), b"stts": (4, 8, 12), b"stsc": (4, 8, 12), b"stsz": (4, 8)}
    for atom, offsets in fields.items():  # rate and length, then counts and sizes of the index
        for offset, value in product(offsets, values):
            at = song.index(atom) + 4 + offset
            lied = song[:at] + struct.pack(">I", value) + song[at + 4 :]
            yield f"{atom.decode()} +{offset} {value}", "m4a", lied, DAMAGED


def _tag_lies(song: bytes) -> Iterator[Lie]:
    bare = song[song.index(b"\xff\xf3") :]  # the first frame of MPEG-2 layer III
    title = (b"TIT2", b"\0Hello")
    yield "tag", "mp3", id3(title) + bare, _is(HEARD)
    for size in (0, 5, 12):
        yield f"tag of {size} bytes", "mp3", id3(title, size=size) + bare, _is(HEARD)
    half = id3(title, size=len(bare) // 2) + bare
    yield "tag of half the song", "mp3", half, _is(RejectCode.TOO_SHORT, RejectCode.SHORTENED)
    for size in (len(bare) * 2, 2**28 - 1):
        yield f"tag of {size} bytes", "mp3", id3(title, size=size) + bare, _is(RejectCode.UNREADABLE)
    for size in (2**16, 2**28, 2**32 - 1):
        tag = id3(title).replace(struct.pack(">I", len(title[1])), struct.pack(">I", size))
        yield f"title of {size} bytes", "mp3", tag + bare, _is(HEARD)
    picture = (b"APIC", b"\0image/jpeg\0\3\0\xff\xd8\xff\xe0" + bytes(5_000))
    none = _is(RejectCode.UNREADABLE)
    yield "tag alone", "mp3", id3(title), none
    yield "tag and picture alone", "mp3", id3(title, picture), none
    yield "old tag alone", "mp3", b"TAG" + bytes(125), _is(RejectCode.UNSUPPORTED_FORMAT)
    yield "tag of 3 bytes", "mp3", b"ID3", none


def _aiff_lies(song: bytes) -> Iterator[Lie]:
    at = song.index(b"COMM") + 8  # channels 2, frames 4, bits 2, rate 10 bytes

    def lied(offset: int, value: bytes) -> bytes:
        return song[: at + offset] + value + song[at + offset + len(value) :]

    frames = struct.unpack_from(">I", song, at + 2)[0]
    unreadable = _is(RejectCode.UNREADABLE)
    yield "channels 0", "aiff", lied(0, bytes(2)), unreadable
    for channels in (17, 96, 500):
        many = lied(0, struct.pack(">H", channels))
        yield f"channels {channels}", "aiff", many, _is(RejectCode.TOO_MANY_CHANNELS)
    for share in (2, 10, 100):
        longer = lied(2, struct.pack(">I", share * frames))
        yield f"length x{share}", "aiff", longer, _is(RejectCode.SHORTENED)
    for bits in (0, 1, 33, 65_535):
        yield f"bits {bits}", "aiff", lied(6, struct.pack(">H", bits)), DAMAGED
    for rate in (bytes(10), b"\x40\x1e" + bytes(8), b"\xff" * 10):
        yield f"rate {rate.hex()}", "aiff", lied(8, rate), unreadable


def _mka_lies(song: bytes) -> Iterator[Lie]:
    at = song.index(b"\x9f\x81") + 2  # the element Channels, one byte long
    for channels in (0, 2, 17, 96, 255):  # the codec's own header knows better, and is believed
        yield f"channels {channels}", "mka", song[:at] + bytes([channels]) + song[at + 1 :], _is(HEARD)
    at = song.index(b"\x44\x89\x88") + 3  # Duration, eight bytes
    ends = {80.0: _is(RejectCode.SHORTENED), float(_HOURS): _is(RejectCode.TOO_LONG)}
    for seconds in (0.0, -1.0, 80.0, float(_HOURS), 1e300, float("nan"), float("inf")):
        lied = song[:at] + struct.pack(">d", 1000 * seconds) + song[at + 8 :]
        yield f"length {seconds}", "mka", lied, ends.get(seconds, _is(HEARD))
