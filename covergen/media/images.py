"""Pictures in and out: bytes of any usual format to RGB pixels, and pixels to PNG, JPEG or WebP.

H, W height and width in pixels.
"""

import io
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features
from PIL.PngImagePlugin import PngInfo

from covergen.errors import BadInput, RejectCode

Pixels = NDArray[np.uint8]

MAX_PIXELS: Final = 64_000_000  # 8000 x 8000: above any store's cover, 192 MB decoded
SHRUNK_QUALITY: Final = 95  # of the JPEG that a shrunk picture becomes
# The last row is not read: such files are told of where nothing better lies beside them.
IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff"}
    | {".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd"}
)
_HAS_AVIF: Final = features.check("avif")  # Pillow's wheels have, a build of one's own may not
# Formats that call other programs (EPS) or hold no cover (PSD, ICO, ...) are not opened at all.
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(["AVIF"] if _HAS_AVIF else []))
_UNREAD: Final = {
    **({} if _HAS_AVIF else {"AVIF": rb".{4}ftypavi[fs]"}),
    "HEIC": rb".{4}ftyp(?:hei|hev|mif1|msf1)",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "SVG": rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<svg",
    "Photoshop": rb"8BPS",
}
_PAGE: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_ASCII: Final = b"ASCII\0\0\0"  # how an EXIF comment names its character set
_BACKGROUND: Final = (255, 255, 255, 255)  # what stores and players show behind a transparent cover


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return a picture as (H, W, 3), upright as its EXIF asks, transparency laid over white.

    Animations give their first frame. Raises BadInput with DAMAGED_IMAGE, EMPTY_FILE or TOO_LARGE, the latter
    before a pixel is decoded.
    """
    with _as_bad_input(), _opened_within(data, max_pixels) as picture:
        return np.asarray(_upright(picture))


def shrink(data: bytes, side: int, *, max_pixels: int = MAX_PIXELS) -> tuple[bytes, tuple[int, int]]:
    """Return a picture whose shorter side is `side` pixels at most, and its (height, width).

    One that is no larger stays as it is, once it was decoded to its end; any other becomes a JPEG of quality
    95, by a Hamming filter. A JPEG is decoded at the half, quarter or eighth that is still large enough: half
    the work, and 41 dB from a full-size Lanczos. Raises BadInput like `decode`.
    """
    with _as_bad_input(), _opened_within(data, max_pixels) as picture:
        large = min(picture.size) > side
        if large:
            picture.draft(None, (side, side))
        upright = _upright(picture)
    if not large:
        return data, (upright.height, upright.width)
    scale = side / min(upright.size)
    width, height = (max(side, round(length * scale)) for length in upright.size)
    small = upright.resize((width, height), Image.Resampling.HAMMING)
    return _jpeg(small, SHRUNK_QUALITY), (height, width)


def check(data: bytes, *, max_pixels: int = MAX_PIXELS) -> None:
    """Decode a picture to its end, a JPEG at an eighth of its size. Raises BadInput like `decode`."""
    with _as_bad_input(), _opened_within(data, max_pixels) as picture:
        picture.draft(None, (1, 1))
        picture.load()


def size_of(data: bytes) -> tuple[int, int]:
    """Return (height, width) by the head of a picture. Raises BadInput like `decode`."""
    with _as_bad_input(), _opened_within(data, MAX_PIXELS) as picture:
        return picture.height, picture.width


def mime_of(data: bytes) -> str:
    """Return the media type by content, such as image/jpeg. Raises BadInput."""
    with _as_bad_input(), _opened(data) as picture:
        return Image.MIME.get(picture.format or "", "application/octet-stream")


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


def encode_jpeg(image: Pixels, quality: int = 92, *, comment: str = "") -> bytes:
    """Return (H, W, 3) as a baseline JPEG of full colour resolution; `comment` (ASCII) stands in its EXIF."""
    return _jpeg(Image.fromarray(image), quality, exif=_exif(comment))


def encode_webp(image: Pixels, quality: int = 92, *, comment: str = "") -> bytes:
    """Return (H, W, 3) as a lossy WebP; `comment` (ASCII) stands in its EXIF."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=quality, exif=_exif(comment))
    return buffer.getvalue()


def _exif(comment: str) -> bytes:
    if not comment:
        return b""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _ASCII + comment.encode("ascii")
    return exif.tobytes()


def _jpeg(picture: Image.Image, quality: int, *, exif: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0, exif=exif)
    return buffer.getvalue()


def _opened(data: bytes) -> Image.Image:
    """Return a picture of which only the head was read. Raises BadInput where its format is not read."""
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError as error:
        for name, beginning in _UNREAD.items():
            if re.match(beginning, data[:500], re.DOTALL | re.IGNORECASE):
                reason = f"a picture in {name}, which is not read here: save it as JPEG, PNG or WebP"
                raise BadInput(RejectCode.UNSUPPORTED_FORMAT, reason) from error
        page = "a web page, not a picture" if _PAGE.match(data[:100]) else "not a picture of a known format"
        raise BadInput(RejectCode.DAMAGED_IMAGE, page) from error


def _opened_within(data: bytes, max_pixels: int) -> Image.Image:
    """Return a picture of which only the head was read. Raises BadInput where it is empty or too large."""
    if not data:
        raise BadInput(RejectCode.EMPTY_FILE, "the picture is empty")
    picture = _opened(data)
    width, height = picture.size
    if width * height > max_pixels:
        picture.close()
        reason = f"{width} x {height} pixels, at most {max_pixels} in all are decoded"
        raise BadInput(RejectCode.TOO_LARGE, reason)
    return picture


@contextmanager
def _as_bad_input() -> Iterator[None]:
    """Tell what Pillow raises as BadInput."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of damaged metadata, which is not read here, and of sizes, which are checked here.
            warnings.simplefilter("ignore")
            yield
    # Pillow's decoders raise any of these for damaged data.
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        LookupError,
        TypeError,
        ArithmeticError,
        RuntimeError,
        struct.error,
    ) as error:
        raise BadInput(RejectCode.DAMAGED_IMAGE, f"the picture cannot be decoded: {error}") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise BadInput(RejectCode.TOO_LARGE, f"the picture is too large to decode: {error}") from error


def _upright(picture: Image.Image) -> Image.Image:
    """Decode a picture to its end, as RGB, turned as its EXIF asks."""
    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)
    return _rgb(picture)


def _rgb(picture: Image.Image) -> Image.Image:
    """Return any mode as RGB."""
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        return _from_deep_grey(picture)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _BACKGROUND), layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _from_deep_grey(picture: Image.Image) -> Image.Image:
    """Scale 16-bit or floating-point grey to 8 bits: Pillow's own conversion clips it to white."""
    grey = np.asarray(picture, dtype=np.float64)
    top = 1.0 if picture.mode == "F" and grey.max(initial=0) <= 1 else 65535.0
    scaled = np.clip(np.nan_to_num(grey) / top * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(scaled).convert("RGB")
