"""The digests that name files of weights, kept in the user's cache, and the threads that weights run on."""

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from covergen.errors import ConfigError

_LARGE: Final = 1 << 20  # bytes; smaller files are read in a moment
_SETTLED: Final = 2_000_000_000  # nanoseconds without a change: some file systems count whole seconds


def files_digest(files: Iterable[tuple[str, Path]]) -> str:
    """Return the SHA-256, hexadecimal, over named files in the order given: their names and their content."""
    total = hashlib.sha256()
    for name, path in files:
        total.update(f"{name}:{file_digest(path)}\n".encode())
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256, hexadecimal, of a file's content.

    That of a large file is kept in the user's cache for every process of this machine. It counts until size,
    times or inode change; no program can set a file's change time (ctime) back.
    """
    mark = _mark(path)
    note = _note(path) if path.stat().st_size >= _LARGE else None
    if note is not None and (known := _recall(note, mark)) is not None:
        return known
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    status = path.stat()
    settled = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED
    if note is not None and settled and _mark(path) == mark:
        _keep(note, mark, digest)
    return digest


def commit_digest(repo: str, revision: str, *, parts: Sequence[str] = ()) -> str:
    """Return the SHA-256 that names parts of a repository at a commit, without reading a weight.

    A commit names its content already.
    """
    return hashlib.sha256("\n".join([repo, revision, *parts]).encode()).hexdigest()


def chosen_device(name: str) -> str:
    """Return a torch device; `auto` is the GPU where there is one, else the CPU. Raises ConfigError."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device={name!r} is unknown; take auto, cpu, cuda or cuda:1") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device={name}: torch sees no GPU here; take auto or cpu")
    return name


def use_threads(threads: int | None) -> None:
    """Let torch use so many threads in this process; None leaves its choice."""
    import torch

    if threads is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def _mark(path: Path) -> str:
    """Return what changes whenever a file's content does."""
    status = path.stat()
    signature = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    return " ".join(map(str, signature))


def _note(path: Path) -> Path | None:
    """Return where the digest of a file is kept; None without a home."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError:
        return None
    name = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()
    return cache / "covergen" / "digests" / name


def _recall(note: Path, mark: str) -> str | None:
    try:
        kept, _, digest = note.read_text(encoding="ascii").rpartition("\n")
    except (OSError, ValueError):
        return None
    return digest if kept == mark and len(digest) == hashlib.sha256().digest_size * 2 else None


def _keep(note: Path, mark: str, digest: str) -> None:
    """Write a note whole; where there is no room or no leave, the file is read again the next time."""
    part = note.with_name(f"{note.name}.{uuid4().hex}")
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(f"{mark}\n{digest}", encoding="ascii")
        part.replace(note)
