"""Pseudo-words: music tokens appended to the text, read with the text's own keys and values.

B batch, Q positions, T text tokens, N music tokens, D text width.
"""

from typing import Final

import torch
from torch import Tensor, nn

from covergen.fusion.attached import AttachedFusion
from covergen.fusion.attention import AttentionLayer, MusicAttention, attend

# A share is one number, where the music's values of `decoupled` have rows of numbers that move together. In
# whole ones it opens so slowly that after the first step of AdamW 60 times less gradient reaches the tokens
# than there (measured on the tiny base), so it is counted in sixtieths.
_STRIDE: Final = 60.0


class PseudoWordAttention(MusicAttention):
    """Moves each head from reading the text alone to reading text and music under one softmax.

    A learnt share per head says how far; it begins at zero, which is the base model's output bit for bit. At
    one the music tokens are words like the others.
    """

    def __init__(self, layer: AttentionLayer, *, tokens: int):
        super().__init__(layer, tokens=tokens)
        self.share = nn.Parameter(torch.zeros(layer.heads))

    def read(
        self, attn: AttentionLayer, query: Tensor, *, text: Tensor, music: Tensor, scale: Tensor
    ) -> Tensor:
        """Return (B, Q, width): text alone plus the scaled share of the way to text and music together."""
        key, value = attn.to_k(text), attn.to_v(text)  # (B, T, width)
        alone = attend(query, key, value, heads=attn.heads)
        keys = torch.cat([key, attn.to_k(music)], dim=1)  # (B, T + N, width)
        values = torch.cat([value, attn.to_v(music)], dim=1)
        together = attend(query, keys, values, heads=attn.heads)
        share = (_STRIDE * self.share).repeat_interleave(query.shape[2] // attn.heads)  # (width,)
        return alone + scale * share * (together - alone)


class AudioTokensFusion(AttachedFusion):
    """Appends the music tokens to the words; only the tokens and a few shares are trained."""

    layer = PseudoWordAttention
