"""Whose cover is painted: tags first, then the path; a folder is its albums."""

from pathlib import Path

import mutagen
import numpy as np
import pytest

from covergen.embeddings.clip_text import ClipText
from covergen.errors import ConfigError
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.models import stable_diffusion
from covergen.procedural.factor_reader import READER, CoverReader
from covergen.procedural.factors import draw_album
from covergen.serving.album_metadata import moods_of, subject_of, subjects_in, with_moods

NOTHING = dict.fromkeys(("artist", "album", "genre", "year"))


@pytest.fixture
def song(minor_song, tmp_path):
    """Write a song with tags under `tmp_path`."""

    def write(name, **tags):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(minor_song)
        file = mutagen.File(path)
        file.update({key: value if isinstance(value, list) else [value] for key, value in tags.items()})
        file.save()
        return path

    return write


TAGS = {
    "artist": "Zoë; Guest",
    "albumartist": "Zoë",
    "album": "Night",
    "date": "1997-05-01",
    "genre": ["rock", "jazz"],
}


def test_tags_tell_and_options_go_over_them(song):
    subject = subject_of(song("Elsewhere/Other/01 - x.flac", **TAGS))
    assert subject.words(NOTHING) == {
        "artist": "Zoë",
        "album": "Night",
        "genre": "rock; jazz",
        "year": "1997",
    }
    assert subject.missing(NOTHING) == []
    given = {**NOTHING, "album": "Day", "year": "2001"}
    assert subject.words(given) == {"artist": "Zoë", "album": "Day", "genre": "rock; jazz", "year": "2001"}


def test_what_no_tag_tells_is_read_from_the_path_and_named(song):
    subject = subject_of(song("Erik Satie/Gymnopédies/01 - Lent.flac"))
    told = {"artist": "Erik Satie", "album": "Gymnopédies", "genre": "unknown", "year": None}
    assert subject.words(NOTHING) == told
    assert subject.missing(NOTHING) == ["artist", "album", "genre"]
    assert subject.missing({**NOTHING, "artist": "E. Satie"}) == ["album", "genre"]


def test_a_folder_is_its_albums_with_their_songs_in_order(song, tmp_path):
    second = song("b/2.flac", **TAGS, tracknumber="2", title="Two")
    first = song("b/9.flac", **TAGS, tracknumber="1", title="One")
    other = song("c/1.flac", artist="Abe", album="Loud", tracknumber="1", title="Bang")
    loud, night = subjects_in(tmp_path)
    assert (loud.album, loud.songs, loud.genre) == ("Loud", (other,), "")
    assert (night.artist, night.year, night.songs) == ("Zoë", "1997", (first, second))


def test_a_folder_without_music_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no music"):
        subjects_in(tmp_path)


def test_many_genres_stay_within_what_an_order_takes(song):
    genres = [f"a rather long genre {number}" for number in range(9)]
    subject = subject_of(song("x.flac", **{**TAGS, "genre": genres}))
    assert subject.genre == "; ".join(genres[:4])


def test_genres_in_one_long_tag_are_cut_between_names(song):
    names = [
        "Progressive Rock",
        "Psychedelic Rock",
        "Symphonic Rock",
        "Art Rock",
        "Space Rock",
        "Classic Rock",
        "Album Rock",
        "Prog",
    ]
    assert len(", ".join(names)) > 100
    assert subject_of(song("x.flac", **{**TAGS, "genre": ", ".join(names)})).genre == "; ".join(names[:7])
    words = " ".join(["slow"] * 30)
    assert subject_of(song("y.flac", **{**TAGS, "genre": words})).genre == " ".join(["slow"] * 20)
    assert subject_of(song("z.flac", **{**TAGS, "genre": 120 * "a"})).genre == 100 * "a"


def test_moods_are_heard_and_said_as_the_catalogue_says_them(song, low_song, tmp_path):
    assert moods_of(song("x.flac")) == ("melancholic", "calm")
    (tmp_path / "tone.flac").write_bytes(low_song)
    assert moods_of(tmp_path / "tone.flac") == ()  # one tone is of no mode
    assert with_moods("A cover.", ("calm", "dark")) == "A cover. The mood is calm and dark."
    assert with_moods("A cover.", ()) == "A cover."
    (tmp_path / "words.flac").write_bytes(b"no music")
    assert moods_of(tmp_path / "words.flac") == ()


def test_the_shipped_model_still_reads_the_genre_where_moods_follow():
    albums = [draw_album(seed, "eval") for seed in range(10)]
    words = [f"Create an album cover for the album '{a.title}'. The genre is {a.genre}." for a in albums]
    states, _ = ClipText("tiny", offline=True)(
        [with_moods(w, ("happy", "energetic", "relaxing")) for w in words]
    )
    painter = Painter(stable_diffusion.load("tiny", offline=True), batch_size=10)
    wanted = [CoverRequest(np.asarray(row, "<f2"), seed) for seed, row in enumerate(states)]
    covers = painter.paint(wanted, PaintSettings(steps=6, noise_scheduler="dpm++"))
    reader = CoverReader.load(stable_diffusion.folder("tiny", ("vae",), offline=True) / READER)
    read = reader.read(np.stack([cover.image for cover in covers]))
    assert list(read["genre"]) == [album.genre for album in albums]


@pytest.mark.parametrize("place", ["Erik Satie/Nocturnes", "Erik Satie", "Erik Satie/Nocturnes/CD 1"])
def test_an_artist_that_a_folder_does_not_tell_is_named_above_it(song, tmp_path, place, monkeypatch):
    disc = "/CD 1" if place.endswith("CD 1") else ""
    path = song(f"Erik Satie/Nocturnes{disc}/01 - One.flac")
    assert [(s.artist, s.album) for s in (subject_of(path), *subjects_in(tmp_path / place))] == [
        ("Erik Satie", "Nocturnes")
    ] * 2
    monkeypatch.chdir(tmp_path / place)
    (subject,) = subjects_in(Path())
    assert (subject.artist, subject.album) == ("Erik Satie", "Nocturnes")
    assert subject.missing(NOTHING) == ["artist", "album", "genre"]


def test_what_a_folder_tells_is_not_read_above_it(song, tmp_path):
    song("Music/Zoë - Night/01 - One.flac")
    (subject,) = subjects_in(tmp_path / "Music")
    assert (subject.artist, subject.album) == ("Zoë", "Night")
