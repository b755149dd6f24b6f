"""What a prompt style is: what is known of an album to three variants of parts.

Parts stand in the order of importance: a text that is too long loses its last parts first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

VARIANTS: Final = ("full", "untitled", "genre")
Parts = tuple[str, ...]
Wording = dict[str, Parts]


@dataclass(frozen=True)
class Facts:
    """What is known of one album; what nobody knows is empty."""

    title: str
    genre: str
    artist: str = ""
    year: str = ""
    track: str = ""
    moods: tuple[str, ...] = ()  # the strongest first
    standing: str = ""  # how popular it is, as "well known"
    lyrics: str = ""  # of its most popular track
    theme_count: int = 3  # how many themes of the lyrics may be named
    template: str | None = None  # one's own, of the style `custom`


Style = Callable[[Facts], Wording]


def facts_of(row: Mapping[str, Any], **more: Any) -> Facts:
    """Return the facts of a row of CATALOG; `more` are fields that it does not hold."""
    return Facts(
        title=row["title"],
        genre=row["genre"],
        artist=row["artist"] or "",
        year=row["year"] or "",
        track=row["track_title"] or "",
        **more,
    )


def texts(wording: Wording) -> dict[str, str]:
    """Return each variant whole, whatever its length."""
    return {variant: " ".join(parts) for variant, parts in wording.items()}


def listed(words: tuple[str, ...]) -> str:
    """Return "calm", "calm and dark" or "calm, dark and warm"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
