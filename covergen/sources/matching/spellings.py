"""Names as people spell and stylise them: P!nk and Pink, AC/DC and ACDC, Vol. 2 and Volume Two.

Two names are one if any spelling of the one is a spelling of the other. What such names belong to, an artist
or a title, is left to others.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from covergen.sources.matching.editions import (
    fold,
    of_other_sounds,
    split_edition,
    without_article,
    without_guests,
)

_LETTER: Final = r"[^\W\d_]"
# Signs that stand for a letter between letters; "$" beside one too: "Ke$ha", "$uicideboy$".
_SIGNS: Final = {"!": "i", "@": "a", "€": "e", "£": "l", "¥": "y", "¢": "c"}
_SIGN: Final = re.compile(rf"(?<={_LETTER})(?:{'|'.join(_SIGNS)})(?={_LETTER})")
_DOLLARS: Final = re.compile(rf"(?<={_LETTER})\$+|\$+(?={_LETTER})")
# Digits within a word, and the 5 that is its last letter: "R3HAB", "deadmau5".
_DIGITS: Final = str.maketrans("013457", "oieast")
_DIGIT: Final = re.compile(r"(?<=[A-Za-z])[013457]+(?=[A-Za-z])|(?<=[A-Za-z]{3})5(?!\w)")
# Letters of other scripts that are drawn into Latin words, as in "KoЯn"; and letters drawn of strokes.
_DRAWN: Final = {
    "Я": "r",
    "я": "r",
    "И": "n",
    "и": "n",
    "Λ": "a",
    "Δ": "a",
    "∆": "a",
    "▲": "a",
    "Σ": "e",
    "Ξ": "e",
}
_DRAWN_IN: Final = re.compile(rf"(?<=[A-Za-z])[{''.join(_DRAWN)}]|[{''.join(_DRAWN)}](?=[A-Za-z])")
_STROKES: Final = {"/\\/\\": "m", "/\\": "a", "\\/": "v"}
_STROKE: Final = re.compile("|".join(map(re.escape, _STROKES)))
# Latin letters that have no accent to take off.
_LATIN: Final = str.maketrans({
    "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "×": "x", "²": " 2",
    "³": " 3",
})  # fmt: skip
_CARVED: Final = re.compile(r"\b[A-Z]*V[A-Z]+\b")  # as in stone: "CHVRCHES", "ALVVAYS"
_DOTS: Final = re.compile(r"(?<=\w)\.(?=\w)|(?<=\b\w)\.")
_JOINTS: Final = re.compile(r"(?<=\w)[./*·•'‐‑–-]+(?=\w)|(?<=\b\w)\.")
_SPACED: Final = re.compile(r"(?<!\S)\w(?: \w){2,}(?!\S)")  # "m a y a", "n e r d"
_ABBREVIATED: Final = {
    "vol": "volume", "vols": "volume", "pt": "part", "pts": "part", "parts": "part", "no": "number",
    "nr": "number", "ch": "chapter", "sgt": "sergeant", "st": "saint", "mr": "mister", "dr": "doctor",
    "mt": "mount", "vs": "versus", "n": "and",
}  # fmt: skip
_COUNTED: Final = frozenset({"volume", "part", "number", "chapter", "book", "act", "episode", "season"})
_ONES: Final = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
_ROMAN: Final = {"x" * (number // 10) + _ONES[number % 10]: str(number) for number in range(1, 40)}
_NUMBER_WORDS: Final = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_NUMBERS: Final = {word: number for number, word in enumerate(_NUMBER_WORDS, start=1)}
_TENS: Final = {
    word: 10 * number
    for number, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_CENSORED: Final = re.compile(r"\w+\*+\w*")
_COARSE: Final = (
    "fuck", "fucks", "fucked", "fucker", "fuckers", "fuckin", "fucking", "motherfucker", "shit", "shits",
    "bullshit", "bitch", "bitches", "nigga", "niggas", "niggaz", "dick", "ass", "pussy", "cunt", "whore",
    "slut", "bastard", "bastards", "cock", "damn",
)  # fmt: skip
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


def same_spelling(one: str, other: str) -> bool:
    """Say whether two texts are one name in two spellings. A text without any letter equals itself alone."""
    return not spellings(one).isdisjoint(spellings(other))


@lru_cache(maxsize=1 << 14)  # what is wanted is compared with all that is offered
def spellings(text: str) -> frozenset[str]:
    """Return the keys of all spellings of a name, without a first "the"; none of an empty one."""
    plain = _CENSORED.sub(_uncensored, text)
    carved = _CARVED.sub(lambda found: found[0].replace("VV", "W").replace("V", "U"), plain)
    drawn = {plain, carved, _undrawn(plain.translate(_LATIN))}
    every = {closed for each in drawn for closed in (each, _DOTS.sub("", each), _JOINTS.sub("", each))}
    keys = {key for each in every for key in _counted(fold(each))}
    keys |= {_SPACED.sub(lambda run: run[0].replace(" ", ""), key) for key in keys}
    return frozenset(without_article(key) for key in keys if key)


def scripts(text: str) -> frozenset[str]:
    """Return the scripts that a text's letters are of, as Unicode names them: LATIN, HANGUL, CJK..."""
    return frozenset(unicodedata.name(letter, "").split(" ")[0] for letter in text if letter.isalpha())


def _undrawn(text: str) -> str:
    """Return a text with letters where signs, digits and strokes are drawn for them."""
    if "\\" in text:
        text = _STROKE.sub(lambda found: _STROKES[found[0]], text)
    text = _DRAWN_IN.sub(lambda found: _DRAWN[found[0]], text)
    text = _DOLLARS.sub(lambda found: "s" * len(found[0]), text)
    text = _SIGN.sub(lambda found: _SIGNS[found[0]], text)
    return _DIGIT.sub(lambda found: found[0].translate(_DIGITS), text)


def _counted(key: str) -> set[str]:
    """Return a key with abbreviations in full and numbers as digits; a last number also without "volume".

    Roman numbers of one letter count after such a word and at the end alone.
    """
    tokens: list[str] = []
    for word in (_ABBREVIATED.get(each, each) for each in key.split()):
        number = _NUMBERS.get(word, _TENS.get(word))
        if number and number < 10 and tokens and tokens[-1] in _TENS:
            tokens[-1] = str(_TENS[tokens[-1]] + number)  # "twenty one"
        elif number and word not in _TENS:
            tokens.append(str(number))
        elif word in _ROMAN and (len(word) > 1 or (tokens and tokens[-1] in _COUNTED)):
            tokens.append(_ROMAN[word])
        else:
            tokens.append(word)
    tokens = [str(_TENS.get(word, word)) for word in tokens]
    if len(tokens) > 1:
        tokens[-1] = _ROMAN.get(tokens[-1], tokens[-1])
    bare = tokens[:-2] + tokens[-1:] if tokens[-2:-1] == ["volume"] and len(tokens) > 2 else tokens
    return {" ".join(tokens), " ".join(bare)}


def _uncensored(found: re.Match[str]) -> str:
    """Return the coarse word that a word with stars can only be."""
    pattern = re.compile(re.sub(r"\\\*", ".", re.escape(found[0])), re.IGNORECASE)
    fits = [word for word in _COARSE if pattern.fullmatch(word)]
    return fits[0] if fits else found[0]


# Titles of albums taken apart: the name, and what is said beside it of an edition, a film or a nickname.


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
