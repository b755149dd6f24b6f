"""What a root knows, gathered into the plain values that a report shows. Painting is left to the job."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from covergen.catalog.tagged import heard_moods
from covergen.evaluation.report.content import CoverPair, Curve, LossChart, RejectedFile
from covergen.evaluation.tables.table import SYSTEMS, SystemsTable, systems_table
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.procedural.factor_reader import READER, CoverReader
from covergen.procedural.factors import Album, draw_album
from covergen.sources.media import read_media
from covergen.storage import rejects
from covergen.storage.delta import one_of
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, CATALOG, GENERATED, MEDIA, TABLES, TAGS

Pictures = NDArray[np.uint8]
MADE_UP = "procedural:"
MOODS = 3  # words of what was heard, at most


def covers(root: Root) -> tuple[CoverPair, ...]:
    """Return painted covers that heard their own song, beside the albums' own covers where there are any."""
    painted = root.current(GENERATED).read(["album_id", "image"], where="system = 'audio' AND variant = 0")
    pictures = dict(zip(painted["album_id"].to_pylist(), painted["image"].to_pylist(), strict=True))
    albums = [row for row in _catalog(root) if row["album_id"] in pictures]
    truths = _true_covers(root, [row["album_id"] for row in albums if row["cover_sha256"]])
    tags = root.current(TAGS).read(["track_id", "mood", "basis"]).to_pylist() if root.has(TAGS) else ()
    moods = heard_moods(tags, MOODS)
    return tuple(
        CoverPair(
            artist=row["artist"],
            title=row["title"],
            genre=row["genre"],
            painted=pictures[row["album_id"]],
            truth=truths.get(row["album_id"]),
            moods=", ".join(moods.get(row["track_id"], ())),
        )
        for row in albums
    )


def genres(root: Root) -> dict[str, int]:
    """Return how many albums each canonical genre has, the largest first."""
    return dict(Counter(row["genre"] for row in _catalog(root)).most_common())


def made_up(root: Root) -> dict[str, Album]:
    """Return the generator's albums among the painted ones, by album_id: those whose factors are known."""
    found = root.current(ALBUMS).read(["album_id", "source_url"], where="source = 'procedural'").to_pylist()
    albums = {}
    for row in found:
        split, _, seed = row["source_url"].removeprefix(MADE_UP).partition("/")
        albums[row["album_id"]] = draw_album(int(seed), split)
    return albums


def controlled_table(
    root: Root,
    reader: CoverReader,
    *,
    reconstruct: Callable[[Pictures], Pictures],
    resamples: int,
) -> SystemsTable | None:
    """Return the table of the controlled benchmark over the albums that every system painted.

    `reconstruct` passes true covers through the VAE, so that all pictures lie in the domain it can show.
    None where no painted album has known factors.
    """
    painted = root.current(GENERATED).read(["album_id", "system", "image"], where="variant = 0").to_pylist()
    known = made_up(root)
    by_system: dict[str, dict[str, bytes]] = {}
    for row in painted:
        if row["album_id"] in known:
            by_system.setdefault(row["system"], {})[row["album_id"]] = row["image"]
    if not by_system:
        return None
    shared = sorted(set.intersection(*(set(pictures) for pictures in by_system.values())))
    if not shared:
        return None
    truths = _true_covers(root, shared)
    truth = np.stack([images.decode(truths[album]) for album in shared])
    return systems_table(
        [known[album].factors for album in shared],
        reconstruct(truth),
        painted={
            system: np.stack([images.decode(pictures[album]) for album in shared])
            for system, pictures in sorted(by_system.items(), key=lambda item: SYSTEMS.index(item[0]))
        },
        reader=reader,
        resamples=resamples,
    )


def steps(root: Root, folder: str) -> int:
    """Return after how many steps of training a checkpoint's weights were taken."""
    return int(json.loads(root.read(f"{folder}/fusion.json"))["step"])


def fusion(root: Root, folder: str) -> str:
    """Return the kind of fusion that a checkpoint holds."""
    return str(json.loads(root.read(f"{folder}/fusion.json"))["name"])


