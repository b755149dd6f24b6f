"""Small files by address: a local path or `s3://bucket/key`, read and written whole.

Credentials and the endpoint come from the usual chain (environment, profile, instance role;
`AWS_ENDPOINT_URL` for another S3 than Amazon's). A file is whole or not there, after a crash too: local ones
get another name first, are flushed to the disk, then named. Tables are left to `root.py`.
"""

import errno
import hashlib
import io
import mimetypes
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow import fs
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError

from covergen.errors import RootError, RootForeign, RootFull, RootReadOnly

# What S3 answers where another has created the object before, or at the same time.
_CREATED_BEFORE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
ATTEMPTS = 10  # at a request that S3 refused for load or that broke off, with growing pauses
_FAILURES: Final = (ClientError, BotoCoreError, RetriesExceededError, S3DownloadFailedError)
_MISSING: Final = frozenset({"404", "NoSuchKey"})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_FULL_S3: Final = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull"})
RETRIES = Config(retries={"mode": "standard", "max_attempts": ATTEMPTS})


def is_s3(uri: str) -> bool:
    """Say whether `uri` is in S3."""
    return uri.startswith("s3://")


def absolute(uri: str) -> str:
    """Return `uri` without a trailing slash; a local one absolute, so that every worker sees the same."""
    if is_s3(uri):
        return uri.rstrip("/")
    return str(Path(uri.removeprefix("file://")).expanduser().resolve())


@dataclass(frozen=True)
class Entry:
    """What is directly under a folder: a file, or a folder with neither size nor time."""

    name: str
    is_folder: bool
    size: int = 0  # bytes
    modified: float = 0.0  # seconds since 1970


def within(root: str, name: str) -> str:
    """Return the address of something under a root; the root itself may be a link, nothing under it is.

    Raises RootForeign where a link or ".." would lead elsewhere.
    """
    uri = f"{root.rstrip('/')}/{name}" if name else root
    if not is_s3(root) and Path(os.path.realpath(uri)) != Path(os.path.realpath(root), name):
        raise RootForeign(f"{uri} is, or lies behind, a link; nothing outside of a root is touched.")
    return uri


def read(uri: str) -> bytes:
    """Return the file's bytes. Raises RootError if it is missing or unreachable."""
    found = find(uri)
    if found is None:
        raise RootError(f"{uri} cannot be read: there is no such file.")
    return found


def find(uri: str) -> bytes | None:
    """Return the file's bytes, or None where there is none. Raises RootError if that cannot be found out."""
    try:
        if not is_s3(uri):
            if not stat.S_ISREG(Path(uri).stat().st_mode):  # a pipe would be waited for
                raise RootForeign(f"{uri} cannot be read: it is no file.")
            return Path(uri).read_bytes()
        buffer = io.BytesIO()
        _client().download_fileobj(**_address(uri), Fileobj=buffer)  # reads on where a body breaks off
        return buffer.getvalue()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, *_FAILURES) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _MISSING:
            return None
        raise RootError(f"{uri} cannot be read: {error}") from error


def write(uri: str, data: bytes) -> None:
    """Write the file whole; in S3 as one object, sent in parts. Raises RootError."""
    with _writing(uri):
        if is_s3(uri):
            kind = mimetypes.guess_type(uri)[0] or "application/octet-stream"
            _client().upload_fileobj(io.BytesIO(data), **_address(uri), ExtraArgs={"ContentType": kind})
        else:
            _place(Path(uri), data, os.replace)


def create(uri: str, data: bytes) -> bool:
    """Write the file whole where there is none yet, and say whether that was done; the first of many wins."""
    try:
        with _writing(uri):
            if is_s3(uri):
                kind = mimetypes.guess_type(uri)[0] or "application/octet-stream"
                _client().put_object(**_address(uri), Body=data, ContentType=kind, IfNoneMatch="*")
            else:
                _place(Path(uri), data, os.link)
    except FileExistsError:
        return False
    return True


@contextmanager
def _writing(uri: str) -> Iterator[None]:
    """Turn what can go wrong into a RootError, and tell apart no room, no right and all the rest."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        kind = RootFull if error.errno in _FULL else RootReadOnly if error.errno in _READ_ONLY else RootError
        raise kind(f"{uri} cannot be written: {error}") from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _CREATED_BEFORE:
            raise FileExistsError(uri) from error
        kind = RootFull if code in _FULL_S3 else RootReadOnly if code == "AccessDenied" else RootError
        raise kind(f"{uri} cannot be written: {error}") from error
    except _FAILURES as error:
        raise RootError(f"{uri} cannot be written: {error}") from error


def _place(path: Path, data: bytes, name: Callable[[Path, Path], None]) -> None:
    """Write under another name, flush, then `name`; what fails leaves no file and no empty folder behind."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        _make_folder(path.parent)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        name(temporary, path)
        _flush_folder(path.parent)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()  # does nothing to one that holds something
        raise
    temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Make a folder that outlasts a crash, with all above it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "it is a file, not a folder", str(folder)) from error
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def delete(uri: str) -> None:
    """Remove a file; one that is not there is no error."""
    try:
        if is_s3(uri):
            _client().delete_object(**_address(uri))
        else:
            Path(uri).unlink(missing_ok=True)
    except (OSError, *_FAILURES) as error:
        raise RootError(f"{uri} cannot be removed: {error}") from error


