"""Renditions: what bears a song's name and is somebody else's, or another sound than the song."""

import re
from collections.abc import Iterable
from typing import Final

from covergen.sources.matching.editions import fold

# In the spelling of `fold`: lower case, no accents, no punctuation. Whole words.
_WORDS: Final = {
    "karaoke": r"karaoke|караоке|卡拉ok|sing ?along (?:to|with|version)",
    "a tribute": r"tributes?|tributo|salutes? to|hommage a|homenaje a",
    "a cover version": r"cover (?:band|versions?|songs?|hits)|covers? (?:of|by)|covered by|cover$|copycats?",
    "in another's style": r"(?:in|im|en) (?:the |el )?(?:style|stil|estilo) (?:of|von|de)",
    "made famous by another": r"(?:made|been) (?:famous|popular) by|originally (?:\w+ )?by"
    r"|as (?:performed|sung) by",
    "a lullaby": r"lullab(?:y|ies) (?:renditions?|versions?|covers?|tributes?|of)|rockabye baby|renditions?"
    r"|baby (?:versions?|sleep)",
    "an arrangement": r"8 ?bit (?:versions?|arcade|universe)|chiptune"
    r"|(?:music box|piano|string quartet|orchestral|ukulele|marimba) (?:covers?|renditions?|arrangements?)",
    "a backing track": r"backing tracks?|minus one|playback version|instrumental version of",
    "mixed by a DJ": r"mixed$|mixed by|(?:dj|continuous|nonstop) (?:dj )?mix(?:ed)?|mix cut",
    "for exercise": r"workout (?:mix|remix|version)",
    "at another speed": r"nightcore|sped up|slowed(?: down| and reverb)?|8d(?: audio)?",
}
_UNSPACED: Final = {
    "karaoke": "カラオケ|노래방|伴奏",
    "an arrangement": "オルゴール",
    "a tribute": "トリビュート",
}
_PATTERNS: Final = {
    kind: re.compile(rf"(?<!\w)(?:{words})(?!\w)" + (f"|{_UNSPACED[kind]}" if kind in _UNSPACED else ""))
    for kind, words in _WORDS.items()
}


def version(offered: Iterable[str], wanted: Iterable[str]) -> str | None:
    """Return what kind of rendition a title or a name tells of, in words; None where the wanted ones do too.

    "Blue (Karaoke Version)" is none for "Blue", and just what one asks for in "Blue (Karaoke)".
    """
    offered_texts, wanted_texts = [fold(text) for text in offered], [fold(text) for text in wanted]
    for kind, pattern in _PATTERNS.items():
        if any(map(pattern.search, offered_texts)) and not any(map(pattern.search, wanted_texts)):
            return kind
    return None
