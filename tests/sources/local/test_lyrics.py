import pytest

from covergen.sources.local.folder import FolderSource
from covergen.sources.local.songs import MAX_BYTES, MAX_CHARACTERS, lyrics_beside, plain_lyrics
from covergen.sources.local.tags import read_tags

LRC = "[ar: Zoë]\n[00:12.00]First line\n[00:15.3][01:15.3]Second <00:16.00>line\n\n[Chorus]\r\n Third\tline"
PLAIN = "First line\nSecond line\nThird line"


def test_time_stamps_and_headings_go():
    assert plain_lyrics(LRC) == plain_lyrics(PLAIN) == PLAIN
    assert plain_lyrics("[Verse 1]\n\n") == ""
    assert len(plain_lyrics("word " * MAX_CHARACTERS)) <= MAX_CHARACTERS


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".opus", ".flac", ".wav"])
def test_lyrics_in_the_tags_of_every_format(song, suffix):
    path = song(f"A/B/01 - C{suffix}", title="C", lyrics=PLAIN)
    assert read_tags(path).lyrics.splitlines() == PLAIN.splitlines()


def test_a_text_beside_the_song_goes_before_its_tags(song, tmp_path):
    path = song("A/B/01 - C.mp3", title="C", lyrics="Of the tags")
    song("A/B/02 - D.mp3", title="D", lyrics="Of the tags")
    song("A/B/03 - E.mp3", title="E")
    path.with_suffix(".txt").write_text("Of the text")
    lyrics = [track["lyrics"] for piece in FolderSource(tmp_path).read() for track in piece.tracks]
    assert lyrics == ["Of the text", "Of the tags", None]
    path.with_suffix(".lrc").write_text("[00:01.00]Of the times")
    assert lyrics_beside(path) == "Of the times"


@pytest.mark.parametrize(
    "log",
    [
        "Exact Audio Copy V1.0\nTrack 1 peak 98 %\n",
        "X Lossless Decoder version 2020\n",
        "Log created by: whipper 0.9\n",
        'FILE "a.flac" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
        "foobar2000 1.6 / Dynamic Range Meter 1.1\n",
    ],
)
def test_a_rippers_log_is_no_lyrics(song, log):
    path = song("A/B/01 - C.mp3", title="C", lyrics="Of the tags")
    path.with_suffix(".txt").write_text(log)
    assert lyrics_beside(path) == "" == plain_lyrics(log)
    assert plain_lyrics("Peak of the whip, index of my heart") != ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_texts_of_any_usual_encoding(tmp_path, encoding):
    (tmp_path / "x.txt").write_bytes("Ängste".encode(encoding))
    assert lyrics_beside(tmp_path / "x.mp3") == "Ängste"


def test_what_is_no_lyrics_is_left(tmp_path):
    (tmp_path / "x.lrc").mkdir()
    (tmp_path / "x.txt").write_bytes(b"x" * (MAX_BYTES + 1))
    assert lyrics_beside(tmp_path / "x.mp3") == lyrics_beside(tmp_path / "y.mp3") == ""