def delete_folder(uri: str) -> None:
    """Remove a folder with all that is in it, links themselves but nothing that they lead to."""
    try:
        if not is_s3(uri):
            shutil.rmtree(uri)
            return
        pages = _client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=_address(uri)["Bucket"], Prefix=f"{_address(uri)['Key']}/"):
            if named := [{"Key": entry["Key"]} for entry in page.get("Contents", [])]:
                _client().delete_objects(Bucket=_address(uri)["Bucket"], Delete={"Objects": named})
    except FileNotFoundError:
        return
    except (OSError, *_FAILURES) as error:
        raise RootError(f"{uri} cannot be removed: {error}") from error


def exists(uri: str) -> bool:
    """Say whether the file is there. Raises RootError if that cannot be found out."""
    try:
        if not is_s3(uri):
            return Path(uri).is_file()
        _client().head_object(**_address(uri))
    except (OSError, *_FAILURES) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _MISSING:
            return False
        raise RootError(f"{uri} cannot be reached: {error}") from error
    return True


def children(uri: str) -> list[str]:
    """Return the names directly under a folder, links too, sorted; none if it is not there."""
    if is_s3(uri):
        return sorted(entry.name for entry in entries(uri))
    return [name.name for name in _scan(uri)]


def entries(uri: str) -> list[Entry]:
    """Return the files and folders directly under a folder, sorted by name; links are neither."""
    if is_s3(uri):
        return sorted(_entries_s3(uri), key=lambda entry: entry.name)
    found = []
    for each in _scan(uri):
        with suppress(FileNotFoundError):  # removed in this moment
            if each.is_dir(follow_symlinks=False):
                found.append(Entry(each.name, is_folder=True))
            elif each.is_file(follow_symlinks=False):
                status = each.stat(follow_symlinks=False)
                found.append(Entry(each.name, is_folder=False, size=status.st_size, modified=status.st_mtime))
    return found


def links(uri: str) -> list[str]:
    """Return the links anywhere under a local folder, followed by none of them; S3 has none."""
    if is_s3(uri):
        return []
    found = []
    for each in _scan(uri):
        if each.is_symlink():
            found.append(each.path)
        elif each.is_dir(follow_symlinks=False):
            found += links(each.path)
    return found


def _scan(uri: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(uri) as found:
            return sorted(found, key=lambda each: each.name)
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise RootForeign(f"{uri} is a file, not a folder.") from error
    except OSError as error:
        raise RootError(f"{uri} cannot be listed: {error}") from error


def _entries_s3(uri: str) -> Iterator[Entry]:
    address = _address(uri)
    prefix = f"{address['Key']}/" if address["Key"] else ""
    try:
        pages = _client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=address["Bucket"], Prefix=prefix, Delimiter="/"):
            for entry in page.get("CommonPrefixes", []):
                yield Entry(entry["Prefix"].removeprefix(prefix).rstrip("/"), is_folder=True)
            for entry in page.get("Contents", []):
                if name := entry["Key"].removeprefix(prefix):
                    modified = entry["LastModified"].timestamp()
                    yield Entry(name, is_folder=False, size=entry["Size"], modified=modified)
    except _FAILURES as error:
        raise RootError(f"{uri} cannot be listed: {error}") from error


def free_bytes(uri: str) -> int | None:
    """Return the room where a local folder lies, or will lie; None where that is not known."""
    if is_s3(uri):
        return None
    folder = Path(uri)
    try:
        while not folder.exists():
            folder = folder.parent
        filesystem = os.statvfs(folder)
    except OSError as error:
        raise RootError(f"{uri} cannot be reached: {error}") from error
    return filesystem.f_bavail * filesystem.f_frsize if filesystem.f_blocks else None


def presigned(uri: str, *, seconds: int = 3600) -> str:
    """Return a link to an S3 object for a browser; it works for `seconds`."""
    try:
        link: str = _client().generate_presigned_url("get_object", Params=_address(uri), ExpiresIn=seconds)
    except _FAILURES as error:
        raise RootError(f"there can be no link to {uri}: {error}") from error
    return link


def delta_options(uri: str) -> dict[str, str] | None:
    """Return what deltalake needs beside the usual chain: conditional writes, plain http where asked."""
    if not is_s3(uri):
        return None
    options = {"aws_conditional_put": "etag"}
    if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["allow_http"] = "true"
    return options


def _address(uri: str) -> dict[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


@cache
def _client() -> Any:
    return boto3.client("s3", config=RETRIES)


def arrow_filesystem(uri: str) -> fs.SubTreeFileSystem:
    """Return pyarrow's filesystem rooted at a folder, for readers that open many files at once."""
    if not is_s3(uri):
        return fs.SubTreeFileSystem(uri, fs.LocalFileSystem())
    options: dict[str, Any] = {"retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS)}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        options["endpoint_override"] = endpoint
    store = fs.S3FileSystem(**options)
    return fs.SubTreeFileSystem(uri.removeprefix("s3://"), store)


@contextmanager
def outgoing(uri: str) -> Iterator[Path]:
    """Give a local folder; what is in it at the end is copied to an address, in the order of its names."""
    with tempfile.TemporaryDirectory(prefix="covergen-") as folder:
        yield Path(folder)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                write(f"{uri}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def pull(uri: str) -> Path:
    """Return a local folder with the files at an address: itself where it is local, else a fresh copy."""
    if not is_s3(uri):
        return Path(uri)
    folder = Path(tempfile.gettempdir(), "covergen", hashlib.sha256(uri.encode()).hexdigest()[:16])
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in children(uri) if exists(f"{uri}/{name}")]  # a folder in it stays there
    for name in names:
        write(str(folder / name), read(f"{uri}/{name}"))
    for path in folder.iterdir():
        if path.name not in names and not path.name.startswith("."):  # what is not there any more
            path.unlink(missing_ok=True)
    return folder
