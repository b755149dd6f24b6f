"""Album, genre and how popular the album is, by its place within the catalogue."""

from collections.abc import Mapping
from typing import Final

from covergen.catalog.prompts.album_genre import with_sentences
from covergen.catalog.prompts.protocol import Facts, Wording

ENOUGH: Final = 5  # albums with a figure; a place among fewer says nothing
STANDINGS: Final = (
    (0.1, "very popular"),
    (0.35, "popular"),
    (0.7, "moderately known"),
    (1.0, "little known"),
)


def album_genre_popularity(facts: Facts) -> Wording:
    """Say how popular it is after album and genre; nothing where no figure is known."""
    return with_sentences(facts, *([f"The album is {facts.standing}."] if facts.standing else []))


def standings(figures: Mapping[str, float | None]) -> dict[str, str]:
    """Return album_id -> how popular, in words, by rank among all albums that have a figure.

    Of 100 albums, 10 are very popular and 30 little known. Equal figures have equal words: those of the best
    place among them. Empty where fewer than ENOUGH albums have a figure.
    """
    known = {album: figure for album, figure in figures.items() if figure is not None}
    if len(known) < ENOUGH:
        return {}
    place: dict[float, int] = {}
    for rank, figure in enumerate(sorted(known.values(), reverse=True)):
        place.setdefault(figure, rank)
    shares = {album: (place[figure] + 0.5) / len(known) for album, figure in known.items()}
    return {
        album: next(word for least, word in STANDINGS if share <= least) for album, share in shares.items()
    }
