"""Audio in and out: bytes of any usual format to a mono waveform, and a waveform to FLAC.

Everything is bounded by `AudioLimits`, and what cannot be used is a BadInput with its own code. Which song
stands for an album, and what becomes of refused files, is left to others. C channels, N samples.
"""

import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from covergen.errors import BadInput, RejectCode
from covergen.media.audio_input import (
    AUDIO_SUFFIXES,
    RATES,
    AudioFacts,
    AudioLimits,
    OpenedAudio,
    opened_audio,
    too_long,
)

__all__ = [
    "AUDIO_SUFFIXES", "AudioFacts", "AudioLimits", "Clip", "Waveform", "decode", "encode_flac",
    "measure", "probe",
]  # fmt: skip

Waveform = NDArray[np.float32]

_LOUDEST: Final = 1_000.0  # times full scale; beyond it a float file holds no music, and squares overflow
_FRAME: Final = 16_384  # samples that are mixed at once: in the frames of the codec it takes twice as long


@dataclass(frozen=True)
class Clip:
    """Decoded mono audio (N,) within about -1 to 1, and the length the container claims."""

    waveform: Waveform
    sample_rate: int
    seconds: float
    container_seconds: float | None


def decode(
    source: bytes | Path,
    sample_rate: int | None,
    *,
    seconds: float | None = None,
    limits: AudioLimits | None = None,
) -> Clip:
    """Return the source as mono at `sample_rate` Hz: all of it, or `seconds` from its middle.

    Without a rate it keeps the source's own. The cut is centred in the claimed length and starts at 0 where
    no length is claimed; one that is silent lies around the loudest second instead, so that a song is silent
    here where it is to `measure`. The same bytes always give the same cut, and a shorter source gives what it
    has. Channels are averaged. Raises BadInput.
    """
    limits = limits or AudioLimits()
    clip = _cut(source, sample_rate, seconds, start=None, limits=limits)
    loudest = _Loudness(clip.sample_rate)
    loudest.add(clip.waveform)
    if loudest.is_sound(limits):
        return clip
    loudness, _ = _listened(source, limits)
    loudness.check(limits)
    if seconds is None:
        return clip
    start = max(0.0, min(loudness.second + 0.5 - seconds / 2, loudness.seconds - seconds))
    return _cut(source, sample_rate, seconds, start=start, limits=limits)


def _cut(
    source: bytes | Path,
    sample_rate: int | None,
    seconds: float | None,
    *,
    start: float | None,
    limits: AudioLimits,
) -> Clip:
    """Return `seconds` from `start`, from the middle where it is None; all of the source where both are."""
    with opened_audio(source, limits) as opened:
        claimed = opened.facts.container_seconds
        if start is None:
            start = max(0.0, (claimed - seconds) / 2) if claimed and seconds else 0.0
        stop = math.inf if seconds is None else start + seconds
        reader = _Reader(opened, limits)
        waveform = reader.read(sample_rate, start, stop)
    rate = sample_rate or reader.rate
    # Resampling rounds; a cut of 5 s has exactly 5 s of samples.
    waveform = waveform if seconds is None else waveform[: round(seconds * rate)]
    _check_length(reader.decoded_seconds, min(claimed, stop) if claimed else None, limits)
    return Clip(waveform, rate, waveform.size / rate, claimed)


def probe(source: bytes | Path, limits: AudioLimits | None = None) -> AudioFacts:
    """Return what the header claims, without decoding. Raises BadInput."""
    with opened_audio(source, limits or AudioLimits()) as opened:
        return opened.facts


def measure(source: bytes | Path, limits: AudioLimits | None = None) -> tuple[float, AudioFacts]:
    """Decode the whole source in passing, holding one frame at a time; return its true seconds and its facts.

    Raises BadInput for whatever makes a file unusable: this is the proof that it can be heard.
    """
    limits = limits or AudioLimits()
    loudness, facts = _listened(source, limits)
    loudness.check(limits)
    return loudness.seconds, facts


