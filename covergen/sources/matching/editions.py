"""Titles and artists as keys: what is the same album, however it is spelt and in whatever edition."""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from covergen.sources.identity import normalise

_SUFFIX: Final = re.compile(r"\s*[(\[](?P<bracket>[^()\[\]]+)[)\]]\s*$|(?:\s+[-–—]|:)\s+(?P<rest>[^-–—:]+)$")
_BESIDE: Final = re.compile(r"([(\[])([^()\[\]]+?)\s+/\s+([^()\[\]/]+)([)\]])\s*$")
# Undotted words of a capital are names: "Little Feat and Friends". In titles only brackets are sure.
_GUEST: Final = r"(?:(?i:feat\.|ft\.|featuring)|feat|ft)\s*(?<=[\s.])"
_WITH_GUESTS: Final = re.compile(rf"\s+[(\[]?{_GUEST}.*$")
_GUESTS_IN_TITLE: Final = re.compile(rf"\s*[(\[]{_GUEST}[^)\]]*[)\]]")
_THE_LAST: Final = re.compile(r"(.+),\s*the", re.IGNORECASE)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_NUMBER: Final = re.compile(r"(?:19|20)\d\d|\d{1,3}(?:st|nd|rd|th)|\d{1,2}(?:cds?|lps?)")
_COUNT: Final = re.compile(r"\b\d{1,2} (?=(?:cds?|lps?|discs?|tracks?|bit|years?)\b)")
_LAST_WORD: Final = re.compile(
    r"\b(?:edition|remaster(?:ed)?|\d\w* (?:years? )?anniversary)\W*$", re.IGNORECASE
)
_AFTER: Final = re.compile(r"\b(\d{1,3})(?:st|nd|rd|th)?(?: years?)? anniversary\b")

# What makes an edition by itself, in the spelling of `fold`.
_ALONE: Final = frozenset({
    "deluxe", "expanded", "remaster", "remastered", "remastering", "remasters", "remasterizado",
    "remasterise", "reissue", "reissued", "repackage", "repackaged", "explicit", "mono", "stereo",
    "anniversary", "aniversario", "anniversario", "anniversaire", "jubilaum",
})  # fmt: skip
# In brackets these do, too.
_IN_BRACKETS: Final = frozenset({
    "limited", "exclusive", "edited", "import", "imported", "clean", "vinyl", "digipak", "digipack",
    "standard", "cd", "lp",
})  # fmt: skip
# Nouns that make one with a word of the third kind: "Special Edition", "Bonus Track Version".
_NOUNS: Final = frozenset({
    "edition", "version", "edicion", "edizione", "edicao", "ausgabe",
})  # fmt: skip
_WITH_NOUN: Final = frozenset({
    "special", "limited", "collectors", "collector", "bonus", "platinum", "gold", "legacy", "standard",
    "digital", "vinyl", "clean", "edited", "exclusive", "extended", "complete", "definitive", "ultimate",
    "especial", "speciale", "limitee", "limitada", "limitata",
})  # fmt: skip
# Countries make an edition, yet a version of their language: "Japanese Version" is sung anew.
_COUNTRIES: Final = frozenset({"uk", "us", "usa", "japan", "japanese", "european", "international"})
_OF_ONE_LANGUAGE: Final = frozenset({"uk", "us", "usa", "international"})
_FILLERS: Final = frozenset({
    "the", "super", "de", "luxe", "track", "tracks", "digitally", "bit", "and", "with", "re", "disc",
    "discs", "cd", "cds", "lp", "dvd", "year", "years", "box", "set", "original", "recording", "album",
    "new", "newly", "plus", "first", "second", "third", "fourth", "fifth", "tenth", "fifteenth",
    "twentieth", "thirtieth", "fortieth", "fiftieth", "sixtieth",
})  # fmt: skip
# Any other words make one before "Edition" in brackets, "(Moonlight Edition)", but for these: they tell of
# other sounds, of less than the album, or of the same album sung in another language.
_OTHER_SOUNDS: Final = frozenset({
    "live", "concert", "rehearsal", "rehearsals", "alternate", "alternative", "drumless", "reworked",
    "acoustic", "unplugged", "stripped", "instrumental", "instrumentals", "karaoke", "demo", "demos",
    "remix", "remixes", "remixed", "mix", "mixes", "mixed", "dj", "club", "dance", "dub", "commentary",
    "orchestral", "orchestra", "symphonic", "symphony", "piano", "quartet", "acappella", "capella",
    "cappella", "chopped", "screwed", "slowed", "sped", "nightcore", "8", "tribute", "cover", "covers",
    "lullaby", "kids", "rerecorded", "recorded", "reimagined", "sessions", "rarities", "outtakes",
    "sides", "bsides", "sampler", "highlights", "selections", "excerpts", "preview", "interview", "video",
    "single", "ep", "score", "cast", "part", "pt", "volume", "vol", "chapter", "book", "side", "spanish",
    "french", "german", "italian", "english", "korean", "chinese", "mandarin", "cantonese", "portuguese",
    "espanol", "espanola", "francaise", "deutsche", "italiana",
})  # fmt: skip
_SOLD_AS: Final = frozenset({"deluxe", "exclusive", "expanded", "bonus"})
_LONGEST: Final = 6  # words of a named edition

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


def first_name(artist: str) -> str:
    """Return who comes first, without guests: "the Beatles" of "Beatles, The feat. X; Y"."""
    first = artist.partition(";")[0].strip() or artist
    first = _without(_WITH_GUESTS, first)
    if found := _THE_LAST.fullmatch(first):
        first = f"the {found[1]}"
    return first


