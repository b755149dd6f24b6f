"""Tags of one audio file, whatever its format writes them as: ID3v2.3 and 2.4, Vorbis, MP4, RIFF INFO.

What a missing tag is replaced by is left to `folder.py`.
"""

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mutagen
from mutagen.flac import Picture
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from covergen.sources.fields import clean_text, join_names, parse_number
from covergen.sources.folder_names import side_and_number
from covergen.sources.riff import read_info

# What mutagen raises for files made to break it; such a file is known by its path, and decoding judges it.
BROKEN: Final = (
    mutagen.MutagenError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError,
    OverflowError, MemoryError, RecursionError, struct.error,
)  # fmt: skip

_Picture: Any = Picture  # its constructor is untyped
_FRONT: Final = 3  # picture type "front cover", the same number in ID3 and FLAC
_ID3: Final = {
    "artist": "TPE1", "albumartist": "TPE2", "album": "TALB", "title": "TIT2", "genre": "TCON",
    "track": "TRCK", "disc": "TPOS", "date": "TDRC", "label": "TPUB", "isrc": "TSRC", "licence": "TCOP",
    "compilation": "TCMP", "lyrics": "USLT",
}  # fmt: skip
_MP4: Final = {
    "artist": "©ART", "albumartist": "aART", "album": "©alb", "title": "©nam", "genre": "©gen",
    "track": "trkn", "disc": "disk", "date": "©day", "label": "----:com.apple.iTunes:LABEL",
    "licence": "cprt", "isrc": "----:com.apple.iTunes:ISRC", "compilation": "cpil",
    "lyrics": "©lyr",
}  # fmt: skip
_VORBIS: Final[dict[str, tuple[str, ...]]] = {
    "artist": ("artist",),
    "albumartist": ("albumartist", "album artist", "album_artist"),
    "album": ("album",),
    "title": ("title",),
    "genre": ("genre",),
    "track": ("tracknumber", "track"),
    "tracks": ("tracktotal", "totaltracks"),
    "disc": ("discnumber", "disc"),
    "date": ("date", "year", "originaldate"),
    "label": ("label", "organization", "publisher"),
    "isrc": ("isrc",),
    "licence": ("license", "copyright"),
    "compilation": ("compilation",),
    "lyrics": ("lyrics", "unsyncedlyrics", "unsynced lyrics"),
}


@dataclass(frozen=True)
class FileTags:
    """What the tags of one file tell; empty text and None where they tell nothing."""

    artist: str = ""
    album_artist: str = ""
    album: str = ""
    title: str = ""
    genres: tuple[str, ...] = ()
    disc: int | None = None
    side: int | None = None  # of vinyl, whose numbers are A1, B1, ...
    number: int | None = None
    total: int | None = None
    date: str = ""
    label: str = ""
    isrc: str = ""
    licence: str = ""
    compilation: bool = False
    lyrics: str = ""  # as they stand there, line ends and all
    has_picture: bool = False
    duration_ms: int | None = None


def read_tags(path: Path) -> FileTags:
    """Return the tags of a file, empty ones where there are none or they are beyond reading."""
    try:
        file = mutagen.File(path)
        if file is None:
            return FileTags()
        values = _values(file.tags, path)
        length = getattr(file.info, "length", 0) or 0
        return _tags(values, bool(_pictures(file)), round(length * 1000) or None)
    except BROKEN:
        return FileTags()


def embedded_picture(path: Path) -> bytes | None:
    """Return the front cover inside an audio file, else its first picture, else None.

    Raises OSError if the file cannot be opened.
    """
    with path.open("rb"):
        pass
    try:
        file = mutagen.File(path)
        pictures = [] if file is None else _pictures(file)
    except BROKEN:
        return None
    return min(pictures, key=lambda picture: picture[0] != _FRONT)[1] if pictures else None


def _tags(values: Mapping[str, Sequence[str]], has_picture: bool, duration_ms: int | None) -> FileTags:
    number, total = parse_number(_first(values, "track"))
    side, number_of_side = side_and_number(_first(values, "track"))
    return FileTags(
        artist=join_names(values.get("artist", ())),
        album_artist=join_names(values.get("albumartist", ())),
        album=_first(values, "album"),
        title=_first(values, "title"),
        genres=tuple(dict.fromkeys(filter(None, map(clean_text, values.get("genre", ()))))),
        disc=parse_number(_first(values, "disc"))[0],
        side=side,
        number=number or number_of_side,
        total=total or parse_number(_first(values, "tracks"))[0],
        date=_first(values, "date"),
        label=_first(values, "label"),
        isrc=_first(values, "isrc"),
        licence=_first(values, "licence"),
        compilation=_first(values, "compilation").lower() in {"1", "true", "yes"},
        lyrics=next((text for text in values.get("lyrics", ()) if text.strip()), ""),
        has_picture=has_picture,
        duration_ms=duration_ms,
    )


def _first(values: Mapping[str, Sequence[str]], name: str) -> str:
    return next(filter(None, map(clean_text, values.get(name, ()))), "")


def _values(tags: Any, path: Path) -> dict[str, list[str]]:
    """Return the text values of any kind of tags by our own names."""
    if _is(tags, ID3):
        return {name: _id3_texts(tags, frame) for name, frame in _ID3.items()}
    if _is(tags, MP4Tags):
        return {name: [_mp4_text(v) for v in _listed(tags.get(key))] for name, key in _MP4.items()}
    if tags is None:
        return read_info(path) if path.suffix.lower() == ".wav" else {}
    return {name: [str(v) for key in keys for v in _listed(tags.get(key))] for name, keys in _VORBIS.items()}


def _id3_texts(tags: Any, frame: str) -> list[str]:
    if frame == "USLT":
        return [str(found.text) for found in tags.getall(frame)]
    found = tags.get(frame)
    if found is None:
        return []
    return [str(text) for text in (found.genres if frame == "TCON" else found.text)]


def _mp4_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _is(tags: Any, kind: type) -> bool:
    return isinstance(tags, kind)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _pictures(file: Any) -> list[tuple[int, bytes]]:
    """Return (picture type, bytes) of each embedded picture."""
    tags = file.tags
    if _is(tags, ID3):
        return [(int(frame.type), bytes(frame.data)) for frame in tags.getall("APIC") if frame.data]
    if _is(tags, MP4Tags):
        return [(_FRONT, bytes(cover)) for cover in _listed(tags.get("covr")) if len(cover)]
    blocks = list(getattr(file, "pictures", ()))
    for text in _listed(tags.get("metadata_block_picture")) if tags is not None else ():
        try:
            blocks.append(_Picture(base64.b64decode(text)))
        except (binascii.Error, mutagen.MutagenError):
            continue
    return [(int(block.type), bytes(block.data)) for block in blocks if block.data]
