"""Discs and sides of vinyl by the names of folders, of files and of albums."""

from pathlib import Path

import pytest

from covergen.sources.local.folder import FolderSource
from covergen.sources.local.folder_names import disc_folders, disc_in_title, side_and_number


def discs_of(names: tuple[str, ...], parent: str = "/music/Zoë/2001 - Both") -> list[int | None]:
    found = disc_folders([Path(parent, name, "1.mp3") for name in names])
    return [found.get(Path(parent, name)) for name in names]


@pytest.mark.parametrize(
    ("names", "discs"),
    [
        (("CD1of2", "CD2of2"), [1, 2]),
        (("[Disc 1]", "[Disc 2]"), [1, 2]),
        (("(CD1)", "(CD2) Live"), [1, 2]),
        (("CD №1", "CD №2"), [1, 2]),
        (("Disc Ten", "Disc Eleven"), [10, 11]),
        (("Both - CD1", "Both - CD2"), [1, 2]),
        (("Both CD1", "Both CD2"), [1, 2]),
        (("Zoë - Both (Disc 1)", "Zoë - Both (Disc 2)"), [1, 2]),
        (("CD 1", "Bonus Disc"), [1, 2]),
        (("Bonus CD", "Disc 1", "Disc 2"), [3, 1, 2]),
        (("LP 1 - Side A", "LP 1 - Side B", "LP 2 - Side A", "LP 2 - Side D"), [1, 2, 3, 4]),
        (("Side H", "Side I", "Side J"), [8, 9, 10]),
        (("Side I", "Side II"), [1, 2]),
    ],
)
def test_discs_by_the_names_of_their_folders(names, discs):
    assert discs_of(names) == discs


@pytest.mark.parametrize(
    "names",
    [
        ("CD", "CDs"),
        ("Disc Jockey", "Disc Jockeys"),
        ("Blink 182", "Blink 183"),
        ("Side Effects", "Side Dishes"),
        ("Disco 2", "Disco 3"),  # albums
        ("Both CD1",),  # a disc of its own name only beside another
        ("Both CD1", "Both CD2", "Else"),  # albums of the artist Both
        ("Home CD1", "Home CD2"),
        ("Bonus Disc", "Else"),
    ],
)
def test_names_of_albums_are_no_discs(names):
    assert discs_of(names) == [None] * len(names)


def test_a_bonus_disc_comes_after_the_songs_of_its_album():
    paths = [Path("/music/A/B/1.mp3"), Path("/music/A/B/Bonus Disc/1.mp3")]
    assert disc_folders(paths) == {paths[1].parent: 2}


@pytest.mark.parametrize(
    "names", [("CD1of2", "CD2of2"), ("Both - CD1", "Both - CD2"), ("CD 1", "Bonus Disc")]
)
def test_the_cover_above_discs_is_that_of_their_album(song, tmp_path, picture, names):
    for name in names:
        song(f"Zoë/Both/{name}/01 - Song.flac")
    (tmp_path / "Zoë/Both/cover.png").write_bytes(picture)
    (piece,) = FolderSource(tmp_path).read()
    (album,) = piece.albums
    assert (album["artist"], album["title"]) == ("Zoë", "Both")
    assert [track["disc"] for track in piece.tracks] == [1, 2]
    assert [media["uri"].endswith("Both/cover.png") for media in piece.media if media["kind"] == "cover"]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The Wall CD1", ("The Wall", 1)),
        ("The Wall CD2of2", ("The Wall", 2)),
        ("The Wall Disc 1", ("The Wall", 1)),
        ("The Wall Disc Two", ("The Wall", 2)),
        ("The Wall [Disc 1] [Remastered]", ("The Wall [Remastered]", 1)),
        ("The Wall - CD1: Studio", ("The Wall", 1)),
        ("The Wall: Disc 2 - Live", ("The Wall", 2)),
        ("The Wall (Disc 1 of 2)", ("The Wall", 1)),
    ],
)
def test_discs_in_the_titles_of_albums(title, expected):
    assert disc_in_title(title) == expected


