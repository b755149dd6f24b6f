import struct

import mutagen
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen import id3
from mutagen.apev2 import APEv2
from mutagen.asf import ASFByteArrayAttribute

from covergen.sources.local.embedded import embedded_picture
from covergen.sources.local.tags import read_tags
from tests.audio_files import ENCODERS, LENGTHLESS, encoded, tone, wav_header
from tests.audio_files import id3 as id3_bytes

ALL_TAGS = {
    "artist": "Zoë",
    "album": "Night & Day",
    "title": "Rain",
    "genre": ["dream pop", "rock"],
    "tracknumber": "3/12",
    "discnumber": "2/2",
    "date": "1997",
}


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".opus", ".flac", ".wav"])
@pytest.mark.parametrize("version", [3, 4])
def test_tags_of_every_format(song, suffix, version, picture):
    tags = read_tags(song(f"x{suffix}", picture=picture, version=version, **ALL_TAGS))
    assert (tags.artist, tags.album, tags.title) == ("Zoë", "Night & Day", "Rain")
    assert (tags.number, tags.disc, tags.date) == (3, 2, "1997")
    assert "/".join(tags.genres) == "dream pop/rock"
    assert tags.picture.minus_side == -48
    assert tags.duration_ms == pytest.approx(2000, abs=150)


def test_embedded_picture_is_found_again(song, picture):
    for suffix in (".mp3", ".m4a", ".opus", ".flac", ".wav"):
        assert embedded_picture(song(f"x{suffix}", picture=picture, **ALL_TAGS)) == picture


ASF_TAGS = {
    "Author": ["A", "B"],
    "WM/AlbumArtist": "The Duo",
    "WM/AlbumTitle": "Night & Day",
    "Title": "Rain",
    "WM/Genre": ["dream pop", "rock"],
    "WM/TrackNumber": "3/12",
    "WM/PartOfSet": "2/2",
    "WM/Year": "1997-05-01",
    "WM/Publisher": "Ours",
    "WM/ISRC": "XX",
    "Copyright": "CC0",
    "WM/IsCompilation": True,
    "WM/Lyrics": "la\nla",
}


def wm_picture(kind: int, mime: str, data: bytes) -> ASFByteArrayAttribute:
    words = f"{mime}\0a cover\0".encode("utf-16-le")
    return ASFByteArrayAttribute(bytes([kind]) + struct.pack("<I", len(data)) + words + data)


def test_tags_and_pictures_of_wma(tmp_path, picture):
    path = tmp_path / "x.wma"
    path.write_bytes(encoded("wma", tone(2.0)[None]))
    file = mutagen.File(path)
    file.update(ASF_TAGS)
    broken = ASFByteArrayAttribute(b"\3\xff\xff\xff\xff")
    link = wm_picture(3, "-->", b"http://example.org")
    file["WM/Picture"] = [
        broken,
        link,
        wm_picture(1, "image/png", picture[:60]),
        wm_picture(3, "image/png", picture),
    ]
    file.save()
    tags = read_tags(path)
    assert (tags.artist, tags.album_artist, tags.album, tags.title) == (
        "A; B",
        "The Duo",
        "Night & Day",
        "Rain",
    )
    assert (tags.number, tags.total, tags.disc, tags.date) == (3, 12, 2, "1997-05-01")
    assert (tags.genres, tags.label, tags.isrc) == (("dream pop", "rock"), "Ours", "XX")
    assert (tags.licence, tags.compilation, tags.lyrics) == ("CC0", True, "la\nla")
    assert tags.picture.minus_side == -48 and embedded_picture(path) == picture
    assert tags.duration_ms == pytest.approx(2000, abs=50)


FFMPEG_TAGS = {
    "artist": "Zoë",
    "album": "W",
    "title": "T",
    "album_artist": "V",
    "track": "3/12",
    "genre": "rock",
}


