"""Cutting a prompt to what a text encoder reads, the least important words first."""

from collections.abc import Callable

from covergen.catalog.prompts.protocol import Parts

Measure = Callable[[str], int]


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