def losses(root: Root, folder: str) -> tuple[LossChart, ...]:
    """Return a training's loss curve and, where it was validated, the error of each kind of sound."""
    history = json.loads(root.read(f"{folder}/fusion.json"))["history"]
    trained = [row for row in history if row["stage"] == "train"]
    charts = []
    if trained:
        steps = tuple(float(row["step"]) for row in trained)
        values = tuple(_smoothed([float(row["loss"]) for row in trained]))
        charts.append(
            LossChart("Training loss", (Curve("loss", steps, values),), "moving average of the steps")
        )
    validated = [row for row in history if row["stage"] == "validation"]
    if validated:
        newest = max(row["step"] for row in validated)
        newest_rows = [row for row in validated if row["step"] == newest]
        curves = tuple(
            Curve(
                name,
                tuple(float(row["bin"]) for row in newest_rows if row["sound"] == name),
                tuple(float(row["loss"]) for row in newest_rows if row["sound"] == name),
            )
            for name in ("true", "shuffled", "silent")
        )
        note = "held-out albums; low is better, and true below the others means that sound helps"
        charts.append(LossChart("Validation error by timestep bin", curves, note))
    return tuple(charts)


def refused(root: Root) -> tuple[RejectedFile, ...]:
    """Return the standing rejects, by stage and key."""
    rows = rejects.latest(root).sort_by([("stage", "ascending"), ("key", "ascending")]).to_pylist()
    return tuple(
        RejectedFile(f"{row['stage']}: {row['key'][:24]}", row["code"], row["reason"]) for row in rows
    )


def versions(root: Root) -> dict[str, str]:
    """Return the current generation and version of every table there is."""
    there = [table for table in TABLES.values() if root.has(table)]
    return {
        table.name: f"{root.current(table).name}, version {root.current(table).version}, "
        f"{root.current(table).count()} rows"
        for table in there
    }


def seconds(root: Root) -> dict[str, float]:
    """Return the seconds that each job's latest run took."""
    newest = {job: names[-1] for job in ("embed", "encode", "train", "generate") if (names := root.runs(job))}
    return {
        job: float(json.loads(root.read(f"runs/{job}/{name}"))["seconds"]) for job, name in newest.items()
    }


def farthest(frames: Pictures | NDArray[np.floating[Any]], count: int) -> list[int]:
    """Return `count` rows that sound most different: each next one is farthest from those before it."""
    pooled = frames.astype(np.float32).mean(axis=2).reshape(len(frames), -1)
    scaled = (pooled - pooled.mean(axis=0)) / (pooled.std(axis=0) + 1e-6)
    chosen = [0]
    while len(chosen) < min(count, len(scaled)):
        distance = np.min([np.square(scaled - scaled[i]).sum(axis=1) for i in chosen], axis=0)
        chosen.append(int(distance.argmax()))
    return chosen


def _catalog(root: Root) -> list[dict[str, Any]]:
    rows: pa.Table = root.current(CATALOG).read().sort_by([("artist", "ascending"), ("title", "ascending")])
    return list(rows.to_pylist())


def _true_covers(root: Root, album_ids: Sequence[str]) -> dict[str, bytes]:
    found = root.current(MEDIA).read(where=f"kind = 'cover' AND {one_of('owner_id', album_ids)}").to_pylist()
    return {row["owner_id"]: read_media(row) for row in found}


def _smoothed(values: list[float], share: float = 0.1) -> list[float]:
    smooth, out = values[0], []
    for value in values:
        smooth += share * (value - smooth)
        out.append(smooth)
    return out


# The controlled table of a root: made-up albums, read by an evaluator that knows what this VAE can show.
def measure_controlled(
    root: Root, *, base: str, offline: bool, reader_covers: int, resamples: int
) -> SystemsTable | None:
    """Return the table of the made-up albums, or None where there are none."""
    if not made_up(root):
        return None
    reconstruct = partial(stable_diffusion.reconstruct, stable_diffusion.load_vae(base, offline=offline))
    reader = reader_of(base, offline=offline, reader_covers=reader_covers, reconstruct=reconstruct)
    return controlled_table(root, reader, reconstruct=reconstruct, resamples=resamples)


def reader_of(
    base: str, *, offline: bool, reader_covers: int, reconstruct: Callable[[Pictures], Pictures]
) -> CoverReader:
    """Return the reader shipped beside `base`, else one fitted on `reader_covers` covers."""
    if (shipped := shipped_reader(base, offline=offline)) is not None:
        return CoverReader.load(shipped)
    size = stable_diffusion.size(base, offline=offline)
    return CoverReader.fit(reader_covers, size=size, reconstruct=reconstruct)


def shipped_reader(base: str, *, offline: bool) -> Path | None:
    """Return the path of the reader beside a base's parts, or nothing."""
    path = stable_diffusion.folder(base, ("vae",), offline=offline) / READER
    return path if path.is_file() else None
