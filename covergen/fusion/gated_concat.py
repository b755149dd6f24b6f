"""The predecessor's concatenation, mended: what the mixture says is added to the text, and begins as nothing.

B batch, T text tokens, D text width, L layers, F frames, W feature width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from covergen.fusion.audio_adapter import AudioAdapter
from covergen.fusion.protocol import Fusion, UNet, weighed, zeroed


class GatedConcatFusion(Fusion):
    """Adds to each text state a mixture of itself and the music at its position, through a zero start."""

    def __init__(self, unet: UNet, feature_shape: Sequence[int]):
        super().__init__(feature_shape)
        width = int(unet.config.cross_attention_dim)
        self.adapter = AudioAdapter(self.feature_shape[2], width)
        self.mix = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)
        self.gate = zeroed(nn.Linear(width, width))

    def condition(
        self,
        states: Tensor,
        frames: Tensor,
        *,
        heard: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D): the text states and what the music adds to them."""
        audio = self.adapter(self.features(frames, heard), states.shape[1])  # (B, T, D)
        mixed = self.norm(self.mix(torch.cat([states, audio.to(states.dtype)], dim=-1)))
        return states + weighed(self.gate(nn.functional.gelu(mixed)), audio_scale)
