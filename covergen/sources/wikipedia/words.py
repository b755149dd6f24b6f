"""What the cells of a list of albums say: a date, titles, artists, genres, a label, what kind of album."""

import calendar
import re
from collections.abc import Iterable, Sequence
from typing import Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.field_parsing import PRECISIONS, join_names
from covergen.sources.identity import normalise
from covergen.sources.wikipedia.tables import Cell

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
# Words beside a date that are none themselves. Any other word means that the cell holds something else.
_BESIDE: Final = frozenset({
    "st", "nd", "rd", "th", "and", "or", "to", "of", "c", "ca", "circa", "tba", "tbd", "unknown",
    "date", "day", "n", "a", "na", "release", "released", "us", "uk", "usa", "eu", "europe", "japan",
    "canada", "australia", "worldwide", "various", "dates", "unscheduled", "unspecified", "monday", "tuesday",
    "wednesday", "thursday", "friday", "saturday", "sunday", "mon", "tue", "tues", "wed", "thu", "thur",
    "thurs", "fri", "sat", "sun",
})  # fmt: skip
_SEASONS: Final = frozenset({
    "spring", "summer", "autumn", "fall", "winter", "early", "mid", "middle", "late", "quarter", "half", "q",
    "first", "second", "third", "fourth", "end", "year",
})  # fmt: skip
_EMPTY: Final = frozenset({"", "tba", "tbd", "tbc", "n a", "to be announced", "to be determined"})
_ISO: Final = re.compile(r"\s*((?:19|20)\d\d)[-/](0[1-9]|1[0-2])(?:[-/](0[1-9]|[12]\d|3[01]))?\s*")
_DITTO: Final = re.compile(r"(?:[\"“”„″〃]|''|’’|′′)+(?:\s*(?:[\"“”„″〃]|''|’’|′′)+)*|[Dd](?:o\.|itto)")
_DASH: Final = re.compile(r"[-–—?]+")
_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_BETWEEN_GENRES: Final = re.compile(r"[,;/|·•](?![^(\[]*[)\]])")
_BETWEEN_ARTISTS: Final = re.compile(
    r"\s*(?:,|;|/|\+|×|\|)\s*|,?\s+(?:&|and|with|x|feat\.?|ft\.?|featuring|vs\.?)\s+", re.IGNORECASE
)
_GOES_ON: Final = re.compile(r"(?:and|with|feat\.?|ft\.?|featuring|vs\.?)\s|[&,+/(]", re.IGNORECASE)
_BACKING: Final = re.compile(r"(?:the|his|her|their)\s", re.IGNORECASE)

# The first that fits is meant: a reissued EP is a reissue, a live compilation a compilation.
_KINDS: Final = (
    (
        "reissue",
        re.compile(r"\b(?:re ?issue[sd]?|re ?release[sd]?|re ?master(?:s|ed)?|deluxe|expanded edition)\b"),
    ),
    ("ep", re.compile(r"\b(?:eps?|e p|extended play|mini (?:album|lp))\b")),
    ("mixtape", re.compile(r"\bmix ?tape\b")),
    ("soundtrack", re.compile(r"\b(?:soundtrack|ost|film score|cast recording)\b")),
    ("compilation", re.compile(r"\b(?:compilation|greatest hits|best of|box ?set|anthology)\b")),
    ("live", re.compile(r"\blive\b")),
    ("remix", re.compile(r"\bremix(?:es|ed)?\b")),
)
_PAGE_END: Final = re.compile(r"\b(live album|\w+)\)$")  # "Throwing Copper (Live album)" is the band's
_WORDS_OF_A_REMARK: Final = 5  # longer notes tell of other records too: "the last before the reissue of ..."


def is_empty(cell: Cell | None) -> bool:
    """Say whether a cell says nothing; a dash or question mark in italics is a title."""
    if cell is None or normalise(cell.text) in _EMPTY:
        return True
    return not cell.italics and (is_ditto(cell) or _DASH.fullmatch(cell.text) is not None)


def is_ditto(cell: Cell) -> bool:
    """Say whether a cell holds nothing but marks that repeat what stands above it."""
    return not cell.italics and _DITTO.fullmatch(cell.text) is not None


def is_date(text: str) -> bool:
    """Say whether a text is a day of a year and nothing else: "January 15", "15 Jan. 2013", "2013-01-15"."""
    if found := _ISO.fullmatch(text):
        return found[3] is not None
    words = re.findall(r"[^\W\d_]+", text.casefold())
    days = [number for number in map(int, re.findall(r"\d{1,4}", text)) if 0 < number <= 31]
    return (
        len(days) == 1
        and any(map(month_of, words))
        and all(month_of(word) or word in _BESIDE for word in words)
    )


def month_of(text: str) -> int | None:
    """Return the month that a text spells, letter by letter or cut off after three: 1 to 12."""
    letters = "".join(letter for letter in text.casefold() if letter.isalpha())
    if len(letters) < 3:
        return None
    cut = "sep" if letters == "sept" else letters
    return next((number for number, name in enumerate(_MONTHS, start=1) if name.startswith(cut)), None)


def months_in(text: str) -> set[int]:
    """Return the months that a heading or a caption names."""
    return {month for word in re.findall(r"[^\W\d_]+", text) if (month := month_of(word))}


def only_month(text: str) -> int | None:
    """Return the month that a heading or a caption names; None where it names several or none."""
    months = months_in(text)
    return months.pop() if len(months) == 1 else None


