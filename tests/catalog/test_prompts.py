import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.catalog.lyrics import quotes
from covergen.catalog.prompts.make import Wish, fit, make_prompts
from covergen.catalog.prompts.protocol import VARIANTS, Facts, listed, texts
from covergen.catalog.prompts.styles import PROMPT_STYLES, album_genre, check_template, standings
from covergen.errors import ConfigError
from covergen.experiments.pretraining.language import vary_caption
from covergen.procedural.factors import caption, draw_album
from covergen.storage import rows
from covergen.storage.tables import CATALOG, PROMPTS, TAGS, TRACKS

ROW = {
    "album_id": "a",
    "artist": "Zoë",
    "title": "It's {Night}",
    "genre": "dream pop",
    "track_id": "t",
    "track_title": "Rain",
}
TEMPLATES = {"custom": "{album} by {artist}: {genre}"}
SONG = """We sail upon the ocean and the waves are high
and I dream of the sea when the night is here
the moon is over the ocean and you are not
the midnight star will sail with me to the sea
the moon, the moon is all that I can see"""
KNOWN = Facts("Blue", "rock", "Zoë", "1997", "Rain", moods=("calm", "dark"), standing="popular", lyrics=SONG)
LONG = st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=9), max_size=60).map(" ".join)


def catalog(*records: dict) -> object:
    return rows.from_records(CATALOG, [ROW | record for record in records])


def made(style: str = "album_genre", template: str | None = None, **more) -> dict[str, dict]:
    found = make_prompts(catalog(more), Wish(style, template))
    return {row["variant"]: row for row in found.to_pylist()}


def worded(style: str, facts: Facts = KNOWN) -> dict[str, str]:
    return texts(PROMPT_STYLES[style](facts))


def test_the_predecessors_words():
    assert made()["full"]["text"] == (
        "Create an album cover for the album 'It's {Night}'. The genre is dream pop."
    )
    assert made()["untitled"]["text"] == "Create an album cover. The genre is dream pop."


def test_the_embedded_models_captions_are_these_words():
    album = draw_album(3, "train")
    told = texts(album_genre(Facts(album.title, album.genre)))
    assert told["full"] == caption(album)
    rng = np.random.default_rng(0)
    assert set(told.values()) <= {vary_caption(album, rng).text for _ in range(500)}


@pytest.mark.parametrize("style", PROMPT_STYLES)
def test_every_style_gives_every_variant(style):
    found = made(style, TEMPLATES.get(style))
    assert tuple(found) == VARIANTS
    assert len({row["prompt_id"] for row in found.values()}) == 3
    assert "Night" not in found["untitled"]["text"] + found["genre"]["text"], "these two leave out the title"
    assert all("dream pop" in row["text"] for row in found.values()), "each names the genre"
    assert PROMPT_STYLES[style].__doc__


@pytest.mark.parametrize("style", PROMPT_STYLES)
def test_every_style_has_words_for_an_album_of_which_little_is_known(style):
    told = worded(style, Facts("Blue", "rock", template=TEMPLATES.get(style)))
    assert tuple(told) == VARIANTS and all(text.strip() for text in told.values())
    assert not any(odd in text for text in told.values() for odd in ("None", "{", "}", "()", "''"))


@pytest.mark.parametrize("style", ["album_genre_emotions", "album_genre_popularity", "lyrics_themes"])
def test_styles_that_add_a_sentence_are_album_and_genre_where_they_have_none(style):
    assert worded(style, Facts("Blue", "rock")) == worded("album_genre", Facts("Blue", "rock"))


@pytest.mark.parametrize("style", PROMPT_STYLES)
@given(title=LONG, genre=st.sampled_from(["rock", "spoken word"]), budget=st.integers(1, 40))
def test_every_style_fits_without_cutting_words(style, title, genre, budget):
    facts = Facts(
        title, genre, moods=("calm",), standing="popular", lyrics=SONG, template=TEMPLATES.get(style)
    )
    for parts in PROMPT_STYLES[style](facts).values():
        whole, text = " ".join(parts), fit(parts, budget, lambda text: len(text.split(" ")))
        assert text.strip()
        assert len(text.split(" ")) <= budget
        assert whole.split(" ")[: len(text.split(" "))] == text.split(" ")
        assert fit(parts, None, len) == whole


def test_whole_parts_go_first_then_words():
    parts = ("one two", "three", "four five")
    told = [fit(parts, budget, lambda text: len(text.split())) for budget in (5, 4, 3, 2, 1, 0)]
    assert told == ["one two three four five", "one two three", "one two three", "one two", "one", "one"]


