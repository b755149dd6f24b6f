import dataclasses
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covergen.errors import BadInput, RejectCode
from tests.sources.wikipedia.wiki_pages import (
    AWARDS,
    CHART,
    LEGACY,
    LIST_HEADER,
    NOTE,
    PageAlbum,
    Renderer,
    facts_of,
    found,
    heading,
    monthly,
    section,
    short,
)

TITLES = ["?", "−", "AC/DC Live", "Les Voyages de l'âme", "雨", "!!!", "Dash – Part 2", "Sing; Sing, Sing"]
ARTISTS = ["Tyler, the Creator", "Simon & Garfunkel", "10cc", "May Day", "R&B/Soul Five", "Zoë", "雨", "U2"]
GENRES = ["Blackgaze", "post-rock", "R&B", "hip-hop (East Coast, old school)", "drum and bass"]


def test_the_layout_of_the_years_pages():
    page = found(heading("Events") + "<ul><li><i>No</i> – One</li></ul>" + LEGACY, 1980)
    assert [(*row, a["kind"]) for row, a in zip(short(page.albums), page.albums, strict=True)] == [
        ("The Bs", "The A", "1980-01-10", "album"),
        ("Dee", "C", "1980-01-10", "reissue"),
        ("F & G", "E", "1980-01-14", "live"),
        ("H", "Untitled EP", "1980-01", "ep"),
        ("J", "I", "1980-02", "compilation"),  # there is no 30 February
    ]
    assert not page.rejects


def test_the_layout_of_the_lists():
    rows = (
        "<tr><td colspan=6>Go to: <a href='#February'>February</a></td></tr>"
        f"<tr>{LIST_HEADER}</tr>"
        "<tr id=one><th scope=row rowspan=3>January<br>6</th><td>Alcest</td><td><i>Les Voyages</i></td>"
        "<td><a>Blackgaze</a>, <a>post-rock</a></td><td>Prophecy</td><td></td></tr>"
        "<tr><td rowspan=2>Rick Ross</td>"
        "<td><i><a href='/wiki/Rich_Forever_(mixtape)'>Rich Forever</a></i></td>"
        "<td rowspan=2>Hip-hop</td><td>Maybach, Def Jam</td></tr>"
        "<tr><td><i>Other</i></td><td>MMG<br>Warner</td></tr>"
        "<tr><th>January<br>9<sup class=reference>[2]</sup></th><td>The Maccabees</td>"
        "<td><i>Given</i></td></tr>"
    )
    table = f"<table class='wikitable plainrowheaders'>{rows}</table>"
    page = found(heading("January", 3) + table)
    assert short(page.albums) == [
        ("Alcest", "Les Voyages", "2012-01-06"),
        ("Rick Ross", "Rich Forever", "2012-01-06"),
        ("Rick Ross", "Other", "2012-01-06"),
        ("The Maccabees", "Given", "2012-01-09"),
    ]
    assert [a["genres"] for a in page.albums] == [["Blackgaze", "post-rock"], ["Hip-hop"], ["Hip-hop"], []]
    assert [a["label"] for a in page.albums] == ["Prophecy", "Maybach, Def Jam", "MMG, Warner", None]
    assert [a["kind"] for a in page.albums] == ["album", "mixtape", "album", "album"]
    assert [a["source_url"].partition("#")[2] for a in page.albums[:2]] == ["one", "January"]
    assert not page.rejects


def test_albums_without_a_date_have_the_year():
    head = LIST_HEADER.partition("</th>")[2]
    page = found(
        monthly(
            "<tr><th scope=row>Someone</th><td><i>Name</i></td></tr><tr><th>No</th><td><i>TBA</i></td></tr>",
            head,
            "Unscheduled and TBA",
        )
    )
    assert short(page.albums) == [("Someone", "Name", "2012")]
    assert page.albums[0]["release_date_precision"] == "year"
    assert [(r.key, r.problem.code) for r in page.rejects] == [
        ("List of 2012 albums, table 1 (Unscheduled and TBA), row 3", RejectCode.MISSING_FIELD)
    ]


def test_lists_without_a_date_are_read_by_their_italics():
    items = (
        "<li><i>Dash – Part 2</i> - Artist With Hyphen-Name</li><li>Turned – <i>Round</i></li>"
        "<li><i>Small</i> (EP) – One</li><li>Nothing – in italics</li><li><i>Two</i> and <i>more</i> – X</li>"
        "<li><i>A</i> – B – C</li><li>A – B – <i>C</i></li>"
    )
    page = found(LEGACY + heading("Release date unknown", 3) + f"<ul>{items}</ul>" + heading("Births"), 1980)
    assert [(*row, a["kind"]) for row, a in zip(short(page.albums), page.albums, strict=True)][5:] == [
        ("Artist With Hyphen-Name", "Dash – Part 2", "1980", "album"),
        ("Turned", "Round", "1980", "album"),
        ("One", "Small", "1980", "ep"),
    ]
    assert [r.key.rpartition(", ")[2] for r in page.rejects] == ["row 4", "row 5", "row 6", "row 7"]


