"""Whether the cells of a row of albums stand in the columns they belong to.

A rowspan that is one too long, a cell too many or too few moves all that follows it by a column, and what was
the artist is the album. None of that is guessed at: such a row is refused.
"""

import re
from typing import Final

from covergen.sources.wikipedia import words
from covergen.sources.wikipedia.layout import Layout
from covergen.sources.wikipedia.tables import Cell

Row = tuple[Cell | None, ...]

_ALBUM_PAGE: Final = re.compile(r"\((?:[^()]*\s)?(?:album|EP|mixtape|soundtrack)\)$")
_DAY: Final = re.compile(r"[1-9]|[12]\d|3[01]")
_READ: Final = ("date", "artist", "album", "genre", "label")  # in a wrong one of these nothing may stand
_ITALIC: Final = ("date", "artist", "genre", "label")  # the columns in which no titles stand


def misplaced(row: Row, y: int, layout: Layout) -> str | None:
    """Return why the cells of row `y` do not stand in their columns, in words; None where they do."""
    album = layout.cell(row, "album")
    if is_wide(row, y, layout):
        return "they reach beyond it: a cell too many, or a rowspan above that is one row too long"
    if is_turned(row, layout):
        return "the album stands where the artist belongs"
    artists = layout.cells(row, "artist")
    if dated := next((cell for cell in artists if words.is_date(cell.text)), None):
        return f"the artist is the date {dated.text!r}"
    if why := _is_day(row, y, layout):
        return why
    if album and not album.italics and words.is_date(album.text):
        return f"the album is the date {album.text!r}"
    others = [cell for role in _ITALIC for cell in layout.cells(row, role)]
    if album and album.row != y:  # of the row above: an own title has no other place
        others = [cell for cell in others if cell.row == y]
    elif album and album.italics:
        others = []
    if album and any(cell.italics == (cell.text,) for cell in others):
        return "a title stands in another column than the album's"
    if any(cell is None for cell in row[: layout.width]) and not _ends_early(row, y, layout):
        return "they are fewer than its columns: a cell is missing, or two are one"
    return None


def _is_day(row: Row, y: int, layout: Layout) -> str | None:
    """Say that the artist is a day, where a date from above stands in the day's column; else None.

    There are artists with such names: of one whose album is in italics the cells stand right.
    """
    date, artist, album = (layout.cell(row, role) for role in ("date", "artist", "album"))
    is_carried = date is not None and artist is not None and date.row < y == artist.row
    if is_carried and artist and _DAY.fullmatch(artist.text) and not (album and album.italics):
        return f"the artist is the day {artist.text}"
    return None


def is_wide(row: Row, y: int, layout: Layout) -> bool:
    """Say whether cells of row `y` itself reach beyond the header, be they empty."""
    return any(cell is not None and cell.row == y for cell in row[layout.width :])


def is_turned(row: Row, layout: Layout) -> bool:
    """Say whether the album stands under "Artist"."""
    artist, album = layout.cell(row, "artist"), layout.cell(row, "album")
    if not artist or not album or album.italics:
        return False
    is_page = any(link.text == artist.text and _ALBUM_PAGE.search(link.page) for link in artist.links)
    return artist.italics == (artist.text,) or is_page


def _ends_early(row: Row, y: int, layout: Layout) -> bool:
    """Say whether a row that has too few cells lacks the last ones alone.

    That is sure where the album is in italics, and either nothing but artist and album is read of what is
    there or all is there that is read. A note in a column that is read has moved there.
    """
    album = layout.cell(row, "album")
    if album is None or not album.italics:
        return False
    filled = next(x for x in range(layout.width) if row[x] is None)  # by spans and own cells, from the left
    if any(row[x] is not None for x in range(filled, layout.width)):
        return False
    read = {x: role for role in _READ for x in layout.columns.get(role, ())}
    last = row[filled - 1] if filled else None
    if last is None or not last.text or any(cell.is_note for x in read if (cell := row[x]) and cell.row == y):
        return False
    missing = {role for x, role in read.items() if x >= filled}
    role = read.get(filled - 1)
    if role == "artist":  # what stands last could be a note that has moved there
        is_linked = any(link.text == last.text for link in last.links)
        return is_linked and not words.kind_in(last.text) and not missing - {"genre", "label"}
    return role == "album" or not missing
