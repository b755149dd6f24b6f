import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from covergen.catalog.clean import genre_summary
from covergen.catalog.export import COLUMNS, FORMATS, export
from covergen.sources.local.table import TableSource
from covergen.storage import rows
from covergen.storage.root import Root
from covergen.storage.tables import CATALOG

RECORDS = [
    {
        "album_id": "b",
        "artist": "雨",
        "title": "夜",
        "genre": "rock",
        "genre_source": "album",
        "genres": ["art rock", "indie"],
        "track_id": "t",
        "track_title": "一",
        "year": "1997",
        "popularity": 7.5,
        "split": "train",
        "licence": "CC0-1.0",
    },
    {
        "album_id": "a",
        "artist": "=cmd|' /C calc'!A0",
        "title": "+",
        "genre": "jazz",
        "genre_source": "default",
        "track_id": "u",
        "track_title": '\'=1, "two"\u2028',
        "split": "test",
    },
    {
        "album_id": "c",
        "artist": "'Til",
        "title": "-",
        "genre": "jazz",
        "genre_source": "tags",
        "genres": [],
        "track_id": "v",
        "track_title": "@home; @work",
        "split": "test",
    },
]


def catalog():
    digests = [record | {"input_digest": "d"} for record in RECORDS]
    return rows.from_records(CATALOG, digests).drop_columns("checksum")


@pytest.fixture
def root(root_uri) -> Root:
    root = Root.create(root_uri)
    root.generation(CATALOG, {"v": 1}).append(catalog())
    return root


def test_every_form_is_written_once_and_again_when_the_catalogue_changed(root):
    names = [f"exports/catalog.{kind}" for kind in FORMATS]
    assert export(root, tuple(FORMATS)) == tuple(root.path(name) for name in names)
    before = [root.read(name) for name in names]
    assert export(root, tuple(FORMATS)) == ()
    assert len(export(root, ("csv",))) == 1
    assert export(root, ()) == ()
    root.current(CATALOG).remove(["a"])
    assert len(export(root, tuple(FORMATS))) == 3
    assert [len(root.read(name)) < len(old) for name, old in zip(names, before, strict=True)] == [True] * 3


@pytest.mark.parametrize("kind", FORMATS)
def test_the_source_table_reads_each_form_back(kind, tmp_path):
    path = tmp_path / f"catalog.{kind}"
    path.write_bytes(FORMATS[kind](catalog().select(COLUMNS)))
    found = list(TableSource(path).read())
    assert not [reject for piece in found for reject in piece.rejects]
    albums = [album for piece in found for album in piece.albums]
    tracks = [track for piece in found for track in piece.tracks]
    for record, album, track in zip(RECORDS, albums, tracks, strict=True):
        told = (
            record["artist"],
            record["title"],
            record.get("genres") or [],
            record.get("year"),
            record.get("licence"),
        )
        assert told == tuple(album[name] for name in ("artist", "title", "genres", "release_date", "licence"))
        assert track["title"] == record["track_title"].replace("\u2028", "").strip()
        assert track["popularity"] == record.get("popularity")
        assert track["external_ids"] == {"album_id": record["album_id"], "track_id": record["track_id"]}


def test_no_cell_of_the_csv_is_a_formula():
    text = FORMATS["csv"](catalog().select(COLUMNS)).decode()
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {"'+", "''=1, \"two\"\u2028", "'Til", "art rock; indie", "雨"} <= set(cells)


def test_parquet_and_json_keep_lists_and_nulls():
    table = pq.read_table(io.BytesIO(FORMATS["parquet"](catalog().select(COLUMNS))))
    told = json.loads(FORMATS["json"](catalog().select(COLUMNS)))
    assert table.to_pylist() == told
    assert told[0]["genres"] == ["art rock", "indie"] and told[1]["year"] is None
    assert "checksum" not in told[0]


def test_the_summary_counts_what_was_filled():
    assert genre_summary(catalog()) == "genres: jazz 2, rock 1; 1 heard in the music, 1 by default"
    many = [RECORDS[0] | {"album_id": str(k), "genre": f"g{k}"} for k in range(7)]
    assert (
        genre_summary(rows.from_records(CATALOG, many)) == "genres: g0 1, g1 1, g2 1, g3 1, g4 1 and 2 more"
    )
    assert genre_summary(CATALOG.schema().empty_table()) == "genres: none"
