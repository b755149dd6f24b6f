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

from covergen.media import audio
from covergen.media.audio import AudioLimits, Waveform, _mono, _resample
from covergen.media.audio_input import opened_audio, too_long

_SHORT: Final = 2.0  # times what is heard of it: shorter songs are decoded whole, which is as fast
_LEAD: Final = 0.3  # seconds decoded and dropped: what a decoder needs before it is right again
_ASTRAY: Final = (
    30.0  # seconds: where a container's index leads further away, its time stamps are not believed
)
_PLACES: Final = 24  # of a song that are tried where an excerpt is silent
_GRID: Final = 25  # places a second: whole samples at every usual rate, so that all resamplers hear one music
_EDGE: Final = 0.1  # seconds: the ends of a short song are trimmed of silence in such steps

Read = Callable[[float, float], Waveform | None]  # of a start and a length in seconds


@dataclass(frozen=True)
class Excerpts:
    """Mono pieces (N,) in the order of the song: all of a short one as a single piece, or equal ones.

    Each of several is as much longer on either side as was wanted, or as the song allows.
    """

    pieces: tuple[Waveform, ...]
    sample_rate: int
    seconds: float  # in all, without margins


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
    margin: float = 0.0,
    limits: AudioLimits | None = None,
) -> Excerpts:
    """Return `count` excerpts of `seconds` each as mono at `sample_rate` Hz; None keeps the source's own.

    `margin` seconds more on either side let a caller resample them as parts of the song. One that is silent
    is moved to the nearest place with sound. A song that is no longer than all of them is returned whole. The
    same bytes always give the same excerpts. What cannot be sought is heard in one piece around its middle.
    Raises BadInput, as `audio.decode` does.
    """
    limits = limits or AudioLimits()
    wanted = _Wanted(count, seconds, margin, limits)
    found = _sought(source, sample_rate, wanted)
    if found is not None:
        return found
    clip = audio.decode(source, sample_rate, seconds=count * seconds, limits=limits)
    return Excerpts((clip.waveform,), clip.sample_rate, clip.seconds)


@dataclass(frozen=True)
class _Wanted:
    count: int
    seconds: float
    margin: float
    limits: AudioLimits

    @property
    def total(self) -> float:
        return self.count * self.seconds

    @property
    def silence(self) -> float:
        return float(10 ** (self.limits.silence_dbfs / 10))

    def is_silent(self, piece: Waveform) -> bool:
        """Say whether a piece has no sound; a constant is none."""
        return not np.var(piece, dtype=np.float64) >= self.silence


def _sought(source: bytes | Path, sample_rate: int | None, wanted: _Wanted) -> Excerpts | None:
    """Return excerpts, or None where the container cannot be sought or is shorter than it claims."""
    limits = wanted.limits
    with opened_audio(source, limits) as opened:
        container, stream = next(iter(opened.parts))
        length = opened.facts.container_seconds
        if length is None and not opened.is_chained:
            length = _length(container, stream)
            if length > limits.max_seconds:
                raise too_long(length, limits)
        if length is not None and length > _SHORT * wanted.total and not opened.is_chained:
            seeker = _Seeker(container, stream, sample_rate)
            pieces = _sounding(seeker.read, length, wanted)
            return Excerpts(pieces, seeker.rate, wanted.total) if pieces else None
    return _cut(audio.decode(source, sample_rate, limits=limits), wanted)


def _cut(clip: audio.Clip, wanted: _Wanted) -> Excerpts | None:
    """Return excerpts of a song that was decoded whole."""
    rate = clip.sample_rate
    waveform = _trimmed(clip.waveform, rate, wanted)
    if waveform.size <= wanted.count * round(wanted.seconds * rate):
        return Excerpts((waveform,), rate, waveform.size / rate)

    def read(start: float, seconds: float) -> Waveform | None:
        first = round(start * rate)
        return waveform[first : first + round(seconds * rate)]

    pieces = _sounding(read, waveform.size / rate, wanted)
    return Excerpts(pieces, rate, wanted.total) if pieces else None


