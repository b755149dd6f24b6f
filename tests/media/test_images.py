import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from covergen.errors import BadInput, RejectCode
from covergen.media import images
from tests.files import png_text


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(height: int = 40, width: int = 60) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 255 // height, columns * 255 // width, rows * 0 + 90], -1).astype(np.uint8)


def test_png_keeps_pixels_and_metadata():
    data = images.encode_png(gradient(), {"prompt": "雨の夜", "seed": "7"})
    assert np.array_equal(images.decode(data), gradient())
    assert png_text(data) == {"prompt": "雨の夜", "seed": "7"}
    assert data == images.encode_png(gradient(), {"prompt": "雨の夜", "seed": "7"})


def test_jpeg_is_close():
    data = images.encode_jpeg(gradient())
    assert images.mime_of(data) == "image/jpeg"
    assert np.abs(images.decode(data).astype(int) - gradient()).mean() < 2


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "PNG"), ("1", "PNG"), ("P", "GIF"), ("CMYK", "JPEG"), ("RGB", "WEBP")]
)
def test_every_mode_becomes_rgb(mode, kind):
    pixels = images.decode(saved(Image.fromarray(gradient()).convert(mode), kind))
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8
    assert pixels[-1].mean() > pixels[0].mean()  # darker above, whatever the mode


def test_transparency_lies_over_white():
    picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    picture.putpixel((0, 0), (255, 0, 0, 255))
    pixels = images.decode(saved(picture, "PNG"))
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[3, 3].tolist() == [255, 255, 255]


def test_transparent_palette_lies_over_white():
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    assert images.decode(saved(picture, "PNG", transparency=1))[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bit_grey_is_scaled_not_clipped():
    grey = np.linspace(0, 65535, 100).astype(np.uint16).reshape(10, 10)
    pixels = images.decode(saved(Image.fromarray(grey), "PNG"))
    assert 120 < pixels.mean() < 135


def test_exif_orientation_is_obeyed():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to view
    assert images.decode(saved(Image.fromarray(gradient()), "JPEG", exif=exif)).shape == (60, 40, 3)


@pytest.mark.parametrize("shape", [(600, 600), (512, 700), (300, 257), (1000, 999)])
def test_shrunk_jpeg_is_close_to_one_decoded_at_full_size(shape):
    data = images.encode_jpeg(gradient(*shape))
    small, (height, width) = images.shrink(data, 256)
    assert min(height, width) == 256 and abs(height / width - shape[0] / shape[1]) < 0.005
    whole = Image.fromarray(images.decode(data)).resize((width, height), Image.Resampling.LANCZOS)
    error = images.decode(small).astype(float) - np.asarray(whole)
    assert images.mime_of(small) == "image/jpeg" and np.sqrt((error**2).mean()) < 2


def test_shrunk_picture_is_upright_and_on_white():
    exif = Image.Exif()
    exif[0x0112] = 6
    data, size = images.shrink(saved(Image.fromarray(gradient()), "JPEG", exif=exif), 20)
    assert size == (30, 20) == images.decode(data).shape[:2]
    clear = Image.new("RGBA", (90, 60), (255, 0, 0, 0))
    assert images.decode(images.shrink(saved(clear, "PNG"), 20)[0]).min() > 250


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("side", [100, 400])
def test_shrinking_reads_a_picture_to_its_end(kind, side):
    data = saved(Image.fromarray(gradient(300, 300)), kind)
    with pytest.raises(BadInput) as refusal:
        images.shrink(data[: len(data) // 2], side)
    assert refusal.value.code is RejectCode.DAMAGED_IMAGE
    with pytest.raises(BadInput) as refusal:
        images.shrink(data, side, max_pixels=89_999)
    assert refusal.value.code is RejectCode.TOO_LARGE


def test_a_picture_that_is_small_enough_is_left_alone():
    data = saved(Image.fromarray(gradient()), "GIF")
    assert images.shrink(data, 40) == (data, (40, 60))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000, 2**31 - 1])
def test_bombs_are_refused_by_their_header(side):
    with pytest.raises(BadInput) as refusal:
        images.decode(bomb(side, side))
    assert refusal.value.code is RejectCode.TOO_LARGE


@pytest.mark.parametrize(
    "data", [b"not a picture", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"GIF89a"]
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(BadInput) as refusal:
        images.decode(data)
    assert refusal.value.code is RejectCode.DAMAGED_IMAGE


def test_empty_picture_is_refused():
    with pytest.raises(BadInput) as refusal:
        images.decode(b"")
    assert refusal.value.code is RejectCode.EMPTY_FILE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_cut_off_picture_is_refused(kind):
    data = saved(Image.fromarray(gradient(200, 200)), kind)
    with pytest.raises(BadInput) as refusal:
        images.decode(data[: len(data) // 2])
    assert refusal.value.code is RejectCode.DAMAGED_IMAGE


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", *(["AVIF"] if features.check("avif") else [])]
    ),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=8),
)
def test_flipped_bytes_decode_or_are_refused(kind, flips):
    data = bytearray(saved(Image.fromarray(gradient(24, 24)), kind))
    for position, mask in flips:
        data[position % len(data)] ^= mask
    try:
        pixels = images.decode(bytes(data), max_pixels=100_000)
    except BadInput as refusal:
        assert refusal.code in {RejectCode.DAMAGED_IMAGE, RejectCode.TOO_LARGE}
    else:
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3


def test_fit_square_takes_the_middle():
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, 20:40] = 200
    square = images.fit_square(image, 10)
    assert square.shape == (10, 10, 3)
    assert (square == 200).all()


def test_fit_square_enlarges_and_keeps_a_fitting_picture():
    assert images.fit_square(gradient(8, 8), 32).shape == (32, 32, 3)
    assert np.array_equal(images.fit_square(gradient(16, 16), 16), gradient(16, 16))
