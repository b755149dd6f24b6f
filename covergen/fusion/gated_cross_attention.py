"""The predecessor's cross attention, mended: the music's answer is added to the text, and begins as nothing.

B batch, T text tokens, D text width, L layers, F frames, W feature width.
"""

from collections.abc import Sequence

from torch import Tensor

from covergen.fusion.cross_attention import CrossAttentionFusion
from covergen.fusion.protocol import UNet, weighed, zero_start


class GatedCrossAttentionFusion(CrossAttentionFusion):
    """Adds the music's answer to each text state, through a zero start."""

    zero_start = True

    def __init__(self, unet: UNet, feature_shape: Sequence[int], *, heads: int = 8):
        super().__init__(unet, feature_shape, heads=heads)
        self.gate = zero_start(int(unet.config.cross_attention_dim))

    def condition(
        self,
        states: Tensor,
        frames: Tensor,
        *,
        heard: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D): the text states and the music's answer to them."""
        return states + weighed(self.gate(super().condition(states, frames, heard=heard)), audio_scale)
