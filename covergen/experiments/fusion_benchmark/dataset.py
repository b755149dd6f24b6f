"""The controlled benchmark's albums and painted covers, out of a root."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covergen.errors import RootError
from covergen.evaluation.tables.gather import made_up
from covergen.experiments.fusion_benchmark.measure import reader_digest
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.procedural.factors import Album
from covergen.storage.root import Root, digest_of
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, GENERATED
from covergen.training.dataset import data_digest

SPLIT = "test"  # where the clean job puts the generator's evaluation albums


def evaluated(root: Root, limit: int | None) -> dict[str, Album]:
    """Return the albums that are measured, by album_id and in its order, as the generate job chooses them."""
    found = root.current(CATALOG).read(["album_id"], where=f"split = '{SPLIT}'").sort_by("album_id")
    known = made_up(root)
    chosen = found["album_id"].to_pylist()[:limit]
    if not chosen or not set(chosen) <= set(known):
        raise RootError(
            f"{root.uri}: the controlled benchmark measures albums of the source `procedural` alone, "
            f"and {len(set(chosen) & set(known))} of {len(chosen)} albums for evaluation are from there."
        )
    return {album_id: known[album_id] for album_id in chosen}


def world_of(root: Root, albums: Mapping[str, Album], *, base: str, offline: bool, reader_covers: int) -> str:
    """Return the digest of what all rows of one table share: albums, training data, base, encoder, reader."""
    return digest_of(
        {
            "albums": list(albums),
            "data": data_digest(root),
            "base": stable_diffusion.digest(base),
            "audio": root.recipe(AUDIO_EMBEDDINGS),
            "reader": reader_digest(base, offline=offline, reader_covers=reader_covers),
        }
    )


def painted(
    root: Root, album_ids: Sequence[str], *, system: str, variant: int
) -> tuple[NDArray[np.uint8], float]:
    """Return what was painted last, in the order of the albums (N, H, W, 3), and the seconds a cover."""
    where = f"system = '{system}' AND variant = {variant}"
    rows = root.current(GENERATED).read(["album_id", "image", "seconds"], where=where).to_pylist()
    covers = {row["album_id"]: row for row in rows}
    if missing := [key for key in album_ids if key not in covers]:
        raise RootError(
            f"{len(missing)} of {len(album_ids)} covers of the system {system} are not painted, {missing[0]} "
            "among them; look into the table `rejects`, then run the benchmark again."
        )
    pictures = np.stack([images.decode(covers[key]["image"]) for key in album_ids])
    return pictures, float(np.mean([covers[key]["seconds"] for key in album_ids]))


def training_seconds(root: Root, folder: str) -> float | None:
    """Return how long a checkpoint's training took, start of workers included; None where nobody noted it."""
    records: list[dict[str, Any]] = [
        json.loads(root.read(f"runs/train/{name}")) for name in root.runs("train")
    ]
    mine = [record for record in records if record.get("folder") == folder]
    return float(mine[-1]["seconds"]) if mine else None
