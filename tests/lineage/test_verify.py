"""`verify` names what was planted: a doubled key, a lost row, a flipped byte, an old schema."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from covergen.errors import BadInput, RejectCode, RootError
from covergen.lineage.verify import Problem, verify
from covergen.storage import objects, rejects, rows
from covergen.storage.delta import Generation
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, CATALOG, IMAGE_EMBEDDINGS, TRACKS


def albums(*names: str) -> pa.Table:
    return rows.from_records(
        ALBUMS, [{"album_id": n, "title": n, "artist": "A"} for n in names]
    ).drop_columns("checksum")


def catalog(*names: str) -> pa.Table:
    records = [{"album_id": n, "title": n, "genre": "jazz", "input_digest": "d"} for n in names]
    return rows.from_records(CATALOG, records).drop_columns("checksum")


@pytest.fixture
def root(root_uri: str) -> Root:
    root = Root.create(root_uri)
    root.generation(ALBUMS, {"v": 1}).append(albums("a", "b", "c"))
    root.generation(CATALOG, {"v": 1}).append(catalog("a", "b"))
    refused = rows.outcomes(
        CATALOG,
        pa.table({"album_id": ["c"], "input_digest": ["d"]}),
        [BadInput(RejectCode.NO_MEDIA, "album c has no audio")],
    )
    rejects.write(rejects.rejects_of(root), "catalog", refused, key=["album_id"])
    return root


def problems(root: Root) -> list[Problem]:
    return verify(root.uri)


def test_a_whole_root_has_no_problems(root: Root) -> None:
    assert problems(root) == []


def test_a_doubled_key_is_named(root: Root) -> None:
    generation = root.current(CATALOG)
    write_deltalake(generation.delta(), generation.read().slice(0, 1), mode="append")
    key = generation.read(["album_id"])["album_id"].to_pylist()
    doubled = max(key, key=key.count)
    assert [(p.kind, p.message) for p in problems(root)] == [
        ("doubled", f"catalog: {doubled} stand more than once")
    ]


def test_a_lost_row_is_named(root: Root) -> None:
    root.current(CATALOG).delta().delete("album_id = 'a'")
    assert [(p.table, p.kind) for p in problems(root)] == [("catalog", "lost")]
    assert "a are neither there nor in rejects" in problems(root)[0].message


def test_covers_are_owed_an_embedding_where_covers_are_embedded(tmp_path: Path) -> None:
    root = Root.create(str(tmp_path / "root"))
    root.generation(ALBUMS, {"v": 1}).append(albums("a", "b"))
    with_cover = catalog("a", "b").set_column(
        catalog("a").column_names.index("cover_sha256"), "cover_sha256", pa.array(["d", None])
    )
    root.generation(CATALOG, {"v": 1}).append(with_cover)
    assert problems(root) == []
    generation = root.generation(IMAGE_EMBEDDINGS, {"v": 1}, shapes={"pooled": (2,)})
    assert [(p.table, p.kind) for p in problems(root)] == [("image_embeddings", "lost")]
    key = pa.table({"album_id": ["a"], "input_digest": ["d"]})
    seen = rows.outcomes(IMAGE_EMBEDDINGS, key, [{"pooled": [1.0, 2.0]}])
    generation.append(seen.drop_columns(rows.REJECT_COLUMNS.names))
    assert problems(root) == []


def test_a_changed_value_breaks_its_checksum(root: Root) -> None:
    root.current(CATALOG).delta().update(new_values={"genre": "polka"}, predicate="album_id = 'b'")
    assert [(p.kind, p.message) for p in problems(root)] == [
        ("checksum", "catalog: b differ from their checksum")
    ]


def test_any_flipped_byte_of_a_data_page_is_named(tmp_path: Path) -> None:
    root = Root.create(str(tmp_path / "root"))
    generation = root.generation(ALBUMS, {"v": 1})
    generation.append(albums("a", "b", "c"))
    (path,) = Path(generation.uri).glob("*.parquet")
    whole = path.read_bytes()
    place = whole.find(b"A", 4)  # a value, stored plain
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x02]) + whole[place + 1 :])
    found = problems(root)
    assert found and {p.table for p in found} == {"albums"}
    assert {p.kind for p in found} <= {"checksum", "unreadable", "doubled"}
    path.write_bytes(whole[:200])
    assert [p.kind for p in problems(root)] == ["unreadable"]


def test_an_old_schema_is_named(root: Root) -> None:
    old = pa.schema([field for field in TRACKS.schema() if field.name != "isrc"])
    generation = Generation(root.path("tracks", "old"), "tracks")
    DeltaTable.create(generation.uri, old, storage_options=objects.delta_options(generation.uri))
    root.write("tracks/current.json", b'{"generation": "old", "recipe": {}}')
    assert [(p.table, p.kind) for p in problems(root)] == [("tracks", "schema")]
    assert "isrc is absent, declared string" in problems(root)[0].message


def test_what_is_no_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RootError, match="not a covergen root"):
        verify(str(tmp_path))
