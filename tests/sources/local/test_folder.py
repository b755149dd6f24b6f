import os
from pathlib import Path

import numpy as np
import pytest

from covergen.errors import ConfigError, RejectCode
from covergen.media.audio import AUDIO_SUFFIXES
from covergen.sources.local.file_urls import path_of, shown
from covergen.sources.local.folder import FolderSource
from covergen.sources.local.folder_names import disc_in_title
from covergen.sources.local.songs import song_from_path
from covergen.sources.media import CheckMedia
from covergen.storage import rows
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS
from tests.audio_files import ENCODERS, LENGTHLESS, encoded, tone
from tests.sources.conftest import write_tags
from tests.sources.test_media import CANDIDATE

ALL_TAGS = {
    "artist": "Zoë",
    "album": "Night & Day",
    "title": "Rain",
    "genre": ["dream pop", "rock"],
    "tracknumber": "3/12",
    "discnumber": "2/2",
    "date": "1997",
}


def found(path: Path):
    return list(FolderSource(path).read())


def albums(path: Path) -> list[tuple[str, str]]:
    return [(a["artist"], a["title"]) for piece in found(path) for a in piece.albums]


def test_records_fit_the_tables(song, tmp_path):
    song("A/B/01 - C.flac", licence="CC0-1.0", label="L", isrc="X", **ALL_TAGS)
    (piece,) = found(tmp_path)
    assert rows.from_records(ALBUMS, piece.albums).num_rows == 1
    assert rows.from_records(TRACKS, piece.tracks).num_rows == 1
    assert rows.from_records(MEDIA, piece.media).num_rows == 1
    (album,), (track,) = piece.albums, piece.tracks
    assert (album["release_date"], album["release_date_precision"], album["label"]) == ("1997", "year", "L")
    assert (track["disc"], track["number"], track["licence"]) == (2, 3, "CC0-1.0")


def test_several_artists_are_joined(song, tmp_path):
    song("x.flac", artist=["A", "B"], albumartist=["A"], album="T", title="S")
    (piece,) = found(tmp_path)
    assert piece.albums[0]["artist"] == "A"
    assert piece.tracks[0]["artist"] == "A; B"


def test_untagged_files_are_known_by_their_path(song, tmp_path):
    song("Zoë/Night/02. Rain.mp3")
    song("Zoë/Night/01 - Dawn.wav")
    (piece,) = found(tmp_path)
    assert albums(tmp_path) == [("Zoë", "Night")]
    assert [(t["number"], t["title"]) for t in piece.tracks] == [(1, "Dawn"), (2, "Rain")]
    assert piece.albums[0]["source_revision"] == "path"


def test_untagged_files_join_their_tagged_siblings(song, tmp_path):
    song(
        "Zoë/Night_ Day/01 - Dawn.mp3",
        artist="Zoë",
        album="Night: Day",
        title="Dawn",
        date="2001",
        tracknumber="1",
    )
    song("Zoë/Night_ Day/02 - Rain.wav")
    (piece,) = found(tmp_path)
    assert len(piece.tracks) == 2
    assert piece.albums[0]["release_date"] == "2001"
    assert piece.albums[0]["source_revision"] == "tags and path"