def _trimmed(waveform: Waveform, rate: int, wanted: _Wanted) -> Waveform:
    """Return a waveform without the silence at its ends, but no shorter than what is to be heard."""
    step, least = round(_EDGE * rate), wanted.count * round(wanted.seconds * rate)
    steps = waveform[: waveform.size // step * step].reshape(-1, step)
    loud = np.flatnonzero(np.var(steps, axis=1, dtype=np.float64) >= wanted.silence)
    if not loud.size or waveform.size <= least:
        return waveform
    first = min(int(loud[0]) * step, waveform.size - least)
    end = waveform.size if loud[-1] == len(steps) - 1 else (int(loud[-1]) + 1) * step
    return waveform[first : max(end, first + least)]


def _sounding(read: Read, length: float, wanted: _Wanted) -> tuple[Waveform, ...]:
    """Return excerpts with sound; none at all where one cannot be read, or nothing sounds.

    Where too few places sound, some are heard again.
    """
    starts = _places(length, wanted.count, wanted.seconds)
    margin = max(0.0, min(wanted.margin, starts[0]))
    last = length - wanted.seconds - margin

    def piece_at(start: float) -> Waveform | None:
        return read(min(max(start, margin), last) - margin, wanted.seconds + 2 * margin)

    chosen: dict[int, Waveform] = {}
    for place, start in enumerate(starts):
        piece = piece_at(start)
        if piece is None:
            return ()
        if not wanted.is_silent(piece):
            chosen[place] = piece
    others = _places(length, max(_PLACES, wanted.count), wanted.seconds)
    for place in sorted({*range(wanted.count)} - chosen.keys()):
        for start in sorted(others, key=lambda other: abs(other - starts[place])):
            others.remove(start)
            piece = piece_at(start)
            if piece is not None and not wanted.is_silent(piece):
                chosen[place] = piece
                break
    if not chosen:
        return ()
    nearest = [min(chosen, key=lambda known: abs(known - place)) for place in range(wanted.count)]
    return tuple(chosen[place] for place in nearest)


def _places(length: float, count: int, seconds: float) -> list[float]:
    return [math.floor(start * _GRID) / _GRID for start in spread(length, count, seconds)]


def _length(container: InputContainer, stream: AudioStream) -> float:
    """Return the seconds of a stream whose header tells none, by its packets, which need no decoding."""
    try:
        ticks = sum(packet.duration or 0 for packet in container.demux(stream))
    except FFmpegError:
        return 0.0
    return float(ticks * (stream.time_base or 0))


class _Seeker:
    """Reads from any place of an open container."""

    def __init__(self, container: InputContainer, stream: AudioStream, sample_rate: int | None):
        self._container, self._stream, self._sample_rate = container, stream, sample_rate
        self.rate = sample_rate or int(stream.codec_context.sample_rate)

    def read(self, start: float, seconds: float) -> Waveform | None:
        """Return `seconds` from `start` as mono (N,), or None where they cannot be read."""
        begin = max(0.0, start - _LEAD)
        try:
            self._seek(begin)
            return self._piece(start, seconds, begin)
        except FFmpegError:
            return None

    def _seek(self, begin: float) -> None:
        base = float(self._stream.time_base or 0)
        if base:
            offset = (self._stream.start_time or 0) + int(begin / base)
            self._container.seek(offset, stream=self._stream)

    def _piece(self, start: float, seconds: float, begin: float) -> Waveform | None:
        resampler = AudioResampler(format="flt", rate=self._sample_rate)
        blocks: list[Waveform] = []
        surplus, size, wanted = 0, 0, math.inf
        for frame in self._frames():
            if not blocks:
                self.rate = self._sample_rate or frame.sample_rate  # HE-AAC: the header may tell half
                surplus = round((start - self._time(frame, begin, start)) * self.rate)
                wanted = round(seconds * self.rate)
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
