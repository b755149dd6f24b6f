"""What taggers heard, as far as the catalogue and the prompts use it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from covergen.catalog.genres import canonical_genre


def heard_genres(tags: Iterable[Mapping[str, Any]], least: float) -> dict[str, tuple[float, str]]:
    """Return track_id -> (minus the score, canonical genre) of its best word: sorted, the best is first.

    `tags` are rows of TAGS; words below the score `least` and words that name no genre do not count.
    """
    best: dict[str, tuple[float, str]] = {}
    for row in tags:
        for word, score in row["genre"] or ():
            if score is None or score < least or (genre := canonical_genre([word])) is None:
                continue
            scored = (-score, genre)
            best[row["track_id"]] = min(scored, best.get(row["track_id"], scored))
    return best


def heard_moods(tags: Collection[Mapping[str, Any]], count: int) -> dict[str, tuple[str, ...]]:
    """Return track_id -> its `count` strongest mood words, the strongest first.

    Scores of models and of heuristics do not compare: a heuristic's words count only where no model told any.
    """
    modelled = {row["track_id"] for row in tags if row["basis"] == "model" and row["mood"]}
    scores: dict[str, dict[str, float]] = {}
    for row in tags:
        if row["track_id"] in modelled and row["basis"] != "model":
            continue
        own = scores.setdefault(row["track_id"], {})
        for raw, score in row["mood"] or ():
            word = " ".join(raw.split()).casefold()
            if word and score:
                own[word] = max(score, own.get(word, 0.0))
    return {
        track: tuple(sorted(own, key=lambda word: (-own[word], word))[:count])
        for track, own in scores.items()
        if own
    }
