"""Album, genre and the moods that a tagger heard in the music."""

from covergen.catalog.prompts.album_genre import with_sentences
from covergen.catalog.prompts.protocol import Facts, Wording, listed


def album_genre_emotions(facts: Facts) -> Wording:
    """Name the strongest moods after album and genre; nothing where none was heard."""
    return with_sentences(facts, *([mood_sentence(facts.moods)] if facts.moods else []))


def mood_sentence(moods: tuple[str, ...]) -> str:
    """Return what is said of moods, the strongest first."""
    return f"The mood is {listed(moods)}."
