"""What a song is about: themes of its lyrics, by words that speak of them, in six languages.

A word list, not a model: it names a theme only where several of its words stand in different lines, and says
nothing of languages and scripts that it does not know.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Final

from covergen.catalog.lyrics_words import EXPLICIT, STOP_WORDS, THEMES
from covergen.sources.identity import normalise
from covergen.sources.matching.editions import fold

RUN: Final = 5  # words in a row that no prompt may share with the lyrics
FEWEST_WORDS: Final = 12  # of lyrics whose language can be told
STOP_SHARE: Final = 0.15  # of a text's words that are stop words of its language
LEAD: Final = 1.2  # times as many as of the next language
HITS: Final = 2  # lines that speak of a theme
STEM: Final = 4  # letters of the shortest stem


def themes(lyrics: str, count: int) -> tuple[str, ...]:
    """Return up to `count` themes in our own words, the most frequent first; none where none is sure.

    A line counts once however often it is sung, and a line with an explicit word does not count.
    """
    lines = [
        words for words in dict.fromkeys(tuple(fold(line).split()) for line in lyrics.splitlines()) if words
    ]
    if (language := language_of([word for line in lines for word in line])) is None:
        return ()
    hits: Counter[str] = Counter()
    for line in lines:
        if not _explicit(line, language):
            hits.update({theme for word in line for theme in _themes_of(word, language)})
    sure = [theme for theme in THEMES if hits[theme] >= HITS]
    return tuple(sorted(sure, key=lambda theme: -hits[theme])[:count])


def language_of(words: list[str]) -> str | None:
    """Return en, de, fr, es, pt or it, by the share of stop words among folded words; None if unsure."""
    if len(words) < FEWEST_WORDS:
        return None
    counts = Counter(words)
    shares = {
        language: sum(counts[word] for word in stops.split()) / len(words)
        for language, stops in STOP_WORDS.items()
    }
    best, second = sorted(shares, key=lambda language: -shares[language])[:2]
    sure = shares[best] >= STOP_SHARE and shares[best] >= LEAD * shares[second]
    return best if sure else None


def is_explicit(title: str, lyrics: str) -> bool:
    """Say whether a title has an explicit word of English or its lyrics' language; of any where unsure."""
    return _explicit(tuple(fold(title).split()), language_of(fold(lyrics).split()))


def quotes(text: str, lyrics: str) -> bool:
    """Say whether a text shares a run of five words with lyrics, case and punctuation aside."""
    return not set(_runs(text)).isdisjoint(_runs(lyrics))


def _explicit(words: tuple[str, ...], language: str | None) -> bool:
    languages = ("en", language) if language else tuple(EXPLICIT)
    return any(word in EXPLICIT[known].split() for known in languages for word in words)


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = normalise(text).split()
    return (tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1))


def _themes_of(word: str, language: str) -> set[str]:
    whole, stems = _lists(language)
    found = set(whole.get(word, ()))
    for end in range(STEM, len(word) + 1):
        found |= stems.get(word[:end], set())
    return found


@cache
def _lists(language: str) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return (whole words, stems) of a language with the themes they speak of; stems end in '*'."""
    whole: dict[str, set[str]] = defaultdict(set)
    stems: dict[str, set[str]] = defaultdict(set)
    for theme, by_language in THEMES.items():
        for word in by_language[language].split():
            (stems if word.endswith("*") else whole)[word.removesuffix("*")].add(theme)
    return dict(whole), dict(stems)
