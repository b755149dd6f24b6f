"""Music features on one scale, their layers mixed by learnt weights.

B batch, L layers, F frames, W width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_LIMIT = 5.0  # deviations; music unlike any heard in training must not blow up the tokens


class FeatureMix(nn.Module):
    """Normalises features with the statistics of the training music and mixes the encoder's layers."""

    mean: Tensor
    std: Tensor
    fitted: Tensor  # a boolean without a shape: whether mean and std are those of training music

    def __init__(self, feature_shape: Sequence[int]):
        super().__init__()
        layers, _, width = feature_shape
        self.register_buffer("mean", torch.zeros(layers, 1, width))
        self.register_buffer("std", torch.ones(layers, 1, width))
        self.register_buffer("fitted", torch.tensor(False))
        self.layer_weights = nn.Parameter(torch.zeros(layers), requires_grad=layers > 1)

    @torch.no_grad()
    def fit(self, frames: Tensor) -> None:
        """Take mean and deviation per layer and feature over frames (rows, L, F, W)."""
        spread, mean = torch.std_mean(frames.float(), dim=(0, 2), correction=0)  # (L, W)
        self.mean.copy_(mean[:, None])
        self.std.copy_(spread[:, None].clamp_min(1e-3))
        self.fitted.fill_(True)

    def forward(self, frames: Tensor, audio_mask: Tensor | None = None) -> Tensor:
        """Return (B, F, W); rows that are not heard are zero."""
        normal = ((frames.float() - self.mean) / self.std).clamp(-_LIMIT, _LIMIT)
        if audio_mask is not None:
            # where, not a product: zero times a feature that is not finite would not be zero
            normal = torch.where(audio_mask[:, None, None, None], normal, torch.zeros_like(normal))
        weights = self.layer_weights.softmax(dim=0)
        return torch.einsum("blfw,l->bfw", normal, weights)
