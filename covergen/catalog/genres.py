"""Genres in anybody's words to one canonical genre."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Final

from covergen.catalog.genre_tree import ENDINGS, FAMILIES, HINTS

CANONICAL: Final = tuple(FAMILIES)
_SEPARATORS: Final = re.compile(r"\s*[;,/|\\\0]\s*")
# These tell what music is for rather than how it sounds: they count only where nothing else is told.
_PURPOSES: Final = frozenset({"soundtrack", "spoken word"})


def split_genres(raw: Iterable[str]) -> list[str]:
    """Return single genres, each once, in the order and words given: "House/Electronic; R&B" holds three."""
    single: dict[str, str] = {}
    for text in raw:
        for part in filter(None, map(str.strip, _SEPARATORS.split(text))):
            single.setdefault(part.casefold(), part)
    return list(single.values())


def canonical_genre(raw: Iterable[str]) -> str | None:
    """Return the genre that most of an album's words belong to, of equals the first; None if none is known.

    Instruments count where no genre is told, and what music is made for where nothing else is.
    """
    genres = split_genres(raw)
    families = [family for genre in genres if (family := family_of(genre)) is not None]
    sounds = [family for family in families if family not in _PURPOSES]
    hints = [HINTS[_plain(genre)] for genre in genres if _plain(genre) in HINTS]
    votes = Counter(sounds or hints or families)
    return max(votes, key=votes.__getitem__, default=None)


def family_of(genre: str) -> str | None:
    """Return the canonical genre of a single one: by its whole name, else by the longest known end or part.

    "Greek metal" is metal by its end, "metal from Athens" by a part, "ectofolk" by the end of its word;
    "country rock" is country by its name.
    """
    words = _plain(genre).split()
    leaves = _leaves()
    ends = (" ".join(words[start:]) for start in range(len(words)))
    parts = (
        " ".join(words[start : start + length])
        for length in range(len(words) - 1, 0, -1)
        for start in range(len(words) - length)
    )
    known = (leaves[name] for names in (ends, parts) for name in names if name in leaves)
    made_up = (
        family for end, family in _endings().items() if words and words[-1] != end and words[-1].endswith(end)
    )
    return next((family for found in (known, made_up) for family in found), None)


def _plain(genre: str) -> str:
    letters = unicodedata.normalize("NFKD", genre.casefold())
    unmarked = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(re.sub(r"[-_.\s]+", " ", unmarked).split())


@cache
def _leaves() -> dict[str, str]:
    leaves = {leaf: family for family, names in FAMILIES.items() for leaf in names}
    return leaves | {family: family for family in FAMILIES}


@cache
def _endings() -> dict[str, str]:
    return {family: family for family in FAMILIES if " " not in family} | ENDINGS
