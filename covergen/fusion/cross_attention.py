"""The predecessor's cross attention: text asks, music answers, and the answer replaces the text.

B batch, T text tokens, D text width.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from covergen.fusion.adapted import AdaptedFusion, GatedFusion
from covergen.fusion.protocol import UNet


class CrossAttentionFusion(AdaptedFusion):
    """Eight heads with text states as queries and adapted music as keys and values; no residual, as then."""

    def __init__(self, unet: UNet, feature_shape: Sequence[int], *, heads: int = 8):
        super().__init__(unet, feature_shape, heads=heads)
        self.attention = nn.MultiheadAttention(self.width, heads, batch_first=True)
        self.norm = nn.LayerNorm(self.width)
        self.linear = nn.Linear(self.width, self.width)

    def answer(self, states: Tensor, audio: Tensor) -> Tensor:
        """Return the music's answer (B, T, D)."""
        answer, _ = self.attention(states, audio, audio, need_weights=False)
        answer = self.norm(answer)
        out: Tensor = answer + functional.relu(self.linear(answer))
        return out


class GatedCrossAttentionFusion(GatedFusion, CrossAttentionFusion):
    """Adds the music's answer to each text state, through a zero start."""
