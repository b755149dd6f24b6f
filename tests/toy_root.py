"""A root as the jobs leave it for training, made without them: albums whose covers follow the music."""

from typing import Any

import numpy as np

from covergen.storage import rows
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, LATENTS, TEXT_EMBEDDINGS
from tests import toys

FRAMES = (1, 6, 10)
STATES = (toys.TEXT_TOKENS, toys.TEXT_WIDTH)
LATENT = (toys.LATENT_CHANNELS, *(toys.PICTURE_SIZE // toys.VAE_FACTOR,) * 2)
VARIANTS = ("full", "untitled", "genre")


def make_root(uri: str, *, train: int = 24, validation: int = 8, seed: int = 0) -> Root:
    """Write catalogue, embeddings and latents for the Stable Diffusion of `toys`, and return the root."""
    root, drawn = Root.create(uri), np.random.default_rng(seed)
    splits = ["train"] * train + ["validation"] * validation
    albums = [f"{seed} album {number:03}" for number in drawn.permutation(len(splits))]
    colour = drawn.standard_normal((len(albums), 4))
    frames = drawn.standard_normal((len(albums), *FRAMES)) * 0.3
    frames[..., :4] += colour[:, None, None, :]
    means = colour[:, :, None, None] + 0.1 * drawn.standard_normal((len(albums), *LATENT))
    append(root, CATALOG, [catalog_row(a, s) for a, s in zip(albums, splits, strict=True)])
    append(
        root,
        AUDIO_EMBEDDINGS,
        [{"track_id": f"song of {a}", "frames": half(f)} for a, f in zip(albums, frames, strict=True)],
        frames=FRAMES,
    )
    append(
        root,
        LATENTS,
        [
            {"album_id": a, "mean": half(m), "std": half(np.full(LATENT, 0.05))}
            for a, m in zip(albums, means, strict=True)
        ],
        mean=LATENT,
        std=LATENT,
    )
    words = [
        {
            "prompt_id": f"{album} {variant}",
            "album_id": album,
            "variant": variant,
            "states": half(drawn.standard_normal(STATES)),
            "pooled": half(np.zeros(STATES[1])),
        }
        for album in albums
        for variant in VARIANTS
    ]
    append(root, TEXT_EMBEDDINGS, words, states=STATES, pooled=STATES[1:])
    return root


def catalog_row(album: str, split: str) -> dict[str, Any]:
    return {"album_id": album, "track_id": f"song of {album}", "split": split, "cover_sha256": "00"}


def append(root: Root, table: Any, records: list[dict[str, Any]], **shapes: tuple[int, ...]) -> None:
    generation = root.generation(table, {"made": "by hand"}, shapes=shapes)
    generation.append(rows.from_records(table, [{"input_digest": "0", **each} for each in records]))


def half(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, "<f2").tobytes()
