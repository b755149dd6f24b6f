"""The predecessor's cross attention: text asks, music answers, and the answer replaces the text.

B batch, T text tokens, D text width, L layers, F frames, W feature width.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from covergen.fusion.concat import AudioAdapter
from covergen.fusion.protocol import Fusion, UNet, weighed, zero_start


class CrossAttentionFusion(Fusion):
    """Eight heads with text states as queries and adapted music as keys and values; no residual, as then."""

    zero_start = False

    def __init__(self, unet: UNet, feature_shape: Sequence[int], *, heads: int = 8):
        super().__init__(feature_shape, heads=heads)
        width = int(unet.config.cross_attention_dim)
        self.adapter = AudioAdapter(self.feature_shape[2], width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)

    def condition(
        self,
        states: Tensor,
        frames: Tensor,
        *,
        audio_mask: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D). `audio_scale` has no place here: the answer replaces the text states."""
        del audio_scale
        audio = self.adapter(self.features(frames, audio_mask), states.shape[1]).to(states.dtype)  # (B, T, D)
        answer, _ = self.attention(states, audio, audio, need_weights=False)
        answer = self.norm(answer)
        out: Tensor = answer + functional.relu(self.linear(answer))
        return out


# The predecessor's cross attention, mended: the music's answer is added to the text, and begins as nothing.
#
# B batch, T text tokens, D text width, L layers, F frames, W feature width.


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
        audio_mask: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D): the text states and the music's answer to them."""
        return states + weighed(
            self.gate(super().condition(states, frames, audio_mask=audio_mask)), audio_scale
        )
