"""Which songs of one title are one album: compilations, guests, and albums that only share their name."""

import pytest

from covergen.sources.local.folder import FolderSource

VARIOUS = "Various Artists"


@pytest.fixture
def artists(song, tmp_path):
    """Write songs as (name, artist, number, year) with the tags of all; return the artists of the albums."""

    def make(*songs: tuple[str, str, str | None, str | None], **tags: str) -> list[str]:
        for name, artist, number, year in songs:
            own = {"artist": artist, "tracknumber": number, "date": year}
            song(name, title=name, **{key: text for key, text in own.items() if text}, **tags)
        return [album["artist"] for found in FolderSource(tmp_path).read() for album in found.albums]

    return make


QUEEN_AND_ABBA = [
    [("q.flac", "Queen", None, "1981"), ("ab.flac", "ABBA", None, "1976")],
    [("q.flac", "Queen", "1", "1981"), ("ab.flac", "ABBA", "3", "1976")],
    [("q.flac", "Queen", "1", "1981"), ("ab.flac", "ABBA", "2", "1976")],
    [("q.flac", "Queen", None, None), ("ab.flac", "ABBA", None, None)],
    [("q.flac", "Queen", "1", None), ("ab.flac", "ABBA", None, None)],
    [("q.flac", "Queen", "1", "1981"), ("r.flac", "Queen", "2", "1981"), ("ab.flac", "ABBA", "3", "1976")],
]


@pytest.mark.parametrize("songs", QUEEN_AND_ABBA)
def test_albums_of_one_title_in_a_flat_folder_stay_apart(artists, songs):
    assert artists(*songs, album="Greatest Hits") == ["ABBA", "Queen"]


@pytest.mark.parametrize("songs", QUEEN_AND_ABBA[:3])
def test_a_flag_joins_no_two_artists_of_two_years(artists, songs):
    assert artists(*songs, album="Greatest Hits", compilation="1") == ["ABBA", "Queen"]


@pytest.mark.parametrize(
    ("numbers", "years"),
    [
        ("1234", (None, None, None, None)),
        ("1234", ("1999", None, "1999", None)),
        ("1379", ("1999",) * 4),  # not all of its songs are there
        ("1234", ("1985", "1980", "1990", "1980")),  # counted through, though each song has its own year
    ],
)
def test_a_compilation_in_one_folder_is_one_album(artists, numbers, years):
    songs = [
        (f"{number}.flac", artist, number, year)
        for artist, number, year in zip("ABCA", numbers, years, strict=True)
    ]
    assert artists(*songs, album="Hits") == [VARIOUS]


def test_two_songs_of_their_own_years_that_fill_their_total_are_one_album(artists):
    songs = [("1.flac", "A", "1/2", "1985"), ("2.flac", "B", "2/2", "1980")]
    assert artists(*songs, album="Split") == [VARIOUS]


def test_songs_without_numbers_are_a_compilation_in_a_folder_of_its_name(artists):
    songs = [(f"2001 - Hits/{artist}.flac", artist, None, None) for artist in "ABC"]
    assert artists(*songs, album="Hits") == [VARIOUS]


def test_untagged_songs_of_a_lone_folder_are_one_album(song, tmp_path):
    for name in ("Queen - One", "ABBA - Two"):
        song(f"Hits/{name}.flac")
    assert [a["artist"] for found in FolderSource(tmp_path).read() for a in found.albums] == [VARIOUS]


@pytest.mark.parametrize(
    ("numbers", "years"), [((None, None), ("1994", "1994")), (("1", "2"), ("1994", "1995"))]
)
def test_guests_stay_with_their_host_though_another_has_an_album_of_that_title(artists, numbers, years):
    songs = [
        ("1.flac", "Weezer", numbers[0], years[0]),
        ("2.flac", "Weezer feat. X", numbers[1], years[1]),
        ("3.flac", "ABBA", "1", "1986"),
    ]
    assert artists(*songs, album="Live") == ["ABBA", "Weezer"]


@pytest.mark.parametrize("guest", ["Weezer feat. X", "X & Weezer", "Rivers Cuomo"])
def test_a_guest_joins_no_two_albums_of_one_artist(artists, guest):
    songs = [("1994/1.flac", "Weezer", "1", "1994"), ("2001/2.flac", guest, "2", "2001")]
    assert artists(*songs, album="Weezer", albumartist="Weezer") == ["Weezer"] * 2


def test_a_song_of_its_own_does_not_split_the_mix_of_a_dj(artists):
    songs = [
        (f"{n}/{n}.flac", artist, str(n), str(1980 + n)) for n, artist in enumerate(("DJ", "A", "B"), start=1)
    ]
    assert artists(*songs, album="Mix", albumartist="DJ") == ["DJ"]


@pytest.mark.parametrize(
    ("numbers", "years", "expected"),
    [
        (("1", "2"), ("1994", "1975"), ["Cohen", "Sting"]),
        (("1/14", "2/14"), ("1994", "1975"), ["Cohen", "Sting"]),
        (("1/2", "2/2"), ("1994", "1975"), [VARIOUS]),
        (("1", "2"), ("1994", "1994"), [VARIOUS]),
    ],
)
def test_a_flag_over_folders_joins_what_one_year_or_a_filled_total_proves(artists, numbers, years, expected):
    songs = [
        (f"{artist}/Best of/{artist}.flac", artist, number, year)
        for artist, number, year in zip(("Sting", "Cohen"), numbers, years, strict=True)
    ]
    assert artists(*songs, album="Best of", compilation="1") == expected


def test_a_total_that_one_artist_tells_joins_no_other(artists):
    songs = [
        ("Sting/1.flac", "Sting", "1/9", "1994"),
        ("Sting/2.flac", "Sting", "2/9", "1994"),
        ("Cohen/3.flac", "Cohen", "3", "1994"),
    ]
    assert artists(*songs, album="Best of", compilation="1") == ["Cohen", "Sting"]