def read_date(texts: Sequence[str], year: int, month: int | None = None) -> tuple[str, str]:
    """Return (ISO date as far as known, precision) from the cells of a date, on a page of `year`.

    `month` is what stands above the table. Several days or months leave the coarser date. Raises BadInput
    where a cell holds something else than a date.
    """
    months: list[int] = []
    numbers: list[int] = []
    is_vague = False
    for text in texts:
        plain = _BRACKETS.sub(" ", text)
        if found := _ISO.fullmatch(plain):
            numbers += [int(part) for part in found.group(1, 3) if part]
            months.append(int(found[2]))
            continue
        numbers += map(int, re.findall(r"\d+", plain))
        if spelled := month_of(plain):
            months.append(spelled)
            continue
        for word in re.findall(r"[^\W\d_]+", plain.casefold()):
            if named := month_of(word):
                months.append(named)
            elif word not in _BESIDE | _SEASONS:
                raise _no_date(texts)
            is_vague = is_vague or word in _SEASONS
    days = [number for number in numbers if number <= 31]
    years = [number for number in numbers if 1900 <= number <= 2099]
    if len(days) + len(years) < len(numbers) or 0 in numbers or len(years) > 1:
        raise _no_date(texts)
    if not months and month and not is_vague:
        months = [month]
    return _iso(years[0] if years else year, set(months), days)


def _iso(year: int, months: set[int], days: list[int]) -> tuple[str, str]:
    date = f"{year:04}"
    if len(months) == 1:
        month = months.pop()
        date += f"-{month:02}"
        if len(days) == 1 and days[0] <= calendar.monthrange(year, month)[1]:
            date += f"-{days[0]:02}"
    return date, PRECISIONS[len(date)]


def _no_date(texts: Sequence[str]) -> BadInput:
    return BadInput(RejectCode.WRONG_TYPE, f"its date is {' '.join(texts)!r}")


def read_titles(cell: Cell) -> list[tuple[str, str]]:
    """Return each title in a cell of albums and what is remarked beside it, such as "(EP)".

    A title is what stands in italics, unless words that are no remark follow; several lines that are all in
    italics are several albums.
    """
    if len(cell.italics) > 1 and cell.italics == cell.lines:
        return [(title, "") for title in cell.italics]
    whole = cell.text
    if len(cell.italics) == 1 and whole.startswith(cell.italics[0]):
        title, rest = cell.italics[0], whole[len(cell.italics[0]) :].strip()
    else:
        title, rest = whole, ""
        if found := re.fullmatch(r"(.+?)\s*([(\[][^()\[\]]+[)\]])", whole):
            title, rest = found[1], found[2]
    remark = rest.strip("()[]–—-: ")
    is_short = rest[:1] in {"(", "["} or len(remark.split()) <= 2
    is_remark = (is_short and kind_in(remark)) or re.match(r"[(\[](?:with|feat|ft)\b", rest, re.IGNORECASE)
    return [(title, remark)] if not rest or is_remark else [(whole, "")]


def read_artist(cells: Iterable[Cell]) -> str:
    """Return the artists of an album, several joined by '; ': cells, lines, links that follow one another."""
    return join_names(name for cell in cells for name in _artists(cell))


def _artists(cell: Cell) -> list[str]:
    if any(link.text == cell.text for link in cell.links):
        return [cell.text]  # one name, broken into lines
    names: list[str] = []
    for line in cell.lines:
        if names and (_GOES_ON.match(line) or _GOES_ON.match(names[-1][-1] + " ")):
            names[-1] += f" {line}"
        else:
            names.append(line)
    return names if len(names) > 1 else _linked(cell) or names


def _linked(cell: Cell) -> list[str]:
    """Return the names of a cell that is links and separators alone; "A and the B" is one act."""
    rest = cell.text
    names = [link.text for link in cell.links]
    for number, name in enumerate(names):
        between, found, rest = rest.partition(name)
        fits = _BETWEEN_ARTISTS.fullmatch(between) if number else not between
        if not found or not fits or (number and "," not in between and _BACKING.match(name)):
            return []
    return names if not rest else []


def read_genres(cell: Cell | None) -> list[str]:
    """Return the genres of a cell, each once: between commas, slashes, dots and lines, not in brackets."""
    parts = [part for line in (cell.lines if cell else ()) for part in _BETWEEN_GENRES.split(line)]
    stripped = (part.strip() for part in parts)
    genres: dict[str, str] = {}
    for genre in stripped:
        if normalise(genre) not in _EMPTY and not _DASH.fullmatch(genre):
            genres.setdefault(genre.casefold(), genre)
    return list(genres.values())


def read_label(cell: Cell | None) -> str | None:
    """Return the labels as written, lines joined by a comma."""
    if cell is None or is_empty(cell):
        return None
    return ", ".join(line.rstrip(" ,;/") for line in cell.lines) or None


def kind_in(remark: str) -> str | None:
    """Return the kind of album that a short remark names."""
    words = normalise(remark)
    if len(words.split()) > _WORDS_OF_A_REMARK:
        return None
    return next((kind for kind, pattern in _KINDS if pattern.search(words)), None)


def read_kind(title: str, remarks: Iterable[str], pages: Iterable[str]) -> str:
    """Return album, ep, mixtape, soundtrack, compilation, live, remix or reissue.

    Told by remarks, by what the title ends in, and by the brackets of the names of linked pages.
    """
    ends = [end for page in pages for end in _PAGE_END.findall(page)]
    title_end = re.findall(r"\b(?:EP|E\.P\.)(?=\W*$)", title)
    parts = [part for remark in remarks for part in re.split(r"[,;/.()\n]\s", remark)]
    in_title = [kind for found in _BRACKETS.findall(title) if (kind := kind_in(found)) in {"reissue", "ep"}]
    kinds = {kind for part in [*parts, *title_end, *ends] if (kind := kind_in(part))} | set(in_title)
    return next((kind for kind, _ in _KINDS if kind in kinds), "album")
