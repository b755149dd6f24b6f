"""Digests of weights, and the threads they run on."""

import pytest
import torch

from covergen.errors import ModelError
from covergen.weights import commit_digest, download, files_digest, use_threads


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


def test_what_the_cache_lacks_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="weights some/model at 0123456789ab are neither in the local cache"):
        download("some/model", "0123456789abcdef" * 2, patterns=["*.json"], offline=True)


def test_threads_are_set_only_where_asked():
    before = torch.get_num_threads()
    use_threads(None)
    assert torch.get_num_threads() == before
    try:
        use_threads(before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        use_threads(before)
