"""Titles and artists as keys: what is the same album, however it is spelt and in whatever edition."""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from covergen.sources.identity import normalise

_SUFFIX: Final = re.compile(r"\s*[(\[](?P<bracket>[^()\[\]]+)[)\]]\s*$|(?:\s+[-–—]|:)\s+(?P<rest>[^-–—:]+)$")
# Undotted words of a capital are names: "Little Feat and Friends". In titles only brackets are sure.
_GUEST: Final = r"(?:(?i:feat\.|ft\.|featuring)|feat|ft)\s*(?<=[\s.])"
_WITH_GUESTS: Final = re.compile(rf"\s+[(\[]?{_GUEST}.*$")
_GUESTS_IN_TITLE: Final = re.compile(rf"\s*[(\[]{_GUEST}[^)\]]*[)\]]")
_THE_LAST: Final = re.compile(r"(.+),\s*the", re.IGNORECASE)
_YEAR_OR_ORDINAL: Final = re.compile(r"(?:19|20)\d\d|\d{1,3}(?:st|nd|rd|th)")

# What makes an edition by itself, in the spelling of `fold`.
_ALONE: Final = frozenset({
    "deluxe", "expanded", "remaster", "remastered", "remasters", "remasterizado", "remasterise", "reissue",
    "explicit", "mono", "stereo",
})  # fmt: skip
# Nouns that make one with a word of the third kind: "Special Edition", "Bonus Track Version".
_NOUNS: Final = frozenset({
    "edition", "version", "edicion", "edizione", "edicao", "ausgabe",
})  # fmt: skip
_WITH_NOUN: Final = frozenset({
    "special", "limited", "collectors", "collector", "anniversary", "bonus", "platinum", "gold", "legacy",
    "standard", "digital", "vinyl", "clean", "especial", "speciale", "limitee", "limitada", "limitata",
})  # fmt: skip
# Countries make an edition, yet a version of their language: "Japanese Version" is sung anew.
_COUNTRIES: Final = frozenset({"uk", "us", "usa", "japan", "japanese", "european", "international"})
_FILLERS: Final = frozenset({
    "the", "super", "de", "luxe", "track", "tracks", "digitally", "24", "bit", "and", "with", "re", "disc",
})  # fmt: skip

# Keys of names that stand for many artists or for none: they prove nothing.
NOBODY: Final = frozenset({"various artists", "various", "va", "v a", "unknown artist", "unknown"})


class TitleKey(NamedTuple):
    """What titles are compared by: `key` has neither the edition's words nor a first "the"."""

    key: str
    is_edition: bool
    has_article: bool


def fold(text: str) -> str:
    """Return text for comparing, a little blinder than `identity.normalise`: "&" is "and", é is e.

    Marks are taken from Latin letters alone, so two names in any other script stay as different as they are.
    """
    composed = unicodedata.normalize("NFC", normalise(text.replace("&", " and ")))
    return "".join(_bare(letter) for letter in composed)


@lru_cache(maxsize=1 << 16)  # a catalogue names its artists many times
def artist_key(artist: str) -> str:
    """Return the key of who comes first: "The Beatles", "Beatles, The" and "Beatles feat. X; Y" are one."""
    first = artist.partition(";")[0].strip() or artist
    first = _without(_WITH_GUESTS, first)
    if found := _THE_LAST.fullmatch(first):
        first = found[1]
    return _without_the(fold(first))


def title_key(title: str) -> TitleKey:
    """Return the key of a title: "The Blue (Deluxe Edition)" is ("blue", True, True).

    Live albums, EPs, singles, volumes, remixes, "Taylor's Version" and versions in another language are
    albums of their own. A title that is all edition keeps its words.
    """
    rest, is_edition = _split(title)
    folded = fold(_without(_GUESTS_IN_TITLE, rest))
    key = _without_the(folded)
    return TitleKey(key, is_edition, key != folded)


def without_edition(title: str) -> str:
    """Return a title as it is written, but for the edition's words: "The Blue" of "The Blue (Deluxe)"."""
    return _split(title)[0]


def _split(title: str) -> tuple[str, bool]:
    rest, is_edition = title.strip(), False
    while found := _SUFFIX.search(rest):
        words = fold(found["bracket"] or found["rest"]).split()
        before = rest[: found.start()].strip()
        if not before or not _is_edition(words):
            break
        rest, is_edition = before, True
    return rest, is_edition


def _is_edition(words: list[str]) -> bool:
    told = {word for word in words if not _YEAR_OR_ORDINAL.fullmatch(word)}
    noun = told & _NOUNS
    countries = _COUNTRIES if noun and "version" not in noun else frozenset()
    if told - _ALONE - _NOUNS - _WITH_NOUN - _FILLERS - countries:
        return False
    return bool(told & _ALONE or (noun and told & (_WITH_NOUN | countries)))


def _without(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub("", text).strip() or text


def _without_the(key: str) -> str:
    return key.removeprefix("the ") or key


def _bare(letter: str) -> str:
    if letter < "\x80" or not unicodedata.name(letter, "").startswith("LATIN"):
        return letter
    return unicodedata.normalize("NFD", letter)[0]
