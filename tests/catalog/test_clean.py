import random
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from covergen.catalog.clean import MEDIA_COLUMNS, Cleaning, clean
from covergen.storage import rows
from covergen.storage.columns import Table
from covergen.storage.tables import ALBUMS, CATALOG, MEDIA, TAGS, TRACKS


def table(kind: Table, records: list[dict]) -> pa.Table:
    bare = rows.from_records(kind, records).drop_columns("checksum")
    return rows.conform(kind, bare, kind.schema())


def album(key: str, artist: str = "A", genres=("rock",), **more) -> dict:
    when = datetime(2024, 1, 1, tzinfo=UTC)
    return {
        "album_id": key,
        "artist": artist,
        "title": f"Album {key}",
        "genres": list(genres),
        "source": "folder",
        "fetched_at": when,
    } | more


def track(key: str, of: str, **more) -> dict:
    return {"track_id": key, "album_id": of, "title": f"Song {key}", "artist": "A", "source": "folder"} | more


def audio(key: str, **more) -> dict:
    return {"owner_id": key, "kind": "audio", "sha256": f"sha-{key}", "source": "folder"} | more


def cleaned(albums, tracks, media, settings=None, tags=None) -> dict[str, dict]:
    heard = table(TAGS, tags) if tags is not None else None
    found = clean(table(ALBUMS, albums), table(TRACKS, tracks), table(MEDIA, media), settings, tags=heard)
    return {row["album_id"]: row for row in found.to_pylist()}


def test_the_row_of_an_album():
    found = cleaned(
        [album("a", release_date="1997-05", genres=["House/Electronic"], licence="CC0-1.0")],
        [track("t", "a", popularity=7.0)],
        [audio("t"), {"owner_id": "a", "kind": "cover", "sha256": "picture"}],
    )["a"]
    assert found.pop("input_digest")
    assert found == {
        "album_id": "a",
        "artist": "A",
        "title": "Album a",
        "year": "1997",
        "track_id": "t",
        "track_title": "Song t",
        "genre": "electronic",
        "genre_source": "album",
        "genres": ["House", "Electronic"],
        "popularity": 7.0,
        "split": found["split"],
        "licence": "CC0-1.0",
        "cover_sha256": "picture",
        **dict.fromkeys(rows.REJECT_COLUMNS.names),
    }


def test_the_licence_is_that_of_all_that_is_taken():
    found = cleaned(
        [album("a", licence="CC-BY-SA-4.0")],
        [
            track("t", "a", popularity=7.0, licence="spotify-terms"),
            track("u", "a", popularity=1.0, licence="not taken"),
        ],
        [
            audio("t", licence="deezer-terms"),
            audio("u", licence="not taken"),
            {"owner_id": "a", "kind": "cover", "sha256": "picture", "licence": "spotify-terms"},
        ],
    )["a"]
    assert found["licence"] == "CC-BY-SA-4.0; spotify-terms; deezer-terms"


@pytest.mark.parametrize(
    ("tracks", "best"),
    [
        ([{"popularity": 3.0}, {"popularity": 9.0}], 1),
        ([{"popularity": None}, {"popularity": 0.0}], 1),
        ([{"popularity": None, "views": 5}, {"popularity": None, "views": None}], 0),
        ([{"popularity": None, "views": None}, {"popularity": None, "views": 0}], 1),
        ([{}, {}], 0),
        ([{"popularity": 5.0, "views": 1}, {"popularity": 5.0, "views": 2}], 1),
        ([{"disc": 2, "number": 1}, {"disc": 1, "number": 9}], 1),
        ([{"number": 2}, {"number": 1}], 1),
        ([{"number": None}, {"number": 4}], 1),
        ([{"popularity": 9.0, "silent": True}, {"popularity": 1.0}], 1),
    ],
)
def test_the_most_popular_track_with_audio_stands_for_the_album(tracks, best):
    records = [
        track(f"t{k}", "a", **{n: v for n, v in t.items() if n != "silent"}) for k, t in enumerate(tracks)
    ]
    media = [audio(f"t{k}") for k, t in enumerate(tracks) if "silent" not in t]
    assert cleaned([album("a")], records, media)["a"]["track_id"] == f"t{best}"


