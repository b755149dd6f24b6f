"""Clean rows to prompts: one row of PROMPTS per album and variant.

Training draws among the variants, so that the model learns to do without a title; generation takes `full`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from covergen.catalog.prompts.protocol import Facts, Parts, facts_of
from covergen.catalog.prompts.styles import PROMPT_STYLES, standings
from covergen.catalog.tagged import heard_moods
from covergen.errors import ConfigError
from covergen.storage import rows
from covergen.storage.tables import PROMPTS

TRACK_COLUMNS = ("track_id", "views", "lyrics")
Measure = Callable[[str], int]


@dataclass(frozen=True)
class Wish:
    """How albums are worded: a style of the registry and what it may say; `tokens` None: of any length."""

    style: str = "album_genre"
    template: str | None = None
    words: int = 3  # moods or themes at most
    tokens: int | None = None


def make_prompts(
    catalog: pa.Table,
    wish: Wish | None = None,
    *,
    tracks: pa.Table | None = None,
    tags: pa.Table | None = None,
    measure: Measure = len,
) -> pa.Table:
    """Return the rows of PROMPTS of clean rows. Raises ConfigError for an unknown style or a bad template.

    `tracks` need TRACK_COLUMNS and tell lyrics and views, `tags` need track_id, mood and basis; without them
    a style says what it can. `measure` counts the tokens of a text. `input_digest` is that of the text: a
    catalogue row that changed without changing its words owes nothing.
    """
    wish = wish or Wish()
    if wish.style not in PROMPT_STYLES:
        raise ConfigError(f"There is no prompt style {wish.style!r}; use {', '.join(PROMPT_STYLES)}.")
    albums = catalog.to_pylist()
    track_facts = _track_facts(tracks, {row["track_id"] for row in albums})
    moods = heard_moods(tags.select(["track_id", "mood", "basis"]).to_pylist() if tags else (), wish.words)
    popular = _standings(albums, track_facts)
    records: list[dict[str, str]] = []
    for row in albums:
        facts = facts_of(
            row,
            moods=moods.get(row["track_id"], ()),
            standing=popular.get(row["album_id"], ""),
            lyrics=track_facts.get(row["track_id"], {}).get("lyrics") or "",
            theme_count=wish.words,
            template=wish.template,
        )
        records += _records(row["album_id"], facts, wish, measure)
    return rows.from_records(PROMPTS, records).drop_columns("checksum")


def _records(album_id: str, facts: Facts, wish: Wish, measure: Measure) -> Iterator[dict[str, str]]:
    for variant, parts in PROMPT_STYLES[wish.style](facts).items():
        key = {"album_id": album_id, "style": wish.style, "variant": variant}
        text = fit(parts, wish.tokens, measure)
        yield {
            "prompt_id": _digest("/".join(key.values())),
            **key,
            "text": text,
            "input_digest": _digest(text),
        }


def _track_facts(tracks: pa.Table | None, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """Return the most that any source tells of each track."""
    track_facts: dict[str, dict[str, Any]] = {}
    for row in tracks.select(TRACK_COLUMNS).to_pylist() if tracks else ():
        if row["track_id"] in wanted:
            own = track_facts.setdefault(row["track_id"], {"views": None, "lyrics": ""})
            own["views"] = max((v for v in (row["views"], own["views"]) if v is not None), default=None)
            own["lyrics"] = max(row["lyrics"] or "", own["lyrics"], key=lambda text: (len(text), text))
    return track_facts


def _standings(albums: list[dict[str, Any]], track_facts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return how popular each album is: by views where most albums have them, else by popularity."""
    views = {row["album_id"]: track_facts.get(row["track_id"], {}).get("views") for row in albums}
    counted = sum(figure is not None for figure in views.values())
    if 2 * counted > len(albums):
        return standings(views)
    return standings({row["album_id"]: row["popularity"] for row in albums})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Cutting a prompt to what a text encoder reads, the least important words first.


def fit(parts: Parts, budget: int | None, measure: Measure) -> str:
    """Return the parts as one text of `budget` tokens at most, as `measure` counts them; None: any length.

    Whole parts go first, from the last; then words of the first part, from its end. A single word is never
    cut, even where it alone is too long.
    """
    kept = [part for part in parts if part]
    if budget is None:
        return " ".join(kept)
    while len(kept) > 1 and measure(" ".join(kept)) > budget:
        kept.pop()
    words = " ".join(kept).split(" ")
    while len(words) > 1 and measure(" ".join(words)) > budget:
        words.pop()
    return " ".join(words)
