"""Pinned weights: from the hub into the local cache, the digest that names them, the threads they run on.

Nothing that comes with weights is ever run; what the files mean is left to who loads them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from covergen.errors import ModelError


def download(repo: str, revision: str, *, patterns: Sequence[str], offline: bool = False) -> Path:
    """Return the local folder of a hub repository at a commit, with the files that match `patterns`.

    ModelError where they are neither in the local cache nor within reach; `offline` looks in the cache alone.
    """
    from huggingface_hub import snapshot_download

    try:
        path = snapshot_download(
            repo, revision=revision, allow_patterns=list(patterns), local_files_only=offline
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"weights {repo} at {revision[:12]} are neither in the local cache nor within reach; connect "
            "once to download them, name a local folder, or choose a preset that needs no download"
        ) from error
    return Path(path)


def files_digest(files: Iterable[tuple[str, Path]]) -> str:
    """Return the SHA-256, hexadecimal, over named files in the order given: their names and their content."""
    total = hashlib.sha256()
    for name, path in files:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{name}:{content}\n".encode())
    return total.hexdigest()


def commit_digest(repo: str, revision: str, *, parts: Sequence[str] = ()) -> str:
    """Return the SHA-256 that names parts of a repository at a commit, without reading a weight.

    A commit names its content already.
    """
    return hashlib.sha256("\n".join([repo, revision, *parts]).encode()).hexdigest()


def use_threads(threads: int | None) -> None:
    """Let torch use so many threads in this process; None leaves its choice."""
    import torch

    if threads is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
