"""Tags in the INFO list of a WAV file, which mutagen does not read (Microsoft RIFF MCI, 1991, chapter 2)."""

import struct
from pathlib import Path
from typing import BinaryIO, Final

_NAMES: Final = {
    b"IART": "artist", b"IPRD": "album", b"INAM": "title", b"IGNR": "genre", b"ICRD": "date",
    b"ICOP": "licence", b"IPRT": "track", b"ITRK": "track",
}  # fmt: skip
_MAX_CHUNKS: Final = 100
_MAX_LIST: Final = 2**20


def read_info(path: Path) -> dict[str, list[str]]:
    """Return the texts of a WAV file's INFO list by our own names, as Latin-1; no file tells its code page.

    Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return {}
        for _ in range(_MAX_CHUNKS):
            kind, size = _chunk(file)
            if kind == b"LIST" and file.read(4) == b"INFO":
                return _texts(file.read(min(size - 4, _MAX_LIST)))
            if not kind:
                break
            file.seek(size + size % 2 - (4 if kind == b"LIST" else 0), 1)
    return {}


def _chunk(file: BinaryIO) -> tuple[bytes, int]:
    head = file.read(8)
    return (head[:4], struct.unpack("<I", head[4:])[0]) if len(head) == 8 else (b"", 0)


def _texts(data: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    position = 0
    while position + 8 <= len(data):
        kind = data[position : position + 4]
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        text = data[position + 8 : position + 8 + size].split(b"\0")[0]
        if kind in _NAMES and text:
            found.setdefault(_NAMES[kind], []).append(text.decode("latin-1"))
        position += 8 + size + size % 2
    return found
