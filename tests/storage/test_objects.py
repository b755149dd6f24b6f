"""Small files: whole or not there, and never through a link."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from covergen.errors import RootError, RootFull, RootReadOnly
from covergen.storage import objects

FILL = """
import sys
from covergen.storage import objects
from covergen.errors import RootFull
kept = refused = 0
while refused < 3:
    try:
        objects.create(f"{sys.argv[1]}/requests/{kept + refused}/request.json", bytes(5000))
        kept += 1
    except RootFull:
        refused += 1
there = objects.children(f"{sys.argv[1]}/requests")
assert len(there) == kept, (there, kept)
assert all(len(objects.read(f"{sys.argv[1]}/requests/{name}/request.json")) == 5000 for name in there)
"""


def fails(number):
    def call(*_):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("write", [objects.create, objects.write])
@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, RootFull), (errno.EDQUOT, RootFull), (errno.EROFS, RootReadOnly)]
)
def test_a_file_that_cannot_be_written_leaves_neither_itself_nor_a_folder(
    tmp_path, monkeypatch, write, number, kind
):
    monkeypatch.setattr(objects.os, "fsync", fails(number))
    with pytest.raises(kind):
        write(f"{tmp_path}/requests/1/request.json", b"{}")
    monkeypatch.undo()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() or path.name == "1"]
    write(f"{tmp_path}/requests/1/request.json", b"{}")
    assert (tmp_path / "requests/1/request.json").read_bytes() == b"{}"


def test_what_is_there_stays_where_its_successor_cannot_be_written(tmp_path, monkeypatch):
    objects.write(f"{tmp_path}/state.json", b"old")
    monkeypatch.setattr(objects.os, "fsync", fails(errno.ENOSPC))
    with pytest.raises(RootFull):
        objects.write(f"{tmp_path}/state.json", b"new")
    assert objects.read(f"{tmp_path}/state.json") == b"old"
    assert objects.children(str(tmp_path)) == ["state.json"]


def test_a_disk_that_is_really_full_holds_whole_files_alone(tmp_path):
    mount = f"mount -t tmpfs -o size=64k tmpfs {tmp_path} && exec {sys.executable} -c '{FILL}' {tmp_path}"
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*alone, f"mount -t tmpfs tmpfs {tmp_path}"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    done = subprocess.run([*alone, mount], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_file_where_a_folder_belongs_is_no_file_that_was_created_before(tmp_path):
    (tmp_path / "requests").write_bytes(b"")
    with pytest.raises(RootError, match="cannot be written"):
        objects.create(f"{tmp_path}/requests/request.json", b"{}")


def test_nothing_behind_a_link_is_within_a_root_that_may_be_a_link_itself(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    root.mkdir()
    (tmp_path / "alias").symlink_to(root)
    (root / "file").symlink_to(outside / "thesis.txt")
    (root / "folder").symlink_to(outside / "folder")
    for name in ("file", "folder", "folder/new", "../outside/thesis.txt"):
        with pytest.raises(RootError, match="nothing outside of a root is touched"):
            objects.within(str(root), name)
    assert objects.within(f"{tmp_path}/alias", "a/b") == f"{tmp_path}/alias/a/b"
    assert objects.within("s3://bucket/root", "a/b") == "s3://bucket/root/a/b"


def test_links_are_listed_by_name_alone_and_removed_without_what_they_lead_to(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    (outside / "thesis.txt").write_text("mine")
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "file").write_bytes(b"12")
    assert objects.children(str(folder)) == ["file", "link"]
    assert [(each.name, each.size) for each in objects.entries(str(folder))] == [("file", 2)]
    assert objects.links(str(tmp_path)) == [str(folder / "link")]
    objects.delete_folder(str(folder))
    assert not folder.exists() and (outside / "thesis.txt").read_text() == "mine"
    objects.delete_folder(str(folder))


def test_entries_tell_size_and_time_and_folders_go_whole(root_uri):
    objects.write(f"{root_uri}/a/one", b"12345")
    objects.write(f"{root_uri}/a/b/two", b"1")
    one, b = sorted(objects.entries(f"{root_uri}/a"), key=lambda each: each.is_folder)
    assert (one.name, one.size, one.is_folder) == ("one", 5, False) and one.modified > 1e9
    assert (b.name, b.is_folder) == ("b", True)
    assert objects.find(f"{root_uri}/a/none") is None and objects.find(f"{root_uri}/a/one") == b"12345"
    objects.delete_folder(f"{root_uri}/a")
    assert objects.entries(f"{root_uri}/a") == []


def test_room_is_told_for_folders_that_are_not_there_yet(tmp_path):
    assert objects.free_bytes(f"{tmp_path}/not/there/yet") == objects.free_bytes(str(tmp_path)) > 0
    assert objects.free_bytes("s3://bucket") is None
    assert Path(tmp_path).exists()
