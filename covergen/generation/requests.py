"""What is to be painted: catalogue, prompts and audio embeddings to one row per album, system and variant."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from covergen.errors import RootError
from covergen.generation.seeds import seed_of
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, PROMPTS

SHUFFLE_SEED = 20

SCHEMA = pa.schema(
    [
        ("album_id", pa.string()),
        ("system", pa.string()),
        ("variant", pa.int64()),
        ("prompt_id", pa.string()),
        ("prompt", pa.string()),
        ("track_id", pa.string()),
        ("seed", pa.string()),
        ("input_digest", pa.string()),
    ]
)


def requests(root: Root, scope: Mapping[str, Any]) -> pa.Table:
    """Return the covers that `scope` (split, limit, systems, variants, first_variant) asks for, in SCHEMA.

    System `audio` hears the album's own track, `shuffled` another album's, `prompt_only` none. The seed is
    the same for all systems, so that only what is heard differs.
    """
    where = None if scope["split"] == "all" else f"split = '{scope['split']}'"
    catalog = root.current(CATALOG).read(["album_id", "track_id"], where=where).sort_by("album_id")
    albums = catalog.slice(0, scope["limit"]).to_pylist()
    words = {row["album_id"]: row for row in root.current(PROMPTS).read(where="variant = 'full'").to_pylist()}
    if unworded := [album["album_id"] for album in albums if album["album_id"] not in words]:
        raise RootError(
            f"{len(unworded)} albums have no prompt yet, {unworded[0]} among them; run jobs.clean again."
        )
    embeddings = root.current(AUDIO_EMBEDDINGS).read(["track_id", "input_digest"])
    digests = dict(
        zip(embeddings["track_id"].to_pylist(), embeddings["input_digest"].to_pylist(), strict=True)
    )
    records, first = [], scope.get("first_variant", 0)
    for system in scope["systems"]:
        for album, track in zip(albums, _tracks(albums, system), strict=True):
            for variant in range(first, first + scope["variants"]):
                words_row, seed = words[album["album_id"]], seed_of(album["album_id"], variant)
                sound = digests.get(track) if track else None
                made_of = (words_row["text"], track, sound, seed)
                records.append(
                    {
                        "album_id": album["album_id"],
                        "system": system,
                        "variant": variant,
                        "prompt_id": words_row["prompt_id"],
                        "prompt": words_row["text"],
                        "track_id": track,
                        "seed": str(seed),
                        "input_digest": hashlib.sha256(repr(made_of).encode()).hexdigest(),
                    }
                )
    return pa.Table.from_pylist(records, schema=SCHEMA)


def derangement(count: int, seed: int) -> np.ndarray[Any, Any]:
    """Return a permutation of `count` places that leaves none in its own (one place stays: count 1)."""
    if count < 2:
        return np.arange(count)
    order = np.random.default_rng(seed).permutation(count)
    places = np.empty(count, dtype=np.int64)
    places[order] = np.roll(order, 1)  # one cycle through all, so nobody keeps the own
    return places


def _tracks(albums: list[dict[str, Any]], system: str) -> list[str | None]:
    if system == "prompt_only":
        return [None] * len(albums)
    tracks = [album["track_id"] for album in albums]
    if system == "shuffled":
        return [tracks[place] for place in derangement(len(tracks), SHUFFLE_SEED)]
    return tracks
