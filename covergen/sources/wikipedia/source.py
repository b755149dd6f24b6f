"""Wikipedia's lists of albums, 1980 to 2024: 46 pages, asked for as a reader asks for them.

robots.txt allows /wiki/ and forbids the API, so there is no `maxlag` to send: it is the API's. The name of
the operator in the User-Agent, without which Wikipedia answers 403, is the business of whoever fetches.
"""

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Final
from urllib.parse import quote

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.identity import album_id
from covergen.sources.protocol import Found, Record, Rejected
from covergen.sources.web_source import (
    Answer,
    Parsed,
    RateLimit,
    Refusal,
    Request,
    Wanted,
    no_answer,
    usual_refusal,
)
from covergen.sources.wikipedia.layouts import Album, read_albums
from covergen.sources.wikipedia.page import Page, read_page
from covergen.sources.wikipedia.words import months_in

YEARS: Final = range(1980, 2025)
_FIRST_LIST: Final = 2005  # before, the albums stand on the year's own page
_HALVES: Final = {2021: ("January–June", "July–December")}
_ARTICLE: Final = re.compile(rb"""["'\s](?:mw-parser-output|mw-content-text)["'\s]""")
_END: Final = re.compile(rb"(?i)</html\s*>")
_NAMED_HALVES: Final = {"first half": {1, 6}, "second half": {7, 12}}
_ANCHOR_SAFE: Final = "!$&'()*+,;=:@/?"
_RATE_LIMIT: Final = RateLimit("wikipedia", count=200, seconds=60, at_once=3)


def page_titles(year: int) -> list[str]:
    """Return the titles of the pages that list a year's albums."""
    if year < _FIRST_LIST:
        return [f"{year} in music"]
    halves = _HALVES.get(year, ())
    return [f"List of {year} albums ({half})" for half in halves] or [f"List of {year} albums"]


def months_of(title: str) -> frozenset[int]:
    """Return the months that a page tells of by its title: 1 to 6 of "List of 2021 albums (January–June)"."""
    beside = title.partition("(")[2]
    named = next((months for words, months in _NAMED_HALVES.items() if words in beside), months_in(beside))
    return frozenset(range(min(named, default=1), max(named, default=12) + 1))