@pytest.mark.parametrize(
    ("name", "artist", "album", "disc", "number", "title"),
    [
        ("A/B/03 - C.mp3", "A", "B", None, 3, "C"),
        ("A/B/CD 2/03 - C.mp3", "A", "B", 2, 3, "C"),
        ("A/B/1-03 C.mp3", "A", "B", 1, 3, "C"),
        ("A/B/C.mp3", "A", "B", None, None, "C"),
        ("A/B/99.mp3", "A", "B", None, None, "99"),
        ("A/B/1979.mp3", "A", "B", None, None, "1979"),
        ("A/B/7 Rings.mp3", "A", "B", None, 7, "Rings"),
        ("A - B/03 C.mp3", "A", "B", None, 3, "C"),
        ("B/A - C.mp3", "A", "B", None, None, "C"),
        ("C.mp3", "Unknown Artist", "music", None, None, "C"),
        ("A/2001 - B/03 - C.mp3", "A", "B", None, 3, "C"),
        ("A/[2001] B (FLAC 24-96)/03 - C.mp3", "A", "B", None, 3, "C"),
        ("A/B (2001) [320]/A - 03 - C.mp3", "A", "B", None, 3, "C"),
        ("2001 - B/03 - C.mp3", "Unknown Artist", "B", None, 3, "C"),
        ("A - 2001 - B/03 - C.mp3", "A", "B", None, 3, "C"),
        ("A/A - B/03 - C.mp3", "A", "B", None, 3, "C"),
        ("A/1984/03 - C.mp3", "A", "1984", None, 3, "C"),
        ("A/B/Disc 2 (Live)/03 - C.mp3", "A", "B", 2, 3, "C"),
        ("A/B/CD2 - Live/03 - C.mp3", "A", "B", 2, 3, "C"),
        ("A/B/Disc Two/03 - C.mp3", "A", "B", 2, 3, "C"),
        ("A/B [Disc 2]/03 - C.mp3", "A", "B", 2, 3, "C"),
        ("A/LP1/03 - C.mp3", "A", "LP1", None, 3, "C"),  # an album's name, too
        ("U2 - One.mp3", "U2", "music", None, None, "One"),
        ("A1 - Exhale.mp3", "A1", "music", None, None, "Exhale"),
        ("アーティスト/アルバム/01 - 曲.mp3", "アーティスト", "アルバム", None, 1, "曲"),
    ],
)
def test_paths(name, artist, album, disc, number, title):
    parsed = song_from_path(Path("/music", name), Path("/music"))
    assert (parsed.artist, parsed.album, parsed.disc, parsed.number, parsed.title) == (
        artist,
        album,
        disc,
        number,
        title,
    )


def test_ten_discs_are_one_album_in_order(song, tmp_path):
    for disc in range(10, 0, -1):
        song(
            f"A/Box/CD{disc}/01 - Song.flac",
            artist="A",
            album="Box",
            title="Song",
            tracknumber="1",
            discnumber=f"{disc}/10",
        )
    (tmp_path / "A/Box/cover.jpg").write_bytes(b"picture")
    (piece,) = found(tmp_path)
    assert [track["disc"] for track in piece.tracks] == list(range(1, 11))
    assert len({track["track_id"] for track in piece.tracks}) == 10
    assert [m["uri"].endswith("Box/cover.jpg") for m in piece.media if m["kind"] == "cover"] == [True]


DISCS = [
    ("Disc 1 (Ring Ring)", "Disc 2 (Waterloo)"),
    ("CD1 - Studio", "CD2 - Live"),
    ("LP1", "LP2"),
    ("Side A", "Side B"),
    ("Disc One", "Disc Two"),
    ("Disc I", "Disc II"),
    ("Studio", "Live"),  # only their numbers tell
]


@pytest.mark.parametrize("names", DISCS)
def test_discs_of_any_name_are_one_album_with_the_cover_above(song, sounds, tmp_path, picture, names):
    for name, year, suffix in zip(names, ("1973", "1974"), (".flac", ".opus"), strict=True):
        tags = {"artist": "A", "album": "B", "title": "Song", "tracknumber": "1", "date": year}
        song(f"A/B/{name}/01 - Song{suffix}", **(tags | ({"date": "1973"} if name == "Live" else {})))
    if names == ("Studio", "Live"):  # of another length: no copy of the first
        data = encoded("flac", tone(8.0)[None])
        (tmp_path / "A/B/Live/01 - Song.opus").unlink()
        (tmp_path / "A/B/Live/01 - Song.flac").write_bytes(data)
        write_tags(
            tmp_path / "A/B/Live/01 - Song.flac", {k: [v] for k, v in (tags | {"date": "1973"}).items()}
        )
    (tmp_path / "A/B/cover.png").write_bytes(picture)
    (piece,) = found(tmp_path)
    assert sorted(track["disc"] or 1 for track in piece.tracks) == [1, 2]
    assert not piece.rejects and piece.albums[0]["release_date"] == "1973"
    covers = [m["uri"].endswith("B/cover.png") for m in piece.media if m["kind"] == "cover"]
    assert covers == ([] if names == ("Studio", "Live") else [True])


@pytest.mark.parametrize("names", DISCS[:-1])
def test_untagged_discs_shift_no_level(song, tmp_path, names):
    for name in names:
        song(f"A/B/{name}/01 - Song.flac")
    assert albums(tmp_path) == [("A", "B")]
    assert sum(len(piece.tracks) for piece in found(tmp_path)) == 2