def test_other_tables_of_the_page_are_passed_over():
    chart = heading("Biggest hit singles") + CHART + heading("Awards") + AWARDS
    assert len(found(chart + LEGACY + chart, 1980).albums) == 5
    row = "<tr><th>January<br>1</th><td>A</td><td><i>B</i></td></tr>"
    page = found(monthly(row) + heading("Awards") + AWARDS)
    assert short(page.albums) == [("A", "B", "2012-01-01")]
    assert not page.rejects


def new_layouts() -> dict[str, str]:
    row = "<tr><th>January<br>1</th><td>A</td><td><i>B</i></td></tr>"
    turned = "<tr><th>January<br>1</th><td><i>B</i></td><td>A</td></tr>"
    return {
        "'Date', 'Who', 'What'": monthly(row, "<th>Date<th>Who<th>What"),
        "do not stand under its header": monthly(turned),
        "several columns for the artist": monthly(row, "<th>Artist<th>Artist<th>Album"),
        "where none is expected": heading("Something new") + monthly(row).partition("</div>")[2],
        "a list where a table": heading("January", 3) + "<ul><li><i>A</i> – B</li></ul>",
    }


@pytest.mark.parametrize("words", list(new_layouts()))
def test_a_new_layout_is_told_and_never_read(words):
    page = found(new_layouts()[words])
    assert not page.albums
    (reject,) = page.rejects
    assert reject.problem.code == RejectCode.NEW_LAYOUT
    assert "List of 2012 albums (revision 1234567)" in reject.problem.reason
    assert words in reject.problem.reason


def test_a_header_without_the_months_column_is_a_new_layout():
    header = "<tr><th>Release Date</th><th>Album</th><th>Artist</th><th>Notes</th></tr>"
    rows = "<tr><td>JAN</td><td>10</td><td><i>A</i></td><td>B</td><td>Debut</td></tr>"
    page = found(section(rows, header), 1980)
    assert not page.albums
    assert page.rejects[0].problem.code == RejectCode.NEW_LAYOUT


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ("<th>January<br>1</th><td></td><td><i>B</i></td>", RejectCode.MISSING_FIELD),
        ("<th>January<br>1</th><td>A</td><td>—</td>", RejectCode.MISSING_FIELD),
        ("<th>January<br>1</th>", RejectCode.MISSING_FIELD),
        ("<th>Whenever</th><td>A</td><td><i>B</i></td>", RejectCode.WRONG_TYPE),
        ("<td>Rick Ross</td><td><i>B</i></td><td>Rock</td>", RejectCode.NEW_LAYOUT),  # a cell too few
        ("<th>January<br>1</th><td><i>B</i></td><td>A</td>", RejectCode.NEW_LAYOUT),
        ("<th>January<th>January<br>2</th><td>A</td><td><i>B</i></td><td>g<td>l<td>r", RejectCode.NEW_LAYOUT),
    ],
)
def test_a_bad_row_is_a_reject_and_the_others_stay(cells, code):
    good = "<tr><th>January<br>{}</th><td>A{}</td><td><i>T{}</i></td></tr>"
    page = found(monthly(good.format(1, 1, 1) + f"<tr>{cells}</tr>" + good.format(2, 2, 2)))
    assert short(page.albums) == [("A1", "T1", "2012-01-01"), ("A2", "T2", "2012-01-02")]
    (reject,) = page.rejects
    assert reject.problem.code == code
    assert reject.key == "List of 2012 albums, table 1 (January), row 3"


NEW = "<th>January<br>{}</th>"


def line(day, who, **spans):
    """A row of the layout since 2005, with rowspans by the name of the column; no day: spanned from above."""
    texts = {"artist": who, "album": f"<i>T {who}</i>", "genre": "Rock", "label": "Label", "ref": NOTE}
    date = f"<th rowspan={spans.get('date', 1)}>January<br>{day}</th>" if day else ""
    cells = (
        f"<td rowspan={spans.get(name, 1)}>{text}</td>" for name, text in texts.items() if spans.get(name, 1)
    )
    return f"<tr>{date}{''.join(cells)}</tr>"