@pytest.mark.parametrize(
    "kind", sorted(ENCODERS.keys() - {"aiff", "au", "w64", "wav"})
)  # which have no place for all
def test_what_ffmpeg_writes_is_read_of_every_format(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(encoded(kind, tone(2.0)[None], tags=FFMPEG_TAGS))
    tags = read_tags(path)
    assert (tags.artist, tags.album, tags.title, tags.album_artist) == ("Zoë", "W", "T", "V")
    assert (tags.number, tags.total, tags.genres) == (3, 12, ("rock",))


@pytest.mark.parametrize("kind", LENGTHLESS)
def test_id3_before_frames_of_any_kind_is_read(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(id3_bytes((b"TIT2", b"\0Hello"), (b"TPE1", b"\0Art")) + encoded(kind, tone(2.0)[None]))
    assert (read_tags(path).title, read_tags(path).artist) == ("Hello", "Art")


def test_numeric_id3_genres_are_named(song):
    assert read_tags(song("x.mp3", title="T", genre="(17)")).genres == ("Rock",)


def test_riff_info_of_a_wav(tmp_path, sounds):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)

    info = (
        b"INFO"
        + chunk(b"IART", b"Bj\xf6rk\0")
        + chunk(b"INAM", b"Song\0")
        + chunk(b"IPRD", "雨\0".encode())
        + chunk(b"IPRT", b"4\0")
    )
    data = sounds[".wav"] + chunk(b"LIST", info)
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF" + (len(data) - 8).to_bytes(4, "little") + data[8:])
    tags = read_tags(path)
    assert (tags.artist, tags.title, tags.album, tags.number) == ("Björk", "Song", "雨", 4)


@pytest.mark.parametrize("suffix", [".wav", ".wave", ".bwf"])
def test_riff_info_is_of_any_code_page_and_under_any_suffix(tmp_path, sounds, suffix):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)

    info = b"INFO" + chunk(b"IART", "КИНО\0".encode("cp1251")) + chunk(b"INAM", "Кукушка\0".encode("cp1251"))
    path = tmp_path / f"x{suffix}"
    path.write_bytes(sounds[".wav"] + chunk(b"LIST", info))
    assert (read_tags(path).artist, read_tags(path).title) == ("КИНО", "Кукушка")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from([".mp3", ".m4a", ".opus", ".flac", ".wav"]),
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), max_size=30),
)
def test_damaged_tags_never_raise(song, picture, suffix, flips):
    path = song(f"x{suffix}", picture=picture, **ALL_TAGS)
    data = bytearray(path.read_bytes())
    for position, mask in flips:
        data[position % min(len(data), 2000)] ^= mask
    path.write_bytes(data)
    assert isinstance(read_tags(path).title, str)
    embedded_picture(path)


def apev2(path, **values):
    tags = APEv2()
    for name, value in values.items():
        tags[name] = value
    tags.save(path)


def test_apev2_tags_of_an_mp3_are_read(song):
    path = song("x.mp3")
    apev2(path, Artist=["A", "B"], Album="T", Title="S", Genre="Jazz", Track="4/9", Year="1999")
    tags = read_tags(path)
    assert (tags.artist, tags.album, tags.title, tags.genres) == ("A; B", "T", "S", ("Jazz",))
    assert (tags.number, tags.total, tags.date) == (4, 9, "1999")


def test_apev2_goes_before_the_short_tags_of_1996_and_after_those_of_today(song):
    path = song("x.mp3")
    id3.ID3(path).delete(path)
    apev2(path, Title="A title that is longer than thirty letters")
    path.write_bytes(path.read_bytes() + id3v1(b"A title that is longer than th", b"Artist", b"Album"))
    tags = read_tags(path)
    assert (tags.title, tags.artist) == ("A title that is longer than thirty letters", "Artist")
    other = song("y.mp3", title="Today")
    apev2(other, Title="Other")
    assert read_tags(other).title == "Today"


def id3v1(title: bytes, artist: bytes, album: bytes) -> bytes:
    fields = [part[:30].ljust(30, b"\0") for part in (title, artist, album)]
    return b"TAG" + b"".join(fields) + b"1988" + bytes(28) + b"\0\x03\x11"


