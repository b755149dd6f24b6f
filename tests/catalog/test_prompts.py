import numpy as np
import pytest

from covergen import rows
from covergen.catalog.prompts import PROMPT_STYLES, VARIANTS, check_template, make_prompts
from covergen.errors import ConfigError
from covergen.pretraining.language import vary_caption
from covergen.procedural.factors import caption, draw_album
from covergen.tables import CATALOG, PROMPTS

ROW = {"album_id": "a", "artist": "Zoë", "title": "It's {Night}", "genre": "dream pop", "track_title": "Rain"}


def made(style: str = "album_genre", template: str | None = None, **more) -> dict[str, dict]:
    catalog = rows.from_records(CATALOG, [ROW | more])
    return {row["variant"]: row for row in make_prompts(catalog, style, template=template).to_pylist()}


def test_the_predecessors_words():
    assert (
        made()["full"]["text"]
        == "Create an album cover for the album 'It's {Night}'. The genre is dream pop."
    )
    assert made()["untitled"]["text"] == "Create an album cover. The genre is dream pop."


def test_the_embedded_models_captions_are_these_words():
    album = draw_album(3, "train")
    row = {"title": album.title, "artist": album.artist, "genre": album.genre}
    texts = PROMPT_STYLES["album_genre"](row, None)
    assert texts["full"] == caption(album)
    rng = np.random.default_rng(0)
    seen = {vary_caption(album, rng).text for _ in range(500)}
    assert set(texts.values()) <= seen


@pytest.mark.parametrize("style", PROMPT_STYLES)
def test_every_style_gives_every_variant(style):
    found = made(style, "{album} by {artist}: {genre}" if style == "custom" else None)
    assert tuple(found) == VARIANTS
    assert len({row["prompt_id"] for row in found.values()}) == 3
    assert "Night" not in found["untitled"]["text"] + found["genre"]["text"]
    assert PROMPT_STYLES[style].__doc__


def test_custom_fills_all_fields():
    assert made("custom", "{track}, {album}, {artist} ({genre}) {year}!", year="1997")["full"]["text"] == (
        "Rain, It's {Night}, Zoë (dream pop) 1997!"
    )
    assert made("custom", "{album} {year} x")["full"]["text"] == "It's {Night} x"


@pytest.mark.parametrize(
    "template",
    [
        "{mood}",
        "{album.__class__}",
        "{album!r}",
        "{album:>90000000}",
        "{album",
        "{}",
        "{0}",
        "{album[0]}",
        "",
        None,
    ],
)
def test_templates_that_cannot_be_filled_are_refused(template):
    with pytest.raises(ConfigError, match="template"):
        check_template(template)


def test_unknown_style():
    with pytest.raises(ConfigError, match="use album_genre, custom"):
        made("haiku")


def test_digest_is_that_of_the_words_alone():
    assert made(popularity=3.0)["full"]["input_digest"] == made()["full"]["input_digest"]
    assert made(genre="rock")["full"]["input_digest"] != made()["full"]["input_digest"]
    assert made(genre="rock")["full"]["prompt_id"] == made()["full"]["prompt_id"]


def test_rows_fit_the_table():
    found = make_prompts(rows.from_records(CATALOG, [ROW, ROW | {"album_id": "b"}]))
    assert rows.conform(PROMPTS, found, PROMPTS.schema()).num_rows == 6
    assert make_prompts(CATALOG.schema().empty_table()).num_rows == 0
