"""The predecessor's concatenation: text and music side by side, mixed by one linear layer.

B batch, T text tokens, D text width, L layers, F frames, W feature width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from covergen.fusion.audio_adapter import AudioAdapter
from covergen.fusion.protocol import Fusion, UNet


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
        heard: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D). `audio_scale` has no place here: the mixture replaces the text states."""
        del audio_scale
        audio = self.adapter(self.features(frames, heard), states.shape[1])  # (B, T, D)
        joined = torch.cat([states, audio.to(states.dtype)], dim=-1)  # (B, T, 2D)
        mixed: Tensor = self.norm(self.mix(joined))
        return mixed