def test_albums_without_usable_audio_are_refused_by_name():
    found = cleaned([album("a"), album("b")], [track("t", "a")], [])
    assert {row["reject_code"] for row in found.values()} == {"no_media"}
    assert "A: Album a: none of its 1 tracks" in found["a"]["reject_reason"]
    assert found["a"]["artist"] is None


def test_missing_genres_come_from_the_artist_then_from_the_default():
    albums = [
        album("a", genres=[]),
        album("b", artist="a", genres=["jazz", "swing"]),
        album("c", artist="C", genres=["instrumental"]),
        album("d", artist="Various Artists", genres=[]),
        album("e", artist="Various Artists", genres=["metal"]),
    ]
    tracks = [track(f"t{a['album_id']}", a["album_id"]) for a in albums]
    media = [audio(t["track_id"]) for t in tracks]
    found = cleaned(albums, tracks, media, Cleaning(default_genre="unknown"))
    told = {key: (row["genre"], row["genre_source"]) for key, row in found.items()}
    assert told == {
        "a": ("jazz", "artist"),
        "b": ("jazz", "album"),
        "c": ("unknown", "default"),
        "d": ("unknown", "default"),
        "e": ("metal", "album"),
    }


def heard(key: str, genre: dict[str, float], tagger: str = "x") -> dict:
    return {"track_id": key, "tagger": tagger, "genre": list(genre.items())}


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ([heard("t", {"free jazz": 0.6, "polka": 0.5})], ("jazz", "tags")),
        ([heard("t", {"free jazz": 0.6}), heard("t", {"polka": 0.7}, "y")], ("folk", "tags")),
        ([heard("t", {"free jazz": 0.6, "unheard of": 0.9})], ("jazz", "tags")),
        ([heard("t", {"free jazz": 0.5, "bebop": 0.5, "polka": 0.5})], ("folk", "tags")),
        ([heard("t", {"free jazz": 0.09})], ("unknown", "default")),
        ([heard("other", {"free jazz": 0.9})], ("unknown", "default")),
        ([heard("t", {})], ("unknown", "default")),
        ([], ("unknown", "default")),
        (None, ("unknown", "default")),
    ],
)
def test_what_was_heard_fills_a_genre_that_nobody_tells(tags, told):
    one = cleaned([album("a", genres=[])], [track("t", "a")], [audio("t")], tags=tags)["a"]
    assert (one["genre"], one["genre_source"]) == told


def test_what_was_heard_stands_behind_what_is_told():
    albums = [album("a", genres=[]), album("b", genres=["rock"])]
    songs, media = [track("t", "a"), track("u", "b")], [audio("t"), audio("u")]
    found = cleaned(albums, songs, media, tags=[heard("t", {"jazz": 1.0}), heard("u", {"jazz": 1.0})])
    assert [(row["genre"], row["genre_source"]) for row in found.values()] == [
        ("rock", "artist"),
        ("rock", "album"),
    ]


def test_editions_are_merged_and_the_refused_name_who_stayed():
    albums = [
        album(
            "a",
            title="Blue (Deluxe)",
            genres=["jazz"],
            licence="CC-BY-4.0",
            source="table",
            release_date="2011",
        ),
        album("b", title="Blue", genres=["bebop"], licence="CC0-1.0"),
    ]
    songs = [track("t", "a", popularity=9.0), track("u", "b", popularity=1.0)]
    found = cleaned(albums, songs, [audio("t"), audio("u"), audio("b", kind="cover")])
    assert found["a"]["reject_code"] == "duplicate"
    assert found["a"]["reject_reason"] == "A: Blue (Deluxe): merged into Blue (b)"
    kept = found["b"]
    assert (kept["title"], kept["track_id"], kept["genres"]) == ("Blue", "t", ["bebop", "jazz"])
    assert (kept["year"], kept["licence"], kept["cover_sha256"]) == ("2011", "CC0-1.0; CC-BY-4.0", "sha-b")
    assert found == cleaned(albums[::-1], songs[::-1], [audio("b", kind="cover"), audio("u"), audio("t")])


def test_who_has_sound_then_a_cover_stays():
    albums = [album("a", title="Blue"), album("b", title="Blue (Deluxe)")]
    songs = [track("t", "a"), track("u", "b")]
    assert cleaned(albums, songs, [audio("u")])["a"]["reject_code"] == "duplicate"
    assert cleaned(albums, songs, [audio("t"), audio("u")])["b"]["reject_code"] == "duplicate"
    covered = cleaned(albums, songs, [audio("t"), audio("u"), audio("b", kind="cover")])
    assert covered["a"]["reject_code"] == "duplicate"
    assert {row["reject_code"] for row in cleaned(albums, songs, []).values()} == {"no_media", "duplicate"}


