"""Cleaning without Ray: rows that come, merge and go, on a root made by hand."""

import pytest

from covergen.embeddings.clip_text import token_counter
from covergen.lineage.verify import verify
from covergen.storage import rejects, rows
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, CATALOG, MEDIA, PROMPTS, TAGS, TRACKS
from jobs import clean
from tests.jobs.conftest import config_for

SONG = "the ocean is so wide and I sail it with you\nwaves are all that we have\nand I am in the sea"


def add(root: Root, key: str, title: str, **more: object) -> None:
    """One album with one song that can be heard."""
    source = {"source": "folder", "source_url": f"file:///{key}"}
    album = {"album_id": key, "artist": "Zoë", "title": title, "genres": ["jazz"], **source} | more
    track = {"track_id": f"t{key}", "album_id": key, "title": "Rain", "lyrics": SONG, **source}
    audio = {"owner_id": f"t{key}", "kind": "audio", "sha256": key, **source}
    for table, record in ((ALBUMS, album), (TRACKS, track), (MEDIA, audio)):
        root.generation(table, {"v": 1}).append(rows.from_records(table, [record]).drop_columns("checksum"))


def test_an_edition_goes_when_the_plain_album_comes(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    root, config = Root.create(str(tmp_path / "root")), config_for(str(tmp_path / "root"))
    add(root, "b", "Blue (Deluxe)")
    clean.main(config)
    assert root.current(CATALOG).read(["album_id"])["album_id"].to_pylist() == ["b"]
    add(root, "a", "Blue")
    clean.main(config)
    assert "genres: jazz 1\n" in capsys.readouterr().err
    assert root.current(CATALOG).read(["album_id"])["album_id"].to_pylist() == ["a"]
    assert set(root.current(PROMPTS).read(["album_id"])["album_id"].to_pylist()) == {"a"}
    assert [(row["code"], row["key"]) for row in rejects.latest(root).to_pylist()] == [("duplicate", "b")]
    assert verify(root.uri) == []
    before = root.current(CATALOG).version, root.read("exports/exported.json")
    clean.main(config)
    told = capsys.readouterr().err
    assert told.count("nothing to do") == 2 and "written to" not in told
    assert (root.current(CATALOG).version, root.read("exports/exported.json")) == before


def test_tags_and_lyrics_reach_genre_and_words(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Root.create(str(tmp_path / "root"))
    add(root, "a", "Blue", genres=[])
    heard = {
        "track_id": "ta",
        "tagger": "x",
        "mood": [("calm", 0.9)],
        "genre": [("bebop", 0.6)],
        "input_digest": "d",
    }
    root.generation(TAGS, {"v": 1}).append(rows.from_records(TAGS, [heard]).drop_columns("checksum"))
    texts, generations = {}, set()
    for style in ("album_genre", "album_genre_emotions", "lyrics_themes"):
        clean.main(config_for(root.uri, clean={"prompt_style": style}))
        generations.add(root.current(PROMPTS).name)
        (texts[style],) = root.current(PROMPTS).read(["text"], where="variant = 'full'")["text"].to_pylist()
    assert len(generations) == 3
    assert texts["album_genre"] == "Create an album cover for the album 'Blue'. The genre is jazz."
    assert texts["album_genre_emotions"] == texts["album_genre"] + " The mood is calm."
    assert texts["lyrics_themes"] == texts["album_genre"] + " It is about the sea."
    assert "genres: jazz 1; 1 heard in the music" in capsys.readouterr().err
    clean.main(config_for(root.uri, clean={"genre_score": 0.7}))
    assert root.current(CATALOG).read(["genre_source"])["genre_source"].to_pylist() == ["default"]


def test_a_prompt_is_cut_to_what_the_text_encoder_reads(tmp_path) -> None:
    root = Root.create(str(tmp_path / "root"))
    add(root, "a", "night " * 200)
    clean.main(config_for(root.uri, clean={"prompt_tokens": 40}))
    (text,) = root.current(PROMPTS).read(["text"], where="variant = 'full'")["text"].to_pylist()
    count = token_counter("tiny")
    assert text.startswith("Create an album cover for the album 'night night")
    assert count(text) <= 40 < count(f"{text} night")
