"""What fusions put into the U-Net's cross-attention layers: text as it was, music beside it.

The conditioning is [text T | music N | scale 1] along its tokens; the first channel of the last token is the
row's audio scale, so rows of one batch may differ in it. B batch, Q positions, D text width.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

AttentionLayer = Any  # diffusers.models.attention_processor.Attention; diffusers carries no types


def join(states: Tensor, tokens: Tensor, audio_scale: float | Tensor) -> Tensor:
    """Return conditioning (B, T + N + 1, D) of states (B, T, D), tokens (B, N, D), scale () or (B,)."""
    scales = torch.as_tensor(audio_scale, dtype=states.dtype, device=states.device).reshape(-1, 1, 1)
    last = scales.expand(len(states), 1, states.shape[2])
    return torch.cat([states, tokens.to(states.dtype), last], dim=1)


def attend(query: Tensor, key: Tensor, value: Tensor, *, heads: int) -> Tensor:
    """Return (B, Q, width) from query (B, Q, width), key and value (B, tokens, width)."""
    parts = [each.view(*each.shape[:2], heads, -1).transpose(1, 2) for each in (query, key, value)]
    out = functional.scaled_dot_product_attention(
        parts[0], parts[1], parts[2]
    )  # (B, heads, Q, width / heads)
    return out.transpose(1, 2).flatten(2)


class MusicAttention(nn.Module, ABC):
    """An attention processor for one cross-attention layer, which keeps its own projections.

    A fusion decides in `read` how the layer's queries meet text and music.
    """

    def __init__(self, layer: AttentionLayer, *, tokens: int):
        super().__init__()
        del layer
        self.tokens = tokens

    @abstractmethod
    def read(
        self, attn: AttentionLayer, query: Tensor, *, text: Tensor, music: Tensor, scale: Tensor
    ) -> Tensor:
        """Return (B, Q, width) for query (B, Q, width), text (B, T, D), music (B, N, D), scale (B, 1, 1).

        Where the scale is zero it is what the layer reads from the text alone, bit for bit.
        """

    def forward(
        self,
        attn: AttentionLayer,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Return the layer's output (B, Q, width) for positions (B, Q, width) and conditioning."""
        del temb
        if encoder_hidden_states is None or attention_mask is not None or attn.group_norm is not None:
            raise ValueError("music is read from conditioning without a mask, in layers without a norm")
        text = encoder_hidden_states[:, : -self.tokens - 1]  # (B, T, D)
        music = encoder_hidden_states[:, -self.tokens - 1 : -1]  # (B, N, D)
        scale = encoder_hidden_states[:, -1:, :1]  # (B, 1, 1)
        seen = self.read(attn, attn.to_q(hidden_states), text=text, music=music, scale=scale)
        out: Tensor = attn.to_out[1](attn.to_out[0](seen))
        if attn.residual_connection:
            out = out + hidden_states
        scaled: Tensor = out / attn.rescale_output_factor
        return scaled
