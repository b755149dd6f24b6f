"""Prompt styles by name, as a config names them."""

from typing import Final

from covergen.catalog.prompts.album_genre import album_genre
from covergen.catalog.prompts.custom import custom
from covergen.catalog.prompts.emotions import album_genre_emotions
from covergen.catalog.prompts.lyrics_themes import lyrics_themes
from covergen.catalog.prompts.popularity import album_genre_popularity
from covergen.catalog.prompts.protocol import Style

PROMPT_STYLES: Final[dict[str, Style]] = {
    "album_genre": album_genre,
    "album_genre_emotions": album_genre_emotions,
    "album_genre_popularity": album_genre_popularity,
    "lyrics_themes": lyrics_themes,
    "custom": custom,
}
