import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from covergen.sources.music_tags import embedded_picture, read_tags

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
    assert tags.has_picture
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
