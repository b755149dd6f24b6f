"""Small files by address: a local path or `s3://bucket/key`, read and written whole.

Credentials and the endpoint come from the usual chain (environment, profile, instance role;
`AWS_ENDPOINT_URL` for another S3 than Amazon's). Tables are left to `storage.py`.
"""

import hashlib
import io
import mimetypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow import fs
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError

from covergen.errors import RootError

# What S3 answers where another has created the object before, or at the same time.
_CREATED_BEFORE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
ATTEMPTS = 10  # at a request that S3 refused for load or that broke off, with growing pauses
_FAILURES: Final = (ClientError, BotoCoreError, RetriesExceededError, S3DownloadFailedError)
RETRIES = Config(retries={"mode": "standard", "max_attempts": ATTEMPTS})


def is_s3(uri: str) -> bool:
    """Say whether `uri` is in S3."""
    return uri.startswith("s3://")


def absolute(uri: str) -> str:
    """Return `uri` without a trailing slash; a local one absolute, so that every worker sees the same."""
    if is_s3(uri):
        return uri.rstrip("/")
    return str(Path(uri.removeprefix("file://")).expanduser().resolve())


def read(uri: str) -> bytes:
    """Return the file's bytes. Raises RootError if it is missing or unreachable."""
    try:
        if is_s3(uri):
            buffer = io.BytesIO()
            _client().download_fileobj(**_address(uri), Fileobj=buffer)  # reads on where a body breaks off
            return buffer.getvalue()
        return Path(uri).read_bytes()
    except (OSError, *_FAILURES) as error:
        raise RootError(f"{uri} cannot be read: {error}") from error


def write(uri: str, data: bytes) -> None:
    """Write the file whole: under another name first, then renamed; in S3 as one object, sent in parts."""
    try:
        if is_s3(uri):
            kind = mimetypes.guess_type(uri)[0] or "application/octet-stream"
            _client().upload_fileobj(io.BytesIO(data), **_address(uri), ExtraArgs={"ContentType": kind})
            return
        path = Path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid4().hex}")
        temporary.write_bytes(data)
        temporary.replace(path)
    except (OSError, *_FAILURES) as error:
        raise RootError(f"{uri} cannot be written: {error}") from error


def create(uri: str, data: bytes) -> bool:
    """Write the file whole where there is none yet, and say whether that was done; the first of many wins."""
    try:
        if is_s3(uri):
            kind = mimetypes.guess_type(uri)[0] or "application/octet-stream"
            _client().put_object(**_address(uri), Body=data, ContentType=kind, IfNoneMatch="*")
            return True
        path = Path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            temporary.write_bytes(data)
            path.hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        return False
    except ClientError as error:
        if error.response["Error"]["Code"] in _CREATED_BEFORE:
            return False
        raise RootError(f"{uri} cannot be written: {error}") from error
    except (OSError, *_FAILURES) as error:
        raise RootError(f"{uri} cannot be written: {error}") from error
    return True


def delete(uri: str) -> None:
    """Remove a file; one that is not there is no error."""
    try:
        if is_s3(uri):
            _client().delete_object(**_address(uri))
        else:
            Path(uri).unlink(missing_ok=True)
    except (OSError, *_FAILURES) as error:
        raise RootError(f"{uri} cannot be removed: {error}") from error


def exists(uri: str) -> bool:
    """Say whether the file is there. Raises RootError if that cannot be found out."""
    if not is_s3(uri):
        return Path(uri).is_file()
    try:
        _client().head_object(**_address(uri))
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
            return False
        raise RootError(f"{uri} cannot be reached: {error}") from error
    except BotoCoreError as error:
        raise RootError(f"{uri} cannot be reached: {error}") from error
    return True


def children(uri: str) -> list[str]:
    """Return the names directly under a folder, sorted; none if it is not there."""
    if not is_s3(uri):
        path = Path(uri)
        if path.is_file():
            raise RootError(f"{uri} is a file, not a folder.")
        return sorted(child.name for child in path.iterdir()) if path.is_dir() else []
    address = _address(uri)
    prefix = f"{address['Key']}/" if address["Key"] else ""
    names = set()
    try:
        pages = _client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=address["Bucket"], Prefix=prefix, Delimiter="/"):
            names |= {
                entry["Prefix"].removeprefix(prefix).rstrip("/") for entry in page.get("CommonPrefixes", [])
            }
            names |= {entry["Key"].removeprefix(prefix) for entry in page.get("Contents", [])}
    except _FAILURES as error:
        raise RootError(f"{uri} cannot be listed: {error}") from error
    return sorted(names - {""})


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
