"""Painted covers of real albums, measured: the table of systems and the check for memorised covers.

Albums, features and models come from the neighbouring modules; here they meet. N albums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics import song_to_cover
from covergen.evaluation.metrics.memorization import nearness
from covergen.evaluation.metrics.paired import grey_mse, paired_mse
from covergen.evaluation.metrics.split_half import LEAST
from covergen.evaluation.models.image_models import ImageModels, see_all
from covergen.evaluation.report.content import MemoryCheck, Missing, Neighbour, SystemSheet
from covergen.evaluation.tables.real_table import DESCRIPTORS, SPACES, BySpace, RealTable, Songs, real_table
from covergen.evaluation.tables.table import GREY, SYSTEMS, TRUE_COVERS
from covergen.media import images
from covergen.media.images import Pixels, fit_square
from covergen.sources.media import read_picture
from covergen.storage.delta import one_of
from covergen.storage.root import Root
from covergen.storage.rows import read_tensor
from covergen.storage.tables import ALBUMS, AUDIO_EMBEDDINGS, CATALOG, GENERATED, MEDIA

Features = NDArray[np.floating]
CATALOG_COLUMNS = ("album_id", "artist", "title", "track_id")
Values = NDArray[np.float64]
PAIRS: Final = 8
_TRAINING: Final = 10  # covers below which nearness says nothing


# Albums that no training saw, painted by every system, and the training albums to judge them by.
#
# N albums, A music features.


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


# What was found on them.


@dataclass(frozen=True)
class Findings:
    """What was measured, and what was not and why; `models` names the image models by kind."""

    table: RealTable | None = None
    memory: MemoryCheck | None = None
    sheet: SystemSheet | None = None
    missing: tuple[Missing, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)


def measure(
    root: Root, models: ImageModels, *, training_covers: int, resamples: int, batch_size: int = 32
) -> Findings:
    """Measure the held-out albums of a root that every system painted.

    Real albums only, where there are any. Of made-up ones, whose truth the controlled table knows, only what
    is cheap is measured unless an image model is there.
    """
    real = bool(real_albums(root))
    found = held_out(root, real=real)
    if found is None:
        needs = "painted albums outside the training split that have a true cover"
        return Findings(missing=(Missing("every measure on real albums", needs),))
    whole = real or set(models.models) != {DESCRIPTORS}
    missing = list(models.missing)
    training = training_albums(root, most=training_covers)
    seen = _see(found, training, models, whole=whole, batch_size=batch_size)
    memory = _memory(found, training, seen, space=models.space, resamples=resamples)
    if memory is None:
        missing.append(Missing("nearest training covers", f"{_TRAINING} covers in the training split"))
    table = None
    if whole and len(found.albums) < LEAST:
        needs = f"{LEAST} painted held-out albums that have a true cover; there are {len(found.albums)}"
        missing.append(Missing("the table of systems", needs))
    elif whole:
        songs = _songs(root, found, training, seen, space=models.space)
        if isinstance(songs, Missing):
            missing.append(songs)
        table = real_table(
            seen.painted,
            seen.truth,
            errors=_errors(found, seen.side, batch_size=batch_size),
            texts=None if models.texts is None else _texts(models, found.prompts, batch_size),
            songs=None if isinstance(songs, Missing) else songs,
            resamples=resamples,
        )
    return Findings(table, memory, _sheet(found, seen.side), tuple(missing), models.names)


@dataclass(frozen=True)
class _Seen:
    """Features by space: of each system's pictures, of the true covers, and of the training covers."""

    side: int
    painted: Mapping[str, BySpace]
    truth: BySpace
    training: BySpace


