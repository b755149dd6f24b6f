"""Albums that no training saw, painted by every system, and the training albums to judge them by.

N albums, A music features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.tables.table import SYSTEMS
from covergen.storage.delta import one_of
from covergen.storage.root import Root
from covergen.storage.rows import read_tensor
from covergen.storage.tables import ALBUMS, AUDIO_EMBEDDINGS, CATALOG, GENERATED, MEDIA

Features = NDArray[np.floating]
CATALOG_COLUMNS = ("album_id", "artist", "title", "track_id")


@dataclass(frozen=True)
class AlbumSet:
    """Albums in one order: catalogue rows, and the rows of `media` that hold their true covers."""

    rows: tuple[Mapping[str, Any], ...]
    covers: tuple[Mapping[str, Any], ...]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class HeldOut:
    """Held-out albums, each system's pictures as PNG in their order, and the prompts they were painted by."""

    albums: AlbumSet
    painted: Mapping[str, tuple[bytes, ...]]
    prompts: tuple[str, ...]


def held_out(root: Root, *, real: bool) -> HeldOut | None:
    """Return the painted albums outside the training split whose true cover is known.

    Only those that every system painted count, so that all rows speak of the same albums; with `real`, only
    those that are not made up. None where there is no such album.
    """
    where = "split <> 'train' AND cover_sha256 IS NOT NULL"
    known = {
        row["album_id"]: row for row in root.current(CATALOG).read(CATALOG_COLUMNS, where=where).to_pylist()
    }
    if real:
        there = real_albums(root)
        known = {album: row for album, row in known.items() if album in there}
    by_system: dict[str, dict[str, Mapping[str, Any]]] = {}
    for batch in root.current(GENERATED).batches(
        ["album_id", "system", "image", "prompt"], where="variant = 0"
    ):
        for row in batch.to_pylist():
            if row["album_id"] in known:
                by_system.setdefault(row["system"], {})[row["album_id"]] = row
    covers = _covers(root, known)
    sets = [set(rows) for rows in by_system.values()]
    shared = sorted(set.intersection(set(covers), *sets)) if sets else []
    if not shared:
        return None
    systems = sorted(by_system, key=SYSTEMS.index)
    return HeldOut(
        AlbumSet(tuple(known[album] for album in shared), tuple(covers[album] for album in shared)),
        {system: tuple(by_system[system][album]["image"] for album in shared) for system in systems},
        tuple(by_system[systems[0]][album]["prompt"] or "" for album in shared),
    )


def training_albums(root: Root, *, most: int, seed: int = 0) -> AlbumSet:
    """Return the training albums that have a cover; where there are more than `most`, that many by chance."""
    where = "split = 'train' AND cover_sha256 IS NOT NULL"
    rows = root.current(CATALOG).read(CATALOG_COLUMNS, where=where).sort_by("album_id").to_pylist()
    if len(rows) > most:
        chosen = np.random.default_rng(seed).choice(len(rows), most, replace=False)
        rows = [rows[place] for place in sorted(chosen)]
    covers = _covers(root, [row["album_id"] for row in rows])
    there = [row for row in rows if row["album_id"] in covers]
    return AlbumSet(tuple(there), tuple(covers[row["album_id"]] for row in there))


def music(root: Root, albums: AlbumSet) -> Features:
    """Return what was heard of each song, averaged over time (N, A); NaN where nothing was."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(albums.rows):
        places.setdefault(row["track_id"] or "", []).append(place)
    generation = root.current(AUDIO_EMBEDDINGS)
    found: Features | None = None
    for batch in generation.batches(["track_id", "frames"], where=one_of("track_id", places)):
        pooled = read_tensor(batch, "frames").astype(np.float32).mean(axis=2)  # (rows, layers, width)
        pooled = pooled.reshape(len(pooled), -1)
        if found is None:
            found = np.full((len(albums), pooled.shape[1]), np.nan, np.float32)
        for track, vector in zip(batch["track_id"].to_pylist(), pooled, strict=True):
            found[places[track]] = vector
    return np.empty((len(albums), 0), np.float32) if found is None else found


def real_albums(root: Root) -> set[str]:
    """Return the albums that are not made up."""
    found = root.current(ALBUMS).read(["album_id"], where="source <> 'procedural'")
    return set(found["album_id"].to_pylist())


def _covers(root: Root, album_ids: Sequence[str] | Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    where = f"kind = 'cover' AND {one_of('owner_id', list(album_ids))}"
    return {row["owner_id"]: row for row in root.current(MEDIA).read(where=where).to_pylist()}