def _listened(source: bytes | Path, limits: AudioLimits) -> "tuple[_Loudness, AudioFacts]":
    """Decode the whole source in passing; return how loud it gets, and its facts."""
    with opened_audio(source, limits) as opened:
        reader = _Reader(opened, limits)
        loudness: _Loudness | None = None
        for block in reader.blocks(None, 0.0, math.inf):
            loudness = loudness or _Loudness(reader.rate)
            loudness.add(block)
    _check_length(reader.decoded_seconds, opened.facts.container_seconds, limits)
    loudness = loudness or _Loudness(1)
    loudness.seconds = reader.decoded_seconds
    return loudness, opened.facts


class _Loudness:
    """Finds the loudest second of what is added to it block by block: a song is silent if that is."""

    def __init__(self, rate: int):
        self.rate, self.second, self.seconds = rate, 0, 0.0
        self._power, self._passed = 0.0, 0
        self._blocks: list[Waveform] = []  # less than a second
        self._waiting = 0  # samples of them

    def add(self, block: Waveform) -> None:
        """Take in the next samples (N,)."""
        self._blocks.append(block)
        self._waiting += block.size
        if whole := self._waiting // self.rate:
            joined = np.concatenate(self._blocks)
            self._judge(joined[: whole * self.rate].reshape(whole, -1))
            self._blocks, self._waiting = [joined[whole * self.rate :]], self._waiting - whole * self.rate

    def is_sound(self, limits: AudioLimits) -> bool:
        """Say whether any second is louder than silence. A constant is none, however far from zero."""
        if not self._passed and self._waiting:  # less than a second in all
            self._judge(np.concatenate(self._blocks)[None])
        return self._power >= 10 ** (limits.silence_dbfs / 10)

    def check(self, limits: AudioLimits) -> None:
        """Raise BadInput where all is silence."""
        if not self.is_sound(limits):
            level = f"{limits.silence_dbfs:.0f} dB of full scale"
            raise BadInput(RejectCode.SILENT, f"silent: no second of it reaches {level} once mixed to mono")

    def _judge(self, seconds: Waveform) -> None:
        power = np.var(seconds, axis=1, dtype=np.float64)  # (seconds,)
        best = int(power.argmax())
        if power[best] > self._power:
            self._power, self.second = float(power[best]), self._passed + best
        self._passed += len(power)


