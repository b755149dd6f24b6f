"""One's own template. It comes from a user, so only plain fields are filled."""

import string
from typing import Final

from covergen.catalog.prompts.album_genre import with_sentences
from covergen.catalog.prompts.protocol import Facts, Wording
from covergen.errors import ConfigError

FIELDS: Final = ("album", "artist", "genre", "year", "track")


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
