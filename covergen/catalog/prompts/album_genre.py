"""Album and genre, in the words of the first of such models. The other styles fall back to these."""

from covergen.catalog.prompts.protocol import Facts, Wording


def album_genre(facts: Facts) -> Wording:
    """Name album and genre."""
    return with_sentences(facts)


def with_sentences(facts: Facts, *sentences: str) -> Wording:
    """Return the wording of `album_genre`, followed by sentences where anything but the genre is told."""
    genre = f"The genre is {facts.genre}."
    return {
        "full": (f"Create an album cover for the album '{facts.title}'.", genre, *sentences),
        "untitled": ("Create an album cover.", genre, *sentences),
        "genre": (f"{facts.genre} album cover",),
    }
