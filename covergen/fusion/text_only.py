"""The controls: words alone, with nothing trained or through one linear layer."""

from collections.abc import Sequence

from torch import Tensor, nn

from covergen.fusion.protocol import Fusion, UNet


class TextOnlyFusion(Fusion):
    """Leaves the text states as they are and hears nothing."""

    hears = False

    def __init__(self, unet: UNet, feature_shape: Sequence[int]):
        del unet
        super().__init__(feature_shape)
        self.requires_grad_(False)

    def condition(
        self,
        states: Tensor,
        frames: Tensor,
        *,
        audio_mask: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return the text states (B, T, D)."""
        del frames, audio_mask, audio_scale
        return states


# The predecessor's control: a linear layer over the text alone.
#
# B batch, T text tokens, D text width.


class LinearTextFusion(Fusion):
    """Replaces each text state by a linear map of it and hears nothing."""

    zero_start = False
    hears = False

    def __init__(self, unet: UNet, feature_shape: Sequence[int]):
        super().__init__(feature_shape)
        self.features.requires_grad_(False)
        width = int(unet.config.cross_attention_dim)
        self.linear = nn.Linear(width, width)

    def condition(
        self,
        states: Tensor,
        frames: Tensor,
        *,
        audio_mask: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return (B, T, D), the same whatever the music."""
        del frames, audio_mask, audio_scale
        mapped: Tensor = self.linear(states)
        return mapped
