"""Opening audio: which formats, which limits, and what a file's header claims.

Decoding, and holding the claims against what is there, is left to `audio.py`.
"""

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from covergen.errors import BadInput, RejectCode
from covergen.media import mpeg, ogg

# From .ape on none can be decoded here: such files stand in `rejects`, so that nobody misses them in silence.
AUDIO_SUFFIXES: Final = frozenset({
    ".mp3", ".mp2", ".mp1", ".mpa", ".m2a", ".mpga", ".ogg", ".oga", ".opus", ".spx", ".m4a", ".m4b",
    ".m4r", ".mp4", ".3gp", ".3ga", ".aac", ".adts", ".flac", ".wav", ".wave", ".bwf", ".rf64", ".w64",
    ".aif", ".aiff", ".aifc", ".mka", ".weba", ".webm", ".caf", ".au", ".snd", ".wma", ".wv", ".tta",
    ".ape", ".mpc", ".mp+", ".mpp", ".dsf", ".dff", ".ac3", ".eac3", ".dts", ".mlp", ".thd", ".tak",
    ".ofr", ".shn", ".amr", ".ra", ".rm", ".voc", ".aa", ".aax", ".m4p", ".aa3", ".oma", ".mid",
    ".midi", ".kar", ".mod", ".xm", ".s3m", ".it",
})  # fmt: skip
# Playlists and streaming manifests stay out: a hostile one would make the demuxer open other addresses.
_FORMATS: Final = "aac,aiff,asf,au,caf,flac,matroska,mov,mp3,ogg,tta,w64,wav,wv"
_MIMES: Final = {
    "mov": "audio/mp4",
    "mp3": "audio/mpeg",
    "w64": "audio/x-w64",
    "caf": "audio/x-caf",
    "au": "audio/basic",
    "asf": "audio/x-ms-wma",
    "tta": "audio/x-tta",
    "wv": "audio/x-wavpack",
    "matroska": "audio/x-matroska",
}
_SIGNATURES: Final = (
    b"ID3", b"OggS", b"fLaC", b"RIFF", b"RF64", b"riff", b"FORM", b"\x1aE\xdf\xa3", b"caff", b".snd",
    b"wvpk", b"TTA1",
)  # fmt: skip
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # its size stands 40 bytes on
_PIPED: Final = (
    0x7FFFF000  # bytes of RIFF from which on a size only says that it was not known (SoX, arecord)
)
RATES: Final = range(1_000, 768_001)


@dataclass(frozen=True)
class AudioLimits:
    """What is refused. A file may be cut `slack_seconds` or a twentieth short of what its header claims."""

    max_bytes: int = 512 * 2**20
    max_seconds: float = 7200.0
    max_channels: int = 16
    min_seconds: float = 1.0
    slack_seconds: float = 0.5
    silence_dbfs: float = -70.0  # root mean square, once mixed to mono


@dataclass(frozen=True)
class AudioFacts:
    """What a file says of itself; `container_seconds` is null where only a guess would be possible."""

    container_seconds: float | None
    channels: int
    sample_rate: int
    codec: str
    mime: str


@dataclass(frozen=True)
class OpenedAudio:
    """A file, opened: what it claims, and the container and first audio stream of each of its parts.

    Only an Ogg file can have several parts: the links that it is chained of.
    """

    facts: AudioFacts
    tags: Mapping[str, str]  # as FFmpeg names them
    parts: Iterable[tuple[InputContainer, AudioStream]]
    is_chained: bool = False  # of several parts, between which nobody can seek


@contextmanager
def opened_audio(source: bytes | Path, limits: AudioLimits) -> Iterator[OpenedAudio]:
    """Yield the file, opened, with what its header claims. Raises BadInput."""
    with _stream_of(source, limits) as raw:
        spans = ogg.links(raw) if ogg.is_ogg(raw) else [(0, raw.seek(0, io.SEEK_END))]
        with _container(raw, spans[0]) as container:
            stream = _audio_stream(container, limits)
            if _is_cut_off(raw):
                raise BadInput(RejectCode.SHORTENED, "the file is cut off: its end is missing")
            facts = _facts(container, stream, raw)
            later = _Links(raw, spans[1:], limits)
            if facts.container_seconds is not None and later.spans:
                facts = replace(facts, container_seconds=facts.container_seconds + later.seconds())
            if facts.container_seconds is not None and facts.container_seconds > limits.max_seconds:
                raise too_long(facts.container_seconds, limits)
            tags = {**stream.metadata, **container.metadata}
            yield OpenedAudio(facts, tags, chain([(container, stream)], later), is_chained=bool(later.spans))


class _Links:
    """The links of a chained Ogg file after its first, each opened when its turn comes."""

    def __init__(self, raw: BinaryIO, spans: list[tuple[int, int]], limits: AudioLimits):
        self.raw, self.spans, self.limits = raw, spans, limits

    def __iter__(self) -> Iterator[tuple[InputContainer, AudioStream]]:
        for span in self.spans:
            with _container(self.raw, span) as container:
                yield container, _audio_stream(container, self.limits)

    def seconds(self) -> float:
        """Return the seconds that all of them claim."""
        return sum((_claimed(container) or 0.0) for container, _ in self)


