"""The lists of albums on a page of Wikipedia, in both layouts, as albums.

1980 to 2004 a section "Albums released" of the year's page: tables of a quarter, and lists of albums without
a date. Since 2005 a page of its own with a table for each month. What does not look like either is told as a
reject with what was seen; other tables of the page are passed over.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.identity import normalise
from covergen.sources.wikipedia import words
from covergen.sources.wikipedia.columns import Columns, is_foreign, read_columns, roles_of, seen
from covergen.sources.wikipedia.page import Block, Page
from covergen.sources.wikipedia.tables import Cell, Grid

_SECTION: Final = frozenset({"albums released", "album releases", "released albums"})
_UNDATED: Final = re.compile(
    r"\b(?:unknown|undated|unscheduled|tba|tbd|unspecified|to be announced|no date)\b"
)
_LIST_HEADING: Final = re.compile(r"\bquarter\b|\balbums? released\b|^releases?$|^albums$")
_LIST_CAPTION: Final = re.compile(r"\balbums (?:to be )?(?:released|scheduled)\b")
_ARTIST_AFTER: Final = re.compile(r"\s*(\([^()]*\))?\s*(?:[–—:-]|by\b)\s*(\S.*?)\s*(\([^()]*\))?")
_ARTIST_BEFORE: Final = re.compile(r"(\S.*?)\s*[–—:-]\s*")
Row = tuple[Cell | None, ...]
_ALBUM_PAGE: Final = re.compile(r"\((?:[^()]*\s)?(?:album|EP|mixtape|soundtrack)\)$")
_DAY: Final = re.compile(r"[1-9]|[12]\d|3[01]")
_READ: Final = ("date", "artist", "album", "genre", "label")  # in a wrong one of these nothing may stand
_ITALIC: Final = ("date", "artist", "genre", "label")  # the columns in which no titles stand


@dataclass(frozen=True)
class Album:
    """An album as a list tells it; `place` is for a person, `anchor` for a browser."""

    artist: str
    title: str
    date: str
    precision: str
    kind: str
    genres: tuple[str, ...] = ()
    label: str | None = None
    place: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Refused:
    """What could not be read, and where a person finds it on the page."""

    place: str
    problem: BadInput


def read_albums(page: Page, year: int, *, is_list: bool) -> Iterator[Album | Refused]:
    """Yield a page's albums in its order. Raises BadInput.

    `is_list`: the whole page is the list, not a section of it.
    """
    if not is_list and not any(normalise(heading.text) in _SECTION for heading in page.headings):
        titles = ", ".join(repr(heading.text) for heading in page.headings[:12]) or "no headings"
        raise BadInput(RejectCode.NEW_LAYOUT, f"there is no section 'Albums released' among {titles}")
    for block in page.blocks:
        is_inside = _in_list(block) if is_list else _in_section(block)
        if block.grid is not None:
            yield from _table(block, block.grid, year, is_inside=is_inside, is_list=is_list)
        elif is_inside:
            yield from _items(block, year)


def _in_section(block: Block) -> bool:
    return any(normalise(heading.text) in _SECTION for heading in block.headings)


def _in_list(block: Block) -> bool:
    caption = block.grid.caption if block.grid else None
    if caption and _LIST_CAPTION.search(normalise(caption.text)):
        return True
    texts = [normalise(heading.text) for heading in block.headings]
    return any(words.months_in(text) or _UNDATED.search(text) or _LIST_HEADING.search(text) for text in texts)


def _place(block: Block, row: int | None = None) -> str:
    sort = "table" if block.grid is not None else "list"
    where = f"{sort} {block.number} ({block.nearest.text or 'no heading'})"
    return where if row is None else f"{where}, row {row + 1}"


def _table(
    block: Block, grid: Grid, year: int, *, is_inside: bool, is_list: bool
) -> Iterator[Album | Refused]:
    """Yield a table's albums; one elsewhere on a list page that looks like albums is refused, not guessed."""
    roles, foreign = roles_of(grid), is_foreign(grid)
    looks_right = {"artist", "album"} <= roles and not foreign
    if not is_inside:
        if is_list and looks_right:
            reason = f"a table of albums where none is expected: {seen(grid)}"
            yield Refused(_place(block), BadInput(RejectCode.NEW_LAYOUT, reason))
        return
    is_chart = foreign and not {"date", "artist", "album"} <= roles
    if is_chart or len(grid.rows) < 2 or not (looks_right or block.is_wikitable):
        return
    try:
        columns = read_columns(grid)
        _check_sides(grid, columns)
    except BadInput as problem:
        yield Refused(_place(block), problem)
        return
    yield from _rows(block, grid, columns, year)


def _check_sides(grid: Grid, columns: Columns) -> None:
    """Refuse a table whose cells do not stand under its header: titles below "Artist", surplus cells."""
    rows = list(enumerate(grid.rows))[columns.first :]
    surplus = sum(is_wide(row, y, columns) for y, row in rows)
    turned = sum(is_turned(row, columns) for _, row in rows)
    right = sum(bool(cell.italics) for _, row in rows for cell in columns.cells(row, "album"))
    if 2 * surplus > len(rows) or turned > right:
        raise BadInput(
            RejectCode.NEW_LAYOUT, f"the table's cells do not stand under its header: {seen(grid)}"
        )


