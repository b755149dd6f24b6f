import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.wikipedia import words
from covergen.sources.wikipedia.tables import Cell, Link


@pytest.mark.parametrize(
    ("texts", "date"),
    [
        (["J A N U A R Y", "10"], "1980-01-10"),
        (["S E P T", "1st"], "1980-09-01"),
        (["January 1"], "1980-01-01"),
        (["1 May 1981"], "1981-05-01"),
        (["Feb. 29"], "1980-02-29"),
        (["February", "30"], "1980-02"),
        (["March", "?"], "1980-03"),
        (["March", "10–12"], "1980-03"),
        (["mid-March"], "1980-03"),
        (["March/April"], "1980"),
        (["March 30 (US), April 2 (UK)"], "1980"),
        (["Summer"], "1980"),
        (["TBA"], "1980"),
        ([], "1980"),
        (["Mar 5 (Japan)"], "1980-03-05"),
        (["1981-01-15"], "1981-01-15"),
        (["1980-01 (US)"], "1980-01"),
        (["Tuesday, January 8"], "1980-01-08"),
        (["Tues. Jan 8, 1981"], "1981-01-08"),
    ],
)
def test_dates_are_read_as_far_as_they_are_known(texts, date):
    assert words.read_date(texts, 1980) == (date, {4: "year", 7: "month", 10: "day"}[len(date)])


@pytest.mark.parametrize(
    ("texts", "date"),
    [(["14"], "1980-06-14"), (["?"], "1980-06"), (["Late spring"], "1980"), ([], "1980-06")],
)
def test_the_month_above_serves_where_the_cell_names_none(texts, date):
    assert words.read_date(texts, 1980, 6)[0] == date


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("January 15", True),
        ("Tuesday, 15 Jan. 2013", True),
        ("2013-01-15", True),
        ("2013/01/15", True),
        ("May 4th", True),
        ("2013-01", False),
        ("September", False),
        ("June 1974", False),
        ("Blue October 5", False),
        ("10,000 Maniacs", False),
        ("Mayday 5", False),
        ("1999", False),
    ],
)
def test_what_is_a_day_and_nothing_else(text, is_one):
    assert words.is_date(text) is is_one


@pytest.mark.parametrize("text", ["Rick Ross", "The The", "311", "98 Degrees", "The 1975", "January 0"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(BadInput, match="its date is") as raised:
        words.read_date([text], 1980)
    assert raised.value.code == RejectCode.WRONG_TYPE


@pytest.mark.parametrize(
    ("lines", "italics", "titles"),
    [
        (["Red"], ["Red"], [("Red", "")]),
        (["Red (EP)"], ["Red"], [("Red", "EP")]),
        (["Red", "(with Blue)"], ["Red"], [("Red", "with Blue")]),
        (["Red [Remastered]"], ["Red"], [("Red", "Remastered")]),
        (["Anthology 1"], ["Anthology"], [("Anthology 1", "")]),
        (["Red live in the old town"], ["Red"], [("Red live in the old town", "")]),
        (["Red (Blue's Version)"], ["Red"], [("Red (Blue's Version)", "")]),
        (["A", "long title"], ["A long title"], [("A long title", "")]),
        (["One", "Two"], ["One", "Two"], [("One", ""), ("Two", "")]),
        (["One / Two"], ["One", "Two"], [("One / Two", "")]),
        (["Plain (soundtrack)"], [], [("Plain", "soundtrack")]),
        (["Plain (Part 1)"], [], [("Plain (Part 1)", "")]),
        (["(What's the Story)"], [], [("(What's the Story)", "")]),
    ],
)
def test_titles_and_what_stands_beside_them(lines, italics, titles):
    assert words.read_titles(Cell(tuple(lines), tuple(italics))) == titles


@pytest.mark.parametrize(
    ("lines", "links", "artist"),
    [
        (["Tyler, the Creator"], [], "Tyler, the Creator"),
        (["Daryl Hall & John Oates"], ["Daryl Hall & John Oates"], "Daryl Hall & John Oates"),
        (
            ["Robert Plant and Alison Krauss"],
            ["Robert Plant", "Alison Krauss"],
            "Robert Plant; Alison Krauss",
        ),
        (["A, B, and C feat. D"], ["A", "B", "C", "D"], "A; B; C; D"),
        (
            ["Tom Petty and the Heartbreakers"],
            ["Tom Petty", "Heartbreakers"],
            "Tom Petty and the Heartbreakers",
        ),
        (["Prince and the Revolution"], ["Prince", "the Revolution"], "Prince and the Revolution"),
        (["Some Band & Guest"], ["Guest"], "Some Band & Guest"),
        (["One", "Two"], [], "One; Two"),
        (["Elvis Costello", "and the Attractions"], [], "Elvis Costello and the Attractions"),
        (["Emerson, Lake &", "Palmer"], [], "Emerson, Lake & Palmer"),
        (["A very long", "name"], ["A very long name"], "A very long name"),
    ],
)
def test_artists(lines, links, artist):
    cell = Cell(tuple(lines), links=tuple(Link(text, text) for text in links))
    assert words.read_artist([cell]) == artist


@pytest.mark.parametrize(
    ("lines", "genres"),
    [
        (["Blackgaze, post-rock"], ["Blackgaze", "post-rock"]),
        (["R&B/hip-hop", "soul"], ["R&B", "hip-hop", "soul"]),
        (["rock (indie, noise), Rock, drum and bass"], ["rock (indie, noise)", "Rock", "drum and bass"]),
        (["Pop", "pop,"], ["Pop"]),
        (["—"], []),
        ([], []),
    ],
)
def test_genres(lines, genres):
    assert words.read_genres(Cell(tuple(lines))) == genres


def test_labels():
    assert words.read_label(Cell(("Maybach, Def Jam",))) == "Maybach, Def Jam"
    assert words.read_label(Cell(("Warner,", "Sub Pop"))) == "Warner, Sub Pop"
    assert words.read_label(Cell(("-",))) is None
    assert words.read_label(None) is None


@pytest.mark.parametrize(
    ("title", "remarks", "pages", "kind"),
    [
        ("Red", ["Debut"], [], "album"),
        ("Red", ["Debut EP"], [], "ep"),
        ("Red", ["E.P."], [], "ep"),
        ("Red", ["US; re-release of an EP"], [], "reissue"),
        ("Red", ["Live"], [], "live"),
        ("Red", ["Their last before the live reissue of 1990"], [], "album"),
        ("Red EP", [], [], "ep"),
        ("Red (Deluxe Edition)", [], [], "reissue"),
        ("Steppin' Out", [], [], "album"),
        ("Live Through This", [], [], "album"),
        ("Red", [], ["Red (Blue EP)"], "ep"),
        ("Red", [], ["Red (mixtape)"], "mixtape"),
        ("Red", [], ["Red (live album)"], "live"),
        ("Red", [], ["Red (Live album)"], "album"),  # by the band
        ("Red", [], ["Red ()", "Red"], "album"),
        ("Red", ["Soundtrack"], [], "soundtrack"),
        ("Red", ["Greatest hits"], [], "compilation"),
        ("Red", ["Remixes"], [], "remix"),
    ],
)
def test_kinds(title, remarks, pages, kind):
    assert words.read_kind(title, remarks, pages) == kind
