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
_VOWELS: Final = re.compile(r"[аеёиоуыэюяіїє]", re.IGNORECASE)
_SPOKEN: Final = (0.25, 0.75)  # share of vowels; Greek, Hebrew, Chinese and Korean read as cp1251 have fewer


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
    is_small = small + large > 4 * len(_LATIN.findall(text)) and small > 2 * large
    words = [word for word in _WORD.findall(text) if _HIGH.search(word)]
    spelled = [word.encode("latin-1").decode("cp1251") for word in words]
    return small + large >= _LEAST and (is_small or _are_whole(spelled)) and _are_spoken(spelled)


def _are_whole(words: Sequence[str]) -> bool:
    """Tell whether words are high letters alone, one of them long, capitals at the start or everywhere."""
    are_cased = all(word.isupper() or word[1:].islower() or len(word) == 1 for word in words)
    are_pure = not any(_LATIN.search(word) for word in words)
    return are_cased and are_pure and any(len(word) >= _LONG for word in words)


def _are_spoken(words: Sequence[str]) -> bool:
    letters = "".join([word for word in words if len(word) >= _LONG] or words)
    least, most = _SPOKEN
    return least * len(letters) <= len(_VOWELS.findall(letters)) <= most * len(letters)


def _fits(text: str) -> bool:
    return all(ord(c) < 256 for c in text)
