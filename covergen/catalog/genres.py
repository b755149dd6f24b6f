"""Genres in anybody's words to one canonical genre."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Final

from covergen.catalog.genre_tree import BROAD, ENDINGS, FAMILIES, HINTS, KIN

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
    """Return the genre that most of an album's words belong to; None if none is known.

    Kin count together first: with two words of rock and two of metal, three of pop do not win. Of equals, any
    but rock, then the first. Instruments count where no genre is told, and what
    music is made for where nothing else is.
    """
    genres = split_genres(raw)
    families = [family for genre in genres if (family := family_of(genre)) is not None]
    sounds = [family for family in families if family not in _PURPOSES]
    votes = sounds or [hint for genre in genres if (hint := _hint(genre))] or families
    kin = _most([KIN.get(family, family) for family in votes])
    return _most([family for family in votes if KIN.get(family, family) == kin])


def _most(votes: list[str]) -> str | None:
    counts = Counter(votes)
    return max(counts, key=lambda family: (counts[family], family not in BROAD), default=None)


def _hint(genre: str) -> str | None:
    words = _plain(genre).split()
    ends = (" ".join(words[start:]) for start in range(len(words)))
    return next((HINTS[end] for end in ends if end in HINTS), None)


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
