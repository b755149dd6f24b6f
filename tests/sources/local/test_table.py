import json
import logging
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from covergen.errors import ConfigError, RejectCode
from covergen.sources.local.file_urls import path_of
from covergen.sources.local.table import TableSource, match_columns
from covergen.storage import rows
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS

RECORDS = [
    {
        "artist": "Zoë",
        "album": "Night",
        "track": "Rain",
        "genres": ["dream pop", "rock"],
        "year": 1997,
        "audio": "a/rain.mp3",
    },
    {
        "artist": "Zoë",
        "album": "Night",
        "track": "Dawn",
        "genres": ["dream pop"],
        "year": 1997,
        "audio": "a/dawn.mp3",
    },
    {"artist": "雨", "album": "夜", "track": "一", "genres": [], "year": None, "audio": "/elsewhere/b.flac"},
]


def write(path: Path, records: list[dict]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(records))
    elif path.suffix == ".jsonl":
        path.write_text("\n\n".join(map(json.dumps, records)))
    else:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        cells = [[";".join(v) if isinstance(v, list) else str(v or "") for v in r.values()] for r in records]
        lines = [delimiter.join(row) for row in [list(records[0]), *cells]]
        path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    return path


def all_of(source: TableSource, what: str) -> list:
    return [record for piece in source.read() for record in getattr(piece, what)]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_every_kind_of_table_tells_the_same(tmp_path, suffix):
    source = TableSource(write(tmp_path / f"t{suffix}", RECORDS))
    albums, tracks, media = (all_of(source, what) for what in ("albums", "tracks", "media"))
    assert [(a["artist"], a["title"], a["release_date"]) for a in albums] == [
        ("Zoë", "Night", "1997"),
        ("雨", "夜", None),
    ]
    assert albums[0]["genres"] == ["dream pop", "rock"]
    assert [track["title"] for track in tracks] == ["Rain", "Dawn", "一"]
    assert path_of(media[0]["uri"]) == tmp_path / "a/rain.mp3"
    assert path_of(media[2]["uri"]) == Path("/elsewhere/b.flac")
    assert not all_of(source, "rejects")
    for table, records in ((ALBUMS, albums), (TRACKS, tracks), (MEDIA, media)):
        assert rows.from_records(table, records).num_rows == len(records)


def test_predecessors_columns(tmp_path, caplog):
    path = tmp_path / "train.csv"
    path.write_text(
        "artist,song_name,genres,album_name,song_id,album_id,genres_list,singular_genre,Top Emotions\n"
        """Firewind,Land,"speed metal, metal",Fire,6M0,7mJ,"['speed metal', 'metal']",Rock,Joy\n"""
    )
    source = TableSource(path)
    with caplog.at_level(logging.WARNING):
        (piece,) = source.read()
    assert piece.albums[0]["genres"] == ["speed metal", "metal"]
    assert piece.tracks[0]["external_ids"] == {"song_id": "6M0", "album_id": "7mJ"}
    assert source.columns.ignored == ("genres_list", "singular_genre", "Top Emotions")
    assert caplog.text.count("Top Emotions") == 1


def test_title_is_the_albums_unless_an_album_stands_beside_it():
    assert match_columns(["Artist", "Title"]).fields["album"] == "Title"
    beside = match_columns(["Artist", "Album Name", "title"])
    assert (beside.fields["album"], beside.fields["track"]) == ("Album Name", "title")


def test_genres_written_as_a_list_in_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("artist,album,genre\nA,B,\"['trip hop', 'soul, jazz']\"\nC,D,[broken\nE,F,R&B/Soul\n")
    assert [a["genres"] for a in all_of(TableSource(path), "albums")] == [
        ["trip hop", "soul, jazz"],
        ["[broken"],
        ["R&B/Soul"],
    ]


def test_bad_rows_are_rejects_with_their_number(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "artist,album,track,popularity\nA,B,one,5\n,B,two,5\nA,,three,5\nA,C,four,much\nA,B,one,5\nA,B,x,1,surplus\nA,C,five,7\n"
    )
    rejects = all_of(TableSource(path), "rejects")
    assert [(r.key, r.problem.code) for r in rejects] == [
        ("t.csv, row 2", RejectCode.MISSING_FIELD),
        ("t.csv, row 3", RejectCode.MISSING_FIELD),
        ("t.csv, row 4", RejectCode.WRONG_TYPE),
        ("t.csv, row 5", RejectCode.DUPLICATE),
        ("t.csv, row 6", RejectCode.WRONG_TYPE),
    ]
    assert "popularity is 'much'" in rejects[2].problem.reason
    assert [a["title"] for a in all_of(TableSource(path), "albums")] == [
        "B",
        "C",
    ]  # row 4 does not hide row 7's


def test_broken_lines_of_json_are_rejects(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"artist": "A", "album": "B"}\n{broken\n[1]\n{"artist": {"x": 1}, "album": "C"}\n')
    source = TableSource(path)
    assert [r.problem.code for r in all_of(source, "rejects")] == [RejectCode.WRONG_TYPE] * 3
    assert len(all_of(source, "albums")) == 1


def test_albums_come_once_and_covers_too(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("artist,album,track,cover\nA,B,1,c.jpg\nC,D,1,https://x.org/d.jpg\na,b,2,c.jpg\n")
    source = TableSource(path)
    assert len(all_of(source, "albums")) == 2
    covers = all_of(source, "media")
    assert [cover["uri"].rsplit("/", 1)[-1] for cover in covers] == ["c.jpg", "d.jpg"]
    assert [track["cover_url"] for track in all_of(source, "tracks")] == [None, "https://x.org/d.jpg", None]


def test_reading_twice_tells_the_same(tmp_path):
    source = TableSource(write(tmp_path / "t.csv", RECORDS))
    assert all_of(source, "tracks") == all_of(source, "tracks")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.xlsx", b"", "no known suffix"),
        ("t.csv", b"", "no rows"),
        ("t.csv", b"artist,year\nA,1\n", "no column for the album"),
        ("t.csv", b"a,b\n1,2\n", "no column for the artist"),
        ("t.csv", b"artist,album\n\xff\xfe,x\n", "not CSV in UTF-8"),
        ("t.json", b"[1, 2", "not JSON"),
        ("t.parquet", b"no parquet", "not PARQUET"),
    ],
)
def test_unusable_tables_are_told_in_one_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        list(TableSource(tmp_path / name).read())


def test_missing_table(tmp_path):
    with pytest.raises(ConfigError, match="There is no table"):
        TableSource(tmp_path / "none.csv")


@pytest.mark.samples
def test_real_catalogues():
    folder = os.environ.get("COVERGEN_SAMPLES")
    if not folder:
        pytest.skip("COVERGEN_SAMPLES is unset")
    source = TableSource(Path(folder, "samples/catalogue/predecessor_train.csv"))
    assert len(all_of(source, "albums")) == len(all_of(source, "tracks")) == 3429
    assert not all_of(source, "rejects")
    music = TableSource(Path(folder, "music/catalog.csv"))
    assert all(path_of(m["uri"]).is_file() for m in all_of(music, "media"))
