"""The predecessor's cross attention, mended: the music's answer is added to the text, and begins as nothing.

B batch, T text tokens, D text width, L layers, F frames, W feature width.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from covergen.fusion.audio_adapter import AudioAdapter
from covergen.fusion.protocol import Fusion, UNet, weighed, zeroed


class GatedCrossAttentionFusion(Fusion):
    """Eight heads with text states as queries and adapted music as keys and values, through a zero start."""

    def __init__(self, unet: UNet, feature_shape: Sequence[int], *, heads: int = 8):
        super().__init__(feature_shape, heads=heads)
        width = int(unet.config.cross_attention_dim)
        self.adapter = AudioAdapter(self.feature_shape[2], width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
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
        """Return (B, T, D): the text states and the music's answer to them."""
        audio = self.adapter(self.features(frames, heard), states.shape[1]).to(states.dtype)  # (B, T, D)
        answer, _ = self.attention(states, audio, audio, need_weights=False)
        return states + weighed(self.gate(nn.functional.gelu(self.norm(answer))), audio_scale)
