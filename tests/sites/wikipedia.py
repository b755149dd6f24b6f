"""Wikipedia: the lists of albums 1980-2024 in both layouts, 2021 in two pages, with a revision each.

Years without an album of the catalogue have no page. Default library agents get 403.
"""

import re
from datetime import date
from html import escape
from itertools import groupby
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tests.sites import ids
from tests.sites.answers import HTML, answer, host
from tests.sites.catalogue import Record
from tests.sites.world import World

LAST_OF_OLD = 2004
HALVES = {1: "January–June", 2: "July–December"}
_LIBRARIES = re.compile(
    r"(?i)^$|^(python-requests|python-httpx2?|python-urllib|httpx2?|aiohttp|curl|wget|java|okhttp|go-http-client|"
    r"scrapy|libwww-perl|img2dataset)\b"
)
_AGENT_REFUSED = (
    "Please set a user-agent and respect our robot policy "
    "https://w.wiki/4wJS. See also https://phabricator.wikimedia.org/T400119.\n"
)
_ABBREVIATED = {"January": "JANUARY", "February": "FEB", "August": "AUG", "September": "SEPT"}


def title_of(year: int, half: int = 0) -> str:
    """Return the title of the page that lists a year, or half of 2021."""
    if year <= LAST_OF_OLD:
        return f"{year} in music"
    return f"List of {year} albums" + (f" ({HALVES[half]})" if half else "")


class Wikipedia:
    """The site."""

    def __init__(self, world: World):
        self.catalogue = world.catalogue
        self.years = {record.released.year for record in self.catalogue.records}

    def routes(self) -> list[Route]:
        return [Route("/wiki/{title:path}", self.page), Route("/w/index.php", self.index)]

    async def index(self, request: Request) -> Response:
        title = request.query_params.get("title", "").replace(" ", "_")
        return RedirectResponse(f"/wikipedia/wiki/{quote(title)}", 302)

    async def page(self, request: Request) -> Response:
        if _LIBRARIES.search(request.headers.get("user-agent", "")):
            return Response(_AGENT_REFUSED, 403, media_type="text/plain")
        title = request.path_params["title"].replace("_", " ")
        text = self._text(title)
        if text is None:
            return Response(_missing(title), 404, media_type=HTML)
        revision = ids.number_id(title, text, digits=10)
        page = _framed(title, text, revision, host(request))
        return answer(request, page, HTML, {"Last-Modified": "Mon, 02 Nov 2026 08:00:00 GMT"})

    def _text(self, title: str) -> str | None:
        if found := re.fullmatch(r"(\d{4}) in music", title):
            year = int(found[1])
            if year not in self.years:
                return None
            return old_page(self.catalogue.of(year)) if year <= LAST_OF_OLD else _pointer(year)
        for half, months in {0: "", **HALVES}.items():
            found = re.fullmatch(r"List of (\d{4}) albums" + (rf" \({months}\)" if months else ""), title)
            if found and int(found[1]) > LAST_OF_OLD and int(found[1]) in self.years:
                year = int(found[1])
                if year == 2021 and not half:
                    return _halves(year)
                return new_page(self.catalogue.of(year, half)) if (year == 2021) == bool(half) else None
        return None