def test_more_rows_move_no_split():
    names = ["Zoë", "The Zoe", "ZOË feat. Rain", "Zoë; Rain", "Snow & Ice", "Snow and Ice"]
    albums = [album(f"a{k}", artist=name, title=f"T{k}") for k, name in enumerate(names)]
    songs = [track(f"t{k}", f"a{k}") for k in range(40)]
    media = [audio(f"t{k}") for k in range(40)]
    halves = Cleaning(validation=0.3, test=0.4)
    before = {key: row["split"] for key, row in cleaned(albums, songs, media, halves).items()}
    assert len({before[f"a{k}"] for k in range(4)}) == len({before["a4"], before["a5"]}) == 1
    more = albums + [album(f"a{k}", artist=f"B{k}", title="T") for k in range(6, 40)]
    after = {key: row["split"] for key, row in cleaned(more, songs, media, halves).items()}
    assert {key: after[key] for key in before} == before
    assert set(after.values()) == {"train", "validation", "test"}


def test_two_sources_of_one_album_are_one_row():
    one = album("a", genres=["rock"], source="folder", licence="CC0-1.0")
    two = album("a", genres=["metal"], source="table", release_date="1999", licence="CC-BY-4.0")
    songs = [track("t", "a"), track("t", "a", source="table", popularity=4.0)]
    found = cleaned([two, one], songs, [audio("t")])["a"]
    assert (found["year"], found["genres"], found["popularity"]) == ("1999", ["rock", "metal"], 4.0)
    assert found["licence"] == "CC0-1.0; CC-BY-4.0"
    assert cleaned([one, two], songs[::-1], [audio("t")])["a"] == found


def test_the_order_of_the_inputs_does_not_matter():
    albums = [album(f"a{k}", artist=f"A{k % 3}", genres=["jazz"] if k % 3 else []) for k in range(9)]
    tracks = [track(f"t{k}", f"a{k % 9}", number=k) for k in range(27)]
    media = [audio(f"t{k}") for k in range(27)]
    first = cleaned(albums, tracks, media)
    for records in (albums, tracks, media):
        random.Random(3).shuffle(records)
    assert list(cleaned(albums, tracks, media).items()) == list(first.items())


def test_the_digest_changes_with_what_went_in_and_with_nothing_else():
    albums, tracks, media = (
        [album("a"), album("b", artist="B")],
        [track("t", "a"), track("u", "b")],
        [audio("t"), audio("u")],
    )
    before = {key: row["input_digest"] for key, row in cleaned(albums, tracks, media).items()}
    changed = cleaned(albums, tracks, [audio("t", seconds=3.0), audio("u")])
    assert changed["a"]["input_digest"] != before["a"]
    assert changed["b"]["input_digest"] == before["b"]
    more = cleaned([*albums, album("c", artist="C")], [*tracks, track("v", "c")], [*media, audio("v")])
    assert {key: more[key]["input_digest"] for key in before} == before
    refused = cleaned(albums, tracks, [audio("u")])
    assert refused["a"]["input_digest"] != before["a"]


def test_a_genre_learnt_from_another_album_makes_the_row_new():
    lone = cleaned([album("a", genres=[])], [track("t", "a")], [audio("t")])["a"]
    pair = cleaned([album("a", genres=[]), album("b")], [track("t", "a")], [audio("t")])["a"]
    assert lone["input_digest"] != pair["input_digest"]


def test_outcomes_fit_the_table_and_need_no_bytes():
    media = table(MEDIA, [audio("t")]).select(MEDIA_COLUMNS)
    found = clean(table(ALBUMS, [album("a")]), table(TRACKS, [track("t", "a")]), media)
    accepted = found.drop_columns(rows.REJECT_COLUMNS.names)
    assert rows.conform(CATALOG, accepted, CATALOG.schema()).num_rows == 1


def test_an_empty_catalogue():
    assert clean(table(ALBUMS, []), table(TRACKS, []), table(MEDIA, [])).num_rows == 0
