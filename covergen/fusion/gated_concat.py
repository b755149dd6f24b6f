"""The predecessor's concatenation, mended: what it made of the text is added to it, and begins as nothing.

B batch, T text tokens, D text width, L layers, F frames, W feature width.
"""

from collections.abc import Sequence

from torch import Tensor

from covergen.fusion.concat import ConcatFusion
from covergen.fusion.protocol import UNet, weighed, zero_start


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
        heard: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D): the text states and what the music adds to them."""
        return states + weighed(self.gate(super().condition(states, frames, heard=heard)), audio_scale)
