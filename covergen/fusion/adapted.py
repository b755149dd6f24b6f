"""What the predecessor's fusions share: music adapted to the positions of the text, and how they are mended.

B batch, T text tokens, D text width, F frames, W feature width.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from covergen.fusion.protocol import Fusion, UNet, weighed, zero_start


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


class AdaptedFusion(Fusion):
    """Replaces each text state by what text and adapted music answer."""

    zero_start = False

    def __init__(self, unet: UNet, feature_shape: Sequence[int], **arguments: Any):
        super().__init__(unet, feature_shape, **arguments)
        self.adapter = AudioAdapter(self.feature_shape[2], self.width)

    def combine(self, states: Tensor, features: Tensor, audio_scale: float | Tensor) -> Tensor:
        """Return (B, T, D). `audio_scale` has no place here: the answer replaces the text states."""
        del audio_scale
        return self.answer(states, self.adapter(features, states.shape[1]).to(states.dtype))

    @abstractmethod
    def answer(self, states: Tensor, audio: Tensor) -> Tensor:
        """Return (B, T, D) for states and audio of that same shape."""


class GatedFusion(AdaptedFusion):
    """Mends the fusion it is mixed into: its answer is added to the text, and begins as nothing."""

    zero_start = True

    def __init__(self, unet: UNet, feature_shape: Sequence[int], **arguments: Any):
        super().__init__(unet, feature_shape, **arguments)
        self.gate = zero_start(self.width)

    def combine(self, states: Tensor, features: Tensor, audio_scale: float | Tensor) -> Tensor:
        """Return (B, T, D): the text states and what the music adds to them."""
        return states + weighed(self.gate(super().combine(states, features, audio_scale)), audio_scale)
