"""Excerpts of a song for those who listen to a part of it: equal, spread evenly over its length, none silent.

They are sought in the container, so that a long song costs hardly more than a short one. N samples.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from covergen import audio
from covergen.audio import AudioLimits, Waveform, _mono, _resample
from covergen.audio_input import opened_audio, too_long

_SHORT: Final = 2.0  # times what is heard of it: shorter songs are decoded whole, which is as fast
_LEAD: Final = 0.3  # seconds decoded and dropped: what a decoder needs before it is right again
_ASTRAY: Final = (
    30.0  # seconds: where a container's index leads further away, its time stamps are not believed
)
_PLACES: Final = 24  # of a song that are tried where an excerpt is silent
_EDGE: Final = 0.1  # seconds: the ends of a short song are trimmed of silence in such steps

Read = Callable[[float], Waveform | None]


@dataclass(frozen=True)
class Excerpts:
    """Mono pieces (N,) in the order of the song: all of a short one as a single piece, or equal ones."""

    pieces: tuple[Waveform, ...]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return sum(piece.size for piece in self.pieces) / self.sample_rate


def spread(length: float, count: int, size: float) -> list[float]:
    """Return where `count` excerpts of `size` begin in a song of `length`: each in the middle of its share.

    They lie side by side where they fill the song, and overlap evenly, from first to last, in a shorter one.
    """
    if length < count * size:
        return [place * (length - size) / max(1, count - 1) for place in range(count)]
    return [((2 * place + 1) * length / count - size) / 2 for place in range(count)]


def excerpts(
    source: bytes | Path,
    sample_rate: int | None,
    *,
    count: int,
    seconds: float,
    limits: AudioLimits | None = None,
) -> Excerpts:
    """Return `count` excerpts of `seconds` each as mono at `sample_rate` Hz; None keeps the source's own.

    One that is silent is moved to the nearest place with sound. A song that is no longer than all of them is
    returned whole. The same bytes always give the same excerpts. What cannot be sought is heard in one piece
    around its middle. Raises BadInput, as `audio.decode` does.
    """
    limits = limits or AudioLimits()
    found = _sought(source, sample_rate, count=count, seconds=seconds, limits=limits)
    if found is not None:
        return found
    clip = audio.decode(source, sample_rate, seconds=count * seconds, limits=limits)
    return Excerpts((clip.waveform,), clip.sample_rate)


def _sought(
    source: bytes | Path, sample_rate: int | None, *, count: int, seconds: float, limits: AudioLimits
) -> Excerpts | None:
    """Return excerpts, or None where the container cannot be sought or is shorter than it claims."""
    with opened_audio(source, limits) as (container, stream, facts):
        length = facts.container_seconds
        if length is None:
            length = _length(container, stream)
            if length > limits.max_seconds:
                raise too_long(length, limits)
        if length > _SHORT * count * seconds:
            reader = _Seeker(container, stream, sample_rate, seconds)
            pieces = _sounding(reader.read, length, count=count, seconds=seconds, limits=limits)
            return Excerpts(pieces, reader.rate) if pieces else None
    clip = audio.decode(source, sample_rate, limits=limits)
    return _cut(clip, count=count, seconds=seconds, limits=limits)


def _cut(clip: audio.Clip, *, count: int, seconds: float, limits: AudioLimits) -> Excerpts | None:
    """Return excerpts of a song that was decoded whole."""
    size, rate = round(seconds * clip.sample_rate), clip.sample_rate
    waveform = _trimmed(clip.waveform, count * size, step=round(_EDGE * rate), limits=limits)
    if waveform.size <= count * size:
        return Excerpts((waveform,), rate)

    def read(start: float) -> Waveform | None:
        first = round(start * rate)
        return waveform[first : first + size]

    pieces = _sounding(read, waveform.size / rate, count=count, seconds=seconds, limits=limits)
    return Excerpts(pieces, rate) if pieces else None


def _trimmed(waveform: Waveform, least: int, *, step: int, limits: AudioLimits) -> Waveform:
    """Return a waveform without the silence at its ends, but no shorter than `least` samples."""
    starts = range(0, max(0, waveform.size - step + 1), step)
    loud = [start for start in starts if not _is_silent(waveform[start : start + step], limits)]
    if not loud or waveform.size <= least:
        return waveform
    first = min(loud[0], waveform.size - least)
    end = waveform.size if loud[-1] == starts[-1] else loud[-1] + step
    return waveform[first : max(end, first + least)]


def _sounding(
    read: Read, length: float, *, count: int, seconds: float, limits: AudioLimits
) -> tuple[Waveform, ...]:
    """Return excerpts with sound; none at all where one cannot be read, or nothing sounds.

    Where too few places sound, some are heard again.
    """
    chosen: dict[int, Waveform] = {}
    starts = spread(length, count, seconds)
    for place, start in enumerate(starts):
        piece = read(start)
        if piece is None:
            return ()
        if not _is_silent(piece, limits):
            chosen[place] = piece
    silent = [place for place in range(count) if place not in chosen]
    used = {starts[place] for place in chosen}
    others = [start for start in spread(length, max(_PLACES, count), seconds) if start not in used]
    for place in silent:
        for start in sorted(others, key=lambda other: abs(other - starts[place])):
            others.remove(start)
            piece = read(start)
            if piece is not None and not _is_silent(piece, limits):
                chosen[place] = piece
                break
    if not chosen:
        return ()
    return tuple(chosen[min(chosen, key=lambda known: abs(known - place))] for place in range(count))


def _is_silent(piece: Waveform, limits: AudioLimits) -> bool:
    return not np.var(piece, dtype=np.float64) >= 10 ** (limits.silence_dbfs / 10)


def _length(container: InputContainer, stream: AudioStream) -> float:
    """Return the seconds of a stream whose header tells none, by its packets, which need no decoding."""
    try:
        ticks = sum(packet.duration or 0 for packet in container.demux(stream))
    except FFmpegError:
        return 0.0
    return float(ticks * (stream.time_base or 0))


class _Seeker:
    """Reads `seconds` from any place of an open container."""

    def __init__(
        self, container: InputContainer, stream: AudioStream, sample_rate: int | None, seconds: float
    ):
        self._container, self._stream = container, stream
        self._sample_rate, self._seconds = sample_rate, seconds
        self.rate = sample_rate or int(stream.codec_context.sample_rate)

    def read(self, start: float) -> Waveform | None:
        """Return `seconds` from `start` as mono (N,), or None where they cannot be read."""
        begin = max(0.0, start - _LEAD)
        try:
            self._seek(begin)
            return self._piece(self._frames(), start, begin)
        except FFmpegError:
            return None

    def _seek(self, begin: float) -> None:
        base = float(self._stream.time_base or 0)
        if base:
            offset = (self._stream.start_time or 0) + int(begin / base)
            self._container.seek(offset, stream=self._stream)

    def _piece(self, frames: Iterator[AudioFrame], start: float, begin: float) -> Waveform | None:
        resampler = AudioResampler(format="flt", rate=self._sample_rate)
        blocks: list[Waveform] = []
        surplus, size, wanted = 0, 0, math.inf
        for frame in frames:
            if not blocks:
                self.rate = self._sample_rate or frame.sample_rate  # HE-AAC: the header may tell half
                surplus = round((start - self._time(frame, begin, start)) * self.rate)
                wanted = round(self._seconds * self.rate)
            frame.pts = None  # time stamps with gaps would make the resampler insert silence
            blocks.append(_mono(_resample(resampler, frame)))
            size += blocks[-1].size
            if size >= surplus + wanted:
                break
        else:
            blocks.append(_mono(_resample(resampler, None)))
        piece = np.concatenate(blocks)[surplus:]
        return None if piece.size < wanted else piece[: int(wanted)]

    def _time(self, frame: AudioFrame, begin: float, start: float) -> float:
        """Return the second of a frame as it tells it, or where it should be if that cannot be right."""
        if frame.pts is None or frame.time_base is None:
            return begin
        time = float((frame.pts - (self._stream.start_time or 0)) * frame.time_base)
        return time if start - _ASTRAY <= time <= start else begin

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield frames from here on; a damaged packet is passed over."""
        for packet in self._container.demux(self._stream):
            try:
                frames: list[AudioFrame] = packet.decode()
            except FFmpegError:
                continue
            yield from frames