def test_an_unknown_disc_is_not_the_first_where_that_is_full(song, tmp_path):
    tags = {"artist": "A", "album": "B", "tracknumber": "1"}
    song("A/B/one/1.flac", title="Intro", discnumber="1", **tags)
    song("A/B/two/1.flac", title="Other", **tags)
    (piece,) = found(tmp_path)
    assert [(track["disc"], track["title"]) for track in piece.tracks] == [(1, "Intro"), (2, "Other")]


def test_a_disc_in_the_title_of_an_album_is_taken_out(song, tmp_path):
    for disc, title in (("1", "The Wall [Disc 1]"), ("2", "The Wall (CD 2: Live)")):
        song(f"P/{title}/1.flac", artist="P", album=title, title=disc, tracknumber="1")
    (piece,) = found(tmp_path)
    assert piece.albums[0]["title"] == "The Wall"
    assert [track["disc"] for track in piece.tracks] == [1, 2]


@pytest.mark.parametrize("title", ["Disc 2", "Pure Disco 2", "CD 80s", "Compact Disc", "Now 44", "LP (1)"])
def test_ordinary_titles_keep_their_words(title):
    assert disc_in_title(title) == (title, None)


@pytest.mark.parametrize("is_tagged", [True, False])
def test_sides_of_vinyl_are_discs(song, tmp_path, is_tagged):
    for number, title in (("A1", "Intro"), ("A2", "Zebra"), ("B1", "Intro"), ("B2", "Apple")):
        tags = {"artist": "K", "album": "Ultra", "title": title, "tracknumber": number}
        song(f"K/Ultra/{number} - {title}.flac", **(tags if is_tagged else {}))
    (piece,) = found(tmp_path)
    places = [(track["disc"], track["number"], track["title"]) for track in piece.tracks]
    assert places == [(1, 1, "Intro"), (1, 2, "Zebra"), (2, 1, "Intro"), (2, 2, "Apple")]
    assert not piece.rejects and piece.albums[0]["artist"] == "K"


def test_the_year_of_a_folder_is_that_of_an_album_without_tags(song, tmp_path):
    song("Daft/2001 - Discovery/01 - One.flac")
    song("Daft/1997 - Other/01 - One.flac", artist="Daft", album="Home", title="One")
    years = {a["title"]: a["release_date"] for piece in found(tmp_path) for a in piece.albums}
    assert years == {"Discovery": "2001", "Home": None}


def test_years_within_one_album_do_not_split_it(song, tmp_path):
    for number, year in enumerate(("2008", "2009", "2008"), start=1):
        song(
            f"A/B/{number}.flac", artist="A", album="B", title=f"{number}", tracknumber=str(number), date=year
        )
    (piece,) = found(tmp_path)
    assert piece.albums[0]["release_date"] == "2008"


def test_two_albums_of_one_name_in_two_years_stay_two(song, tmp_path):
    for year in ("1994", "2001"):
        song(
            f"Weezer/Weezer ({year})/1.flac",
            artist="Weezer",
            album="Weezer",
            title="One",
            tracknumber="1",
            date=year,
        )
    assert albums(tmp_path) == [("Weezer", "Weezer")] * 2
    assert len({piece.albums[0]["album_id"] for piece in found(tmp_path)}) == 2


def test_compilation_by_flag_and_by_album_artist(song, tmp_path):
    song("x/1.flac", artist="A", album="Hits", title="1", tracknumber="1", compilation="1")
    song("x/2.flac", artist="B", album="Hits", title="2", tracknumber="2", compilation="1")
    song("y/1.flac", artist="A", albumartist="DJ", album="Mix", title="1", tracknumber="1")
    song("y/2.flac", artist="B", albumartist="DJ", album="Mix", title="2", tracknumber="2")
    assert albums(tmp_path) == [("DJ", "Mix"), ("Various Artists", "Hits")]


def test_the_best_of_one_artist_is_no_compilation_whatever_its_flag(song, tmp_path):
    for artist in "AB":
        for number in "12":
            tags = {"title": number, "tracknumber": number, "compilation": "1"}
            song(f"{artist}/Best/{number}.flac", artist=artist, album="Best Of", **tags)
    assert albums(tmp_path) == [("A", "Best Of"), ("B", "Best Of")]


def test_a_flagged_compilation_may_lie_in_the_folders_of_its_artists(song, tmp_path):
    for artist, number in (("A", "3"), ("B", "7")):
        song(f"{artist}/Hits/1.flac", artist=artist, album="Hits", tracknumber=number, compilation="1")
    assert albums(tmp_path) == [("Various Artists", "Hits")]