class _Reader:
    """Decodes the parts of a file from its start; `decoded_seconds` tells how far it came.

    What changes its rate or channels on the way is resampled to the rate that it began with.
    """

    def __init__(self, opened: OpenedAudio, limits: AudioLimits):
        self.opened, self.limits = opened, limits
        self.rate = opened.facts.sample_rate
        self.decoded_seconds = 0.0  # by the number of samples, not by time stamps, which lie over gaps
        self._decoded: Counter[int] = Counter()  # samples by their rate

    def read(self, sample_rate: int | None, start: float, stop: float) -> Waveform:
        """Return seconds `start` to `stop` as mono (N,); without a rate at the source's own."""
        blocks = list(self.blocks(sample_rate, start, stop))
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    def blocks(self, sample_rate: int | None, start: float, stop: float) -> Iterator[Waveform]:
        """Yield seconds `start` to `stop` as mono blocks (N,)."""
        resampler = _Resampler(sample_rate)
        surplus: int | None = None
        for frame in self._frames():
            begin = self.decoded_seconds
            self._decoded[frame.sample_rate] += frame.samples
            self.decoded_seconds = sum(samples / rate for rate, samples in self._decoded.items())
            if self.decoded_seconds > self.limits.max_seconds:
                raise too_long(self.decoded_seconds, self.limits)
            if self.decoded_seconds <= start:
                continue
            if surplus is None:
                surplus = round((start - begin) * (sample_rate or self.rate))
            block = resampler(frame)
            yield block[surplus:]
            surplus = max(0, surplus - block.size)
            if self.decoded_seconds >= stop:
                break
        if surplus is not None:
            yield resampler(None)[surplus:]

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield frames; a damaged packet is passed over, and the missing length tells of it."""
        for container, stream in self.opened.parts:
            try:
                for packet in container.demux(stream):
                    yield from self._decoded_frames(packet)
            except FFmpegError as error:
                reason = f"it cannot be read on from {self._where()}: damaged, or another format follows"
                raise BadInput(RejectCode.UNREADABLE, reason) from error

    def _decoded_frames(self, packet: Any) -> list[AudioFrame]:
        try:
            frames: list[AudioFrame] = packet.decode()
        except FFmpegError:
            return []
        if frames and not self._decoded:
            self.rate = frames[0].sample_rate  # HE-AAC: the header may tell half of what is decoded
        for frame in frames:
            if frame.sample_rate not in RATES or frame.layout.nb_channels > self.limits.max_channels:
                reason = f"{frame.sample_rate} Hz and {frame.layout.nb_channels} channels cannot be right"
                raise BadInput(RejectCode.UNREADABLE, f"{reason}: damaged at {self._where()}")
        return frames

    def _where(self) -> str:
        return f"{self.decoded_seconds:.1f} s"


class _Resampler:
    """Mixes frames of any form to mono at one rate, that of the first where none is given."""

    def __init__(self, rate: int | None):
        self.rate = rate
        self._inner: AudioResampler | None = None
        self._form: tuple[object, ...] = ()

    def __call__(self, frame: AudioFrame | None) -> Waveform:
        """Return the samples (N,) that are ready; with None, those that are left."""
        if frame is None:
            return self._rest()
        form = frame.sample_rate, frame.layout.name, frame.format.name
        frame.pts = None  # time stamps with gaps would make the resampler insert silence
        if self._inner and form == self._form:
            return _mono(_resample(self._inner, frame))
        rest, self._form, self.rate = self._rest(), form, self.rate or frame.sample_rate
        # Interleaved: PyAV reads past the last plane of a frame of eight or more channels, and may crash.
        self._inner = AudioResampler(format="flt", rate=self.rate, frame_size=_FRAME)
        return np.concatenate([rest, _mono(_resample(self._inner, frame))])

    def _rest(self) -> Waveform:
        return _mono(_resample(self._inner, None) if self._inner else [])


def _resample(resampler: AudioResampler, frame: AudioFrame | None) -> list[AudioFrame]:
    try:
        return list(resampler.resample(frame))
    except (FFmpegError, ValueError) as error:
        raise BadInput(RejectCode.UNREADABLE, "the audio has a form that cannot be mixed to mono") from error


def _mono(frames: list[AudioFrame]) -> Waveform:
    """Average channels: the resampler's own downmix is 3 dB louder for float formats than for others."""
    if not frames:
        return np.empty(0, np.float32)
    packed = np.concatenate([frame.to_ndarray()[0] for frame in frames])  # (N x C,)
    planes = np.ascontiguousarray(packed.reshape(-1, frames[0].layout.nb_channels).T)  # (C, N)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        mixed: Waveform = planes.mean(axis=0, dtype=np.float32)
        peak = float(np.max(np.abs(mixed), initial=0.0))
    if not peak <= _LOUDEST:  # also true for NaN
        raise BadInput(RejectCode.NOT_FINITE, "samples are infinite, not numbers, or far beyond full scale")
    return mixed


def _check_length(decoded: float, claimed: float | None, limits: AudioLimits) -> None:
    if decoded == 0:
        raise BadInput(RejectCode.UNREADABLE, "not one frame of audio could be decoded")
    if claimed is not None and decoded < 0.95 * claimed - limits.slack_seconds:
        reason = f"{decoded:.1f} s could be decoded where {claimed:.1f} s should be: damaged or cut off"
        raise BadInput(RejectCode.SHORTENED, reason)
    if decoded < limits.min_seconds:
        raise BadInput(RejectCode.TOO_SHORT, f"{decoded:.2f} s, at least {limits.min_seconds} s are needed")


def encode_flac(waveform: Waveform, sample_rate: int) -> bytes:
    """Return a mono waveform (N,) within -1 to 1 as 16-bit FLAC; its level kept, the excess clipped."""
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="flac") as container:
        stream = container.add_stream("flac", rate=sample_rate, layout="mono", format="s16")
        frame = AudioFrame.from_ndarray(_int16(waveform)[None, :], format="s16", layout="mono")
        frame.sample_rate = sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _int16(waveform: Waveform) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.rint(waveform * 32768.0), -32768, 32767), dtype="<i2")
