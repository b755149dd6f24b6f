"""Prompt styles: what a text encoder is told of an album. A style is a function, and a line at the end."""

import string
from collections.abc import Mapping
from typing import Final

from covergen.catalog.lyrics import is_explicit, quotes, themes
from covergen.catalog.prompts.protocol import Facts, Parts, Style, Wording, listed
from covergen.errors import ConfigError

ENOUGH: Final = 5  # albums with a figure; a place among fewer says nothing
STANDINGS: Final = (
    (0.1, "very popular"),
    (0.35, "popular"),
    (0.7, "moderately known"),
    (1.0, "little known"),
)
LAST_RESORT: Final = ("album cover",)  # too short to quote anything
FIELDS: Final = ("album", "artist", "genre", "year", "track")


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


def album_genre_emotions(facts: Facts) -> Wording:
    """Name the strongest moods after album and genre; nothing where none was heard."""
    return with_sentences(facts, *([mood_sentence(facts.moods)] if facts.moods else []))


def mood_sentence(moods: tuple[str, ...]) -> str:
    """Return what is said of moods, the strongest first."""
    return f"The mood is {listed(moods)}."


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


def lyrics_themes(facts: Facts) -> Wording:
    """Name the themes of the lyrics after album and genre; nothing where they tell none.

    A title with an explicit word is left out. No variant shares a run of five words with the lyrics: one that
    would (a title may be a line of the song) gives up its themes, its title, then everything.
    """
    named = themes(facts.lyrics, facts.theme_count)
    plain = with_sentences(facts)
    rich = with_sentences(facts, *([f"It is about {listed(named)}."] if named else []))
    if is_explicit(facts.title, facts.lyrics):
        plain["full"], rich["full"] = plain["untitled"], rich["untitled"]
    return {
        "full": _first(
            facts, rich["full"], plain["full"], rich["untitled"], plain["untitled"], plain["genre"]
        ),
        "untitled": _first(facts, rich["untitled"], plain["untitled"], plain["genre"]),
        "genre": _first(facts, plain["genre"]),
    }


def _first(facts: Facts, *choices: Parts) -> Parts:
    return next((parts for parts in choices if not quotes(" ".join(parts), facts.lyrics)), LAST_RESORT)


def custom(facts: Facts) -> Wording:
    """Fill one's own template with {album}, {artist}, {genre}, {year} and {track}. Raises ConfigError."""
    check_template(facts.template)
    values = {
        "album": facts.title,
        "artist": facts.artist,
        "genre": facts.genre,
        "year": facts.year,
        "track": facts.track,
    }
    return with_sentences(facts) | {"full": (" ".join(str(facts.template).format(**values).split()),)}


def check_template(template: str | None) -> None:
    """Raise ConfigError unless every field of a template is one that an album has."""
    if not template:
        raise ConfigError("The prompt style 'custom' needs a template; set clean.prompt_template.")
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"The prompt template {template!r} cannot be read: {error}.") from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in FIELDS or form or conversion):
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise ConfigError(f"The prompt template has the field {{{name}}}; use {known}.")


PROMPT_STYLES: Final[dict[str, Style]] = {
    "album_genre": album_genre,
    "album_genre_emotions": album_genre_emotions,
    "album_genre_popularity": album_genre_popularity,
    "lyrics_themes": lyrics_themes,
    "custom": custom,
}
"""By name, as a config names them."""
