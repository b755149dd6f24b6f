"""A table of HTML as a full grid, and a cell as a person reads it.

Spans follow the table model of the HTML standard (section 4.9.12, "Forming a table"), with two limits: where
cells overlap, the earlier one keeps the slot, and columns after the 200th are cut off.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from selectolax.lexbor import LexborNode

from covergen.sources.field_parsing import clean_text

_MOST_COLUMNS: Final = 200
_MOST_ROWS: Final = 65_534  # the standard's own limit
_SPAN: Final = re.compile(r"[\t\n\f\r ]*\+?(\d+)")
_INVISIBLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_ZERO_WIDTH: Final = dict.fromkeys(
    map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e")
)
_NEVER_READ: Final = frozenset({"style", "script", "template", "noscript", "rt", "rp"})
_NOT_TEXT: Final = frozenset({
    "reference", "noprint", "Inline-Template", "autonumber", "mw-editsection", "sortkey", "navbar",
})  # fmt: skip
_ITALIC: Final = frozenset({"i", "em", "cite"})
_BLOCKS: Final = frozenset({"br", "p", "div", "li", "ul", "ol", "dl", "dd", "dt", "table", "tr", "td", "hr"})


@dataclass(frozen=True)
class Link:
    """What a link shows, and the name of the page it leads to, there or not; empty for other links."""

    text: str
    page: str


@dataclass(frozen=True, eq=False)
class Cell:
    """What stands in a cell, without notes and hidden parts; one object in every slot that it covers."""

    lines: tuple[str, ...]
    italics: tuple[str, ...] = ()  # what stands in each <i>, line breaks as spaces
    links: tuple[Link, ...] = ()
    row: int = 0  # where it starts
    is_note: bool = False  # it holds notes alone

    @property
    def text(self) -> str:
        """The lines as one."""
        return " ".join(self.lines)


@dataclass(frozen=True)
class Grid:
    """A table: slots that no cell covers are None, all rows are equally long."""

    rows: tuple[tuple[Cell | None, ...], ...]
    anchors: tuple[str, ...] = ()  # id of each row, empty where it has none
    caption: Cell | None = None


def children(node: LexborNode) -> Iterator[LexborNode]:
    """Yield a node's children, text among them."""
    child = node.child
    while child is not None:
        yield child
        child = child.next


def classes(node: LexborNode) -> frozenset[str]:
    """Return the classes of an element."""
    return frozenset((node.attributes.get("class") or "").split())


def read_cell(node: LexborNode, row: int = 0) -> Cell:
    """Return what an element shows: a cell, a heading, an item of a list."""
    pieces: list[str] = []
    opened: list[int] = []
    italics: list[str] = []
    links: list[Link] = []
    for inner, is_start in _visible(node):
        tag = inner.tag or ""
        if tag == "-text":
            pieces.append(re.sub(r"\s+", " ", inner.text_content or ""))
        elif tag in _BLOCKS:
            pieces.append("\n")
        elif tag in _ITALIC or tag == "a":
            if is_start:
                opened.append(len(pieces))
                continue
            shown = _clean("".join(pieces[opened.pop() :]))
            if tag == "a":
                links.append(Link(shown, _page(inner.attributes.get("href") or "")))
            elif shown:
                italics.append(shown)
    lines = tuple(filter(None, map(_clean, "".join(pieces).split("\n"))))
    is_note = not lines and node.css_first(".reference, sup[id^=cite_ref]") is not None
    return Cell(lines, tuple(italics), tuple(link for link in links if link.text), row, is_note)


def read_grid(table: LexborNode) -> Grid:
    """Return the full grid of a table element; tables inside its cells are text."""
    rows: list[list[Cell | None]] = []
    anchors: list[str] = []
    for group in _row_groups(table):
        _lay_out(group, rows)
        anchors += [line.attributes.get("id") or "" for line in group]
    width = max(map(len, rows), default=0)
    full = tuple(tuple(row + [None] * (width - len(row))) for row in rows)
    caption = next((read_cell(node) for node in children(table) if node.tag == "caption"), None)
    return Grid(full, tuple(anchors), caption)


def _lay_out(group: list[LexborNode], rows: list[list[Cell | None]]) -> None:
    """Append the rows of one row group; no span reaches beyond it."""
    first = len(rows)
    rows += [[] for _ in group]
    for y, line in enumerate(group, start=first):
        x = 0
        for node in children(line):
            if node.tag not in {"td", "th"}:
                continue
            while x < len(rows[y]) and rows[y][x] is not None:
                x += 1
            height = min(_span(node, "rowspan"), _MOST_ROWS) or len(group)
            wide = min(max(_span(node, "colspan"), 1), _MOST_COLUMNS - x)
            cell = read_cell(node, y)
            for covered in rows[y : y + height]:
                covered.extend([None] * (x + wide - len(covered)))
                covered[x : x + wide] = [old or cell for old in covered[x : x + wide]]
            x += wide


def _row_groups(table: LexborNode) -> list[list[LexborNode]]:
    parts = [node for node in children(table) if node.tag in {"thead", "tbody", "tfoot"}]
    parts.sort(key=lambda node: node.tag == "tfoot")  # it stands last wherever it is written
    return [[node for node in children(part) if node.tag == "tr"] for part in parts]


def _span(node: LexborNode, name: str) -> int:
    found = _SPAN.match(node.attributes.get(name) or "")
    return int(found[1][:6]) if found else 1


def _visible(top: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Yield what is inside an element and shown: each node as it starts, elements again as they end."""
    stack = [(node, True) for node in children(top)][::-1]
    while stack:
        node, is_start = stack.pop()
        if is_start and _is_hidden(node):
            continue
        yield node, is_start
        if is_start and node.child is not None:
            stack.append((node, False))
            stack += [(child, True) for child in children(node)][::-1]
        elif is_start and node.tag in _ITALIC | {"a"}:
            stack.append((node, False))


def _is_hidden(node: LexborNode) -> bool:
    if node.tag == "-text":
        return False
    attributes = node.attributes
    return (
        node.tag in _NEVER_READ
        or (node.tag or "-")[0] in "-_!"  # comments
        or "hidden" in attributes
        or _INVISIBLE.search(attributes.get("style") or "") is not None
        or not _NOT_TEXT.isdisjoint(classes(node))
        or (node.tag == "sup" and (attributes.get("id") or "").startswith("cite_ref"))
    )


def _clean(text: str) -> str:
    return clean_text(text.translate(_ZERO_WIDTH))


def _page(address: str) -> str:
    """Return the page's name in an address such as /wiki/Name or /w/index.php?title=Name&redlink=1."""
    found = re.search(r"/wiki/([^#?]+)|[?&]title=([^&#]+)", address)
    return unquote(found[1] or found[2]).replace("_", " ") if found else ""
