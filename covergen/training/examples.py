"""Training examples: what albums, latents, words and music say, aligned row by row.

N rows, V prompt variants, T text tokens, D text width, L layers, F frames, W feature width,
C latent channels, h w latent cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """Aligned rows, on the CPU; in memory, or in files of which only what is asked for is read.

    Latents are scaled as the U-Net sees them.
    """

    album_ids: tuple[str, ...]
    latent_means: Tensor  # (N, C, h, w)
    latent_stds: Tensor  # (N, C, h, w)
    states: Tensor  # (N, V, T, D)
    frames: Tensor  # (N, L, F, W)
    null_states: Tensor  # (T, D): the text encoder's answer to no words

    def __len__(self) -> int:
        return len(self.album_ids)

    def take(self, indices: Sequence[int] | Tensor) -> "Examples":
        """Return these rows only, in memory."""
        chosen = torch.as_tensor(list(indices))
        return replace(
            self,
            album_ids=tuple(self.album_ids[int(i)] for i in chosen),
            latent_means=self.latent_means[chosen],
            latent_stds=self.latent_stds[chosen],
            states=self.states[chosen],
            frames=self.frames[chosen],
        )

    def between(self, start: int, stop: int) -> "Examples":
        """Return the rows from `start` to before `stop`, without reading any."""
        return replace(
            self,
            album_ids=self.album_ids[start:stop],
            latent_means=self.latent_means[start:stop],
            latent_stds=self.latent_stds[start:stop],
            states=self.states[start:stop],
            frames=self.frames[start:stop],
        )
