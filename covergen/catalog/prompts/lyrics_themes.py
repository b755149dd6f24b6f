"""Album, genre and what the song is about, in our own words: never in those of the lyrics."""

from typing import Final

from covergen.catalog.lyrics import is_explicit, quotes, themes
from covergen.catalog.prompts.album_genre import with_sentences
from covergen.catalog.prompts.protocol import Facts, Parts, Wording, listed

LAST_RESORT: Final = ("album cover",)  # too short to quote anything


def lyrics_themes(facts: Facts) -> Wording:
    """Name the themes of the lyrics after album and genre; nothing where they tell none.

    A title with an explicit word is left out. No variant shares a run of five words with the lyrics: one that
    would (a title may be a line of the song) gives up its themes, its title, then everything.
    """
    told = themes(facts.lyrics, facts.theme_count)
    plain = with_sentences(facts)
    rich = with_sentences(facts, *([f"It is about {listed(told)}."] if told else []))
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