def _rows(block: Block, grid: Grid, columns: Columns, year: int) -> Iterator[Album | Refused]:
    caption = grid.caption.lines[0] if grid.caption and grid.caption.lines else ""
    month = words.only_month(caption) or words.only_month(block.nearest.text)
    above = [cell for row in grid.rows[: columns.first] for cell in row if cell]
    month = next(filter(None, (words.month_of(cell.text) for cell in above)), month)
    for y, row, artists in _grouped(grid, columns):
        if divider := _divider(row, columns):
            month = words.month_of(divider.text) or month
            continue
        place, anchor = _place(block, y), grid.anchors[y] or block.nearest.anchor
        try:
            artist, title = _named(row, y, columns, artists)
            for album in _albums(row, columns, artist, title, (year, month)):
                yield replace(album, place=place, anchor=anchor)
        except BadInput as problem:
            yield Refused(place, problem)


def _grouped(grid: Grid, columns: Columns) -> Iterator[tuple[int, Row, list[Cell]]]:
    """Yield (number, row, cells of artists) of each row that tells an album of its own.

    An album's cell that goes on in the next row is no second album: the next row may name another artist.
    """
    held: tuple[int, Row, list[Cell]] | None = None
    for y, row in enumerate(_without_dittos(grid, columns), start=columns.first):
        if not any(cell is not None and cell.row == y and cell.text for cell in row) or columns.is_header(
            row
        ):
            continue
        artist, album = columns.cell(row, "artist"), columns.cell(row, "album")
        goes_on = held is not None and album is not None and columns.cell(held[1], "album") is album
        if held and goes_on and not misplaced(row, y, columns):
            held[2].extend([artist] if artist and artist not in held[2] else [])
            continue
        if held:
            yield held
        held = (y, row, [artist] if artist else [])
    if held:
        yield held


def _without_dittos(grid: Grid, columns: Columns) -> list[Row]:
    """Return the rows below the header; marks that repeat what stands above them are read as that."""
    repeatable = [x for role in ("date", "artist", "genre", "label") for x in columns.slots.get(role, ())]
    repeated: dict[Cell, Cell] = {}
    rows: list[Row] = []
    for y, row in enumerate(grid.rows[columns.first :], start=columns.first):
        above = rows[-1] if rows and _is_album(rows[-1], y - 1, columns) else ()
        for x in repeatable:
            cell, source = row[x], above[x] if above else None
            if cell and cell.row == y and source and words.is_ditto(cell):
                repeated[cell] = replace(source, row=y)
        rows.append(tuple(repeated.get(cell, cell) if cell else None for cell in row))
    return rows


def _is_album(row: Row, y: int, columns: Columns) -> bool:
    """Say whether a row is one of an album, its cells in their columns."""
    is_other = _divider(row, columns) is not None or columns.is_header(row)
    return not is_other and misplaced(row, y, columns) is None


def _divider(row: Row, columns: Columns) -> Cell | None:
    """Return the one cell that runs through a row: the name of a month, links to others, a footnote."""
    artist, album = columns.cell(row, "artist"), columns.cell(row, "album")
    is_alone = artist is album and all(cell is album or not (cell and cell.text) for cell in row)
    return album if is_alone else None


def _named(row: Row, y: int, columns: Columns, artists: list[Cell]) -> tuple[str, Cell]:
    """Return the artist and the album's cell. Raises BadInput where one is missing or not in its column."""
    album = columns.cell(row, "album")
    named = [cell for cell in artists if not words.is_empty(cell) and cell is not album]
    row_text = ", ".join(dict.fromkeys(cell.text for cell in row if cell and cell.text))[:200]
    if not named or album is None or words.is_empty(album):
        missing = "album" if named else "artist"
        raise BadInput(RejectCode.MISSING_FIELD, f"it names no {missing}: {row_text!r}")
    if why := misplaced(row, y, columns):
        raise BadInput(RejectCode.NEW_LAYOUT, f"its cells do not stand under the header, {why}: {row_text!r}")
    return words.read_artist(named), album


def _albums(
    row: Row, columns: Columns, artist: str, album: Cell, when: tuple[int, int | None]
) -> Iterator[Album]:
    date, precision = words.read_date([cell.text for cell in columns.cells(row, "date")], *when)
    genre, notes = columns.cell(row, "genre"), columns.cells(row, "notes")
    remarks = [line for cell in notes for line in cell.lines]
    for title, remark in words.read_titles(album):
        pages = [link.page for link in album.links if link.text in title or title in link.text]
        yield Album(
            artist,
            title,
            date,
            precision,
            words.read_kind(title, [remark, *remarks], pages),
            tuple(words.read_genres(genre)),
            words.read_label(columns.cell(row, "label")),
        )


