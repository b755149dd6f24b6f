import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen import id3
from mutagen.apev2 import APEv2

from covergen.sources.embedded import embedded_picture
from covergen.sources.music_tags import read_tags
from tests.audio_files import encoded, tone, wav_header

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
