import base64
import io
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen import id3
from mutagen.flac import Picture
from mutagen.mp4 import MP4Cover

from covergen.media import audio, images
from tests.files import wav


def sound(suffix: str, hertz: float = 330.0) -> bytes:
    """Two seconds of a tone in the format that a suffix names."""
    import av

    time = np.arange(2 * 44_100) / 44_100
    waveform = (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    if suffix == ".wav":
        return wav(waveform, 44_100)
    if suffix == ".flac":
        return audio.encode_flac(waveform, 44_100)
    kind, codec, form, rate = {
        ".mp3": ("mp3", "libmp3lame", "fltp", 44_100),
        ".m4a": ("ipod", "aac", "fltp", 44_100),
        ".opus": ("ogg", "libopus", "flt", 48_000),
        ".ogg": ("ogg", "libopus", "flt", 48_000),
    }[suffix]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(waveform[None], "flt", "mono")
        frame.sample_rate = 44_100
        resampler = av.AudioResampler(form, "mono", rate, frame_size=stream.codec_context.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def sounds() -> dict[str, bytes]:
    return {suffix: sound(suffix) for suffix in (".mp3", ".m4a", ".opus", ".flac", ".wav")}


@pytest.fixture(scope="session")
def picture() -> bytes:
    return images.encode_png(np.full((64, 48, 3), 90, np.uint8))


FRAMES = {
    "artist": id3.TPE1, "albumartist": id3.TPE2, "album": id3.TALB, "title": id3.TIT2, "genre": id3.TCON,
    "tracknumber": id3.TRCK, "discnumber": id3.TPOS, "date": id3.TDRC, "label": id3.TPUB, "isrc": id3.TSRC,
    "licence": id3.TCOP, "compilation": id3.TCMP,
}  # fmt: skip
ATOMS = {
    "artist": "©ART",
    "albumartist": "aART",
    "album": "©alb",
    "title": "©nam",
    "genre": "©gen",
    "date": "©day",
    "lyrics": "©lyr",
}


def write_tags(
    path: Path, tags: dict[str, list[str]], picture: bytes | None = None, version: int = 4
) -> None:
    """Tag a file the way players do, in its format's own manner."""
    file = mutagen.File(path)
    if path.suffix in {".mp3", ".wav"}:
        if file.tags is None:
            file.add_tags()
        lyrics = tags.pop("lyrics", [])
        for name, values in tags.items():
            file.tags.add(FRAMES[name](encoding=1, text=values))
        for text in lyrics:
            file.tags.add(id3.USLT(encoding=1, lang="eng", desc="", text=text))
        if picture:
            file.tags.add(id3.APIC(encoding=0, mime="image/png", type=3, desc="", data=picture))
        if version == 3:
            file.tags.update_to_v23()
        file.save(v2_version=version)
        return
    if path.suffix == ".m4a":
        for name, values in tags.items():
            if name in {"tracknumber", "discnumber"}:
                number, _, total = values[0].partition("/")
                file.tags["trkn" if name == "tracknumber" else "disk"] = [(int(number), int(total or 0))]
            else:
                file.tags[ATOMS[name]] = values
        if picture:
            file.tags["covr"] = [MP4Cover(picture, MP4Cover.FORMAT_PNG)]
        file.save()
        return
    for name, values in tags.items():
        file["license" if name == "licence" else name] = values
    if picture:
        block = Picture()
        block.type, block.mime, block.data = 3, "image/png", picture
        if path.suffix == ".flac":
            file.add_picture(block)
        else:
            file["metadata_block_picture"] = [base64.b64encode(block.write()).decode()]
    file.save()


@pytest.fixture
def song(tmp_path, sounds):
    """Write `song("A/B/01 - C.mp3", artist=["A"], ...)` under tmp_path; without tags, none are written."""

    def make(name: str, *, picture: bytes | None = None, version: int = 4, **tags) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sounds[path.suffix])
        if tags or picture:
            write_tags(
                path,
                {key: [value] if isinstance(value, str) else value for key, value in tags.items()},
                picture,
                version,
            )
        return path

    return make
