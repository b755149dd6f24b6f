"""Files as other programs write and read them: WAV from samples, the words inside a PNG."""

import io
import wave

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def wav(waveform: NDArray[np.floating], sample_rate: int) -> bytes:
    """A mono waveform (N,) within -1 to 1 as 16-bit WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 2, sample_rate, 0, "NONE", ""))
        out.writeframes(np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def png_text(data: bytes) -> dict[str, str]:
    """The text entries of a PNG."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        picture.load()
        return {str(key): str(value) for key, value in picture.info.items() if isinstance(value, str)}