@pytest.mark.parametrize("column", ["artist", "album", "genre", "label"])
def test_a_rowspan_that_is_one_too_long_refuses_the_row_that_it_moves(column):
    page = found(monthly(line(8, "A", **{column: 2}) + line(9, "B") + line(10, "C")))
    assert short(page.albums) == [("A", "T A", "2012-01-08"), ("C", "T C", "2012-01-10")]
    (reject,) = page.rejects
    assert reject.key == "List of 2012 albums, table 1 (January), row 3"
    assert reject.problem.code == RejectCode.NEW_LAYOUT
    assert "a rowspan above that is one row too long" in reject.problem.reason


@pytest.mark.parametrize("last", ["<td></td>", ""])
def test_an_albums_rowspan_that_is_one_too_long_loses_no_row_in_silence(last):
    moved = f"<tr><th>January<br>9</th><td>B</td><td><i>Y</i></td><td>Pop</td><td>Sony</td>{last}</tr>"
    page = found(monthly(line(8, "A", album=2) + moved + line(10, "C")))
    assert short(page.albums) == [("A", "T A", "2012-01-08"), ("C", "T C", "2012-01-10")]
    assert [reject.problem.code for reject in page.rejects] == [RejectCode.NEW_LAYOUT]


def test_a_day_is_no_artist_but_a_band_of_that_name_is():
    spanned = "<tr><th rowspan=2>January</th><td>{}</td><td>{}</td><td>Pop</td><td>Sony</td></tr>"
    rows = spanned.format("A", "<i>S</i>") + "<tr><td>15</td><td>{}</td><td>C</td><td>Rock</td></tr>"
    page = found(monthly(rows.format("B")))
    assert short(page.albums) == [("A", "S", "2012-01")]
    assert "the artist is the day 15" in page.rejects[0].problem.reason
    assert ("15", "B", "2012-01") in short(found(monthly(rows.format("<i>B</i>"))).albums)


@pytest.mark.parametrize("last", [NOTE, ""])
def test_a_date_that_spans_one_row_too_many_is_no_artist(last):
    page = found(
        monthly((line(8, "A", date=3) + line(None, "B") + line(15, "C") + line(22, "D")).replace(NOTE, last))
    )
    assert [album["artist"] for album in page.albums] == ["A", "B", "D"]
    assert [reject.key.rpartition(", ")[2] for reject in page.rejects] == ["row 4"]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (f"{NEW}<td>B<i>Y</i></td><td>Pop</td><td>Sony</td><td>{NOTE}</td>", "fewer than its columns"),
        (f"{NEW}<td>B<i>Y</i></td><td>Pop</td><td>Sony</td><td></td>", "fewer than its columns"),
        (f"{NEW}<td>B</td><td><i>Y</i></td><td>Sony</td><td>{NOTE}</td>", "fewer than its columns"),
        (f"{NEW}<td>B</td><td><i>Y</i></td><td>Sony</td><td></td>", "fewer than its columns"),
        (f"{NEW}<td>B</td><td><i>Y</i></td><td>Sony</td>", "fewer than its columns"),
        (
            f"{NEW}<td>January 15</td><td><i>Y</i></td><td>Pop<td>Sony<td>",
            "the artist is the date 'January 15'",
        ),
        (
            f"{NEW}<td>2012-01-15</td><td><i>Y</i></td><td>Pop<td>Sony<td>",
            "the artist is the date '2012-01-15'",
        ),
        (f"{NEW}<td>B</td><td>15 January</td><td>Pop<td>Sony<td>", "the album is the date '15 January'"),
        (f"{NEW}<td>A</td><td>B</td><td><i>Y</i></td><td>Pop<td>Sony", "stands in another column"),
        (f"{NEW}<td><a href='/wiki/Y_(B_album)'>Y</a></td><td>B</td><td>Pop<td>Sony<td>", "belongs"),
        (f"{NEW}<td>B</td><td><i>Y</i></td><td>Pop<td>Sony<td>{NOTE}<td>", "reach beyond it"),
    ],
)
def test_a_row_whose_cells_moved_is_refused_with_the_reason(cells, why):
    page = found(monthly(line(8, "A") + f"<tr>{cells.format(9)}</tr>" + line(10, "C")))
    assert [album["artist"] for album in page.albums] == ["A", "C"]
    (reject,) = page.rejects
    assert reject.problem.code == RejectCode.NEW_LAYOUT
    assert why in reject.problem.reason


