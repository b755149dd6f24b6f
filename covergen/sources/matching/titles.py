"""Titles of albums taken apart: the name, and what is said beside it of an edition, a film or a nickname."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from covergen.sources.matching.editions import fold, of_other_sounds, split_edition, without_guests
from covergen.sources.matching.spellings import same_spelling, scripts, spellings

_SUFFIX: Final = re.compile(r"(.*\S)\s*(?:[(\[]([^()\[\]]+)[)\]]|(?:\s[-–—]|:)\s+([^()\[\]]+))$")
_WORK: Final = (
    r"(?:motion pictures?|films?|movies?|(?:video ?)?games?|series|tv shows?|shows?|documentary|musical)"
)
_ORIGINAL: Final = rf"(?:(?:an?|the|original|official|complete|{_WORK}|television|tv|anime|netflix)\s)*"
# What a bracket or the last part of a title says, in the spelling of `fold`; "More Music from" is another's.
_MEDIA: Final = (
    ("score", re.compile(rf"{_ORIGINAL}score(?: album)?|{_ORIGINAL}music from the {_WORK} score")),
    (
        "soundtrack",
        re.compile(
            rf"{_ORIGINAL}(?:sound ?tracks?|ost)(?: album| recording)?(?: (?:from|to|of) .+)?"
            rf"|{_ORIGINAL}(?:music|songs|selections)(?: from)?(?: (?:and|or))?(?: music)?(?: inspired)?"
            rf"(?: by| from)? (?:the )?(?:original )?(?:\w+ ){{0,3}}?"
            rf"(?:{_WORK}(?: sound ?track)?|sound ?track)"
        ),
    ),
    ("cast", re.compile(r"(?:the )?(?:original |new )?(?:\w+ ){0,3}cast(?: recording| album)?")),
)  # fmt: skip
_LAST_WORDS: Final = re.compile(
    rf"(.*\S)\s+(original\s+(?:{_WORK}\s+)?(?:soundtrack|score)|soundtrack|o\.?s\.?t\.?)", re.IGNORECASE
)
_FIRST_WORDS: Final = re.compile(
    rf"(?:the\s+)?(?:original\s+)?(?:music|songs|selections|(?:{_WORK}\s+)?soundtrack)\s+(?:from|to|of)\s+"
    rf"(?:and\s+inspired\s+by\s+)?(?:the\s+)?(?:original\s+)?{_WORK}[\s:]+[\"“'‘]?(.+?)[\"”'’]?",
    re.IGNORECASE,
)
_ARTICLES: Final = frozenset({"the", "a", "an", "my"})
_RECORDED: Final = re.compile(r"\b(?:original|recording|album|new)\b")
_NICKNAME: Final = re.compile(r"(?:the )?(.+) album")


class AlbumTitle(NamedTuple):
    """A title: the `name` as it is written, and what stands beside it.

    `medium` is soundtrack, score or a cast's words; `nickname` is "blue" of "Weezer (The Blue Album)", where
    the album is named after its artist.
    """

    name: str
    is_edition: bool = False
    medium: str = ""
    nickname: str = ""

    @property
    def has_article(self) -> bool:
        """Whether the name begins with "The"."""
        return fold(self.name).startswith("the ")


@lru_cache(maxsize=1 << 14)  # what is wanted is compared with all that is offered
def read_title(title: str, artist: str = "") -> AlbumTitle:
    """Return the parts of an album's title."""
    rest, is_edition = split_edition(title)
    rest, medium = _without_medium(without_guests(rest))
    name, once_more = split_edition(rest)
    if not medium:
        name, medium = _without_medium(name)
    name, nickname = _without_nickname(name, artist)
    return AlbumTitle(name, is_edition or once_more, medium, nickname)


def same_title(one: AlbumTitle, other: AlbumTitle, *, kind: str | None = None) -> bool:
    """Say whether two titles may be of one album; of `kind` ep, "Blue EP" and "Blue" are."""
    if _differ(one.medium, other.medium) or _differ(one.nickname, other.nickname):
        return False
    return not _keys(one.name, kind).isdisjoint(_keys(other.name, kind))


def _keys(name: str, kind: str | None) -> set[str]:
    suffix = f" {kind}" if kind in {"ep", "single"} else ""
    return {key.removesuffix(suffix) or key for key in spellings(name) or {""}}


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _without_medium(title: str) -> tuple[str, str]:
    """Return a title without what it says of a film, a game or a stage, and which of the three it is of."""
    if (found := _SUFFIX.fullmatch(title)) and (medium := _medium(fold(found[2] or found[3]))):
        return found[1], medium
    if (found := _LAST_WORDS.fullmatch(title)) and fold(found[1]) not in _ARTICLES:
        return found[1].rstrip(" -–—:"), "score" if found[2].lower().endswith("score") else "soundtrack"
    if found := _FIRST_WORDS.fullmatch(title):
        return found[1], "soundtrack"
    return title, ""


def _medium(words: str) -> str:
    name = next((name for name, pattern in _MEDIA if pattern.fullmatch(words)), "")
    return " ".join(_RECORDED.sub("", words).split()) if name == "cast" else name


def _without_nickname(title: str, artist: str) -> tuple[str, str]:
    """Return a title without its nickname, or without the reading of a title that is a sign: "÷ (Divide)"."""
    found = _SUFFIX.fullmatch(title)
    if not found or not found[2]:
        return title, ""
    name, beside = found[1], fold(found[2])
    if (nickname := _NICKNAME.fullmatch(beside)) and artist and same_spelling(name, artist):
        return name, nickname[1]
    is_sign = not scripts(name) and not any(letter.isdigit() for letter in name)
    return (name, beside) if is_sign and not of_other_sounds(beside) else (title, "")
