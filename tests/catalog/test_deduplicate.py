import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.catalog.deduplicate import duplicates
from covergen.sources.matching.editions import NOBODY, artist_key, title_key


def row(key: str, title: str = "Blue", artist: str = "Zoë", date: str | None = None) -> dict:
    return {"album_id": key, "artist": artist, "title": title, "release_date": date}


def merged(*titles: str, **more) -> int:
    return len(duplicates([row(str(k), title, **more) for k, title in enumerate(titles)]))


@pytest.mark.parametrize(
    "title",
    [
        "Blue (Deluxe Edition)",
        "Blue [Deluxe]",
        "BLUE - Remastered 2011",
        "Blue (2011 Remaster)",
        "Blue: Special Edition",
        "Blue (Expanded)",
        "Blue [Bonus Track Version]",
        "Blue – 25th Anniversary Edition",
        "Blue (Super Deluxe) [Remastered]",
        "Blue (Explicit)",
        "blue!",
        "Blue (Edición Deluxe)",
        "Blue (Édition Limitée)",
        "Blue (Japanese Edition)",
        "Blue (feat. Rain)",
        "Blue (Digitally Remastered)",
        "Blue (Collector’s Edition)",
    ],
)
def test_editions_and_spellings_are_one_album(title):
    assert duplicates([row("a"), row("b", title)]) == {"b": "a"}


@pytest.mark.parametrize(
    "title",
    [
        "Blue (Live)",
        "Blue - Live at Home",
        "Blue EP",
        "Blue, Vol. 2",
        "Blue II",
        "Blue (Taylor’s Version)",
        "Blue (Acoustic)",
        "Blue (Remixes)",
        "Blue (Japanese Version)",
        "Blue (Instrumental Version)",
        "Blue - Single",
        "Blue (Bonus Tracks)",
        "Blue (Original Motion Picture Soundtrack)",
        "Blue (Disc 2)",
        "Blue (Deluxe Edition 2)",
        "Blue (Live) [Deluxe Edition]",
        "Blue ft. Worth",
        "Blue Deluxe",
        "Blue (2011)",
        "Blue (Demo Version)",
        "Blau",
    ],
)
def test_what_sounds_otherwise_stays(title):
    assert merged("Blue", title) == 0


def test_an_edition_is_never_older_than_its_album():
    later, earlier = (
        row("e", "Blue (2010 Remaster)", date="2010"),
        row("e", "Blue (2010 Remaster)", date="1981"),
    )
    assert duplicates([row("a", date="1993"), later]) == {"e": "a"}
    assert duplicates([row("a", date="1993"), earlier]) == {}


def test_an_album_named_after_its_artist_holds_to_the_year():
    def edition(date):
        return row("e", "Zoë (Deluxe Edition)", date=date)

    assert duplicates([row("a", "Zoë", date="1993"), edition("2010")]) == {}
    assert duplicates([row("a", "Zoë", date="1993"), edition("1994")]) == {"e": "a"}
    assert duplicates([row("a", "Zoë", date="1993"), edition(None)]) == {"e": "a"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("雨", "雪"),
        ("ночь", "ночи"),
        ("ก้าว", "กาว"),
        ("カ", "ガ"),
        ("ёлка", "елка"),
        ("!!!", "???"),
        ("+", "÷"),
        ("שָׁלוֹם", "שלום"),
    ],
)
def test_other_scripts_are_never_folded(one, other):
    assert merged(one, other) == 0
    assert artist_key(one) != artist_key(other)


def test_other_scripts_still_lose_case_and_editions():
    assert merged("НОЧЬ", "ночь (Deluxe Edition)") == 1
    assert merged("夜", "夜 [Remastered]") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Beatles", "Beatles, The"),
        ("Simon & Garfunkel", "Simon and Garfunkel"),
        ("Beyoncé", "BEYONCE"),
        ("Drift", "Drift feat. Rain"),
        ("Drift", "Drift ft. Rain & Snow"),
        ("Drift", "Drift (Featuring Rain)"),
        ("Drift", "Drift; Rain"),
    ],
)
def test_one_artist_in_several_spellings(one, other):
    assert duplicates([row("a", artist=one), row("b", artist=other)]) == {"b": "a"}


def test_albums_of_one_title_and_two_years_are_two():
    assert duplicates([row("a", date="1994-05"), row("b", date="2001"), row("c")]) == {}


