"""Pictures for a page: small ones inside it, and beyond a budget as files beside it."""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from covergen.evaluation.report.content import Picture

_QUALITY: Final = 88
_QUALITY_SMALL: Final = 94
_SMALL: Final = 256


class PictureBook:
    """Gives each picture an address: a data URI until `budget` bytes are spent, then a file under `folder`.

    Addresses of files are relative to the folder's parent, where the page lies.
    """

    def __init__(self, folder: Path, *, budget: int, largest: int = 512):
        self._folder = folder
        self._left = budget
        self._largest = largest
        self._files = 0

    def address(self, picture: Picture) -> str:
        """Return the picture's address as a JPEG of at most `largest` pixels a side."""
        raw = _jpeg(open_picture(picture), self._largest)
        text = base64.b64encode(raw).decode()
        if len(text) <= self._left:
            self._left -= len(text)
            return f"data:image/jpeg;base64,{text}"
        self._files += 1
        path = self._folder / f"{self._files:05}.jpg"
        self._folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        return f"{self._folder.name}/{path.name}"


def open_picture(picture: Picture) -> Image.Image:
    """Return pixels or an encoded file as an RGB image."""
    if isinstance(picture, bytes):
        return Image.open(io.BytesIO(picture)).convert("RGB")
    return Image.fromarray(picture)


def contact_sheet(pictures: Sequence[Picture], *, columns: int, tile: int = 160, gap: int = 6) -> Image.Image:
    """Return the pictures in reading order on one transparent-free sheet of square tiles."""
    rows = math.ceil(len(pictures) / columns)
    side = tile + gap
    sheet: NDArray[np.uint8] = np.full((rows * side - gap, columns * side - gap, 3), 255, np.uint8)
    for k, picture in enumerate(pictures):
        image = open_picture(picture).resize((tile, tile), Image.Resampling.LANCZOS)
        top, left = (k // columns) * side, (k % columns) * side
        sheet[top : top + tile, left : left + tile] = np.asarray(image)
    return Image.fromarray(sheet)


def _jpeg(image: Image.Image, largest: int) -> bytes:
    image.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(
        buffer, "JPEG", quality=_QUALITY_SMALL if max(image.size) <= _SMALL else _QUALITY, subsampling=0
    )
    return buffer.getvalue()
