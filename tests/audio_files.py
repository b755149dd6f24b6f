"""Songs as other programs write them: every format that is read, and WAV headers that may lie."""

import io
import struct
from fractions import Fraction

import av
import numpy as np

ENCODERS = {
    "mp3": ("mp3", "libmp3lame", "fltp"),
    "ogg": ("ogg", "vorbis", "fltp"),
    "opus": ("ogg", "libopus", "flt"),
    "m4a": ("ipod", "aac", "fltp"),
    "flac": ("flac", "flac", "s16"),
    "wav": ("wav", "pcm_s16le", "s16"),
    "aiff": ("aiff", "pcm_s16be", "s16"),
    "mka": ("matroska", "flac", "s16"),
    "webm": ("webm", "libopus", "flt"),
    "mp4": ("mp4", "aac", "fltp"),
    "m4r": ("ipod", "aac", "fltp"),
    "w64": ("w64", "pcm_s16le", "s16"),
    "caf": ("caf", "pcm_s16be", "s16"),
    "au": ("au", "pcm_s16be", "s16"),
    "wma": ("asf", "wmav2", "fltp"),
    "wv": ("wv", "wavpack", "fltp"),
    "tta": ("tta", "tta", "s16"),
}
LENGTHLESS = {"aac": ("adts", "aac", "fltp"), "mp2": ("mp2", "mp2", "s16")}  # no header tells how long it is


def tone(seconds: float = 4.0, rate: int = 48_000, hertz: float = 440.0) -> np.ndarray:
    """A tone that grows louder, so that every second of it differs."""
    time = np.arange(int(seconds * rate)) / rate
    return (0.1 + 0.4 * time / seconds) * np.sin(2 * np.pi * hertz * time)


def encoded(
    kind: str, channels: np.ndarray, rate: int = 48_000, *, tags: dict[str, str] | None = None
) -> bytes:
    """`channels` (C, N) in one of the formats that users bring."""
    container_format, codec, sample_format = (ENCODERS | LENGTHLESS)[kind]
    channels = np.repeat(channels, 2, axis=0) if codec == "vorbis" and len(channels) == 1 else channels
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        if codec == "wmav2":
            stream.bit_rate = 128_000  # it has none of its own
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels, np.float32), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(
            sample_format, layout, rate, frame_size=stream.codec_context.frame_size or 1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def silence(kind: str, seconds: float, rate: int = 8_000) -> bytes:
    """Hours of nothing, encoded piece by piece: small as a file, long to decode."""
    container_format, codec, sample_format = ENCODERS[kind]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", format=sample_format)
        stream.codec_context.open()
        size = stream.codec_context.frame_size
        frame = av.AudioFrame.from_ndarray(np.zeros((1, size), np.int16), "s16", "mono")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        for start in range(0, int(seconds * rate), size):
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def video(container_format: str) -> bytes:
    """Half a second of moving picture, no sound."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def wav_header(
    channels: int = 1,
    rate: int = 8_000,
    *,
    data: bytes,
    kind: int = 1,
    bits: int = 16,
    size: int | None = None,
) -> bytes:
    """A WAV file that claims what it is told to; `size` is the claimed length of `data`."""
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * block % 2**32, block, bits)
    size = len(data) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 2)) + body


def id3(*frames: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """An ID3v2.3 tag of (name, content) frames; `size` is its claimed length."""
    body = b"".join(name + struct.pack(">I", len(content)) + b"\0\0" + content for name, content in frames)
    size = len(body) if size is None else size
    return b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + body
