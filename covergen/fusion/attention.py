"""A second key/value pair for each cross-attention layer: text as before, music beside it.

The conditioning is [text T | music N | scale 1] along its tokens; the first channel of the last token is the
row's audio scale, so rows of one batch may differ in it. B batch, Q positions, D text width.
"""

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


class DecoupledAttention(nn.Module):
    """An attention processor with the text's own layers and a trained pair for the music.

    K starts as the text's, V at zero: the first output is the base model's bit for bit, and after one step of
    V gradients reach the key, the tokens and all that made them.
    """

    def __init__(self, layer: AttentionLayer, *, tokens: int):
        super().__init__()
        self.tokens = tokens
        self.block_scale = 1.0
        self.to_k = nn.Linear(layer.to_k.in_features, layer.to_k.out_features, bias=False)
        self.to_v = nn.Linear(layer.to_v.in_features, layer.to_v.out_features, bias=False)
        with torch.no_grad():
            self.to_k.weight.copy_(layer.to_k.weight)
            self.to_v.weight.zero_()

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
            raise ValueError(
                "decoupled attention reads conditioning without a mask, in layers without a norm"
            )
        text = encoder_hidden_states[:, : -self.tokens - 1]  # (B, T, D)
        music = encoder_hidden_states[:, -self.tokens - 1 : -1]  # (B, N, D)
        scale = encoder_hidden_states[:, -1:, :1] * self.block_scale  # (B, 1, 1)
        query = attn.to_q(hidden_states)
        seen = _attend(query, attn.to_k(text), attn.to_v(text), attn.heads)
        heard = _attend(query, self.to_k(music), self.to_v(music), attn.heads)
        out: Tensor = attn.to_out[1](attn.to_out[0](seen + scale * heard))
        if attn.residual_connection:
            out = out + hidden_states
        scaled: Tensor = out / attn.rescale_output_factor
        return scaled


def _attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Return (B, Q, width) from query (B, Q, width), key and value (B, tokens, width)."""
    parts = [each.view(*each.shape[:2], heads, -1).transpose(1, 2) for each in (query, key, value)]
    out = functional.scaled_dot_product_attention(
        parts[0], parts[1], parts[2]
    )  # (B, heads, Q, width / heads)
    return out.transpose(1, 2).flatten(2)