def _see(found: HeldOut, training: AlbumSet, models: ImageModels, *, whole: bool, batch_size: int) -> _Seen:
    one = {models.space: models.models[models.space]}
    wanted = models.models if whole else one
    systems = found.painted if whole else {_main(found): found.painted[_main(found)]}
    side = images.decode(next(iter(found.painted.values()))[0]).shape[0]
    see_true = partial(see_all, decode=partial(_true, side=side), at_once=batch_size)
    return _Seen(
        side=side,
        painted={
            system: see_all(pictures, images.decode, models=wanted, at_once=batch_size)
            for system, pictures in systems.items()
        },
        truth=see_true(found.albums.covers, models=wanted),
        training=see_true(training.covers, models=one) if len(training) else {},
    )


def _memory(
    found: HeldOut, training: AlbumSet, seen: _Seen, *, space: str, resamples: int
) -> MemoryCheck | None:
    if len(training) < _TRAINING:
        return None
    main = _main(found)
    check = nearness(seen.painted[main][space], seen.truth[space], seen.training[space], resamples=resamples)
    pairs = tuple(
        Neighbour(
            painted=found.painted[main][row],
            painted_name=_name(found.albums.rows[row]),
            training=_true(training.covers[check.nearest[row]], side=seen.side),
            training_name=_name(training.rows[check.nearest[row]]),
            distance=float(check.distances[row]),
        )
        for row in check.worst(PAIRS)
    )
    return MemoryCheck(SPACES[space], check, pairs)


def _songs(root: Root, found: HeldOut, training: AlbumSet, seen: _Seen, *, space: str) -> Songs | Missing:
    songs, known = music(root, found.albums), music(root, training)
    if not songs.shape[1] or np.isnan(songs).any():
        return Missing("R@1, R@5, R@10", "audio embeddings of every held-out album")
    there = ~np.isnan(known).any(axis=1) if known.shape[1] else np.zeros(len(known), bool)
    if there.sum() < song_to_cover.LEAST:
        needs = f"{song_to_cover.LEAST} training albums with a song and a cover; there are {there.sum()}"
        return Missing("R@1, R@5, R@10", needs)
    return Songs(space, songs, known[there], seen.training[space][there])


def _errors(found: HeldOut, side: int, *, batch_size: int) -> dict[str, Values]:
    """Return pixel errors (N,) by system and of a constant grey; true covers are cut square to `side`."""
    parts: dict[str, list[Values]] = {system: [] for system in (*found.painted, GREY)}
    for start in range(0, len(found.albums), batch_size):
        chosen = slice(start, start + batch_size)
        truth = np.stack([_true(row, side=side) for row in found.albums.covers[chosen]])
        parts[GREY].append(grey_mse(truth))
        for system, pictures in found.painted.items():
            painted = np.stack([images.decode(picture) for picture in pictures[chosen]])
            parts[system].append(paired_mse(painted, truth))
    return {system: np.concatenate(values) for system, values in parts.items()}


def _texts(models: ImageModels, prompts: Sequence[str], batch_size: int) -> Any:
    assert models.texts is not None  # noqa: S101, the caller asked
    starts = range(0, len(prompts), batch_size)
    return np.concatenate([models.texts(list(prompts[k : k + batch_size])) for k in starts])


def _sheet(found: HeldOut, side: int, *, albums: int = 8) -> SystemSheet:
    """Return evenly spread albums as every system painted them, beside the true covers."""
    count = min(albums, len(found.albums))
    chosen = [k * len(found.albums) // count for k in range(count)]
    pictures = {system: tuple(own[k] for k in chosen) for system, own in found.painted.items()}
    truth = tuple(_true(found.albums.covers[k], side=side) for k in chosen)
    names = tuple(_name(found.albums.rows[k]) for k in chosen)
    return SystemSheet(names, {**pictures, TRUE_COVERS: truth})


def _main(found: HeldOut) -> str:
    return "audio" if "audio" in found.painted else next(iter(found.painted))


def _true(row: Mapping[str, Any], *, side: int) -> Pixels:
    return fit_square(read_picture(row), side)


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['title']}, {row['artist']}"