class WikipediaSource:
    """Albums of the years asked for, from the rendered pages; the lists name no songs.

    `base` is the address before /wiki/.
    """

    name: ClassVar[str] = "wikipedia"
    turn: ClassVar[int] = 0
    follow_ups: ClassVar[float] = 0
    answer_bytes: ClassVar[int] = 250_000
    media_bytes: ClassVar[Mapping[str, int]] = {}
    is_api: ClassVar[bool] = False

    def __init__(self, *, years: Iterable[int] = YEARS, base: str = "https://en.wikipedia.org"):
        self.years = tuple(sorted(set(years)))
        self.base = base.rstrip("/")
        unknown = [year for year in self.years if year not in YEARS]
        if unknown or not self.years:
            raise ConfigError(
                f"Wikipedia's lists are read from {YEARS[0]} to {YEARS[-1]}, not of "
                f"{', '.join(map(str, unknown)) or 'no year'}; name years between these."
            )

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:  # noqa: ARG002
        """Yield a request for each page, the oldest first."""
        for year in self.years:
            for title in page_titles(year):
                yield self._request(title, year)

    def rate_limit(self, request: Request) -> RateLimit:  # noqa: ARG002
        """Return 200 requests a minute, three at once: what Wikipedia grants those who name themselves."""
        return _RATE_LIMIT

    def headers(self) -> dict[str, str]:
        """Return what is asked for: a page."""
        return {"Accept": "text/html"}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:  # noqa: ARG002
        """Return why an answer is none: its status, or that it is no whole page of MediaWiki."""
        is_page = _ARTICLE.search(answer.body) and _END.search(answer.body, max(0, len(answer.body) - 4096))
        if answer.status == 200 and not is_page:
            return no_answer(answer, "a whole page of MediaWiki")
        return usual_refusal(answer)

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return the albums of a page; where it points to pages that hold others of its year, ask for those.

        Months of which neither tells are a reject. Raises BadInput where there is no list of albums on it.
        """
        title, year = request.about["title"], int(request.about["year"])
        page = read_page(answer.body)
        name = f"{title} (revision {page.revision or 'unknown'})"
        found = Found()
        problem: BadInput | None = None
        try:
            items = list(read_albums(page, year, is_list=not title.endswith("in music")))
        except BadInput as error:
            items, problem = [], error
        first: dict[str, Album] = {}
        for item in items:
            if isinstance(item, Album):
                record = self._record(item, request, answer, page.revision)
                known = first.setdefault(record["album_id"], item)
                if known is item:
                    found.albums.append(record)
                    continue
                code, reason = RejectCode.DUPLICATE, f"{item.title!r} stands in {known.place} already"
            else:
                code, reason = item.problem.code, item.problem.reason
            key = f"{title}, {item.place}"
            found.rejects.append(Rejected("answers", key, BadInput(code, f"{name}, {item.place}: {reason}")))
        missing = months_of(title) - {month for record in found.albums if (month := _month(record, year))}
        trail = request.about.get("pointed", "").split("\n")
        follow = self._pointed(page, title, year, trail, missing)
        if items:
            lost = missing.difference(*(months_of(each.about["title"]) for each in follow))
            found.rejects.extend(_incomplete(title, year, name, lost))
            return Parsed(found, follow)
        if follow:
            return Parsed(follow=follow)
        seen = problem.reason if problem else f"no table of albums among {len(page.blocks)} tables and lists"
        raise BadInput(RejectCode.NEW_LAYOUT, f"{name}: {seen}")

    def _request(self, title: str, year: int, **about: str) -> Request:
        url = f"{self.base}/wiki/{quote(title.replace(' ', '_'), safe='(),')}"
        return Request(self.name, "page", url, {"title": title, "year": str(year), **about})

    def _pointed(
        self, page: Page, title: str, year: int, trail: list[str], missing: frozenset[int]
    ) -> tuple[Request, ...]:
        """Return requests for the lists that a page leads to, of months that it has no albums of itself.

        `trail`: the pages that led to this one, which are not asked for again.
        """
        pattern = re.compile(rf"List of {year} albums(?: \([^()]+\))?")
        names = dict.fromkeys(link.page for link in page.links if pattern.fullmatch(link.page))
        pointed = "\n".join(filter(None, (*trail, title)))
        return tuple(
            self._request(name, year, pointed=pointed)
            for name in names
            if name not in {title, *trail}
            and months_of(name) & missing
            and ("(" in name or title.endswith("in music"))  # a half leads to the whole that is both halves
        )

    def _record(self, album: Album, request: Request, answer: Answer, revision: str | None) -> Record:
        anchor = f"#{quote(album.anchor, safe=_ANCHOR_SAFE)}" if album.anchor else ""
        return {
            "album_id": album_id(album.artist, album.title, album.date[:4]),
            "artist": album.artist,
            "title": album.title,
            "kind": album.kind,
            "release_date": album.date,
            "release_date_precision": album.precision,
            "genres": list(album.genres),
            "label": album.label,
            "source": self.name,
            "source_url": request.url + anchor,
            "source_revision": revision,
            "licence": "CC-BY-SA-4.0",
            "fetched_at": answer.fetched_at,
        }


def _month(record: Record, year: int) -> int | None:
    """Return the month in which an album came out, where the page tells it."""
    date = record["release_date"]
    return int(date[5:7]) if date[:4] == str(year) and len(date) > 4 else None


def _incomplete(title: str, year: int, name: str, missing: frozenset[int]) -> Iterator[Rejected]:
    """Yield what says of which months a page has no albums, if there are any."""
    if missing:
        months = ", ".join(calendar.month_name[month] for month in sorted(missing))
        reason = (
            f"{name} lists no albums of {months} {year} and leads to no page that does. Look at the page; "
            "where those albums stand elsewhere, gather them from a table of your own."
        )
        problem = BadInput(RejectCode.NOT_FOUND, reason)
        yield Rejected("answers", f"{title}, months", problem, in_summary=True)