@lru_cache(maxsize=1 << 16)  # a catalogue names its artists many times
def artist_key(artist: str) -> str:
    """Return the key of who comes first: "The Beatles", "Beatles, The" and "Beatles feat. X; Y" are one."""
    return without_article(fold(first_name(artist)))


def title_key(title: str) -> TitleKey:
    """Return the key of a title: "The Blue (Deluxe Edition)" is ("blue", True, True).

    Live albums, EPs, singles, volumes, remixes, "Taylor's Version" and versions in another language are
    albums of their own. A title that is all edition keeps its words.
    """
    rest, is_edition = split_edition(title)
    folded = fold(without_guests(rest))
    key = without_article(folded)
    return TitleKey(key, is_edition, key != folded)


def without_guests(title: str) -> str:
    """Return a title without the guests in its brackets."""
    return _without(_GUESTS_IN_TITLE, title)


def of_other_sounds(text: str) -> bool:
    """Say whether words tell of other sounds than the album's: live, acoustic, in another language."""
    return not _OTHER_SOUNDS.isdisjoint(fold(text).split())


def without_edition(title: str) -> str:
    """Return a title as it is written, but for the edition's words: "The Blue" of "The Blue (Deluxe)"."""
    return split_edition(title)[0]


def split_edition(title: str) -> tuple[str, bool]:
    """Return a title as it is written, but for what names an edition, and whether there was any."""
    rest, is_edition = title.strip(), False
    if " /" in rest:
        rest = _BESIDE.sub(_in_two, rest)
    while True:
        if (found := _SUFFIX.search(rest)) and _names_edition(found, is_edition):
            before = rest[: found.start()].strip()
        else:
            before = _before_last_words(rest)
        if not before:
            return rest, is_edition
        rest, is_edition = before, True


def years_since(title: str) -> int | None:
    """Return of which anniversary an edition is: 30 of "(30th Anniversary)"."""
    found = _AFTER.search(fold(title))
    return int(found[1]) if found else None


def _in_two(found: re.Match[str]) -> str:
    """Return "(White Album) (Super Deluxe)" of "(White Album / Super Deluxe)"; other brackets as they are."""
    opening, first, last, closing = found.groups()
    is_edition = _is_edition(_words(last), is_bracket=True) and not _is_edition(
        _words(first), is_bracket=True
    )
    return f"{opening}{first}{closing} {opening}{last}{closing}" if is_edition else found[0]


def _words(text: str) -> list[str]:
    return _COUNT.sub("", fold(text)).split()


def _names_edition(found: re.Match[str], is_edition: bool) -> bool:
    """Say whether a suffix names an edition; a year does where the edition's word follows it."""
    words = _words(found["bracket"] or found["rest"])
    if is_edition and len(words) == 1 and _YEAR.fullmatch(words[0]):
        return True
    is_bracket, is_apart = found["bracket"] is not None, not found[0].startswith(":")
    return _is_edition(words, is_bracket=is_bracket) or (is_apart and _is_named_edition(words))


def _is_edition(words: list[str], *, is_bracket: bool) -> bool:
    terms = {word for word in words if not _NUMBER.fullmatch(word)}
    if "mix" in terms and terms <= {"mix", "stereo", "mono", "new", "the"}:
        return any(map(_YEAR.fullmatch, words))  # mixed anew from the same tapes: "(2018 Stereo Mix)"
    noun = terms & _NOUNS
    countries = (_OF_ONE_LANGUAGE if "version" in noun else _COUNTRIES) if noun else frozenset()
    alone = _ALONE | _IN_BRACKETS if is_bracket else _ALONE
    if terms - alone - _NOUNS - _WITH_NOUN - _FILLERS - countries:
        return False
    return bool(terms & alone or (noun and terms & (_WITH_NOUN | countries)))


def _is_named_edition(words: list[str]) -> bool:
    """Say whether words are a name and what it is: "Moonlight Edition", "Target Exclusive"."""
    if not 1 < len(words) <= _LONGEST or not _OTHER_SOUNDS.isdisjoint(words):
        return False
    if words[-1] == "version":
        return not _SOLD_AS.isdisjoint(words) and not (_COUNTRIES - _OF_ONE_LANGUAGE) & set(words)
    return words[-1] == "exclusive" or words[0] in _NOUNS or words[-1] in _NOUNS


def _before_last_words(title: str) -> str:
    """Return what stands before an edition's words without brackets: "Blue" of "Blue Deluxe Edition"."""
    if not _LAST_WORD.search(title):
        return ""
    words = title.split()
    place = len(words)
    while place > 1 and _is_beside(fold(words[place - 1])):
        place -= 1
    while place < len(words) and not _is_edition(_words(" ".join(words[place:])), is_bracket=False):
        place += 1
    before = words[:place]
    is_name = place < len(words) and not {fold(word) for word in before} <= _FILLERS
    return " ".join(before).rstrip(" ,-–—:(") if is_name else ""


def _is_beside(word: str) -> bool:
    return bool(_NUMBER.fullmatch(word)) or word in (_ALONE | _NOUNS | _WITH_NOUN | _FILLERS) - {
        "and",
        "with",
        "the",
    }


def _without(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub("", text).strip() or text


def without_article(key: str) -> str:
    """Return a key without a first "the"; "the the" is a name of its own."""
    rest = key.removeprefix("the ")
    return key if rest in {"", "the"} else rest


def _bare(letter: str) -> str:
    if letter < "\x80" or not unicodedata.name(letter, "").startswith("LATIN"):
        return letter
    return unicodedata.normalize("NFD", letter)[0]