@pytest.mark.parametrize(
    ("texts", "page"),
    [
        (("Вернись", "Кино", "Группа крови"), "cp1251"),
        (("Ёлка", "Звёзды", "Ещё"), "cp1251"),
        (("Jóga", "Björk", "Début"), "latin-1"),
        (("Où", "Noël Àé", "Été"), "latin-1"),
        (("Jóga", "Björk", "Début"), "utf-8"),
        (("雨", "宇多田", "初恋"), "utf-8"),
        (("Don’t “Stop”", "A", "B"), "cp1252"),
        (("Æ", "Øø", "Å"), "latin-1"),
        (("ДДТ", "Осень", "ДДТ"), "cp1251"),
        (("КИНО", "ГРУППА КРОВИ", "КИНО"), "cp1251"),
        (("АЛИСА", "Best of 1987", "Шабаш"), "cp1251"),
        (("Éxito", "ÀÉÈ", "MÖTLEY CRÜE"), "latin-1"),
        (("ÀÉÈ", "ÀÉÈ", "ÀÉÈ ÀÉÈ"), "latin-1"),
        (("ÅÄÖ", "ÅÄÖ", "ÅÄÖ åäö"), "latin-1"),
        (("ÆØÅ", "Æ Ø Å", "ÆØÅ"), "latin-1"),
        (("À la fête", "Où", "ÊÈÍÎ"), "latin-1"),  # one text that could be Cyrillic, beside one that cannot
        (("÷÷÷÷", "××××", "÷"), "latin-1"),
        (("ÔÂÁÁ", "ÖÐÃÀ", "ÔÂÁÁ"), "latin-1"),  # Chinese of GBK, which would be as wrong in Cyrillic
        (("ÌÁÍÏÓ", "×ÁÔÆÉÄÁÊÉÓ", "ÌÁÍÏÓ"), "latin-1"),  # Greek in capitals
        (("Ãéþñãïò", "Íôáëáñáò", "Ãéþñãïò"), "latin-1"),  # Greek
    ],
)
def test_bytes_of_other_code_pages_are_mended_where_that_is_sure(song, texts, page):
    path = song("x.mp3")
    path.write_bytes(path.read_bytes() + id3v1(*(text.encode(page) for text in texts)))
    tags = read_tags(path)
    assert (tags.title, tags.artist, tags.album) == texts


@pytest.mark.parametrize(
    ("frames", "date"),
    [
        ((id3.TDRL(text="1991-04-05"),), "1991-04-05"),
        ((id3.TDOR(text="1981"),), "1981"),
        ((id3.TDOR(text="1981"), id3.TDRL(text="1991"), id3.TDRC(text="1995")), "1995"),
    ],
)
def test_any_date_of_release_is_one(song, frames, date):
    path = song("x.mp3", title="T")
    tags = id3.ID3(path)
    for frame in frames:
        tags.add(frame)
    tags.save(path)
    assert read_tags(path).date == date


@pytest.mark.parametrize("name", ["ALBUM ARTIST", "AlbumArtist", "Album Artist"])
def test_an_album_artist_in_a_frame_of_ones_own_is_read(song, name):
    path = song("x.mp3", artist="A feat. B")
    tags = id3.ID3(path)
    tags.add(id3.TXXX(encoding=3, desc=name, text=["The Duo"]))
    tags.save(path)
    assert read_tags(path).album_artist == "The Duo"
    tags.add(id3.TPE2(encoding=3, text=["Their own"]))
    tags.save(path)
    assert read_tags(path).album_artist == "Their own"


def test_the_length_of_what_went_through_a_pipe_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(wav_header(rate=8_000, data=bytes(48_000), size=2**32 - 1))
    assert read_tags(path).duration_ms == pytest.approx(3000, abs=10)


@pytest.mark.parametrize(("suffix", "kind"), [(".mka", "mka"), (".webm", "webm")])
def test_tags_of_matroska_are_read(tmp_path, suffix, kind):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(encoded(kind, tone(2.0)[None], tags={"artist": "Zoë", "ALBUM": "W", "title": "T"}))
    tags = read_tags(path)
    assert (tags.artist, tags.album, tags.title) == ("Zoë", "W", "T")
    assert tags.duration_ms == pytest.approx(2000, abs=50)


@pytest.mark.parametrize("share", [10, 0.5])
def test_the_length_of_an_mp3_is_that_of_its_frames(tmp_path, share):
    data = bytearray(encoded("mp3", tone(6.0)[None]))
    place = max(data.find(b"Xing"), data.find(b"Info")) + 8
    frames = int.from_bytes(data[place : place + 4], "big")
    data[place : place + 4] = round(share * frames).to_bytes(4, "big")
    path = tmp_path / "x.mp3"
    path.write_bytes(data)
    assert read_tags(path).duration_ms == pytest.approx(6000, abs=80)


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_the_length_of_a_chained_ogg_is_that_of_its_links(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(encoded(kind, tone(2.0)[None]) + encoded(kind, tone(3.0)[None]))
    assert read_tags(path).duration_ms == pytest.approx(5000, abs=50)
