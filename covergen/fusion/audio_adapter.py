"""The predecessor's adapter: music features to as many positions as the text has.

B batch, F frames, W feature width, T text tokens, D text width.
"""

from torch import Tensor, nn
from torch.nn import functional


class AudioAdapter(nn.Module):
    """Linear, strided convolution over time, adaptive average pool, LayerNorm; no nonlinearity, as it was."""

    def __init__(self, feature_width: int, width: int):
        super().__init__()
        self.project = nn.Linear(feature_width, width)
        self.convolve = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, positions: int) -> Tensor:
        """Return (B, positions, D) for features (B, F, W)."""
        projected = self.project(features).transpose(1, 2)  # (B, D, F)
        convolved = self.convolve(projected)  # (B, D, ceil(F / 2))
        pooled = functional.adaptive_avg_pool1d(convolved, positions)  # (B, D, T)
        out: Tensor = self.norm(pooled.transpose(1, 2))
        return out
