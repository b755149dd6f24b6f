"""Sweeping and compacting, on a local folder and on S3 alike."""

import random
from pathlib import Path

import pytest

from covergen.errors import ConfigError, RootError
from covergen.storage import rows, upkeep
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS
from covergen.storage.upkeep import Merged


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


def test_nothing_outside_of_a_root_is_removed_or_read(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "part.parquet").write_bytes(b"mine")
    root = Root.create(str(tmp_path / "root"))
    generation = root.generation(ALBUMS, {"source": "test"})
    generation.append(album(1))
    Path(generation.uri, "orphan.parquet").write_bytes(b"half a row group")
    Path(generation.uri, "linked").symlink_to(outside)
    for act in (lambda: upkeep.sweep(root.uri, hours=0), root.current(ALBUMS).read):
        with pytest.raises(RootError, match="linked is a link, and nothing outside"):
            act()
    assert (outside / "part.parquet").exists() and Path(generation.uri, "orphan.parquet").exists()
    Path(generation.uri, "linked").unlink()
    assert upkeep.sweep(root.uri, hours=0) == {"albums": 1}


@pytest.mark.parametrize("name", ["albums", "albums/GENERATION", "covergen.json"])
def test_a_link_in_the_place_of_what_is_the_roots_is_refused(tmp_path, name):
    root = Root.create(str(tmp_path / "root"))
    generation = root.generation(ALBUMS, {"source": "test"})
    path = tmp_path / "root" / name.replace("GENERATION", generation.name)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RootError, match="nothing outside of a root is touched"):
        Root.open(root.uri).current(ALBUMS)


def test_a_pointer_leads_nowhere_else_and_a_root_may_be_a_link_itself(tmp_path):
    root = Root.create(str(tmp_path / "root"))
    root.generation(ALBUMS, {"source": "test"}).append(album(1))
    (tmp_path / "alias").symlink_to(tmp_path / "root")
    assert Root.open(str(tmp_path / "alias")).current(ALBUMS).count() == 1
    root.write("albums/current.json", b'{"generation": "../../elsewhere", "recipe": {}}')
    with pytest.raises(RootError, match="nothing outside of a root is touched"):
        root.current(ALBUMS)