def test_a_compilation_is_one_album_though_each_song_has_a_year(song, tmp_path):
    for number, (artist, year) in enumerate((("A", "1985"), ("B", "1980"), ("C", "1990")), start=1):
        tags = {"albumartist": "Various Artists", "album": "Decade", "tracknumber": str(number), "date": year}
        song(f"{artist}/Decade/{number}.flac", artist=artist, title="x", **tags)
    (piece,) = found(tmp_path)
    assert (len(piece.tracks), piece.albums[0]["release_date"]) == (3, "1980")


def test_unrelated_albums_of_one_title_stay_apart_though_their_numbers_would_fit(song, tmp_path):
    for artist, number in (("A", "1"), ("B", "2")):
        song(f"{artist}/Unplugged/1.flac", artist=artist, album="Unplugged", tracknumber=number)
    assert albums(tmp_path) == [("A", "Unplugged"), ("B", "Unplugged")]


def test_compilations_that_nothing_tells_apart_come_once(song, tmp_path):
    for place, artist, number in (("x", "A", "1"), ("x", "B", "2"), ("y", "C", "1"), ("y", "D", "2")):
        song(f"{place}/{number}.flac", artist=artist, album="Hits", title=artist, tracknumber=number)
    (piece,) = found(tmp_path)
    assert len({track["track_id"] for track in piece.tracks}) == 4


def test_a_compilation_over_artist_folders_is_known_by_its_numbers(song, tmp_path):
    song("A/OST/1.flac", artist="A", album="OST", title="1", tracknumber="1/3")
    song("A/OST/3.flac", artist="A", album="OST", title="3", tracknumber="3/3")
    song("B/OST/2.flac", artist="B", album="OST", title="2", tracknumber="2/3")
    (piece,) = found(tmp_path)
    assert piece.albums[0]["artist"] == "Various Artists"
    assert [track["artist"] for track in piece.tracks] == ["A", "B", "A"]


@pytest.mark.parametrize("numbers", [("1", "1"), ("1", "3"), ("1/9", "2/9")])
def test_albums_of_one_name_stay_apart_when_their_numbers_do_not_fit(song, tmp_path, numbers):
    for artist, number in zip("AB", numbers, strict=True):
        song(
            f"{artist}/Greatest Hits/1.flac",
            artist=artist,
            album="Greatest Hits",
            title="x",
            tracknumber=number,
        )
    assert albums(tmp_path) == [("A", "Greatest Hits"), ("B", "Greatest Hits")]


def test_guests_do_not_split_an_album(song, tmp_path):
    song("A/T/1.flac", artist="A", album="T", title="1", tracknumber="1")
    song("A/T/2.flac", artist="A feat. B", album="T", title="2", tracknumber="4")
    assert albums(tmp_path) == [("A", "T")]


def test_cover_beside_wins_over_embedded(song, tmp_path, picture):
    song("A/T/1.flac", picture=picture, artist="A", album="T", title="1")
    song("A/U/1.flac", picture=picture, artist="A", album="U", title="1")
    (tmp_path / "A/T/Folder.PNG").write_bytes(picture)
    (tmp_path / "A/T/booklet.png").write_bytes(picture)
    covers = [m["uri"] for piece in found(tmp_path) for m in piece.media if m["kind"] == "cover"]
    assert [uri.rsplit("/")[-1] for uri in covers] == ["Folder.PNG", "1.flac#embedded"]


def test_in_a_folder_of_many_albums_the_embedded_cover_wins(song, tmp_path, picture):
    song("1.flac", picture=picture, artist="A", album="T", title="1")
    song("2.flac", artist="B", album="U", title="1")
    (tmp_path / "cover.jpg").write_bytes(picture)
    covers = [
        m["uri"].rsplit("/")[-1] for piece in found(tmp_path) for m in piece.media if m["kind"] == "cover"
    ]
    assert covers == ["1.flac#embedded", "cover.jpg"]


def test_hidden_system_and_other_files_are_left_out(song, tmp_path):
    song("A/T/1.flac", artist="A", album="T", title="1")
    for name in (".hidden/2.flac", "A/T/._1.flac", "__MACOSX/3.flac", "@eaDir/4.flac"):
        song(name, artist="X", album="X", title="X")
    (tmp_path / "A/T/notes.txt").write_text("words")
    assert albums(tmp_path) == [("A", "T")]


