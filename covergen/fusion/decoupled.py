"""The default fusion: the text stays untouched, the music has its own keys and values.

B batch, Q positions, T text tokens, N music tokens, D text width.
"""

import torch
from torch import Tensor, nn

from covergen.fusion.attached import AttachedFusion
from covergen.fusion.attention import AttentionLayer, MusicAttention, attend


class DecoupledAttention(MusicAttention):
    """Reads the text with the layer's own keys and values, the music with a trained pair beside them.

    K starts as the text's, V at zero: the first output is the base model's bit for bit, and after one step of
    V gradients reach the key, the tokens and all that made them.
    """

    def __init__(self, layer: AttentionLayer, *, tokens: int):
        super().__init__(layer, tokens=tokens)
        self.to_k = nn.Linear(layer.to_k.in_features, layer.to_k.out_features, bias=False)
        self.to_v = nn.Linear(layer.to_v.in_features, layer.to_v.out_features, bias=False)
        with torch.no_grad():
            self.to_k.weight.copy_(layer.to_k.weight)
            self.to_v.weight.zero_()

    def read(
        self, attn: AttentionLayer, query: Tensor, *, text: Tensor, music: Tensor, scale: Tensor
    ) -> Tensor:
        """Return (B, Q, width): what is read from the text plus the scaled answer of the music."""
        from_text = attend(query, attn.to_k(text), attn.to_v(text), heads=attn.heads)
        from_music = attend(query, self.to_k(music), self.to_v(music), heads=attn.heads)
        return from_text + scale * from_music


class DecoupledFusion(AttachedFusion):
    """Gives every cross-attention layer a second pair of key and value, for the music alone."""

    layer = DecoupledAttention
