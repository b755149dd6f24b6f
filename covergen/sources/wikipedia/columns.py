"""Which column of a list of albums is what, by the texts of its header alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.identity import normalise
from covergen.sources.wikipedia.tables import Cell, Grid

_NAMES: Final = {
    "date": ("release date", "release dates", "date", "day", "month", "released", "date released"),
    "artist": ("artist", "artists", "artist s", "performer", "performers", "act", "band"),
    "album": ("album", "albums", "album title", "title", "album s"),
    "genre": ("genre", "genres", "genre s", "style", "styles"),
    "label": ("label", "labels", "label s", "record label", "record labels"),
    "notes": ("note", "notes", "comment", "comments", "remarks", "type", "format"),
}  # fmt: skip
_ROLES: Final = {name: role for role, names in _NAMES.items() for name in names}
# Headers of charts, prizes and songs: their tables name albums, yet are no lists of what came out.
_FOREIGN: Final = re.compile(
    r"\b(?:song|songs|single|singles|track|rank|ranking|peak|position|weeks?|sales|award|awards|category|"
    r"nominees?|winners?|issue|chart|charts|no|units|certification|composer)\b"
)
_HEADER_ROWS: Final = 5  # "Go to:" rows stand above it


@dataclass(frozen=True)
class Columns:
    """Where a table's columns are: slots by role, the width of the header, the first row below it."""

    slots: Mapping[str, tuple[int, ...]]
    width: int
    first: int

    def cells(self, row: tuple[Cell | None, ...], role: str) -> list[Cell]:
        """Return the cells of a role in a row, each once."""
        found = (row[x] for x in self.slots.get(role, ()))
        return list(dict.fromkeys(cell for cell in found if cell is not None))

    def cell(self, row: tuple[Cell | None, ...], role: str) -> Cell | None:
        """Return the first cell of a role in a row."""
        return next(iter(self.cells(row, role)), None)

    def is_header(self, row: tuple[Cell | None, ...]) -> bool:
        """Say whether the header goes on or is repeated here."""
        return all(role_of(self.cell(row, role)) == role for role in ("artist", "album"))


def role_of(cell: Cell | None) -> str | None:
    """Return what a header's cell says of its column; None for a column that is not read."""
    return _ROLES.get(normalise(cell.text)) if cell else None


def seen(grid: Grid) -> str:
    """Return the header of a table as a person would quote it."""
    return ", ".join(repr(cell.text[:40]) for cell in _header(grid)[:12]) or "no columns"


def is_foreign(grid: Grid) -> bool:
    """Say whether a column's header belongs to a chart, a prize or a list of songs."""
    return any("#" in cell.text or _FOREIGN.search(normalise(cell.text)) for cell in _header(grid))


def roles_of(grid: Grid) -> set[str]:
    """Return the roles that a table's header names."""
    return {role for cell in _header(grid) if (role := role_of(cell))}


def _header(grid: Grid) -> list[Cell]:
    """Return the cells of the header: the row that names artist and album, else the fullest of the first."""
    y = _header_row(grid)
    fullest: tuple[Cell | None, ...] = max(
        grid.rows[:_HEADER_ROWS], key=lambda row: len(set(row)), default=()
    )
    return list(dict.fromkeys(cell for cell in (fullest if y is None else grid.rows[y]) if cell))


def _header_row(grid: Grid) -> int | None:
    for y, row in enumerate(grid.rows[:_HEADER_ROWS]):
        if {"artist", "album"} <= {role_of(cell) for cell in row}:
            return y
    return None


def read_columns(grid: Grid) -> Columns:
    """Return where the columns are. Raises BadInput for a header that was never seen so."""
    y = _header_row(grid)
    if y is None or is_foreign(grid):
        raise BadInput(RejectCode.NEW_LAYOUT, f"the table has other columns: {seen(grid)}")
    row = grid.rows[y]
    columns: dict[str, tuple[int, ...]] = {}
    for x, cell in enumerate(row):
        if role := role_of(cell):
            columns[role] = (*columns.get(role, ()), x)
    for role in ("artist", "album"):
        if len(columns[role]) > 1:
            raise BadInput(
                RejectCode.NEW_LAYOUT, f"the table has several columns for the {role}: {seen(grid)}"
            )
    width = max(x for x, cell in enumerate(row) if cell is not None) + 1
    return Columns(columns, width, y + 1)