def test_an_edition_of_later_years_goes_to_the_only_plain_one():
    deluxe = row("c", "Blue (Deluxe)", date="2014")
    assert duplicates([row("a", date="1994"), deluxe]) == {"c": "a"}
    assert duplicates([row("a", date="1994"), row("b", date="2001"), deluxe]) == {}
    assert duplicates([row("a", date="1994"), row("b", date="2014"), deluxe]) == {"c": "b"}


def test_an_article_needs_the_same_year():
    assert duplicates([row("a", "The Blue"), row("b", "Blue")]) == {}
    assert duplicates([row("a", "The Blue", date="1994"), row("b", "Blue", date="1994")]) == {"b": "a"}


def test_a_name_for_many_artists_proves_nothing():
    assert {"various", "va", "v a", "unknown artist"} <= NOBODY
    various = "Various Artists"
    assert duplicates([row("a", artist=various), row("b", "Blue!", artist=various)]) == {}
    dated = [row("a", artist=various, date="1994"), row("b", "Blue!", artist=various, date="1994")]
    assert duplicates(dated) == {"b": "a"}


def test_tracks_may_veto():
    pair, songs = [row("a"), row("b", "Blue (Deluxe)")], {"1", "2", "3", "4"}
    assert duplicates(pair, {"a": songs, "b": songs | {"5", "6"}}) == {"b": "a"}
    assert duplicates(pair, {"a": songs, "b": {"6", "7", "8", "9"}}) == {}
    assert duplicates(pair, {"a": songs, "b": {"6"}}) == {"b": "a"}
    three = [*pair, row("c", "Blue (Expanded)")]
    assert duplicates(three, {"a": songs, "b": {"6", "7", "8"}, "c": {"6", "7", "8"}}) == {"c": "b"}


def test_the_same_songs_are_one_album_whatever_the_years():
    pair, songs = [row("a", date="1994"), row("b", date="1995")], {"1", "2", "3", "4", "5"}
    assert duplicates(pair, {"a": songs, "b": songs - {"5"}}) == {"b": "a"}
    assert duplicates(pair, {"a": songs, "b": songs - {"4", "5"}}) == {}
    assert duplicates(pair, {"a": {"1", "2"}, "b": {"1", "2"}}) == {}
    assert duplicates(pair, {"a": songs}) == {}


def test_the_rank_decides_first_who_stays():
    assert duplicates([row("a"), row("b", "Blue (Deluxe)")], rank=lambda key: (key != "b",)) == {"a": "b"}


def test_titles_that_are_all_edition_keep_their_words():
    assert merged("(Deluxe Edition)", "(Expanded Edition)") == 0


TITLES = st.sampled_from(["Blue", "blue", "The Blue", "Blue (Deluxe)", "Blue [Live]", "Red", "雨", "雪"])
ROWS = st.lists(
    st.tuples(
        TITLES, st.sampled_from(["A", "The A", "A feat. B", "B"]), st.sampled_from([None, "1994", "2001-05"])
    ),
    max_size=12,
)


@given(ROWS, st.randoms())
def test_order_decides_nothing_and_who_stays_is_merged_nowhere(found, shuffle):
    albums = [row(f"{k:02}", title, artist, date) for k, (title, artist, date) in enumerate(found)]
    told = duplicates(albums)
    assert not set(told) & set(told.values())
    shuffle.shuffle(albums)
    assert duplicates(albums) == told
    by_id = {album["album_id"]: album for album in albums}
    for one, other in told.items():
        assert artist_key(by_id[one]["artist"]) == artist_key(by_id[other]["artist"])
        assert title_key(by_id[one]["title"]).key == title_key(by_id[other]["title"]).key


def test_work_grows_with_rows_not_with_pairs():
    def calls(count: int) -> int:
        draw, counted = random.Random(count), 0

        def count_it(frame: object, event: str, told: object) -> None:
            nonlocal counted
            counted += event in ("call", "c_call")

        albums = [row(str(k), f"Title {draw.randrange(count)}", f"Artist {k // 8}") for k in range(count)]
        sys.setprofile(count_it)
        try:
            assert duplicates(albums) is not None
        finally:
            sys.setprofile(None)
        return counted

    assert calls(4000) < 5 * calls(1000)  # pairs would be sixteen times as many
