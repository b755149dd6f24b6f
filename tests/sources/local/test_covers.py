import base64
import io
import os

import mutagen
import numpy as np
import pytest
from mutagen import id3
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.flac import FLAC, Picture
from PIL import Image, features

from covergen.errors import RejectCode
from covergen.media import images
from covergen.sources.local.embedded import embedded_picture
from covergen.sources.local.folder import FolderSource
from tests.sources.test_media import candidates, check

GOOD = images.encode_png(np.full((200, 200, 3), 90, np.uint8))
LARGE = images.encode_png(np.full((300, 300, 3), 40, np.uint8))
ICON = images.encode_png(np.zeros((32, 32, 3), np.uint8))
WIDE = images.encode_png(np.zeros((200, 400, 3), np.uint8))
PAGE = b"<!DOCTYPE html><html>404</html>"
FRONT, OTHER, FILE_ICON, OTHER_ICON, ARTIST = 3, 0, 1, 2, 8


@pytest.fixture
def album(song, tmp_path):
    """Write a song, pictures beside it by name, pictures in it by type; return the name of its cover."""

    def make(
        beside: dict[str, bytes] | None = None, inside: tuple[tuple[int, bytes], ...] = ()
    ) -> str | None:
        path = song("A/T/1.flac", artist="A", album="T", title="1")
        file = FLAC(path)
        for kind, data in inside:
            block = Picture()
            block.type, block.data = kind, data
            file.add_picture(block)
        file.save()
        for name, data in (beside or {}).items():
            (path.parent / name).parent.mkdir(exist_ok=True)
            (path.parent / name).write_bytes(data)
        return cover_name(tmp_path)

    return make


def cover_name(folder) -> str | None:
    (piece,) = FolderSource(folder).read()
    covers = [media for media in piece.media if media["kind"] == "cover"]
    return covers[0]["uri"].rpartition("/")[2] if covers else None


@pytest.mark.parametrize("bad", [b"", PAGE, GOOD[:60], GOOD[:-30], b"\x89PNGbroken"])
@pytest.mark.parametrize("good", ["folder.png", "front.png", "1.flac#embedded"])
def test_a_bad_picture_hides_no_good_one(album, bad, good):
    inside = ((FRONT, GOOD),) if "#" in good else ()
    assert album({"cover.png": bad} | ({} if inside else {good: GOOD}), inside) == good


def test_where_none_is_good_the_best_is_refused_by_its_name(album, tmp_path):
    assert album({"cover.png": PAGE}, ((FRONT, b"\x89PNGbroken"),)) == "cover.png"
    (piece,) = FolderSource(tmp_path).read()
    (row,) = check(next(media for media in piece.media if media["kind"] == "cover"))
    assert row["reject_code"] == "damaged_image" and "cover.png: a web page" in row["reject_reason"]


@pytest.mark.parametrize(
    ("beside", "inside", "cover"),
    [
        ({"cover.png": GOOD}, [(FRONT, GOOD)], "cover.png"),  # beside before inside
        ({"cover.png": GOOD}, [(FRONT, LARGE)], "1.flac#embedded"),  # the larger
        ({"cover.png": WIDE}, [(FRONT, GOOD)], "1.flac#embedded"),  # the square
        ({"cover.png": ICON}, [(OTHER, GOOD)], "1.flac#embedded"),  # no thumbnail before a real one
        ({"cover.png": GOOD}, [(OTHER, LARGE)], "cover.png"),  # a front
        ({"folder.png": GOOD, "cover.png": GOOD}, [], "cover.png"),
        ({"AlbumArt_{5FA05D35-A682-4AF6}_Large.png": GOOD, "AlbumArtSmall.png": ICON}, [], "Large.png"),
        ({"cover_front.png": GOOD, "back.png": LARGE}, [], "cover_front.png"),
        ({"Scans/Front.png": GOOD}, [], "Front.png"),
        ({"A - T.png": GOOD, "photo.png": LARGE}, [], "A%20-%20T.png"),
        ({"only.png": GOOD}, [], "only.png"),
        ({"one.png": GOOD, "two.png": GOOD}, [], None),  # nothing says which
        ({"booklet.png": GOOD}, [], None),
        ({"cover1.png": GOOD, "photo.png": LARGE}, [], "cover1.png"),
        ({"coverfront.png": GOOD, "photo.png": LARGE}, [], "coverfront.png"),
        ({"cd1.png": GOOD}, [], None),
    ],
)
def test_the_best_proof_goes_first(album, beside, inside, cover):
    found = album(beside, tuple(inside))
    assert found == cover or (cover == "Large.png" and found.endswith("_Large.png"))


