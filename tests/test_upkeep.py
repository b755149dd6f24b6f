"""Sweeping and compacting, on a local folder and on S3 alike."""

import random
from pathlib import Path

import pytest

from covergen import rows, upkeep
from covergen.errors import ConfigError
from covergen.storage import Root
from covergen.tables import ALBUMS
from covergen.upkeep import Merged


def album(number, title="B"):
    record = {"album_id": f"a{number}", "artist": "A", "title": title}
    return rows.from_records(ALBUMS, [record]).drop_columns("checksum")


@pytest.fixture
def root(root_uri):
    root = Root.create(root_uri)
    generation = root.generation(ALBUMS, {"source": "test"})
    for number in range(4):
        generation.append(album(number))
    return root


def test_compacting_merges_files_and_keeps_every_row(root):
    before = root.current(ALBUMS).read().sort_by("album_id")
    merged = upkeep.compact(root.uri)["albums"]
    assert merged.before == 4 and len(merged.sizes) == 1
    assert root.current(ALBUMS).read().sort_by("album_id").equals(before)
    assert upkeep.compact(root.uri)["albums"] == Merged(1, merged.sizes)


def test_parts_are_merged_to_about_the_size_that_is_asked_for(root, monkeypatch):
    monkeypatch.setattr(upkeep, "PART_BYTES", 100_000)
    for number in range(20):
        noise = random.Random(number).randbytes(8_000).hex()  # about as large when compressed
        root.current(ALBUMS).append(album(100 + number, title=noise))
    sizes = upkeep.compact(root.uri)["albums"].sizes
    assert len(sizes) < 8, sizes
    assert 30_000 < sizes[-1] < 200_000, sizes


def test_sweeping_removes_what_no_version_needs_and_keeps_every_row(root):
    before = root.current(ALBUMS).read().sort_by("album_id")
    upkeep.compact(root.uri)
    assert upkeep.sweep(root.uri) == {"albums": 0}  # younger than a week
    assert upkeep.sweep(root.uri, hours=0, dry_run=True) == {"albums": 4}
    assert upkeep.sweep(root.uri, hours=0) == {"albums": 4}
    assert upkeep.sweep(root.uri, hours=0) == {"albums": 0}
    assert root.current(ALBUMS).read().sort_by("album_id").equals(before)


def test_the_orphan_of_a_killed_job_is_removed(tmp_path):
    root = Root.create(str(tmp_path / "root"))
    old, new = (root.generation(ALBUMS, {"source": name}) for name in ("old", "new"))
    new.append(album(1))
    orphans = [Path(generation.uri, "part-00000-killed.parquet") for generation in (old, new)]
    for orphan in orphans:
        orphan.write_bytes(b"half a row group")
    assert upkeep.sweep(root.uri, hours=0) == {"albums": 2}
    assert not any(orphan.exists() for orphan in orphans)
    assert root.current(ALBUMS).count() == 1


def test_negative_hours_are_refused(root):
    with pytest.raises(ConfigError, match="hours=-1"):
        upkeep.sweep(root.uri, hours=-1)
