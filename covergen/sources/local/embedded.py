"""Pictures inside audio files, whatever the format keeps them as, and which of several is the cover."""

import base64
import binascii
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import mutagen
from mutagen.apev2 import APEv2
from mutagen.asf import ASFTags
from mutagen.flac import Picture as Block
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from covergen.errors import BadInput
from covergen.media import images

# What mutagen raises for files made to break it; such a file is known by its path, and decoding judges it.
BROKEN: Final = (
    mutagen.MutagenError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError,
    OverflowError, MemoryError, RecursionError, struct.error,
)  # fmt: skip

_Block: Any = Block  # their constructors are untyped
_Apev2: Any = APEv2
_FRONT: Final = 3  # of the types of pictures, the same in ID3 (APIC), FLAC and Vorbis
_RANKS: Final = {_FRONT: 0, 0: 1, 1: 9, 2: 9}  # "other" is mostly the front; 1 and 2 are icons of the file
_THUMBNAIL: Final = 100  # pixels of the shorter side, below which any larger picture goes first
_OBLONG: Final = 1.3  # longer to shorter side: a booklet's spread, a case with its spine
_LINK: Final = "-->"  # the media type of a picture that is an address alone


class Proof(NamedTuple):
    """How well a picture proves to be a cover: the least is the best."""

    is_unread: bool
    is_thumbnail: bool
    rank: int  # 0 for what calls itself the front
    is_oblong: bool
    minus_side: int  # pixels of the shorter side


class Picture(NamedTuple):
    """A picture with its type by ID3's count."""

    kind: int
    data: bytes

    @property
    def proof(self) -> Proof:
        """How well it proves to be a cover, by its head."""
        return proof_of(self.data, _RANKS.get(self.kind, 2))


def proof_of(data: bytes, rank: int) -> Proof:
    """Return the proof of a picture whose name or type is of a rank."""
    try:
        sides = images.size_of(data)
    except BadInput:
        return Proof(True, True, rank, True, 0)
    short, long = sorted(sides)
    return Proof(False, short < _THUMBNAIL, rank, long > _OBLONG * short, -short)


def is_whole(data: bytes) -> bool:
    """Say whether a picture can be decoded to its end."""
    try:
        images.check(data)
    except BadInput:
        return False
    return True


def embedded_picture(path: Path) -> bytes | None:
    """Return the picture inside an audio file that proves best to be its cover and is whole, or None.

    The best of them where none is whole. Raises OSError if the file cannot be opened.
    """
    with path.open("rb"):
        pass
    try:
        file = mutagen.File(path)
        pictures = [] if file is None else pictures_in(file.tags, file)
        pictures = pictures or pictures_in(apev2_of(path), None)
    except BROKEN:
        return None
    ranked = sorted(pictures, key=lambda picture: picture.proof)
    if len(ranked) < 2:
        return ranked[0].data if ranked else None
    return next((picture.data for picture in ranked if is_whole(picture.data)), ranked[0].data)


def apev2_of(path: Path) -> Any:
    """Return the APEv2 tags that an mp3 may have beside its ID3 tags, or None."""
    try:
        return _Apev2(path)
    except BROKEN:
        return None


def pictures_in(tags: Any, file: Any) -> list[Picture]:
    """Return the pictures of any kind of tags, and of the file where it keeps them beside its tags."""
    kind: Any = tags
    if isinstance(kind, ID3):
        frames: Iterable[Any] = tags.getall("APIC")
        return [Picture(int(f.type), bytes(f.data)) for f in frames if f.data and f.mime != _LINK]
    if isinstance(kind, MP4Tags):
        return [Picture(_FRONT, bytes(cover)) for cover in listed(tags.get("covr")) if len(cover)]
    if isinstance(kind, APEv2):
        named = ((key.lower(), value.value) for key, value in tags.items() if value.kind == 1)
        covers = [(key, data.partition(b"\0")[2]) for key, data in named if key.startswith("cover art")]
        return [Picture(_FRONT if "front" in key else 0, data) for key, data in covers if data]
    if isinstance(kind, ASFTags):
        values = (attribute.value for attribute in listed(tags.get("WM/Picture")))
        return [picture for value in values if isinstance(value, bytes) and (picture := _asf_picture(value))]
    blocks = list(getattr(file, "pictures", ()))
    for text in listed(tags.get("metadata_block_picture")) if tags is not None else ():
        try:
            blocks.append(_Block(base64.b64decode(text)))
        except (binascii.Error, mutagen.MutagenError):
            continue
    found = [b for b in blocks if b.data and b.mime != _LINK]
    return [Picture(int(block.type), bytes(block.data)) for block in found]


def _asf_picture(value: bytes) -> Picture | None:
    """Return the picture of a WM_PICTURE (Windows Media Format SDK): type, size, media type, words, data."""
    size = int.from_bytes(value[1:5], "little")
    head = value[5 : len(value) - size].decode("utf-16-le", "replace").split("\0")
    if not 0 < size < len(value) - 5 or head[0] == _LINK:
        return None
    return Picture(value[0], value[-size:])


def listed(value: Any) -> list[Any]:
    """Return a tag's values as a list, empty where there are none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
