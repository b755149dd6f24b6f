"""Music features to a few tokens: a small Perceiver resampler in the layout of IP-Adapter Plus.

Source: "IP-Adapter", arXiv:2308.06721; "Flamingo", arXiv:2204.14198.
B batch, F frames, W feature width, N tokens, H inner width, D text width.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Resampler(nn.Module):
    """Learnt queries that read the frames `depth` times; one token for each query."""

    def __init__(
        self, feature_width: int, out_width: int, *, tokens: int, width: int, depth: int, heads: int
    ):
        super().__init__()
        self.latents = nn.Parameter(torch.randn(tokens, width) / math.sqrt(width))
        self.proj_in = nn.Linear(feature_width, width)
        self.layers = nn.ModuleList(ResamplerLayer(width, heads) for _ in range(depth))
        self.proj_out = nn.Linear(width, out_width)
        self.norm_out = nn.LayerNorm(out_width)

    def forward(self, features: Tensor) -> Tensor:
        """Return tokens (B, N, D) for features (B, F, W)."""
        frames = self.proj_in(features)  # (B, F, H)
        frames = frames + positions(frames.shape[1], frames.shape[2]).to(frames)
        latents = self.latents.expand(len(frames), -1, -1)  # (B, N, H)
        for layer in self.layers:
            latents = layer(frames, latents)
        out: Tensor = self.norm_out(self.proj_out(latents))
        return out


class ResamplerLayer(nn.Module):
    """Latents attend to frames and to themselves, then a feed-forward step; both residual."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_frames = nn.LayerNorm(width)
        self.norm_latents = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(),
            nn.Linear(4 * width, width, bias=False),
        )

    def forward(self, frames: Tensor, latents: Tensor) -> Tensor:
        """Return latents (B, N, H) that have read the frames (B, F, H)."""
        frames, queries = self.norm_frames(frames), self.norm_latents(latents)
        key, value = self.to_kv(torch.cat([frames, queries], dim=1)).chunk(2, dim=-1)  # (B, F + N, H)
        attended = functional.scaled_dot_product_attention(
            _split(self.to_q(queries), self.heads), _split(key, self.heads), _split(value, self.heads)
        )
        latents = latents + self.to_out(attended.transpose(1, 2).flatten(2))  # (B, N, H)
        out: Tensor = latents + self.feed_forward(latents)
        return out


def _split(values: Tensor, heads: int) -> Tensor:
    """Return (B, heads, tokens, H / heads)."""
    return values.view(*values.shape[:2], heads, -1).transpose(1, 2)


def positions(frames: int, width: int) -> Tensor:
    """Return sinusoids (F, H): without them the tokens could not tell the order of the frames."""
    half = width // 2
    rates = torch.exp(-math.log(1000.0) * torch.arange(half) / half)
    angles = torch.arange(frames)[:, None] * rates[None]  # (F, H / 2)
    return torch.cat([angles.sin(), angles.cos(), torch.zeros(frames, width - 2 * half)], dim=1)