@pytest.mark.parametrize(
    ("cells", "album"),
    [
        (f"{NEW}<td>B</td><td><i>Y</i></td>", ("B", "Y")),
        (f"{NEW}<td>B</td><td><i>Y</i></td><td>Pop</td><td>Sony</td>", ("B", "Y")),
        (
            f"{NEW}<td>Blue October</td><td><i>Sept. 5th</i></td><td>Pop<td>Sony<td>",
            ("Blue October", "Sept. 5th"),
        ),
        (f"{NEW}<td>B</td><td>Y</td><td>Pop<td>Sony<td>", ("B", "Y")),
    ],
)
def test_a_row_that_surely_stands_right_is_read(cells, album):
    page = found(monthly(f"<tr>{cells.format(9)}</tr>"))
    assert short(page.albums) == [(*album, "2012-01-09")]
    assert not page.rejects


def test_a_row_of_the_old_layout_without_notes_is_read_where_its_artist_is_one():
    start = "<td>June</td><td>3</td><td><i>A</i></td>"
    linked = f"<tr>{start}<td><a href='/wiki/B'>B</a></td></tr>"
    moved = f"<tr>{start}<td>Debut</td></tr>"
    page = found(section(linked + moved), 1980)
    assert short(page.albums) == [("B", "A", "1980-06-03")]
    assert "fewer than its columns" in page.rejects[0].problem.reason


def test_ditto_marks_repeat_what_stands_above():
    marks = ['"', "〃", "''", "”", "do.", "Ditto"]
    rows = line(8, "Prince") + "".join(
        f"<tr><td>{mark}</td><td>{mark}</td><td><i>T {n}</i></td><td>{mark}</td><td>{mark}</td><td></td></tr>"
        for n, mark in enumerate(marks)
    )
    page = found(monthly(rows))
    facts = {(a["artist"], a["release_date"], tuple(a["genres"]), a["label"]) for a in page.albums}
    assert facts == {("Prince", "2012-01-08", ("Rock",), "Label")}
    assert len(page.albums) == 7
    assert not page.rejects


def test_ditto_marks_below_a_row_that_moved_repeat_nothing_of_it():
    moved = "<tr><th>January<br>8</th><td><i>Q</i></td><td>A</td><td>Pop</td><td>Sony</td><td></td></tr>"
    page = found(
        monthly(moved + "<tr><th>January<br>9</th>" + '<td>"</td><td><i>Y</i></td><td>Pop<td>Sony<td></tr>')
    )
    assert not page.albums and len(page.rejects) == 2


def test_ditto_marks_below_nothing_are_no_artist():
    divider = "<tr><th colspan=6>January</th></tr>"
    page = found(monthly(line(7, '"') + line(8, "A") + divider + line(9, '"')))
    assert [album["artist"] for album in page.albums] == ["A"]
    assert [reject.problem.code for reject in page.rejects] == [RejectCode.MISSING_FIELD] * 2


def test_an_album_of_two_rows_has_two_artists():
    rows = (
        "<tr><th rowspan=2>January<br>1</th><td>A</td><td rowspan=2><i>Split</i></td></tr><tr><td>B</td></tr>"
    )
    assert short(found(monthly(rows)).albums) == [("A; B", "Split", "2012-01-01")]


def test_rows_that_divide_a_table_by_months():
    rows = "".join(
        f"<tr><th colspan=6>{month}</th></tr><tr><td colspan=6>Go to: <a>May</a></td></tr>"
        f"<tr>{LIST_HEADER}</tr><tr><td>7</td><td>A {month}</td><td><i>B</i></td></tr>"
        for month in ("January", "February")
    )
    table = heading("First quarter") + f"<table class=wikitable>{rows}</table>"
    assert short(found(table).albums) == [
        ("A January", "B", "2012-01-07"),
        ("A February", "B", "2012-02-07"),
    ]


def test_two_titles_on_two_lines_are_two_albums():
    rows = "<tr><th>January<br>1</th><td>A</td><td><i>B</i><br><i>C</i></td><td>Rock<td><td></tr>"
    assert short(found(monthly(rows)).albums) == [("A", "B", "2012-01-01"), ("A", "C", "2012-01-01")]


def test_an_undated_list_without_italics_is_not_passed_over():
    page = found(LEGACY + heading("Release date unknown", 3) + "<ul><li>A – B</li></ul>", 1980)
    assert [reject.problem.code for reject in page.rejects] == [RejectCode.MISSING_FIELD]
    page = found(
        LEGACY + heading("See", 3) + "<ul><li><a href='/wiki/X'>List of 1980 albums</a></li></ul>", 1980
    )
    assert not page.rejects