def _items(block: Block, year: int) -> Iterator[Album | Refused]:
    """Yield the albums of a list, "Title – Artist" or the other way round: the title is in italics."""
    if not _UNDATED.search(normalise(block.nearest.text)):
        if not any(item.italics for item in block.items):
            return  # links to other lists
        first = block.items[0].text[:80]
        reason = f"a list where a table of albums is expected, starting with {first!r}"
        yield Refused(_place(block), BadInput(RejectCode.NEW_LAYOUT, reason))
        return
    for number, item in enumerate(block.items):
        try:
            artist, title, remark = _halves(item)
        except BadInput as problem:
            yield Refused(_place(block, number), problem)
            continue
        kind = words.read_kind(title, [remark], [link.page for link in item.links if link.text == title])
        place = _place(block, number)
        yield Album(artist, title, str(year), "year", kind, place=place, anchor=block.nearest.anchor)


def _halves(item: Cell) -> tuple[str, str, str]:
    """Return (artist, title, remark) of an item with one title in italics. Raises BadInput."""
    if len(item.italics) == 1:
        title = item.italics[0]
        before, _, after = item.text.partition(title)
        if not before and (found := _ARTIST_AFTER.fullmatch(after)) and " – " not in found[2]:
            early, artist, late = (part or "" for part in found.groups())
            is_name = late and not words.kind_in(late)
            return f"{artist} {late}" if is_name else artist, title, f"{early}, {late}"
        if (found := _ARTIST_BEFORE.fullmatch(before)) and " – " not in found[1]:
            return found[1], title, after
    raise BadInput(RejectCode.MISSING_FIELD, f"artist and album cannot be told apart in {item.text[:200]!r}")


# Whether the cells of a row of albums stand in the columns they belong to.
#
# A rowspan that is one too long, a cell too many or too few moves all that follows it by a column, and what
# was the artist is the album. None of that is guessed at: such a row is refused.


def misplaced(row: Row, y: int, columns: Columns) -> str | None:
    """Return why the cells of row `y` do not stand in their columns, in words; None where they do."""
    album = columns.cell(row, "album")
    if is_wide(row, y, columns):
        return "they reach beyond it: a cell too many, or a rowspan above that is one row too long"
    if is_turned(row, columns):
        return "the album stands where the artist belongs"
    artists = columns.cells(row, "artist")
    if dated := next((cell for cell in artists if words.is_date(cell.text)), None):
        return f"the artist is the date {dated.text!r}"
    if why := _is_day(row, y, columns):
        return why
    if album and not album.italics and words.is_date(album.text):
        return f"the album is the date {album.text!r}"
    others = [cell for role in _ITALIC for cell in columns.cells(row, role)]
    if album and album.row != y:  # of the row above: an own title has no other place
        others = [cell for cell in others if cell.row == y]
    elif album and album.italics:
        others = []
    if album and any(cell.italics == (cell.text,) for cell in others):
        return "a title stands in another column than the album's"
    if any(cell is None for cell in row[: columns.width]) and not _ends_early(row, y, columns):
        return "they are fewer than its columns: a cell is missing, or two are one"
    return None


def _is_day(row: Row, y: int, columns: Columns) -> str | None:
    """Say that the artist is a day, where a date from above stands in the day's column; else None.

    There are artists with such names: of one whose album is in italics the cells stand right.
    """
    date, artist, album = (columns.cell(row, role) for role in ("date", "artist", "album"))
    is_carried = date is not None and artist is not None and date.row < y == artist.row
    if is_carried and artist and _DAY.fullmatch(artist.text) and not (album and album.italics):
        return f"the artist is the day {artist.text}"
    return None


def is_wide(row: Row, y: int, columns: Columns) -> bool:
    """Say whether cells of row `y` itself reach beyond the header, be they empty."""
    return any(cell is not None and cell.row == y for cell in row[columns.width :])


def is_turned(row: Row, columns: Columns) -> bool:
    """Say whether the album stands under "Artist"."""
    artist, album = columns.cell(row, "artist"), columns.cell(row, "album")
    if not artist or not album or album.italics:
        return False
    is_page = any(link.text == artist.text and _ALBUM_PAGE.search(link.page) for link in artist.links)
    return artist.italics == (artist.text,) or is_page


def _ends_early(row: Row, y: int, columns: Columns) -> bool:
    """Say whether a row that has too few cells lacks the last ones alone.

    That is sure where the album is in italics, and either nothing but artist and album is read of what is
    there or all is there that is read. A note in a column that is read has moved there.
    """
    album = columns.cell(row, "album")
    if album is None or not album.italics:
        return False
    filled = next(x for x in range(columns.width) if row[x] is None)  # by spans and own cells, from the left
    if any(row[x] is not None for x in range(filled, columns.width)):
        return False
    read = {x: role for role in _READ for x in columns.slots.get(role, ())}
    last = row[filled - 1] if filled else None
    if last is None or not last.text or any(cell.is_note for x in read if (cell := row[x]) and cell.row == y):
        return False
    missing = {role for x, role in read.items() if x >= filled}
    role = read.get(filled - 1)
    if role == "artist":  # what stands last could be a note that has moved there
        is_linked = any(link.text == last.text for link in last.links)
        return is_linked and not words.kind_in(last.text) and not missing - {"genre", "label"}
    return role == "album" or not missing
