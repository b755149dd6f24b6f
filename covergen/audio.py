"""Audio in and out: bytes of any usual format to a mono waveform, and a waveform to FLAC.

Everything is bounded by `AudioLimits`, and what cannot be used is a BadInput with its own code. Which song
stands for an album, and what becomes of refused files, is left to others. C channels, N samples.
"""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from covergen.audio_input import AUDIO_SUFFIXES, AudioFacts, AudioLimits, opened_audio, too_long
from covergen.errors import BadInput, RejectCode

__all__ = [
    "AUDIO_SUFFIXES", "AudioFacts", "AudioLimits", "Clip", "Waveform", "decode", "encode_flac",
    "measure", "probe",
]  # fmt: skip

Waveform = NDArray[np.float32]

_LOUDEST: Final = 1_000.0  # times full scale; beyond it a float file holds no music, and squares overflow


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
    no length is claimed; the same bytes always give the same cut, and a shorter source gives what it has.
    Channels are averaged. Raises BadInput.
    """
    limits = limits or AudioLimits()
    with opened_audio(source, limits) as (container, stream, facts):
        claimed = facts.container_seconds
        start = max(0.0, (claimed - seconds) / 2) if claimed and seconds else 0.0
        stop = math.inf if seconds is None else start + seconds
        reader = _Reader(container, stream, limits)
        waveform = reader.read(sample_rate, start, stop)
    rate = sample_rate or reader.rate
    # Resampling rounds; a cut of 5 s has exactly 5 s of samples.
    waveform = waveform if seconds is None else waveform[: round(seconds * rate)]
    _check_length(reader.decoded_seconds, min(claimed, stop) if claimed else None, limits)
    power = float(np.mean(np.square(waveform, dtype=np.float64))) if waveform.size else 0.0
    _check_level(power, limits)
    return Clip(waveform, rate, waveform.size / rate, claimed)


def probe(source: bytes | Path, limits: AudioLimits | None = None) -> AudioFacts:
    """Return what the header claims, without decoding. Raises BadInput."""
    with opened_audio(source, limits or AudioLimits()) as (_, _, facts):
        return facts


def measure(source: bytes | Path, limits: AudioLimits | None = None) -> tuple[float, AudioFacts]:
    """Decode the whole source in passing, holding one frame at a time; return its true seconds and its facts.

    Raises BadInput for whatever makes a file unusable: this is the proof that it can be heard.
    """
    limits = limits or AudioLimits()
    with opened_audio(source, limits) as (container, stream, facts):
        reader = _Reader(container, stream, limits)
        power = 0.0
        for block in reader.blocks(facts.sample_rate, 0.0, math.inf):
            power += float(np.sum(np.square(block, dtype=np.float64)))
    _check_length(reader.decoded_seconds, facts.container_seconds, limits)
    _check_level(power / max(reader.decoded_samples, 1), limits)
    return reader.decoded_seconds, facts


class _Reader:
    """Decodes one stream from its start; `decoded_seconds` tells how far it came."""

    def __init__(self, container: InputContainer, stream: AudioStream, limits: AudioLimits):
        self.container, self.stream, self.limits = container, stream, limits
        self.rate = int(stream.codec_context.sample_rate)
        self.decoded_samples = 0

    @property
    def decoded_seconds(self) -> float:
        """Seconds decoded so far, by the number of samples, not by time stamps, which lie over gaps."""
        return self.decoded_samples / self.rate

    def read(self, sample_rate: int | None, start: float, stop: float) -> Waveform:
        """Return seconds `start` to `stop` as mono (N,); without a rate at the source's own."""
        blocks = list(self.blocks(sample_rate, start, stop))
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    def blocks(self, sample_rate: int | None, start: float, stop: float) -> Iterator[Waveform]:
        """Yield seconds `start` to `stop` as mono blocks (N,)."""
        # Interleaved: PyAV reads past the last plane of a frame of eight or more channels, and may crash.
        resampler = AudioResampler(format="flt", rate=sample_rate)
        surplus: int | None = None
        for frame in self._frames():
            begin, self.decoded_samples = self.decoded_samples, self.decoded_samples + frame.samples
            if self.decoded_seconds > self.limits.max_seconds:
                raise too_long(self.decoded_seconds, self.limits)
            if self.decoded_seconds <= start:
                continue
            if surplus is None:
                surplus = round((start - begin / self.rate) * (sample_rate or self.rate))
            frame.pts = None  # time stamps with gaps would make the resampler insert silence
            block = _mono(_resample(resampler, frame))
            yield block[surplus:]
            surplus = max(0, surplus - block.size)
            if self.decoded_seconds >= stop:
                break
        if surplus is not None:
            yield _mono(_resample(resampler, None))[surplus:]

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield frames; a damaged packet is passed over, and the missing length tells of it."""
        try:
            for packet in self.container.demux(self.stream):
                yield from self._decoded(packet)
        except FFmpegError as error:
            raise BadInput(
                RejectCode.UNREADABLE, f"reading stops at {self._where()}: {error.strerror}"
            ) from error

    def _decoded(self, packet: Any) -> list[AudioFrame]:
        try:
            frames: list[AudioFrame] = packet.decode()
        except FFmpegError:
            return []
        if frames and not self.decoded_samples:
            self.rate = frames[0].sample_rate  # HE-AAC: the header may tell half of what is decoded
        for frame in frames:
            if frame.sample_rate != self.rate or frame.layout.nb_channels > self.limits.max_channels:
                raise BadInput(RejectCode.UNREADABLE, f"rate or channels change at {self._where()}")
        return frames

    def _where(self) -> str:
        return f"{self.decoded_seconds:.1f} s"


def _resample(resampler: AudioResampler, frame: AudioFrame | None) -> list[AudioFrame]:
    try:
        return list(resampler.resample(frame))
    except (FFmpegError, ValueError) as error:  # ValueError: the layout or format changed within the file
        raise BadInput(RejectCode.UNREADABLE, "the audio changes its form within the file") from error


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


def _check_level(power: float, limits: AudioLimits) -> None:
    if power < 10 ** (limits.silence_dbfs / 10):
        reason = f"silent: below {limits.silence_dbfs:.0f} dB of full scale once mixed to mono"
        raise BadInput(RejectCode.SILENT, reason)


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