@pytest.mark.parametrize(
    ("title", "name", "is_cover"),
    [
        ("The Band", "The Band - The Band.png", True),
        ("The Band", "band.png", False),
        ("The Band", "The Band - back.png", False),
        ("Home", "Logo - Home.png", False),
    ],
)
def test_the_name_of_the_album_goes_before_words_of_other_pictures(song, tmp_path, title, name, is_cover):
    path = song("A/T/1.flac", artist="A", album=title, title="1")
    (path.parent / name).write_bytes(GOOD)
    assert (cover_name(tmp_path) is not None) == is_cover


def test_icons_of_the_file_never_hide_the_front(album, tmp_path):
    album(inside=((FILE_ICON, ICON), (OTHER_ICON, LARGE), (ARTIST, LARGE), (OTHER, GOOD)))
    assert embedded_picture(tmp_path / "A/T/1.flac") == GOOD
    assert embedded_picture(tmp_path / "A/T/1.flac") is not None


def test_within_a_file_a_broken_picture_hides_no_good_one(album, tmp_path):
    album(inside=((FRONT, LARGE[:-40]), (OTHER, GOOD)))
    assert embedded_picture(tmp_path / "A/T/1.flac") == GOOD


def test_the_picture_of_the_next_song_is_tried(song, tmp_path):
    for number, data in (("1", b"\x89PNGbroken"), ("2", GOOD)):
        tags = {"artist": "A", "album": "T", "title": number, "tracknumber": number}
        song(f"{number}.flac", picture=data, **tags)
    assert cover_name(tmp_path) == "2.flac#embedded"


def test_a_picture_that_is_an_address_alone_is_none(song, tmp_path):
    path = song("1.mp3", artist="A", album="T", title="1")
    tags = id3.ID3(path)
    tags.add(id3.APIC(encoding=0, mime="-->", type=3, desc="", data=b"http://example.invalid/cover.jpg"))
    tags.save(path)
    assert cover_name(tmp_path) is None
    tags.add(id3.APIC(encoding=0, mime="image/png", type=0, desc="x", data=GOOD))
    tags.save(path)
    assert embedded_picture(path) == GOOD


def test_pictures_of_apev2_are_found(song):
    path = song("1.mp3")
    tags = APEv2()
    tags["Cover Art (Front)"] = APEBinaryValue(b"front.png\0" + GOOD)
    tags.save(path)
    assert embedded_picture(path) == GOOD


def test_a_vorbis_picture_that_is_no_picture_is_passed_over(song):
    path = song("1.opus", artist="A")
    file = mutagen.File(path)
    file["metadata_block_picture"] = [base64.b64encode(b"no block").decode()]
    file.save()
    assert embedded_picture(path) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_picture_that_may_not_be_read_hides_no_good_one(album, tmp_path):
    album({"cover.png": LARGE})
    (tmp_path / "A/T/cover.png").chmod(0)
    assert album({"folder.png": GOOD}) == "folder.png"


@pytest.mark.parametrize("kind", ["TIFF", "AVIF"])
def test_tiff_and_avif_are_covers(album, tmp_path, kind):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("Pillow has no AVIF here")
    buffer = io.BytesIO()
    Image.new("RGB", (200, 200), (200, 30, 30)).save(buffer, kind)
    assert album({f"cover.{kind.lower()}": buffer.getvalue()}) == f"cover.{kind.lower()}"
    row = check({"owner_id": "a", "kind": "cover", "bytes": buffer.getvalue()})[0]
    assert (row["mime"], row["width"], row["reject_code"]) == (f"image/{kind.lower()}", 200, None)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC"),
        (b"\xff\x0a" + bytes(50), "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), "JPEG 2000"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x">', "SVG"),
        (b"8BPS" + bytes(50), "Photoshop"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(data, word):
    (row,) = check({"owner_id": "a", "kind": "cover", "bytes": data})
    assert row["reject_code"] == RejectCode.UNSUPPORTED_FORMAT and word in row["reject_reason"]


def test_candidates_are_one_a_album(album, tmp_path):
    album({"cover.png": GOOD, "folder.png": LARGE}, ((FRONT, GOOD),))
    (piece,) = FolderSource(tmp_path).read()
    assert candidates(*piece.media)["kind"].to_pylist() == ["audio", "cover"]
