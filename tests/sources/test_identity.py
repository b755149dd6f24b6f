import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from covergen.sources.field_parsing import clean_text, join_names, parse_date, parse_number
from covergen.sources.identity import album_id, normalise, track_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Al\u200bbum\u00ad", "\ufeffAlbum"),
        ("Don’t Stop", "don't  stop"),
        ("AC/DC", "ac dc"),
        ("Ｆｕｌｌ Ｗｉｄｔｈ", "full width"),
        ("STRASSE", "straße"),
        ("Beyonce\u0301", "Beyonc\u00e9"),
        ("Mutopia: Modern", "Mutopia_ Modern"),
        ("ﾊﾟﾌｭｰﾑ", "パフューム"),
    ],
)
def test_spellings_of_one_name_agree(one, other):
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("雨", "雪"), ("!!!", "???"), ("1", "2"), ("Beyoncé", "Beyonce"), ("ก้าว", "กาว"), ("A", "")],
)
def test_different_names_differ(one, other):
    assert normalise(one) != normalise(other)
    assert album_id(one, "x") != album_id(other, "x")


@given(st.text())
@example("ΐ\u0345'!")
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


def test_ids_are_stable_forever():
    assert album_id("محسن نامجو", "می\u200cخواهم") == album_id("محسن نامجو", "می خواهم")
    assert album_id("Rose Kestrelle", "Dear World").startswith("a2233475d59f326b")
    assert album_id("A", "B", 1997) == album_id("a", "b", "1997") != album_id("A", "B")
    assert album_id("A B", "C") != album_id("A", "B C")
    assert track_id("x", None, 3, "Song") == track_id("x", 1, 3, "song") != track_id("x", 2, 3, "song")


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("1997", ("1997", "year")),
        ("1997-05", ("1997-05", "month")),
        ("1997-05-21T12:00:00", ("1997-05-21", "day")),
        ("19970521", ("1997-05-21", "day")),
        ("21/05/1997", ("1997", "year")),
        ("1997-13-01", ("1997", "year")),
        ("0", (None, None)),
        ("Unknown", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
        ("199712345", (None, None)),
    ],
)
def test_dates(text, date):
    assert parse_date(text) == date


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3/12", (3, 12)),
        ("03", (3, None)),
        ("3 of 12", (3, 12)),
        ("0/0", (None, None)),
        ("A1", (None, None)),
        ("", (None, None)),
    ],
)
def test_numbers(text, number):
    assert parse_number(text) == number


def test_names_are_joined_once_and_cleaned():
    assert join_names(["A", " B\x00 ", "A", ""]) == "A; B"
    assert clean_text("a\udcffb\n\tc\u200b\u200bd\ufeff") == "a?b cd"
    assert clean_text("می\u200cخواهم") == "می\u200cخواهم"
