"""Files as other programs write and read them: WAV from samples, rows of songs, the words inside a PNG."""

import io
import wave
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

SONG_COLUMNS = pa.schema(
    [("track_id", pa.string()), ("input_digest", pa.string()), ("uri", pa.string()), ("bytes", pa.binary())]
)


def wav(waveform: NDArray[np.floating], sample_rate: int) -> bytes:
    """A mono waveform (N,) within -1 to 1 as 16-bit WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 2, sample_rate, 0, "NONE", ""))
        out.writeframes(np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def songs(*contents: bytes | Path) -> pa.Table:
    """Songs as the stages of listening take them, by their bytes or as files; t0 is the first."""
    records = [
        {
            "track_id": f"t{index}",
            "input_digest": f"d{index}",
            "uri": content.as_uri() if isinstance(content, Path) else f"https://example.org/{index}.wav",
            "bytes": None if isinstance(content, Path) else content,
        }
        for index, content in enumerate(contents)
    ]
    return pa.Table.from_pylist(records, schema=SONG_COLUMNS)


def png_text(data: bytes) -> dict[str, str]:
    """The text entries of a PNG."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        picture.load()
        return {str(key): str(value) for key, value in picture.info.items() if isinstance(value, str)}
