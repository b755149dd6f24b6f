"""Addresses of media: files as file:// addresses, which hold any name, '#' and broken bytes included."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

EMBEDDED = "#embedded"
_FILE = "file://"


def address_of(path: Path) -> str:
    """Return the file:// address of an absolute path."""
    return path.as_uri()


def path_of(address: str) -> Path | None:
    """Return the local path of a file:// address or a plain path; None for http, s3 and the like."""
    plain = address.removesuffix(EMBEDDED)
    if plain.startswith(_FILE):
        return Path(os.fsdecode(unquote_to_bytes(plain.removeprefix(_FILE))))
    return None if "://" in plain else Path(plain)


def shown(address: str) -> str:
    """Return an address as a person knows it: a readable path, broken bytes replaced."""
    path = path_of(address)
    if path is None:
        return address
    picture = " (embedded picture)" if address.endswith(EMBEDDED) else ""
    return os.fsencode(path).decode("utf-8", "replace") + picture


def name_of(path: Path) -> str:
    """Return the last part of a path as readable text."""
    return os.fsencode(path.name).decode("utf-8", "replace")
