"""Pages in Wikipedia's two layouts, made by hand and at random, as MediaWiki renders them."""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from random import Random
from urllib.parse import quote

from covergen.sources.protocol import Found
from covergen.sources.web_source import Answer, Parsed, Request
from covergen.sources.wikipedia.source import WikipediaSource

NOTE = '<sup id="cite_ref-7" class="reference"><a href="#cite_note-7"><span>[</span>7<span>]</span></a></sup>'
HEADER = '<tr><th colspan="2">Release Date</th><th>Album</th><th>Artist</th><th>Notes</th></tr>'
LIST_HEADER = "".join(
    f'<th scope="col">{name}</th>'
    for name in ("Release date", "Artist", "Album", "Genre", "Label", '<abbr title="Reference">Ref.</abbr>')
)
CHART = "<table class=wikitable><tr><th>#<th>Artist<th>Title<tr><td>1<td>Blondie<td><i>Call Me</i></table>"
AWARDS = "<table class=wikitable><tr><th>Category<th>Artist<th>Album<tr><td>Best<td>Nena<td>99</table>"
INFOBOX = "<table class=infobox><tr><th>Artist<th>Album<tr><td>No<td><i>Album</i></table>"


def heading(text: str, level: int = 2, *, old: bool = False) -> str:
    """A heading of today, in its div, or of before MediaWiki 1.43."""
    anchor = text.replace(" ", "_")
    edit = '<span class="mw-editsection">[<a href="/w/index.php?action=edit">edit</a>]</span>'
    if old:
        return f'<h{level}><span class="mw-headline" id="{anchor}">{text}</span>{edit}</h{level}>'
    return f'<div class="mw-heading"><h{level} id="{anchor}">{text}</h{level}>{edit}</div>'


def document(content: str, revision: int | None = 1234567) -> bytes:
    """A whole page around its content, menus with lists and all."""
    config = (
        f'<script>RLCONF={{"wgCurRevisionId":99,"wgRevisionId":{revision}}};</script>' if revision else ""
    )
    return (
        f"<!DOCTYPE html><html><head><title>List - Wikipedia</title>{config}</head><body>"
        '<ul><li><i>Menu</i> – Not an album</li></ul><h1 id="firstHeading">List</h1>'
        f'<div id="mw-content-text"><div class="mw-parser-output">{content}</div></div></body></html>'
    ).encode()


def answer(body: bytes, request: Request, status: int = 200) -> Answer:
    return Answer(request.url, status, {}, body, datetime(2026, 11, 26, tzinfo=UTC))


def request_of(year: int) -> Request:
    """The first request for a year."""
    return next(iter(WikipediaSource(years=[year]).requests([])))


def parse(content: str, year: int = 2012, revision: int | None = 1234567) -> Parsed:
    request = request_of(year)
    return WikipediaSource().parse(request, answer(document(content, revision), request))


def found(content: str, year: int = 2012) -> Found:
    return without_months(parse(content, year).found)


def without_months(page: Found) -> Found:
    """What a page tells, but for the months that it lacks: these pages are short."""
    page.rejects[:] = [reject for reject in page.rejects if not reject.key.endswith(", months")]
    return page


def monthly(rows: str, head: str = LIST_HEADER, month: str = "January") -> str:
    table = f'<table class="wikitable plainrowheaders"><tr>{head}</tr>{rows}</table>'
    return heading(month, 3) + table


def section(rows: str, header: str = HEADER) -> str:
    table = f"<table class=wikitable>{header}{rows}</table>"
    return heading("Albums released") + heading("January–March", 3) + table


def short(albums) -> list[tuple[str, str, str]]:
    return [(album["artist"], album["title"], album["release_date"]) for album in albums]


LEGACY = section(
    "<tr><td rowspan=4>J<br />A<br />N<br />U<br />A<br />R<br />Y</td><td rowspan=2>10</td>"
    f"<td><i><a href='/wiki/A_(album)'>The A</a></i>{NOTE}</td><td><a href='/wiki/B'>The Bs</a></td>"
    "<td>Debut</td></tr>"
    "<tr><td><i><a href='/wiki/C' class=mw-redirect>C</a></i></td><td>Dee</td><td>Reissue</td></tr>"
    "<tr><td>14</td><td><i>E</i> (live)</td><td>F & G</td><td>-</td></tr>"
    "<tr><td>?</td><td><i>Untitled&#160;EP</i></td><td>H</td><td></td></tr>"
    "<tr><td>F<br>E<br>B</td><td>30</td><td><i>I</i></td><td>J</td><td>Greatest Hits</td></tr>"
)


def facts_of(album) -> tuple:
    """What a record tells, in the order of `PageAlbum`."""
    genres = tuple(album["genres"])
    return (album["artist"], album["title"], album["release_date"], genres, album["label"], album["kind"])


@dataclass(frozen=True)
class PageAlbum:
    """What a random page tells of an album; no month: it stands among those without a date."""

    artist: str
    title: str
    month: int | None
    day: int | None
    genres: tuple[str, ...] = ()
    label: str | None = None
    kind: str = "album"

    def date(self, year: int) -> str:
        month = f"-{self.month:02}" if self.month else ""
        return f"{year}{month}{f'-{self.day:02}' if self.month and self.day else ''}"