@contextmanager
def _container(raw: BinaryIO, span: tuple[int, int]) -> Iterator[InputContainer]:
    """Yield what lies in a span of a file, opened."""
    try:
        options = {"format_whitelist": _FORMATS, "protocol_whitelist": ""}
        container = av.open(_Input(raw, span), mode="r", options=options, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        raise _refused(raw) from error
    with container:
        yield container


class _Input:
    """What FFmpeg may know of a file: not its name, since a suffix would count where the content is unknown.

    Nor is there anything past its end, where a header may lie to send it: that seek would fail. It keeps a
    place of its own, so that others may read the file between.
    """

    def __init__(self, raw: BinaryIO, span: tuple[int, int]):
        self.raw, (self.start, self.end) = raw, span
        self.place = self.start

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end of the span."""
        self.raw.seek(self.place)
        data = self.raw.read(min(size, self.end - self.place))
        self.place += len(data)
        return data

    def tell(self) -> int:
        """Return the place within the span."""
        return self.place - self.start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place within the span."""
        base = {io.SEEK_SET: self.start, io.SEEK_CUR: self.place, io.SEEK_END: self.end}[whence]
        self.place = max(self.start, min(base + offset, self.end))
        return self.tell()


def _refused(raw: BinaryIO) -> BadInput:
    raw.seek(0)
    head = raw.read(12)
    # Layer I is out of use, and would take in the mark that UTF-16 text begins with.
    is_mpeg = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0x06
    if head.startswith(_SIGNATURES) or head[4:8] == b"ftyp" or is_mpeg:
        return BadInput(RejectCode.UNREADABLE, "it begins like audio but is damaged or cut off")
    reason = "not audio of a known format: mp3, ogg, opus, m4a, flac, wav, aiff, wma and the like are read"
    return BadInput(RejectCode.UNSUPPORTED_FORMAT, reason)


@contextmanager
def _stream_of(source: bytes | Path, limits: AudioLimits) -> Iterator[BinaryIO]:
    """Yield the source, opened; what fails while it is read, a disk or a share, is unreadable too."""
    try:
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as raw:
            size = raw.seek(0, io.SEEK_END)
            raw.seek(0)
            if size == 0:
                raise BadInput(RejectCode.EMPTY_FILE, "the file is empty")
            if size > limits.max_bytes:
                raise BadInput(RejectCode.TOO_LARGE, f"{size} bytes, at most {limits.max_bytes} are read")
            yield raw
    except FileNotFoundError as error:
        raise BadInput(RejectCode.MISSING_FILE, f"there is no file {_named(source)}") from error
    except OSError as error:
        reason = f"{_named(source)} cannot be read: {error.strerror}"
        raise BadInput(RejectCode.UNREADABLE, reason) from error


def _named(source: bytes | Path) -> str:
    """Return a path as a person can read it and a table can hold it, broken bytes replaced."""
    return os.fsencode(source).decode("utf-8", "replace") if isinstance(source, Path) else "the audio"


def _audio_stream(container: InputContainer, limits: AudioLimits) -> AudioStream:
    """Return the first audio stream, refusing what its header cannot mean."""
    if not container.streams.audio:
        raise BadInput(RejectCode.NO_AUDIO_STREAM, "the file holds no audio, only pictures, video or data")
    stream: AudioStream = container.streams.audio[0]
    context = stream.codec_context
    if context is None:
        raise BadInput(RejectCode.UNSUPPORTED_FORMAT, "no decoder for the audio in this file")
    context.thread_count = 1  # the caller runs one worker a core
    if context.channels > limits.max_channels:
        reason = f"{context.channels} channels, at most {limits.max_channels} are mixed down"
        raise BadInput(RejectCode.TOO_MANY_CHANNELS, reason)
    if context.sample_rate not in RATES or context.channels < 1:
        reason = f"the header cannot be right: {context.sample_rate} Hz, channels: {context.channels}"
        raise BadInput(RejectCode.UNREADABLE, reason)
    return stream


def _facts(container: InputContainer, stream: AudioStream, raw: BinaryIO) -> AudioFacts:
    name = container.format.name.split(",")[0]
    context = stream.codec_context
    claimed = _claimed(container)
    if name == "aac" or (name == "mp3" and not mpeg.has_length(raw)):
        claimed = None
    elif name == "mp3" and (counted := mpeg.counted_seconds(raw)):
        claimed = counted  # editors that cut a song leave the header of the whole one
    return AudioFacts(
        container_seconds=claimed,
        channels=context.channels,
        sample_rate=context.sample_rate,
        codec=context.name,
        mime=_MIMES.get(name, f"audio/{name}"),
    )


def _claimed(container: InputContainer) -> float | None:
    duration = container.duration
    return duration / av.time_base if duration and duration > 0 else None


def _is_cut_off(raw: BinaryIO) -> bool:
    """Tell whether a file is a twentieth shorter than its header says, or an Ogg file lacks its end.

    The demuxers do not ask; what was written to a pipe tells no size.
    """
    if ogg.is_ogg(raw):
        return ogg.is_cut_off(raw)
    raw.seek(0)
    head, size = raw.read(2**16), raw.seek(0, io.SEEK_END)
    claimed = 0
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        claimed = int.from_bytes(head[4:8], "little")
        claimed = claimed if claimed < _PIPED else 0
    elif head[:4] == b"riff" and head[24:28] == b"wave":
        claimed = int.from_bytes(head[16:24], "little")
    elif head[:4] == b"caff" and (place := head.find(b"data")) > 0:
        claimed = place + 12 + int.from_bytes(head[place + 4 : place + 12], "big", signed=True)
    elif head.startswith(_ASF) and (place := head.find(_ASF_PROPERTIES)) > 0:
        claimed = int.from_bytes(head[place + 40 : place + 48], "little")
    return claimed < 2**63 and size < 0.95 * claimed


def too_long(seconds: float, limits: AudioLimits) -> BadInput:
    """Return the refusal of audio that is longer than the limit."""
    reason = f"{seconds:.0f} s or more, at most {limits.max_seconds:.0f} s are decoded"
    return BadInput(RejectCode.TOO_LONG, reason)
