"""The cover of an album of one's own: of the pictures beside its songs and in them, the best whole one."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from covergen.media.images import IMAGE_SUFFIXES
from covergen.sources.identity import normalise
from covergen.sources.local.embedded import Proof, embedded_picture, is_whole, proof_of
from covergen.sources.local.file_urls import EMBEDDED, address_of, name_of
from covergen.sources.local.songs import Song

_FRONT: Final = frozenset({
    "cover", "covers", "folder", "front", "album", "albumart", "albumartsmall", "albumcover", "artwork",
    "art", "coverart", "frontcover", "coverfront",
})  # fmt: skip
_BESIDES: Final = frozenset({"large", "small", "big", "hq", "hd", "jpg", "image", "scan", "picture"})
_OTHER: Final = frozenset({
    "back", "rear", "inlay", "inside", "inner", "booklet", "tray", "cd", "disc", "disk", "dvd", "label",
    "matrix", "spine", "obi", "artist", "band", "logo", "banner", "fanart", "backdrop", "clearart",
    "thumb", "icon",
})  # fmt: skip
_SCANS: Final = frozenset({"scans", "scan", "artwork", "artworks", "covers", "cover", "art"})
_MAX_BYTES: Final = 2**26  # of a picture that is looked at


class _Candidate(NamedTuple):
    is_shared: bool  # with the songs of another album
    proof: Proof
    place: int
    address: str
    path: Path

    @property
    def data(self) -> bytes | None:
        try:
            return embedded_picture(self.path) if self.address.endswith(EMBEDDED) else _read(self.path)
        except OSError:
            return None


def cover_of(songs: Sequence[Song], crowded: Counter[Path]) -> str | None:
    """Return the address of an album's cover, None where there is no picture.

    A front goes first, by its name or its type; then a square; then the largest; what lies beside before what
    is inside. Thumbnails come last, and so do pictures in a folder that other albums share. The first that
    is whole is taken; where none is, the best, whose refusal then names it.
    """
    folders = list(dict.fromkeys(place for song in songs for place in (song.folder, song.path.parent)))
    beside = [found for folder in folders for found in _beside(folder, songs[0], crowded[folder] > 1)]
    inside = [(False, s.tags.picture, address_of(s.path) + EMBEDDED, s.path) for s in songs if s.tags.picture]
    ranked = sorted(
        _Candidate(is_shared, proof, place, address, path)
        for place, (is_shared, proof, address, path) in enumerate([*beside, *inside])
    )
    if len(ranked) < 2:
        return ranked[0].address if ranked else None
    whole = (one for one in ranked if (data := one.data) is not None and is_whole(data))
    return next(whole, ranked[0]).address


def _beside(folder: Path, song: Song, is_shared: bool) -> Iterator[tuple[bool, Proof, str, Path]]:
    """Yield the pictures in an album's folder and its folder of scans that may be its cover."""
    pictures = _pictures(folder)
    ranks = {path: _rank(path, song) for path in pictures}
    if (
        not is_shared
        and len(pictures) == 1
        and ranks[pictures[0]] is None
        and not _words(pictures[0]) & _OTHER
    ):
        ranks[pictures[0]] = 1  # the only one
    scans = [Path(folder, name) for name in _names(folder) if name.lower() in _SCANS]
    ranks |= {path: _rank(path, song) for place in scans for path in _pictures(place)}
    for path, rank in ranks.items():
        if rank is not None:
            yield is_shared, proof_of(_read(path) or b"", rank), address_of(path), path


def _rank(path: Path, song: Song) -> int | None:
    """Return how surely a picture's name calls it the front, None where it does not."""
    words = _words(path)
    if words & _FRONT and not words & _OTHER:
        return 0 if all(w in _FRONT | _BESIDES or re.fullmatch(r"[0-9a-f]+", w) for w in words) else 1
    album = normalise(song.album)
    is_named_so = album and f" {normalise(path.stem)} ".endswith(f" {album} ")
    return 1 if is_named_so and (not words & _OTHER or words & _OTHER <= set(album.split())) else None


def _words(path: Path) -> set[str]:
    """Return the words of a picture's name, those of `cover1` without their number."""
    found = re.findall(r"[^\W_]+", name_of(path).removesuffix(path.suffix).lower())
    plain = (word.rstrip("0123456789") for word in found)
    return {short if short in _FRONT | _OTHER else word for word, short in zip(found, plain, strict=True)}


def _pictures(folder: Path) -> list[Path]:
    names = (name for name in _names(folder) if not name.startswith("."))
    return [path for name in names if (path := Path(folder, name)).suffix.lower() in IMAGE_SUFFIXES]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names may hold broken bytes
    except OSError:
        return []


def _read(path: Path) -> bytes | None:
    """Return the bytes of a file, None where it is none, too large, or cannot be read."""
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= _MAX_BYTES else None
    except OSError:
        return None