def old_page(records: list[Record]) -> str:
    """Return the body of a page up to 2004: quarters, stacked months, album before artist, notes."""
    parts = [
        '<table class="infobox"><tbody><tr><th>Years in music</th></tr></tbody></table>',
        _heading(2, "Events"),
        "<ul><li>January 1 – A concert – of another kind.</li></ul>",
        _heading(2, "Albums released"),
    ]
    for quarter, group in groupby(records, key=lambda r: (r.released.month - 1) // 3):
        first, last = date(2000, 3 * quarter + 1, 1), date(2000, 3 * quarter + 3, 1)
        parts.append(_heading(3, f"{first:%B}–{last:%B}"))
        head = '<th colspan="2">Release Date</th><th>Album</th><th>Artist</th><th>Notes</th>'
        parts.append(f'<table class="wikitable"><tbody><tr>{head}</tr>')
        for month, of_month in groupby(group, key=lambda r: f"{r.released:%B}"):
            parts += _old_month(month, list(of_month))
        parts.append("</tbody></table>")
    parts.append(_heading(2, "Biggest hit singles"))
    hits = "".join(
        f"<tr><td>{place}</td><td>{escape(r.artist)}</td><td>{escape(r.songs[0].title)}</td></tr>"
        for place, r in enumerate(records, start=1)
    )
    head = "<tr><th>#</th><th>Artist</th><th>Title</th></tr>"
    parts.append(f'<table class="wikitable"><tbody>{head}{hits}</tbody></table>')
    return "\n".join(parts)


def _old_month(month: str, records: list[Record]) -> list[str]:
    letters = "<br />".join(_ABBREVIATED.get(month, month.upper()))
    cells = [f'<td rowspan="{len(records)}" style="text-align:center;">{letters}</td>']
    rows = []
    for day, of_day in groupby(records, key=lambda r: r.released.day):
        group = list(of_day)
        cells.append(f'<td rowspan="{len(group)}">{day}</td>' if len(group) > 1 else f"<td>{day}</td>")
        for record in group:
            note = "EP" if record.kind == "ep" else ("Debut" if record.songs[0].popularity % 3 == 0 else "-")
            mark = _reference(1) if note == "Debut" else ""
            rest = f"<td>{_linked(record)}{mark}</td><td>{_artist(record)}</td><td>{note}</td>"
            rows.append(f"<tr>{''.join(cells)}{rest}</tr>")
            cells = []
    return rows


def new_page(records: list[Record]) -> str:
    """Return the body of a page from 2005: a table a month, artist before album, genre and label."""
    parts, quarters = [], ("First", "Second", "Third", "Fourth")
    for quarter, group in groupby(records, key=lambda r: (r.released.month - 1) // 3):
        parts.append(_heading(2, f"{quarters[quarter]} quarter"))
        for month, of_month in groupby(group, key=lambda r: f"{r.released:%B}"):
            parts.append(_heading(3, month))
            parts.append(_new_month(month, list(of_month)))
    return "\n".join(parts)


def _new_month(month: str, records: list[Record]) -> str:
    year = records[0].released.year
    caption = f"List of albums released in {month} {year}"
    go_to = f'Go to: <a href="#{month}">{month}</a> | <a href="#Top">Top</a>'
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in (
            "Release date",
            "Artist",
            "Album",
            "Genre",
            "Label",
            '<abbr title="Reference">Ref.</abbr>',
        )
    )
    rows = []
    for day, of_day in groupby(records, key=lambda r: r.released.day):
        group = list(of_day)
        same_label = len({r.label for r in group}) == 1
        for place, record in enumerate(group):
            lead = f'<th scope="row" rowspan="{len(group)}">{month}<br />{day}</th>' if place == 0 else ""
            title = f"{_linked(record)} (EP)" if record.kind == "ep" else _linked(record)
            label = f'<td rowspan="{len(group) if same_label else 1}">{escape(record.label)}</td>'
            rows.append(
                f"<tr>{lead}<td>{_sort_key(record)}{_artist(record)}</td><td>{title}</td>"
                f"<td>{_wiki(record.genre.capitalize(), record.genre.capitalize())}</td>"
                f"{label if place == 0 or not same_label else ''}<td>{_reference(place + 1)}</td></tr>"
            )
    return (
        f'<table class="wikitable plainrowheaders"><caption>{caption}</caption><tbody>'
        f'<tr><td colspan="6">{go_to}</td></tr><tr>{head}</tr>{"".join(rows)}</tbody></table>'
    )


def _pointer(year: int) -> str:
    list_page = _wiki(title_of(year), title_of(year))
    return f"{_heading(2, 'Albums released')}<ul><li>{list_page}</li></ul>"


def _halves(year: int) -> str:
    links = "".join(f"<li>{_wiki(title_of(year, half), title_of(year, half))}</li>" for half in HALVES)
    return f"<p>The list of {year} albums is in two parts:</p><ul>{links}</ul>"


def _heading(level: int, text: str) -> str:
    anchor = text.replace(" ", "_")
    edit = '<span class="mw-editsection">[<a href="#">edit</a>]</span>'
    heading = f'<h{level} id="{anchor}">{text}</h{level}>'
    return f'<div class="mw-heading mw-heading{level}">{heading}{edit}</div>'


def _wiki(title: str, text: str) -> str:
    address = f"/wiki/{quote(title.replace(' ', '_'))}"
    return f'<a href="{address}" title="{escape(title)}">{escape(text)}</a>'


def _linked(record: Record) -> str:
    return f"<i>{_wiki(f'{record.title} (album)', record.title)}</i>"


def _artist(record: Record) -> str:
    return _wiki(record.artist, record.artist).replace("</a>", "</a>&#160;")


def _sort_key(record: Record) -> str:
    last = record.artist.split()[-1]
    return f'<span data-sort-value="{escape(last)}" style="display:none;">{escape(last)}</span>'


def _reference(number: int) -> str:
    return f'<sup class="reference"><a href="#cite_note-{number}">[{number}]</a></sup>'


def _framed(title: str, body: str, revision: int, base: str) -> str:
    address = f"{base}/wikipedia/w/index.php?title={quote(title.replace(' ', '_'))}"
    config = (
        f'RLCONF={{"wgPageName":"{title.replace(" ", "_")}","wgRevisionId":{revision},"wgIsArticle":true}};'
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en" dir="ltr"><head><meta charset="UTF-8"><title>{escape(title)} - '
        f'Wikipedia</title><script>{config}</script></head>\n<body><h1 id="firstHeading">{escape(title)}</h1>'
        '<div id="mw-content-text"><div class="mw-content-ltr mw-parser-output" lang="en" dir="ltr">'
        f"\n{body}\n"
        f'</div><div class="printfooter">Retrieved from "<a dir="ltr" href="{address}&amp;oldid={revision}">'
        f'{address}&amp;oldid={revision}</a>"</div></div></body></html>'
    )


def _missing(title: str) -> str:
    said = f"Wikipedia does not have an article named {escape(title)}."
    return f"<!DOCTYPE html><html><body><p>{said}</p></body></html>"
