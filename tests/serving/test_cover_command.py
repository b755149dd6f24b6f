"""`covergen cover` as a person meets it: words from tags, albums from folders, and files that stay."""

import sys

import mutagen
import pytest
import typer
from typer.testing import CliRunner

from covergen import cli, cover_command
from covergen.media import images
from covergen.serving.album_metadata import Subject
from covergen.serving.pictures import settings_in
from covergen.sources.identity import album_id


@pytest.fixture
def music(minor_song, tmp_path):
    """Write a song of an album; one with `broken` is no music."""

    def write(name, *, broken=False, **tags):
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"fLaC and no more" if broken else minor_song)
        if not broken:
            file = mutagen.File(path)
            file.update({key: [value] for key, value in tags.items()})
            file.save()
        return path

    return write


@pytest.fixture
def paint(base, fusion, tmp_path, monkeypatch):
    """Run `covergen cover` in a folder of its own; return the result."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def run(path, *more):
        fixed = ["--steps", "2", "--stable-diffusion", base, "--fusion", fusion]
        return CliRunner().invoke(cli.app, ["cover", str(path), *fixed, *more])

    return run


def test_a_tagged_song_needs_no_options(paint, music, tmp_path):
    result = paint(music("x.flac", artist="Zoë", album="Night", genre="thrash", date="1997"))
    assert result.exit_code == 0, result.output
    assert "Night by Zoë, 1997: thrash" in result.output and "No tag tells" not in result.output
    told = settings_in((tmp_path / "work" / "cover.png").read_bytes())
    assert told["album_id"] == album_id("Zoë", "Night", "1997")
    assert told["prompt"].startswith(
        "Create an album cover for the album 'Night'. The genre is metal. The mood is "
    )


def test_options_go_over_tags_and_moods_can_be_left_out(paint, music):
    song = music("x.flac", artist="Zoë", album="Night", genre="thrash")
    result = paint(song, "--album", "Day", "--genre", "jazz", "--no-moods", "--tag", "warm")
    assert "\"Create an album cover for the album 'Day'. The genre is jazz. warm.\"" in result.output


def test_an_untagged_song_is_known_by_its_path_and_that_is_said(paint, music):
    result = paint(music("Erik Satie/Gymnopédies/01 - Lent.flac"))
    assert "Gymnopédies by Erik Satie: unknown" in result.output
    assert (
        "No tag tells the artist or the album: read from the path; --artist and --album can" in result.output
    )


def test_what_nothing_tells_is_asked_on_a_terminal_alone(music, monkeypatch):
    asked = []

    def answer(text, default):
        asked.append((text, default))
        return "Answer"

    monkeypatch.setattr(typer, "prompt", answer)
    subject = cover_command.subject_of(music("Satie/Gymnopédies/01 - Lent.flac", artist="Erik Satie"))
    given = dict.fromkeys(("artist", "album", "genre", "year"))
    assert cover_command._completed(subject, given) == given and asked == []
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert cover_command._completed(subject, given) == {**given, "album": "Answer", "genre": "Answer"}
    assert asked == [("Album", "Gymnopédies"), ("Genre", "unknown")]


def test_a_folder_is_an_album_and_a_song_that_cannot_be_used_gives_way_to_the_next(paint, music, tmp_path):
    music("Zoë/Night/01 - Broken.flac", broken=True)
    music("Zoë/Night/02 - Rain.flac", artist="Zoë", album="Night")
    result = paint(tmp_path / "music")
    assert result.exit_code == 0, result.output
    assert "01 - Broken.flac cannot be used (unreadable)" in result.stderr
    assert "of 02 - Rain.flac, the first usable one of 2 songs" in result.output
    assert (tmp_path / "work" / "cover.png").exists()


def test_several_albums_have_a_cover_each_named_after_them(paint, music, tmp_path):
    music("a/1.flac", artist="AC/DC", album="Loud", tracknumber="1")
    music("a/2.flac", artist="AC/DC", album="Loud", tracknumber="2")
    music("b/1.flac", artist="Zoë", album="Night")
    music("c/1.flac", broken=True)
    result = paint(tmp_path / "music", "--out", str(tmp_path))
    assert result.exit_code == 2 or isinstance(result.exception, cover_command.ConfigError)
    assert "1 of 3 albums got no cover" in str(result.exception)
    assert {path.name for path in tmp_path.glob("*.png")} == {"AC_DC - Loud.png", "Zoë - Night.png"}
    assert "the first of 2 songs (files do not tell which is the most popular)" in result.output
    refused = paint(tmp_path / "music", "--album", "Night")
    assert "holds 3 albums" in str(refused.exception)


def test_a_cover_that_is_there_stays_and_what_was_enlarged_is_said(paint, music, tmp_path):
    song, out = music("x.flac", artist="Zoë", album="Night"), tmp_path / "work" / "cover.png"
    out.write_bytes(b"mine")
    result = paint(song, "--size", "96")
    assert "cover.png is there and stays (--force writes over it)." in result.output
    assert "Painted at 32 px, enlarged to 96 px by Lanczos: not sharper." in result.output
    assert out.read_bytes() == b"mine"
    assert images.decode((out.parent / "cover-1.png").read_bytes()).shape == (96, 96, 3)
    result = paint(song, "--force", "--size", "16")
    assert "stays" not in result.output and "reduced to 16 px" in result.output
    assert images.decode(out.read_bytes()).shape == (16, 16, 3)


def test_two_albums_of_one_name_never_take_each_others_place(tmp_path):
    named = [Subject("A", "Night", (), year) for year in ("1997", "2001", "2001", None)]
    folder = [path.name for path in cover_command._places(tmp_path, named)]
    assert folder == ["A - Night.png", "A - Night (2001).png", "A - Night (2).png", "A - Night (3).png"]
    (first, *_) = cover_command._places(tmp_path / "art.jpg", named)
    assert first == tmp_path / "art - A - Night.jpg"
