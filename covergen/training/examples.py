"""Training examples in memory: what albums, latents, words and music say, aligned row by row.

N rows, V prompt variants, T text tokens, D text width, L layers, F frames, W feature width,
C latent channels, h w latent cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from covergen import rows
from covergen.errors import ConfigError


@dataclass(frozen=True)
class Examples:
    """Aligned rows, on the CPU. Latents are scaled as the U-Net sees them."""

    album_ids: tuple[str, ...]
    latent_means: Tensor  # (N, C, h, w)
    latent_stds: Tensor  # (N, C, h, w)
    states: Tensor  # (N, V, T, D)
    frames: Tensor  # (N, L, F, W)
    null_states: Tensor  # (T, D): the text encoder's answer to no words

    def __len__(self) -> int:
        return len(self.album_ids)

    def take(self, indices: Sequence[int] | Tensor) -> "Examples":
        """Return these rows only."""
        chosen = torch.as_tensor(list(indices))
        return replace(
            self,
            album_ids=tuple(self.album_ids[int(i)] for i in chosen),
            latent_means=self.latent_means[chosen],
            latent_stds=self.latent_stds[chosen],
            states=self.states[chosen],
            frames=self.frames[chosen],
        )


def from_tables(
    catalog: pa.Table,
    *,
    latents: pa.Table,
    text_embeddings: pa.Table,
    audio_embeddings: pa.Table,
    null_states: Tensor,
    scaling_factor: float,
    shift_factor: float = 0.0,
    variants: Sequence[str] = ("full", "untitled", "genre"),
) -> tuple[Examples, int]:
    """Return the examples of the albums in `catalog` and the number of albums that lack a part.

    `catalog` needs album_id and track_id; tensor columns need the shapes in their fields' metadata. An album
    without one of the `variants` uses its first. Latents become (raw - shift_factor) * scaling_factor.
    """
    latent_rows, audio_rows = _positions(latents, "album_id"), _positions(audio_embeddings, "track_id")
    text_rows = _variant_positions(text_embeddings, variants)
    wanted = list(zip(catalog["album_id"].to_pylist(), catalog["track_id"].to_pylist(), strict=True))
    whole = [(a, t) for a, t in wanted if a in latent_rows and t in audio_rows and a in text_rows]
    if not whole:
        raise ConfigError(
            f"none of {len(wanted)} albums has latents, words and music: run the embed and encode jobs, "
            "and check that the albums have covers"
        )
    albums = [album for album, _ in whole]
    at = [latent_rows[album] for album in albums]
    means = torch.from_numpy(rows.read_tensor(latents, "mean")[at].astype(np.float32))
    stds = torch.from_numpy(rows.read_tensor(latents, "std")[at].astype(np.float32))
    examples = Examples(
        album_ids=tuple(albums),
        latent_means=(means - shift_factor) * scaling_factor,
        latent_stds=stds * scaling_factor,
        states=_gather(text_embeddings, "states", [text_rows[album] for album in albums]),
        frames=_gather(audio_embeddings, "frames", [audio_rows[track] for _, track in whole]),
        null_states=null_states.float(),
    )
    return examples, len(wanted) - len(whole)


def _positions(table: pa.Table, key: str) -> dict[str, int]:
    return {value: row for row, value in enumerate(table[key].to_pylist())}


def _variant_positions(table: pa.Table, variants: Sequence[str]) -> Mapping[str, list[int]]:
    """Return, per album, the row of each variant in order."""
    found: dict[str, dict[str, int]] = {}
    names = zip(table["album_id"].to_pylist(), table["variant"].to_pylist(), strict=True)
    for row, (album, variant) in enumerate(names):
        found.setdefault(album, {})[variant] = row
    return {
        album: [own.get(variant, next(iter(own.values()))) for variant in variants]
        for album, own in found.items()
    }


def _gather(table: pa.Table, name: str, positions: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rows.read_tensor(table, name)[np.asarray(positions)]))
