"""Reading what people write into fields: dates, numbers, names of several artists."""

import re
from collections.abc import Iterable

_DATE = re.compile(r"\s*([12]\d{3})(?:-?(0[1-9]|1[0-2])(?:-?(0[1-9]|[12]\d|3[01]))?)?(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)([12]\d{3})\s*$")
_NUMBER = re.compile(r"\s*(\d{1,4})(?:\s*(?:/|of)\s*(\d{1,4}))?", re.IGNORECASE)
PRECISIONS = {4: "year", 7: "month", 10: "day"}
# Zero-width spaces, marks of byte order and direction, soft hyphens: seen by nobody, and part of no name.
UNSEEN = "\u00ad\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
_UNSEEN = str.maketrans("", "", UNSEEN)
_JOINERS = "\u200c\u200d"  # which Persian, Indic scripts and emoji are spelt with
VARIOUS = "Various Artists"


def parse_date(text: str | None) -> tuple[str | None, str | None]:
    """Return (ISO date as far as known, precision); both None where the text holds no year.

    Reads 1997, 1997-05, 1997-05-21, 19970521, 1997-05-21T10:00 and, for its year alone, 21/05/1997.
    """
    if found := _DATE.match(text or ""):
        date = "-".join(part for part in found.groups() if part)
        return date, PRECISIONS[len(date)]
    if found := _YEAR_LAST.search(text or ""):
        return found[1], "year"
    return None, None


def parse_number(text: str | None) -> tuple[int | None, int | None]:
    """Return (number, total) of texts such as 3, 03/12 and "3 of 12"; 0 counts as unknown."""
    found = _NUMBER.match(text or "")
    if not found:
        return None, None
    return int(found[1]) or None, int(found[2] or 0) or None


def join_names(names: Iterable[str]) -> str:
    """Return names joined by '; ', each once, in the order given."""
    return "; ".join(dict.fromkeys(name for name in (clean_text(n) for n in names) if name))


def clean_text(text: str | None) -> str:
    """Return text without control and unseen characters and surplus space; lone surrogates become a '?'."""
    valid = (text or "").encode("utf-8", "replace").decode().translate(_UNSEEN)
    kept = (c if c.isprintable() or c.isspace() or c in _JOINERS else " " for c in valid)
    return " ".join("".join(kept).split())