def test_a_table_with_surplus_cells_is_refused_as_one():
    header = "<tr><th>Release Date</th><th>Artist</th><th>Album</th></tr>"
    page = found(section("<tr><td>JAN</td><td>10</td><td>A</td><td>B</td></tr>" * 2, header), 1980)
    assert not page.albums
    assert [reject.key for reject in page.rejects] == ["1980 in music, table 1 (January–March)"]


def test_a_header_of_two_rows():
    head = (
        "<tr><th colspan=2>Release date</th><th rowspan=2>Album</th><th rowspan=2>Artist</th></tr>"
        "<tr><th>Month</th><th>Day</th></tr>"
    )
    page = found(section("<tr><td>June</td><td>3</td><td><i>A</i></td><td>B</td></tr>", head), 1980)
    assert short(page.albums) == [("B", "A", "1980-06-03")]
    assert not page.rejects


def test_the_section_ends_where_the_next_begins():
    other = "<table class=wikitable><tr><th>Artist<th>Album<tr><td>A<td><i>B</i></table>"
    items = "<ul><li><i>A</i> – B</li></ul>"
    page = found(LEGACY + heading("Albums of the year") + other + heading("Unknown", 3) + items, 1980)
    assert len(page.albums) == 5
    assert not page.rejects


def test_tables_side_by_side_in_a_table_for_layout_are_found():
    row = "<tr><th>January<br>{0}</th><td>A</td><td><i>B{0}</i></td></tr>"
    one, two = (f"<table class=wikitable><tr>{LIST_HEADER}</tr>{row.format(day)}</table>" for day in (1, 2))
    page = found(heading("January") + f"<table><tr><td>{one}</td><td>{two}</td></tr></table>")
    assert short(page.albums) == [("A", "B1", "2012-01-01"), ("A", "B2", "2012-01-02")]


def albums() -> st.SearchStrategy[list[PageAlbum]]:
    album = st.builds(
        PageAlbum,
        st.sampled_from(ARTISTS),
        st.sampled_from(TITLES),
        st.one_of(st.none(), st.integers(1, 12)),
        st.one_of(st.none(), st.integers(1, 28)),
        st.lists(st.sampled_from(GENRES), unique=True, max_size=3).map(tuple),
        st.sampled_from([None, "Prophecy", "Milking Bull, Parlophone"]),
        st.sampled_from(["album", "album", "ep", "mixtape"]),
    )
    return st.lists(album, min_size=1, max_size=20).map(
        lambda drawn: [
            dataclasses.replace(one, title=f"{one.title} {n}", day=one.day if one.month else None)
            for n, one in enumerate(sorted(drawn, key=lambda one: (one.month or 13, one.day or 0)))
        ]
    )


@settings(max_examples=25, deadline=None)
@given(albums(), st.integers(0, 2**32))
def test_any_list_is_read_back(expected, seed):
    page = found(Renderer(Random(seed)).list_page(expected, 2012))
    assert not page.rejects
    assert [facts_of(album) for album in page.albums] == [
        (one.artist, one.title, one.date(2012), one.genres, one.label, one.kind) for one in expected
    ]


@settings(max_examples=25, deadline=None)
@given(albums(), st.integers(0, 2**32))
def test_any_page_of_a_year_is_read_back(expected, seed):
    page = found(Renderer(Random(seed)).legacy_page(expected), 1987)
    assert not page.rejects
    assert [facts_of(album) for album in page.albums] == [
        (one.artist, one.title, one.date(1987), (), None, one.kind) for one in expected
    ]


@settings(max_examples=30, deadline=None)
@given(albums(), st.integers(0, 2**32), st.floats(0, 1))
def test_a_page_that_is_cut_off_ends_in_rejects_at_worst(expected, seed, share):
    page = Renderer(Random(seed)).list_page(expected, 2012)
    try:
        read = found(page[: int(share * len(page))])
    except BadInput as problem:
        assert problem.code == RejectCode.NEW_LAYOUT
        return
    whole = {(one.artist, one.title) for one in expected}
    assert {(album["artist"], album["title"]) for album in read.albums[:-1]} <= whole


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_columns_are_found_by_their_headers_in_any_order(order):
    cells = ("<td>January 3</td>", "<td>A</td>", "<td><i>B</i></td>")
    names = ("<th>Release date</th>", "<th>Artist(s)</th>", "<th>Album title</th>")
    row = "".join(cells[n] for n in order)
    page = found(monthly(f"<tr>{row}</tr>", "".join(names[n] for n in order) + "<th>Something else</th>"))
    assert short(page.albums) == [("A", "B", "2012-01-03")]