def test_loops_of_links_end_and_no_file_comes_twice(song, tmp_path):
    path = song("A/T/1.flac", artist="A", album="T", title="1")
    (tmp_path / "A/loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again.flac").symlink_to(path)
    assert sum(len(piece.tracks) for piece in found(tmp_path)) == 1


def test_the_same_song_twice_is_one_track_and_a_reject(song, tmp_path):
    for suffix in (".flac", ".mp3"):
        song(f"A/T/1{suffix}", artist="A", album="T", title="1", tracknumber="1")
    (piece,) = found(tmp_path)
    assert len(piece.tracks) == len([m for m in piece.media if m["kind"] == "audio"]) == 1
    (reject,) = piece.rejects
    assert reject.problem.code is RejectCode.DUPLICATE
    assert reject.key.endswith("1.mp3")


def test_broken_files_still_become_tracks(tmp_path):
    (tmp_path / "A/T").mkdir(parents=True)
    (tmp_path / "A/T/01 - Empty.mp3").touch()
    (tmp_path / "A/T/02 - Text.m4a").write_text("words")
    (tmp_path / "A/T/03 - Other.wma").write_bytes(b"\x30\x26\xb2\x75")
    (piece,) = found(tmp_path)
    assert [track["title"] for track in piece.tracks] == ["Empty", "Text", "Other"]


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_nothing_that_is_named_as_audio_is_passed_over_in_silence(tmp_path, suffix):
    (tmp_path / f"song{suffix}").write_bytes(b"words")
    (piece,) = found(tmp_path)
    (row,) = CheckMedia()(rows.from_records(MEDIA, piece.media).select(CANDIDATE)).to_pylist()
    assert row["reject_code"] in {"unsupported_format", "unreadable"} and suffix in row["reject_reason"]


OTHER_SUFFIXES = {"mp1": "mp2", "mpa": "mp2", "m2a": "mp2", "adts": "aac"}


@pytest.mark.parametrize("suffix", [*ENCODERS, *LENGTHLESS, *OTHER_SUFFIXES])
def test_whatever_decodes_is_a_song(tmp_path, suffix):
    kind = OTHER_SUFFIXES.get(suffix, suffix)
    (tmp_path / f"song.{suffix}").write_bytes(encoded(kind, np.stack([tone(2.0), tone(2.0)])))
    (piece,) = found(tmp_path)
    (row,) = CheckMedia()(rows.from_records(MEDIA, piece.media).select(CANDIDATE)).to_pylist()
    assert row["reject_code"] is None and row["seconds"] == pytest.approx(2.0, abs=0.1)


def test_names_of_broken_bytes_survive_the_way(tmp_path, sounds):
    folder = os.fsencode(tmp_path) + b"/A/T\xff#1"
    os.makedirs(folder)  # noqa: PTH103 - pathlib takes no bytes
    with open(folder + b"/01 - S\xfe.wav", "wb") as file:  # noqa: PTH123
        file.write(sounds[".wav"])
    (piece,) = found(tmp_path)
    assert rows.from_records(MEDIA, piece.media).num_rows == 1
    assert path_of(piece.media[0]["uri"]).read_bytes() == sounds[".wav"]
    assert "S\ufffd.wav" in shown(piece.media[0]["uri"])
    assert piece.tracks[0]["title"] == "S\ufffd"


def test_order_does_not_depend_on_when_files_were_written(song, tmp_path):
    for name in ("b", "a", "c"):
        song(f"{name}/T/1.flac", artist=name, album="T", title="1", tracknumber="1")
    assert [artist for artist, _ in albums(tmp_path)] == ["a", "b", "c"]


def test_missing_and_empty_folders_are_told_in_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"no music folder .*none"):
        FolderSource(tmp_path / "none")
    (tmp_path / "readme.txt").write_text("words")
    with pytest.raises(ConfigError, match=f"{tmp_path} holds no music"):
        FolderSource(tmp_path)


@pytest.mark.samples
def test_real_music_is_55_albums():
    folder = os.environ.get("COVERGEN_SAMPLES")
    if not folder:
        pytest.skip("COVERGEN_SAMPLES is unset")
    pieces = found(Path(folder, "music"))
    assert len(pieces) == 55
    assert sum(len(piece.tracks) for piece in pieces) == 132
    assert not any(piece.rejects for piece in pieces)
    assert sum(m["kind"] == "cover" for piece in pieces for m in piece.media) == 14
