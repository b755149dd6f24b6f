"""The predecessor's concatenation: text and music side by side, mixed by one linear layer.

B batch, T text tokens, D text width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from covergen.fusion.adapted import AdaptedFusion, GatedFusion
from covergen.fusion.protocol import UNet


class ConcatFusion(AdaptedFusion):
    """Replaces each text state by a mixture of itself and the music at its position."""

    def __init__(self, unet: UNet, feature_shape: Sequence[int]):
        super().__init__(unet, feature_shape)
        self.mix = nn.Linear(2 * self.width, self.width)
        self.norm = nn.LayerNorm(self.width)

    def answer(self, states: Tensor, audio: Tensor) -> Tensor:
        """Return the mixture (B, T, D)."""
        joined = torch.cat([states, audio], dim=-1)  # (B, T, 2D)
        mixed: Tensor = self.norm(self.mix(joined))
        return mixed


class GatedConcatFusion(GatedFusion, ConcatFusion):
    """Adds to each text state a mixture of itself and the music at its position, through a zero start."""
