from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from covergen.sources.wikipedia.tables import read_cell, read_grid


def grid(html: str):
    return read_grid(LexborHTMLParser(f"<table>{html}</table>").css_first("table"))


def texts(html: str) -> list[list[str | None]]:
    return [[cell.text if cell else None for cell in row] for row in grid(html).rows]


def cell(html: str):
    return read_cell(LexborHTMLParser(f"<div>{html}</div>").css_first("div"))


def test_spans_fill_every_slot_with_the_same_cell():
    rows = grid("<tr><td rowspan=2 colspan=2>a<td>b<tr><td>c<tr><td>d").rows
    assert [[c and c.text for c in row] for row in rows] == [
        ["a", "a", "b"],
        ["a", "a", "c"],
        ["d", None, None],
    ]
    assert rows[0][0] is rows[1][1]
    assert [rows[1][0].row, rows[1][2].row] == [0, 1]


def test_a_rowspan_of_zero_reaches_to_the_end_of_its_group_and_no_span_beyond():
    body = "<tbody><tr><td rowspan=0>a<td>b<tr><td>c<tr><td>d</tbody><tbody><tr><td>e<td>f</tbody>"
    assert texts(body) == [["a", "b"], ["a", "c"], ["a", "d"], ["e", "f"]]
    assert texts("<thead><tr><td rowspan=9>a</thead><tbody><tr><td>b</tbody>") == [["a"], ["b"]]


def test_overlapping_cells_leave_the_slot_to_the_earlier():
    # The second row's wide cell runs into the one that comes down from above.
    assert texts("<tr><td>a<td rowspan=2>b<td>c<tr><td colspan=2>d<td>e") == [
        ["a", "b", "c"],
        ["d", "b", "e"],
    ]


def test_the_foot_stands_last_and_spans_are_read_like_a_browser_does():
    assert texts("<tfoot><tr><td>z</tfoot><tbody><tr><td>a</tbody>") == [["a"], ["z"]]
    assert texts("<tr><td colspan='2px'>a<td colspan=0>b<td colspan=x>c<td rowspan='-3'>d") == [
        ["a", "a", "b", "c", "d"]
    ]
    assert len(grid("<tr><td colspan=99999999999>a<td>b").rows[0]) == 200


def test_tables_inside_cells_are_text():
    assert texts("<tr><td>a<table><tr><td>x<td>y</table><td>b<tr><td>c<td>d") == [["a x y", "b"], ["c", "d"]]


def test_captions_and_anchors_of_rows():
    found = grid("<caption>List<br><small>Go to</small></caption><tr id=r1><td>a<tr><td>b")
    assert found.caption.lines == ("List", "Go to")
    assert found.anchors == ("r1", "")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<sup class=reference>[1]</sup>", "a"),
        ("a<sup id=cite_ref-3>[note 1]</sup>", "a"),
        ("a<sup class='noprint Inline-Template'>[<i>citation needed</i>]</sup>", "a"),
        ("a <a class='external autonumber' href=x>[1]</a>", "a"),
        ("<span style='display: none;'>01 !</span>a", "a"),
        ("<span style='color:red;DISPLAY:NONE'>01</span><span style='visibility:hidden'>0</span>7", "7"),
        ("<span hidden>x</span><style>.a{}</style><script>1</script><!-- c -->a", "a"),
        ("<span class=sortkey>Beatles</span>The&nbsp;Beatles", "The Beatles"),
        ("a\u202fb\u200bc&shy;d\n e", "a bcd e"),
        ("x<sup>2</sup>", "x2"),
        ("<b>Sunn</b> O<small>)))</small>", "Sunn O)))"),
    ],
)
def test_a_cell_is_what_a_person_reads(html, text):
    assert cell(html).text == text


def test_lines_italics_and_links():
    found = cell(
        "<i><a href='/wiki/A_%28EP%29'>A<br>B</a></i><br>with <a class=new href='/w/index.php?title=C_D&amp;"
        "action=edit&amp;redlink=1'>C</a><ul><li>e</li><li>f</li></ul><a href='https://x.org/'>g</a>"
    )
    assert found.lines == ("A", "B", "with C", "e", "f", "g")
    assert found.italics == ("A B",)
    assert [(link.text, link.page) for link in found.links] == [("A B", "A (EP)"), ("C", "C D"), ("g", "")]


def sample(samples, name: str) -> list[list[list[str]]]:
    tree = LexborHTMLParser((samples / "samples/wikipedia" / name).read_text(encoding="utf-8"))
    grids = [read_grid(table) for table in tree.css("table.wikitable")]
    return [[[cell.text if cell else None for cell in row] for row in grid.rows] for grid in grids]


@pytest.mark.samples
def test_the_grid_of_a_real_page_of_charts(samples):
    (rows,) = sample(samples, "List_of_Billboard_200_number_one_albums_of_1984_rev575854993.html")
    assert rows[0] == ["Issue Date", "Album", "Artist", "Reference"]
    assert len(rows) == 53
    assert {tuple(row[1:]) for row in rows[1:16]} == {("Thriller", "Michael Jackson", "")}
    assert rows[16][1] != "Thriller"
    assert rows[-1] == ["December 29", "Purple Rain", "Prince and the Revolution / Soundtrack", ""]


@pytest.mark.samples
def test_the_grid_of_a_real_discography(samples):
    tables = sample(samples, "Meek_Mill_discography_rev598217211.html")
    assert len(tables) == 10
    rows = tables[1]
    peak = "Peak chart positions"
    assert rows[0] == ["Title", "Album details", peak, peak, peak, peak, peak, "Sales"]
    assert rows[1] == ["Title", "Album details", "US", "US R&B", "US Rap", "CAN", "FRA", "Sales"]
    assert rows[3][0] == "Self Made Vol. 1 (with Maybach Music Group)"
    assert rows[3][2:] == ["5", "1", "1", "—", "—", "US: 225,000"]
    assert len(set(rows[-1])) == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 6))
def test_any_tiling_is_read_back(seed, height, width):
    random = Random(seed)
    slots = [[None] * width for _ in range(height)]
    lines = []
    for y in range(height):
        line = ""
        for x in range(width):
            if slots[y][x] is not None:
                continue
            wide = 1
            while x + wide < width and slots[y][x + wide] is None and random.random() < 0.4:
                wide += 1
            tall = random.randint(1, height - y)
            name = f"{y},{x}"
            for row in slots[y : y + tall]:
                row[x : x + wide] = [name] * wide
            rowspan = 0 if y + tall == height and random.random() < 0.5 else tall
            line += f"<td colspan={wide} rowspan={rowspan}>{name}</td>"
        lines.append(f"<tr>{line}</tr>")
    assert texts("".join(lines)) == slots
