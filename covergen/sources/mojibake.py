"""Tags whose bytes are of another code page than the Latin-1 that they were read as."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

_HIGH: Final = re.compile(r"[\x80-\xff]")
_C1: Final = re.compile(r"[\x80-\x9f]")  # no text holds these controls; in Windows' code page they are quotes
_LATIN: Final = re.compile(r"[A-Za-z]")
_SMALL_1251: Final = re.compile(r"[\xe0-\xff\xb8]")  # small Cyrillic letters of Windows, ё among them
_LARGE_1251: Final = re.compile(r"[\xc0-\xdf\xa8]")
_LEAST: Final = 6  # letters, below which nothing is guessed
_WORD: Final = re.compile(r"[A-Za-z\xa8\xb8\xc0-\xff]+")
_LONG: Final = 4  # letters of a word, all high: accents of Western languages do not stand so close
_VOWELS: Final = re.compile(r"[аеёиоуыэюя]")
_CONSONANTS: Final = re.compile(r"[бвгджзйклмнпрстфхцчшщ]")


def mended(values: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the texts of one file, each decoded anew where that is sure, else as it is.

    Sure are UTF-8, whose bytes fit by no accident, Windows' quotes, and Cyrillic where the texts together
    are of nothing but high letters, small ones mostly, or of whole words of them that can be spoken: no
    language of Latin-1 writes so.
    """
    suspect = [text for texts in values.values() for text in texts if _HIGH.search(text) and _fits(text)]
    page = "cp1251" if _is_cyrillic(" ".join(suspect)) else "cp1252"
    return {name: [_decoded(text, page) for text in texts] for name, texts in values.items()}


def _decoded(text: str, page: str) -> str:
    if not (_HIGH.search(text) and _fits(text)):
        return text
    data = text.encode("latin-1")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if page == "cp1251" or _C1.search(text):
        return data.decode(page, "replace")
    return text


def _is_cyrillic(text: str) -> bool:
    small, large = len(_SMALL_1251.findall(text)), len(_LARGE_1251.findall(text))
    letters = small + large
    if letters < _LEAST:
        return False
    return (letters > 4 * len(_LATIN.findall(text)) and small > 2 * large) or _has_cyrillic_words(text)


def _has_cyrillic_words(text: str) -> bool:
    """Tell whether every word with a high letter is one of Cyrillic, be it all in capitals.

    Its letters are all high, its capitals at its start or everywhere; there is a long one, and all long ones
    have vowels and consonants, unlike the pairs of bytes that Chinese or Korean words are.
    """
    words = [word for word in _WORD.findall(text) if _HIGH.search(word)]
    if any(_LATIN.search(word) for word in words):
        return False
    spelled = [word.encode("latin-1").decode("cp1251", "replace") for word in words]
    long = [word.lower() for word in spelled if len(word) >= _LONG]
    are_cased = all(word.isupper() or word[1:].islower() or len(word) == 1 for word in spelled)
    return bool(long) and are_cased and all(_VOWELS.search(w) and _CONSONANTS.search(w) for w in long)


def _fits(text: str) -> bool:
    return all(ord(c) < 256 for c in text)
