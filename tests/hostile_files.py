"""Files that a music folder may hold by accident or malice: damaged at random, no audio at all, endless."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice, product

import numpy as np
from numpy.random import Generator

from covergen.errors import RejectCode
from tests.audio_files import ENCODERS, LENGTHLESS, encoded, silence, tone, video, wav_header
from tests.lying_files import DAMAGED, HEARD, Lie, lies

RATE = 24_000
FORMATS = (*ENCODERS, *LENGTHLESS)
_HOUR = 3600
_OTHER_SUFFIXES = (*FORMATS, "txt", "jpg", "wma", "")


@dataclass(frozen=True)
class HostileFile:
    """One file: what was done to it, and every outcome (a code, or HEARD) that would be right."""

    name: str
    mutation: str
    kind: str
    suffix: str
    data: bytes
    outcomes: frozenset[str]


def hostile_files(count: int, seed: int) -> Iterator[HostileFile]:
    """Yield `count` files: each made on purpose once, the others by every random mutation of every format."""
    songs = [_songs(seed), _songs(seed + 1)]
    number = 0
    for mutation, made in (
        ("lie", lies(songs[0])),
        ("silence", _silences()),
        ("imposter", _imposters(songs[0]["mp3"])),
        ("empty", ((kind, kind, b"", frozenset({RejectCode.EMPTY_FILE})) for kind in FORMATS)),
    ):
        for name, kind, data, outcomes in made:
            yield HostileFile(f"{number:04} {kind} {mutation}: {name}", mutation, kind, kind, data, outcomes)
            number += 1
    for mutation, kind in islice(cycle(product(MUTATIONS, FORMATS)), max(0, count - number)):
        rng = np.random.default_rng([seed, number])
        data, suffix, outcomes = MUTATIONS[mutation](songs[number % 2][kind], kind, rng)
        name = f"{number:04} {kind} {mutation} (seed {seed})"
        yield HostileFile(name, mutation, kind, suffix, data, outcomes)
        number += 1


def _songs(seed: int) -> dict[str, bytes]:
    noise = np.random.default_rng(seed).normal(0, 0.05, (1 + seed % 2, 8 * RATE))
    return {kind: encoded(kind, tone(8.0, RATE) + noise, RATE) for kind in FORMATS}


Mutated = tuple[bytes, str, frozenset[str]]


def _truncated(song: bytes, kind: str, rng: Generator) -> Mutated:
    share = rng.uniform(0, 1)
    data = song[: max(1, int(share * len(song)))]
    if kind == "aac":  # nothing tells its length: what is left of it is a shorter song
        right = {HEARD} if share > 0.7 else DAMAGED - {HEARD} if share < 0.6 else DAMAGED
    elif kind == "m4a":  # its index stands at its end
        right = {RejectCode.UNREADABLE} if len(data) > 8 else {RejectCode.UNSUPPORTED_FORMAT}
    elif kind in {"ogg", "opus", "wav"}:
        right = {RejectCode.SHORTENED} if 0.25 < share < 0.94 else DAMAGED
    else:  # only the middle five of eight seconds are wanted: the end may be missing
        right = {RejectCode.SHORTENED} if 0.1 < share < 0.65 else {HEARD} if share > 0.9 else DAMAGED
    return data, kind, frozenset(right)


def _flipped(song: bytes, kind: str, rng: Generator, *, flips: int, within: int | None = None) -> Mutated:
    data = bytearray(song)
    for place in rng.integers(0, within or len(data), rng.integers(1, flips + 1)):
        data[place] ^= 1 << int(rng.integers(0, 8))
    return bytes(data), kind, DAMAGED


def _few_flips(song: bytes, kind: str, rng: Generator) -> Mutated:
    return _flipped(song, kind, rng, flips=8)


def _many_flips(song: bytes, kind: str, rng: Generator) -> Mutated:
    return _flipped(song, kind, rng, flips=len(song) // 50)


def _header_flips(song: bytes, kind: str, rng: Generator) -> Mutated:
    if kind == "m4a":  # its header stands at its end
        data, _, outcomes = _flipped(song[::-1], kind, rng, flips=6, within=4_000)
        return data[::-1], kind, outcomes
    return _flipped(song, kind, rng, flips=6, within=200)


def _block(song: bytes, rng: Generator) -> tuple[int, int]:
    start, stop = sorted(int(place) for place in rng.integers(0, len(song) + 1, 2))
    return start, stop


def _zeroed(song: bytes, kind: str, rng: Generator) -> Mutated:
    start, stop = _block(song, rng)
    return song[:start] + bytes(stop - start) + song[stop:], kind, DAMAGED


def _overwritten(song: bytes, kind: str, rng: Generator) -> Mutated:
    start, stop = _block(song, rng)
    return song[:start] + rng.bytes(stop - start) + song[stop:], kind, DAMAGED


def _removed(song: bytes, kind: str, rng: Generator) -> Mutated:
    start, stop = _block(song, rng)
    return (song[:start] + song[stop:]) or song[:1], kind, DAMAGED


def _doubled(song: bytes, kind: str, rng: Generator) -> Mutated:
    start, stop = _block(song, rng)
    return song[:stop] + song[start:], kind, DAMAGED


def _renamed(song: bytes, kind: str, rng: Generator) -> Mutated:
    suffix = str(rng.choice([other for other in _OTHER_SUFFIXES if other != kind]))
    return song, suffix, frozenset({HEARD})


MUTATIONS: Mapping[str, Callable[[bytes, str, Generator], Mutated]] = {
    "truncated": _truncated,
    "few flips": _few_flips,
    "many flips": _many_flips,
    "header flips": _header_flips,
    "zeroed": _zeroed,
    "overwritten": _overwritten,
    "removed": _removed,
    "doubled": _doubled,
    "renamed": _renamed,
}


def _silences() -> Iterator[Lie]:
    silent, too_long = frozenset({RejectCode.SILENT}), frozenset({RejectCode.TOO_LONG})
    frame = silence("mp3", 1.0)[-72:]  # the smallest of layer III: 72 ms in 72 bytes
    yield "3 h", "flac", silence("flac", 3 * _HOUR, 4_000), too_long
    yield "3 h", "wav", wav_header(rate=1_000, data=bytes(6 * _HOUR * 1_000)), too_long
    yield "3 h, no length told", "mp3", frame * (3 * _HOUR * 1_000 // 72), too_long
    yield "just below the limit", "flac", silence("flac", 1.9 * _HOUR, 4_000), silent
    yield "8 s", "flac", silence("flac", 8.0), silent
    yield "8 s", "mp3", silence("mp3", 8.0), silent


def _imposters(song: bytes) -> Iterator[Lie]:
    """What only has the name of audio, or is a container of something else."""
    unsupported = frozenset({RejectCode.UNSUPPORTED_FORMAT})
    rng = np.random.default_rng(0)
    contents = {
        "text": b"this is a text file with the name of a song\n" * 50,
        "UTF-16 text": ("the name of a song, " * 500).encode("utf-16"),
        "HTML": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + rng.bytes(20_000) + b"\xff\xd9",
        "PNG": b"\x89PNG\r\n\x1a\n" + rng.bytes(20_000),
        "ZIP": b"PK\x03\x04" + rng.bytes(20_000),
        "PDF": b"%PDF-1.7\n" + rng.bytes(20_000),
        "zeros": bytes(50_000),
        "M3U": b"#EXTM3U\n0000.mp3\n/etc/hostname\n",
        "HLS": b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n",
        "ffconcat": b"ffconcat version 1.0\nfile /etc/hostname\nfile 0000.mp3\n",
        "DASH": b'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>',
        "PLS": b"[playlist]\nFile1=http://127.0.0.1:9/live\n",
        "SDP": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    }
    for kind, (name, data) in product(FORMATS, contents.items()):
        yield name, kind, data, unsupported
    for kind in FORMATS:
        yield (
            "noise",
            kind,
            rng.bytes(50_000),
            frozenset({RejectCode.UNSUPPORTED_FORMAT, RejectCode.UNREADABLE}),
        )
    no_audio = frozenset({RejectCode.NO_AUDIO_STREAM})
    yield "video", "m4a", video("mp4"), no_audio
    yield "video", "mka", video("matroska"), no_audio
    yield "a song behind text", "mp3", b"<html>\n" * 200 + song, DAMAGED
