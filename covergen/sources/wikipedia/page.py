"""A page of Wikipedia taken apart: its revision, and its tables and lists with the headings above them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from covergen.sources.wikipedia.tables import Cell, Grid, Link, children, classes, read_cell, read_grid

# The content's place, from the narrowest; menus around it hold lists too.
_CONTENT: Final = ("#mw-content-text", ".mw-parser-output", "main", "body")
_ASIDE: Final = frozenset({
    "infobox", "navbox", "vertical-navbox", "sidebar", "toc", "metadata", "ambox", "hatnote", "reflist",
    "mw-references-wrap", "references", "thumb", "catlinks", "printfooter", "navigation-not-searchable",
})  # fmt: skip
_HEADING: Final = re.compile(r"h([1-6])")
_REVISION: Final = (
    re.compile(rb'"wgRevisionId"\s*:\s*([1-9]\d*)'),
    re.compile(rb'id="t-permalink"[^>]*>\s*<a[^>]*[?&;]oldid=(\d+)'),
    re.compile(rb'class="printfooter"[^>]*>[^<]*<a[^>]*[?&;]oldid=(\d+)'),
    re.compile(rb"Special:Redirect/revision/(\d+)"),
)


@dataclass(frozen=True)
class Heading:
    """A heading: its level from 1 to 6, its words, and the anchor that leads to it."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Block:
    """A table or a list, where it stands: the headings above it, the nearest last."""

    number: int  # of its sort on the page, from 1
    headings: tuple[Heading, ...]
    is_wikitable: bool = False
    grid: Grid | None = None
    items: tuple[Cell, ...] = ()

    @property
    def nearest(self) -> Heading:
        """The heading right above; one without words where there is none."""
        return self.headings[-1] if self.headings else Heading(0, "", "")


@dataclass(frozen=True)
class Page:
    """What can be read of a page. `revision` is None where the page does not tell it."""

    revision: str | None
    blocks: tuple[Block, ...]
    headings: tuple[Heading, ...]
    links: tuple[Link, ...]


def read_page(body: bytes) -> Page:
    """Return a rendered page's parts, in its order; boxes, menus and notes beside the text are left out."""
    tree = LexborHTMLParser(body.decode("utf-8", "replace"))
    content = next((node for name in _CONTENT if (node := tree.css_first(name)) is not None), None)
    blocks: list[Block] = []
    headings: list[Heading] = []
    path: list[Heading] = []
    counts = {"table": 0, "list": 0}
    for node in _parts(content) if content is not None else ():
        if level := _HEADING.fullmatch(node.tag or ""):
            path = [above for above in path if above.level < int(level[1])]
            path.append(Heading(int(level[1]), read_cell(node).text, _anchor(node)))
            headings.append(path[-1])
            continue
        sort = "table" if node.tag == "table" else "list"
        counts[sort] += 1
        blocks.append(_block(node, counts[sort], tuple(path)))
    links = read_cell(content).links if content is not None else ()
    return Page(_revision(body), tuple(blocks), tuple(headings), links)


def _block(node: LexborNode, number: int, headings: tuple[Heading, ...]) -> Block:
    if node.tag == "table":
        return Block(number, headings, "wikitable" in classes(node), grid=read_grid(node))
    items = tuple(read_cell(item) for item in children(node) if item.tag == "li")
    return Block(number, headings, items=items)


def _parts(content: LexborNode) -> Iterator[LexborNode]:
    """Yield headings, tables and lists in the order of the page, none inside another."""
    stack = [content]
    while stack:
        node = stack.pop()
        tag = node.tag or ""
        if not _ASIDE.isdisjoint(classes(node)):
            continue
        is_layout = tag == "table" and "wikitable" not in classes(node) and _holds_table(node)
        if _HEADING.fullmatch(tag) or tag in {"ul", "ol"} or (tag == "table" and not is_layout):
            yield node
        else:
            stack += [child for child in children(node) if (child.tag or "-")[0] not in "-_!"][::-1]


def _holds_table(table: LexborNode) -> bool:
    return table.css_first("table.wikitable") is not None


def _anchor(heading: LexborNode) -> str:
    """Return a heading's id: on itself since MediaWiki 1.43, before on a span inside it."""
    inner = heading.css_first(".mw-headline")
    return heading.attributes.get("id") or (inner.attributes.get("id") if inner is not None else "") or ""


def _revision(body: bytes) -> str | None:
    found = next((match for pattern in _REVISION if (match := pattern.search(body))), None)
    return found[1].decode() if found else None
