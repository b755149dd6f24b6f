"""Digests of weights, and the threads they run on."""

import hashlib
import os

import pytest
import torch

from covergen.errors import ConfigError
from covergen.models import weights
from covergen.models.weights import chosen_device, commit_digest, file_digest, files_digest, use_threads


def test_the_digest_of_files_follows_names_content_and_order(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    digests = {
        files_digest([("a", first), ("b", second)]),
        files_digest([("b", second), ("a", first)]),
        files_digest([("a", second), ("b", first)]),
        files_digest([("c", first), ("b", second)]),
        files_digest([("a", first)]),
    }
    assert len(digests) == 5
    assert files_digest([("a", first)]) == files_digest([("a", first)])


def test_the_digest_of_a_commit_follows_repository_commit_and_parts():
    digests = {
        commit_digest("r", "1"),
        commit_digest("r", "2"),
        commit_digest("s", "1"),
        commit_digest("r", "1", parts=["vae"]),
    }
    assert len(digests) == 4


class TestAFileIsReadOnce:
    """A large one, in all processes of a machine; whatever changes it makes it be read again."""

    @pytest.fixture
    def reads(self, monkeypatch, tmp_path):
        """How often a file's content was read; files count as settled at once."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setattr(weights, "_SETTLED", -1)
        seen = []
        read = hashlib.file_digest
        monkeypatch.setattr(
            hashlib, "file_digest", lambda file, kind: seen.append(file.name) or read(file, kind)
        )
        return seen

    @pytest.fixture
    def large(self, tmp_path):
        path = tmp_path / "model.safetensors"
        path.write_bytes(bytes(2 << 20))
        return path

    def test_and_its_digest_is_that_of_its_content(self, reads, large):
        expected = hashlib.sha256(large.read_bytes()).hexdigest()
        assert [file_digest(large) for _ in range(3)] == [expected] * 3
        assert len(reads) == 1
        assert files_digest([("m", large)]) == hashlib.sha256(f"m:{expected}\n".encode()).hexdigest()
        assert len(reads) == 1

    def test_and_again_when_it_changed_though_size_and_time_were_kept(self, reads, large):
        before, status = file_digest(large), large.stat()
        with large.open("r+b") as file:
            file.write(b"x")
        os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert file_digest(large) != before and len(reads) == 2
        other = large.with_name("other")
        other.write_bytes(bytes(2 << 20))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.replace(large)
        assert file_digest(large) == before and len(reads) == 3

    def test_and_again_by_another_name(self, reads, large):
        file_digest(large)
        copy = large.with_name("copy")
        copy.write_bytes(large.read_bytes())
        link = large.with_name("link")
        link.symlink_to(large)
        assert file_digest(copy) == file_digest(large) == file_digest(link)
        assert reads == [str(large), str(copy)]

    def test_but_not_remembered_while_it_may_still_be_written(self, reads, large, monkeypatch):
        monkeypatch.setattr(weights, "_SETTLED", 10**15)
        assert file_digest(large) == file_digest(large)
        assert len(reads) == 2

    @pytest.mark.parametrize("damage", [b"", b"no digest", b"\xff\xfe", None])
    def test_and_again_where_the_note_is_damaged_or_cannot_be_kept(self, reads, large, damage, tmp_path):
        expected = file_digest(large)
        (note,) = (tmp_path / "cache" / "covergen" / "digests").iterdir()
        if damage is None:
            note.unlink()
            note.parent.rmdir()
            note.parent.write_text("a file where the folder should be")
        else:
            note.write_bytes(damage)
        assert file_digest(large) == expected and len(reads) == 2


def test_a_device_is_chosen_by_what_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (chosen_device("auto"), chosen_device("cpu")) == ("cpu", "cpu")
    with pytest.raises(ConfigError, match="device=cuda: torch sees no GPU here; take auto or cpu"):
        chosen_device("cuda")
    with pytest.raises(ConfigError, match="device='gpu' is unknown; take auto, cpu, cuda"):
        chosen_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (chosen_device("auto"), chosen_device("cuda:1")) == ("cuda", "cuda:1")


def test_threads_are_set_only_where_asked():
    before = torch.get_num_threads()
    use_threads(None)
    assert torch.get_num_threads() == before
    try:
        use_threads(before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        use_threads(before)