def test_moods_popularity_and_themes_stand_last():
    assert worded("album_genre_emotions")["untitled"] == (
        "Create an album cover. The genre is rock. The mood is calm and dark."
    )
    assert worded("album_genre_popularity")["full"].endswith("The genre is rock. The album is popular.")
    assert worded("lyrics_themes")["full"].endswith("The genre is rock. It is about night and the sea.")
    assert [listed(words) for words in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


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
    with pytest.raises(ConfigError, match=r"use album_genre, .*custom"):
        made("haiku")


def test_a_title_that_quotes_the_song_is_left_out():
    line = "Sail with Me to the Sea"
    told = worded("lyrics_themes", Facts(line, "rock", lyrics=SONG))
    assert line not in told["full"] and "rock" in told["full"]
    assert not any(quotes(text, SONG) for text in told.values())


def test_an_explicit_title_is_left_out():
    assert worded("lyrics_themes", Facts("Shit Happens", "rock", lyrics=SONG))["full"].startswith(
        "Create an album cover. The genre"
    )
    assert "'Das dicke Kind'" in worded("lyrics_themes", Facts("Das dicke Kind", "rock"))["full"]


VOCABULARY = "create an album cover for the genre is rock it about night and love sea i you of a blue"
WORDS = st.sampled_from(VOCABULARY.split(" "))


@given(st.lists(WORDS, max_size=80), st.lists(WORDS, min_size=1, max_size=12), st.integers(2, 9))
def test_no_five_words_of_the_lyrics_stand_in_any_prompt(song, title, line):
    lyrics = "\n".join(" ".join(song[k : k + line]) for k in range(0, len(song), line))
    for text in worded("lyrics_themes", Facts(" ".join(title), "rock", lyrics=lyrics)).values():
        assert not quotes(text, lyrics)
        words = text.lower().replace("'", " ").replace(".", " ").replace(",", " ").split()
        runs = [" ".join(words[k : k + 5]) for k in range(len(words) - 4)]
        assert not any(f" {run} " in f" {' '.join(song)} " for run in runs)


def test_places_within_the_catalogue():
    hundred = standings({str(k): float(k) for k in range(100)})
    counts = [list(hundred.values()).count(word) for word in ("very popular", "popular", "little known")]
    assert counts == [10, 25, 30] and hundred["99"] == "very popular"
    assert standings({"a": 1.0, "b": 2.0, "c": None}) == {}
    assert set(standings(dict.fromkeys("abcdef", 7.0)).values()) == {"very popular"}


def test_what_tracks_and_tags_tell_reaches_the_words():
    albums = catalog(*({"album_id": f"a{k}", "track_id": f"t{k}"} for k in range(6)))
    tracks = rows.from_records(TRACKS, [{"track_id": f"t{k}", "views": k, "lyrics": SONG} for k in range(6)])
    mood = [("calm", 0.9), ("dark", 0.2), ("warm", 0.5)]
    tags = rows.from_records(TAGS, [{"track_id": "t5", "tagger": "x", "mood": mood}])

    def first(style: str) -> dict[str, str]:
        found = make_prompts(albums, Wish(style, words=2), tracks=tracks, tags=tags).to_pylist()
        return {row["album_id"]: row["text"] for row in found if row["variant"] == "untitled"}

    assert first("album_genre_emotions")["a5"].endswith("The mood is calm and warm.")
    assert "mood" not in first("album_genre_emotions")["a0"]
    assert first("album_genre_popularity")["a5"].endswith("The album is very popular.")
    assert first("album_genre_popularity")["a0"].endswith("The album is little known.")
    assert first("lyrics_themes")["a0"].endswith("It is about night and the sea.")


def test_digest_is_that_of_the_words_alone():
    assert made(popularity=3.0)["full"]["input_digest"] == made()["full"]["input_digest"]
    assert made(genre="rock")["full"]["input_digest"] != made()["full"]["input_digest"]
    assert made(genre="rock")["full"]["prompt_id"] == made()["full"]["prompt_id"]


def test_rows_fit_the_table():
    found = make_prompts(
        catalog({}, {"album_id": "b"}), Wish(tokens=5), measure=lambda text: len(text.split())
    )
    assert rows.conform(PROMPTS, found, PROMPTS.schema()).num_rows == 6
    assert {row["text"] for row in found.to_pylist()} >= {"Create an album cover for"}
    assert make_prompts(CATALOG.schema().empty_table()).num_rows == 0
