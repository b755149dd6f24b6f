"""The predecessor's concatenation: text and music side by side, mixed by one linear layer.

B batch, T text tokens, D text width, L layers, F frames, W feature width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from covergen.fusion.protocol import Fusion, UNet, weighed, zero_start


class ConcatFusion(Fusion):
    """Replaces each text state by a mixture of itself and the music at its position."""

    zero_start = False

    def __init__(self, unet: UNet, feature_shape: Sequence[int]):
        super().__init__(feature_shape)
        width = int(unet.config.cross_attention_dim)
        self.adapter = AudioAdapter(self.feature_shape[2], width)
        self.mix = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def condition(
        self,
        states: Tensor,
        frames: Tensor,
        *,
        audio_mask: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D). `audio_scale` has no place here: the mixture replaces the text states."""
        del audio_scale
        audio = self.adapter(self.features(frames, audio_mask), states.shape[1])  # (B, T, D)
        joined = torch.cat([states, audio.to(states.dtype)], dim=-1)  # (B, T, 2D)
        mixed: Tensor = self.norm(self.mix(joined))
        return mixed


# The predecessor's adapter: music features to as many positions as the text has.
#
# B batch, F frames, W feature width, T text tokens, D text width.


class AudioAdapter(nn.Module):
    """Linear, strided convolution over time, adaptive average pool, LayerNorm; no nonlinearity, as it was."""

    def __init__(self, feature_width: int, width: int):
        super().__init__()
        self.project = nn.Linear(feature_width, width)
        self.convolve = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, positions: int) -> Tensor:
        """Return (B, positions, D) for features (B, F, W)."""
        projected = self.project(features).transpose(1, 2)  # (B, D, F)
        convolved = self.convolve(projected)  # (B, D, ceil(F / 2))
        pooled = functional.adaptive_avg_pool1d(convolved, positions)  # (B, D, T)
        out: Tensor = self.norm(pooled.transpose(1, 2))
        return out


# The predecessor's concatenation, mended: what it made of the text is added to it, and begins as nothing.
#
# B batch, T text tokens, D text width, L layers, F frames, W feature width.


class GatedConcatFusion(ConcatFusion):
    """Adds to each text state a mixture of itself and the music at its position, through a zero start."""

    zero_start = True

    def __init__(self, unet: UNet, feature_shape: Sequence[int]):
        super().__init__(unet, feature_shape)
        self.gate = zero_start(int(unet.config.cross_attention_dim))

    def condition(
        self,
        states: Tensor,
        frames: Tensor,
        *,
        audio_mask: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D): the text states and what the music adds to them."""
        return states + weighed(
            self.gate(super().condition(states, frames, audio_mask=audio_mask)), audio_scale
        )
