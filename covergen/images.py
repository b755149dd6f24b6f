"""Pictures in and out: bytes of any usual format to RGB pixels, and pixels to PNG or JPEG.

H, W height and width in pixels.
"""

import io
import warnings
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from covergen.errors import BadInput, RejectCode

Pixels = NDArray[np.uint8]

MAX_PIXELS: Final = 64_000_000  # 8000 x 8000: above any store's cover, 192 MB decoded
IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"})
# Formats that call other programs (EPS) or hold no cover (TIFF, PSD, ...) are not opened at all.
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_BACKGROUND: Final = (255, 255, 255, 255)  # what stores and players show behind a transparent cover


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return a picture as (H, W, 3), upright as its EXIF asks, transparency laid over white.

    Animations give their first frame. Raises BadInput with DAMAGED_IMAGE, EMPTY_FILE or TOO_LARGE, the latter
    before a pixel is decoded.
    """
    if not data:
        raise BadInput(RejectCode.EMPTY_FILE, "the picture is empty")
    try:
        with warnings.catch_warnings():
            # Pillow warns of damaged metadata, which is not read here, and of sizes, which are checked here.
            warnings.simplefilter("ignore")
            return _decode(data, max_pixels)
    except UnidentifiedImageError as error:
        raise BadInput(RejectCode.DAMAGED_IMAGE, "not a picture of a known format") from error
    # Pillow's decoders raise any of these for damaged data.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError) as error:
        raise BadInput(RejectCode.DAMAGED_IMAGE, f"the picture cannot be decoded: {error}") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise BadInput(RejectCode.TOO_LARGE, f"the picture is too large to decode: {error}") from error


def mime_of(data: bytes) -> str:
    """Return the media type by content, such as image/jpeg. Raises BadInput."""
    try:
        with _opened(data) as picture:
            return Image.MIME.get(picture.format or "", "application/octet-stream")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadInput(RejectCode.DAMAGED_IMAGE, "not a picture of a known format") from error
    except Image.DecompressionBombError as error:
        raise BadInput(RejectCode.TOO_LARGE, f"the picture is too large to decode: {error}") from error


def fit_square(image: Pixels, size: int) -> Pixels:
    """Return the largest centred square of (H, W, 3) at (size, size, 3), by Lanczos."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.LANCZOS))


def encode_png(image: Pixels, text: Mapping[str, str] | None = None) -> bytes:
    """Return (H, W, 3) as PNG with `text` as its metadata, any language; same pixels and text, same bytes."""
    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def encode_jpeg(image: Pixels, quality: int = 92) -> bytes:
    """Return (H, W, 3) as a baseline JPEG with full colour resolution."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=_FORMATS)


def _decode(data: bytes, max_pixels: int) -> Pixels:
    with _opened(data) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            reason = f"{width} x {height} pixels, at most {max_pixels} in all are decoded"
            raise BadInput(RejectCode.TOO_LARGE, reason)
        upright = ImageOps.exif_transpose(picture)
        return np.asarray(_rgb(upright))


def _rgb(picture: Image.Image) -> Image.Image:
    """Return any mode as RGB."""
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        return _from_deep_grey(picture)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _BACKGROUND), layer).convert("RGB")
    return picture.convert("RGB")


def _from_deep_grey(picture: Image.Image) -> Image.Image:
    """Scale 16-bit or floating-point grey to 8 bits: Pillow's own conversion clips it to white."""
    grey = np.asarray(picture, dtype=np.float64)
    top = 1.0 if picture.mode == "F" and grey.max(initial=0) <= 1 else 65535.0
    scaled = np.clip(np.nan_to_num(grey) / top * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(scaled).convert("RGB")