class Renderer:
    """Writes albums as a page, with spans, notes, hidden keys and spaces thrown in."""

    def __init__(self, random: Random):
        self.random = random

    def often(self) -> bool:
        return self.random.random() < 0.5

    def text(self, words: str, *, italic: bool = False, kind: str = "") -> str:
        shown = escape(words)
        if self.often():
            shown = shown.replace(" ", self.random.choice(["&#160;", "\u202f", "\n", "<span> </span>"]))
        page = quote(words.replace(" ", "_") + (f"_({kind})" if kind else ""))
        new = f"/w/index.php?title={page}&amp;action=edit&amp;redlink=1"
        if kind or self.often():
            link = self.random.choice(
                [f'href="/wiki/{page}" class="mw-redirect"', f'class="new" href="{new}"']
            )
            shown = f"<a {link}>{shown}</a>"
        shown = f"<i>{shown}</i>" if italic else shown
        key = self.random.choice(['<span style="display:none">key !</span>', "<style>.x{}</style>", "", ""])
        return key + shown + (NOTE if self.often() else "")

    def span(self, rows: list[list[str | None]], column: int) -> list[int]:
        """Merge cells of a column with equal ones above them, now and then; return what each row spans."""
        heights = [1] * len(rows)
        top = 0
        for y in range(1, len(rows)):
            if rows[y][column] == rows[top][column] and self.often():
                heights[top] += 1
                heights[y] = 0
            else:
                top = y
        return heights

    def rows(self, cells: list[list[str]], spanned: dict[int, str]) -> str:
        """Rows of HTML; `spanned` columns may be merged and are of the element named."""
        heights = {x: self.span(cells, x) for x in spanned}
        lines = []
        for y, row in enumerate(cells):
            line = ""
            for x, shown in enumerate(row):
                height = heights[x][y] if x in heights else 1
                tag = spanned.get(x, "td")
                if height:
                    line += (
                        f"<{tag}{f' rowspan={height}' if height > 1 or self.often() else ''}>{shown}</{tag}>"
                    )
            lines.append(f"<tr>{line}</tr>")
        return "".join(lines)

    def once(self, albums: list[PageAlbum], shown: dict[str, str]) -> dict[str, str]:
        """The same words always look the same, so that equal cells can be merged."""
        for album in albums:
            for words in (album.artist, ", ".join(album.genres), album.label or ""):
                shown.setdefault(words, self.text(words))
        return shown

    def list_page(self, albums: list[PageAlbum], year: int) -> str:
        shown: dict[str, str] = {}
        page = INFOBOX
        dated = [album for album in albums if album.month]
        for month in sorted({album.month for album in dated}):
            name = calendar.month_name[month]
            of_month = [album for album in dated if album.month == month]
            page += heading("A quarter") + heading(name, 3, old=self.often())
            page += (
                f'<table class="wikitable plainrowheaders"><caption>List of albums released in {name} {year}'
            )
            page += "<br><small>Go to: January | February</small></caption>"
            page += "<tr><td colspan=6>Go to: <a href='#May'>May</a></td></tr>" if self.often() else ""
            page += f"<tr>{LIST_HEADER}</tr>{self.monthly(of_month, name, shown)}</table>"
            page += AWARDS if self.often() else ""
        undated = [album for album in albums if not album.month]
        head = LIST_HEADER.partition("</th>")[2]
        cells = [row[1:] for row in self.cells(undated, "", shown)]
        page += heading("Unscheduled and TBA") + f'<table class="wikitable plainrowheaders"><tr>{head}</tr>'
        return page + self.rows(cells, {0: "th", 2: "td"}) + "</table>"

    def monthly(self, albums: list[PageAlbum], name: str, shown: dict[str, str]) -> str:
        return self.rows(self.cells(albums, name, shown), {0: "th", 1: "td", 3: "td", 4: "td"})

    def cells(self, albums: list[PageAlbum], month: str, shown: dict[str, str]) -> list[list[str]]:
        self.once(albums, shown)
        return [
            [
                f"{month}<br>{album.day or '?'}",
                shown[album.artist],
                self.text(album.title, italic=True, kind="" if album.kind == "album" else album.kind),
                shown[", ".join(album.genres)],
                shown[album.label or ""],
                NOTE,
            ]
            for album in albums
        ]

    def legacy_page(self, albums: list[PageAlbum]) -> str:
        old = self.often()
        page = INFOBOX + heading("Events", old=old) + "<ul><li>January 1 – <i>Not</i> an album</li></ul>"
        page += heading("Albums released", old=old)
        dated = sorted((album for album in albums if album.month), key=lambda album: album.month)
        shown = self.once(albums, {})
        for quarter in range(4):
            of_quarter = [album for album in dated if (album.month - 1) // 3 == quarter]
            cells = [
                [
                    "<br>".join(calendar.month_name[album.month].upper()),
                    str(album.day or "?"),
                    self.text(album.title, italic=True),
                    shown[album.artist],
                    album.kind.upper() if album.kind != "album" else self.random.choice(["-", "", "Debut"]),
                ]
                for album in of_quarter
            ]
            page += heading(f"Quarter {quarter}", 3, old=old) + f"<table class=wikitable>{HEADER}"
            page += self.rows(cells, {0: "td", 1: "td", 3: "td"}) + "</table>"
        page += heading("Release date unknown", 3, old=old) + "<ul>"
        for album in albums:
            if not album.month:
                kind = f" ({album.kind.upper()})" if album.kind != "album" else ""
                page += f"<li>{self.text(album.title, italic=True)} – {self.text(album.artist)}{kind}</li>"
        return page + "</ul>" + heading("Biggest hit singles", old=old) + CHART