@pytest.mark.parametrize(
    "title", ["CD", "Compact Disc 2", "ABCD 1", "Live on CD 101", "Disc Jockey", "Bonus Disc", "Now - 2"]
)
def test_ordinary_titles_keep_their_words(title):
    assert disc_in_title(title) == (title, None)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("A1", (1, 1)),
        ("I2", (9, 2)),
        ("J1", (10, 1)),
        ("A", (1, 1)),
        ("B", (2, 1)),
        ("AA", (2, 1)),
        ("U2", (None, None)),
        ("3/12", (None, None)),
        ("AB", (None, None)),
    ],
)
def test_numbers_of_vinyl(number, expected):
    assert side_and_number(number) == expected


def tracks_of(folder: Path) -> list[tuple[str, int | None, int | None, str]]:
    return [
        (track["artist"], track["disc"], track["number"], track["title"])
        for piece in FolderSource(folder).read()
        for track in piece.tracks
    ]


@pytest.mark.parametrize(
    "folders", [("Side A", "Side B"), ("LP 1", "LP 1"), ("CD 1", "CD 1"), ("LP 1 - Side A", "LP 1 - Side B")]
)
def test_sides_in_folders_of_their_own_count_on(song, tmp_path, folders):
    for name in ("A1 - Exhale", "A2 - Zebra", "B1 - Ache", "B2 - Cold"):
        song(f"Kit/Ultraviolet/{folders[name[0] == 'B']}/{name}.flac")
    if folders[0] == "LP 1":
        song("Kit/Ultraviolet/LP 2/C1 - Warm.flac")
    expected = [
        ("Kit", 1, 1, "Exhale"),
        ("Kit", 1, 2, "Zebra"),
        ("Kit", 2, 1, "Ache"),
        ("Kit", 2, 2, "Cold"),
        ("Kit", 3, 1, "Warm"),
    ]
    assert tracks_of(tmp_path) == expected[: 5 if folders[0] == "LP 1" else 4]


def test_a_lone_record_of_sides_in_folders_has_no_artists_named_by_them(song, tmp_path):
    for name in ("Side A/A1 - Exhale", "Side A/A2 - Zebra", "Side B/B1 - Ache", "Side B/B2 - Cold"):
        song(f"Ultraviolet/{name}.flac")
    titles = [(artist, disc, title) for artist, disc, _, title in tracks_of(tmp_path)]
    assert titles == [
        ("Unknown Artist", disc, title)
        for disc, title in ((1, "Exhale"), (1, "Zebra"), (2, "Ache"), (2, "Cold"))
    ]


@pytest.mark.parametrize("numbers", [("I1", "I2", "J1", "J2"), ("A", "B")])
def test_songs_of_one_title_on_two_sides_are_two(song, tmp_path, numbers):
    for number in numbers:
        song(f"{number}.flac", artist="Kit", album="Box", title="Intro", tracknumber=number)
    (piece,) = FolderSource(tmp_path).read()
    assert len(piece.tracks) == len(numbers) and not piece.rejects


def test_a_single_is_known_by_its_two_sides(song, tmp_path):
    for name in ("A - Exhale", "B - Ache"):
        song(f"{name}.flac")
    assert tracks_of(tmp_path) == [("Unknown Artist", 1, 1, "Exhale"), ("Unknown Artist", 2, 1, "Ache")]


@pytest.mark.parametrize("names", [("A - Exhale", "C - Ache"), ("A - Exhale", "B - Ache", "Queen - Cold")])
def test_letters_that_do_not_count_the_whole_folder_are_artists(song, tmp_path, names):
    for name in names:
        song(f"{name}.flac")
    assert {artist for artist, *_ in tracks_of(tmp_path)} == {name.partition(" - ")[0] for name in names}
