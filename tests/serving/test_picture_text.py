"""Words inside pictures: read without their pixels, whoever made the file, and never too many."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from covergen.errors import BadInput, RejectCode
from covergen.media import images
from covergen.serving.picture_text import LONGEST, read_text

PIXELS = np.zeros((8, 8, 3), np.uint8)
HEAD = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks):
    size = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    return HEAD + size + b"".join(chunks) + chunk(b"IEND", b"")


def read(data):
    return read_text(io.BytesIO(data))


def refusal(data):
    with pytest.raises(BadInput) as refused:
        read(data)
    return refused.value.code


@pytest.mark.parametrize("encode", [images.encode_jpeg, images.encode_webp])
def test_a_comment_is_read_from_exif(encode):
    assert read(encode(PIXELS, comment="a fox")) == {"comment": "a fox"} and read(encode(PIXELS)) == {}


def test_every_kind_of_text_of_a_png_is_read_wherever_it_stands():
    text = [
        chunk(b"tEXt", b"plain\0caf\xe9"),
        chunk(b"zTXt", b"packed\0\0" + zlib.compress(b"caf\xe9")),
        chunk(b"IDAT", b"no pixels at all"),
        chunk(b"iTXt", "word\0\0\0\0\0雨".encode()),
        chunk(b"iTXt", b"both\0\1\0de\0beide\0" + zlib.compress("雨".encode())),
    ]
    assert read(png(*text)) == {"plain": "café", "packed": "café", "word": "雨", "both": "雨"}


def test_what_another_program_wrote_is_read():
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a fox"
    Image.fromarray(PIXELS).save(buffer, "PNG", exif=exif.tobytes())
    assert read(buffer.getvalue()) == {"comment": "a fox"}


def test_no_pixel_is_decoded(monkeypatch):
    def decode(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    for kind in ("png", "jpeg", "webp"):
        told = {"comment": "a"} if kind != "png" else None
        data = getattr(images, f"encode_{kind}")(PIXELS, **(told or {"text": {"a": "b"}}))
        assert read(data) == (told or {"a": "b"})


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_text_that_unpacks_to_more_than_it_may_is_refused(kind):
    bomb = zlib.compress(bytes(50 * 2**20), 9)
    before = b"a\0\0" if kind == b"zTXt" else b"a\0\1\0\0\0"
    assert len(bomb) < LONGEST and refusal(png(chunk(kind, before + bomb))) is RejectCode.TOO_LARGE


def test_texts_that_are_long_or_many_are_refused():
    assert refusal(png(chunk(b"tEXt", b"a\0" + bytes(LONGEST)))) is RejectCode.TOO_LARGE
    assert refusal(png(*(chunk(b"tEXt", b"%d\0b" % k) for k in range(100)))) is RejectCode.TOO_LARGE
    assert refusal(png(*[chunk(b"aaAa", b"")] * 70_000)) is RejectCode.TOO_LARGE
    assert refusal(b"\xff\xd8" + b"\xff\xfe\0\2" * 70_000) is RejectCode.TOO_LARGE


@pytest.mark.parametrize("encode", [images.encode_png, images.encode_jpeg])
def test_a_file_that_ends_early_is_cut_off(encode):
    data = encode(PIXELS)
    assert refusal(data[: len(data) // 3]) is RejectCode.DAMAGED_IMAGE


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", RejectCode.EMPTY_FILE),
        (b"GIF89a" + bytes(20), RejectCode.DAMAGED_IMAGE),
        (b"RIFF\0\0\0\0WAVE", RejectCode.DAMAGED_IMAGE),
        (HEAD, RejectCode.DAMAGED_IMAGE),
        (HEAD + b"\xff\xff\xff\xffIDAT", RejectCode.DAMAGED_IMAGE),
        (b"\xff\xd8\xff\xe1\0\1" + bytes(20), RejectCode.DAMAGED_IMAGE),
        (b"\xff\xd8 no JPEG at all", RejectCode.DAMAGED_IMAGE),
        (b"RIFF\0\0\0\0WEBPEXIF\xff\xff\xff\xff", RejectCode.TOO_LARGE),
        (b"RIFF\0\0\0\0WEBPVP8 \xff\xff\xff\xff", RejectCode.DAMAGED_IMAGE),
        (png(chunk(b"tEXt", b"a\0b")[:-1] + b"?"), RejectCode.DAMAGED_IMAGE),
    ],
)
def test_what_is_no_whole_picture_is_refused(data, code):
    assert refusal(data) is code


def test_damaged_texts_are_none():
    broken = [chunk(b"zTXt", b"a\0\0no zlib"), chunk(b"iTXt", b"b\0\1"), chunk(b"zTXt", b"c\0\7x")]
    assert read(png(*broken, chunk(b"eXIf", b"no exif"))) == {}
