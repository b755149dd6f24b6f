"""The controls: words alone, with nothing trained or through one linear layer.

B batch, T text tokens, D text width.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from covergen.fusion.protocol import Fusion, UNet


class TextOnlyFusion(Fusion):
    """Leaves the text states as they are and hears nothing."""

    hears = False

    def __init__(self, unet: UNet, feature_shape: Sequence[int]):
        super().__init__(unet, feature_shape)
        self.requires_grad_(False)

    def combine(self, states: Tensor, features: Tensor, audio_scale: float | Tensor) -> Tensor:
        """Return the text states (B, T, D)."""
        del features, audio_scale
        return states


class LinearTextFusion(Fusion):
    """The predecessor's control: replaces each text state by a linear map of it and hears nothing."""

    zero_start = False
    hears = False

    def __init__(self, unet: UNet, feature_shape: Sequence[int]):
        super().__init__(unet, feature_shape)
        self.features.requires_grad_(False)
        self.linear = nn.Linear(self.width, self.width)

    def combine(self, states: Tensor, features: Tensor, audio_scale: float | Tensor) -> Tensor:
        """Return (B, T, D), the same whatever the music."""
        del features, audio_scale
        mapped: Tensor = self.linear(states)
        return mapped
