"""What every fusion offers, so that trainer and sampler never ask which one they hold.

B batch, T text tokens, D width of the text states, L layers, F frames, W width of the music features.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from covergen.fusion.features import FeatureMix

UNet = Any  # diffusers.UNet2DConditionModel; diffusers carries no types


class Fusion(nn.Module, ABC):
    """Turns text states and music features into what the U-Net's cross attention reads.

    `arguments` holds the keyword arguments it was built with, `feature_shape` is (L, F, W), `width` is D.
    Feature statistics live in its buffers, so a checkpoint needs nothing beside itself.

    Two promises of a class, which the contract test holds it to: `zero_start`, a fresh one leaves the base
    bit for bit and so does `audio_scale` 0 ever after; `hears`, what it trains follows the music. A class
    that cannot keep one says False.
    """

    zero_start: ClassVar[bool] = True
    hears: ClassVar[bool] = True
    arguments: Mapping[str, Any]

    def __init__(self, unet: UNet, feature_shape: Sequence[int], **arguments: Any):
        super().__init__()
        self.width = int(unet.config.cross_attention_dim)
        self.feature_shape = tuple(feature_shape)
        self.arguments = arguments
        self.features = FeatureMix(self.feature_shape)

    def condition(
        self,
        states: Tensor,
        frames: Tensor,
        *,
        audio_mask: Tensor | None = None,
        audio_scale: float | Tensor = 1.0,
    ) -> Tensor:
        """Return `encoder_hidden_states` for the U-Net from states (B, T, D) and frames (B, L, F, W).

        Rows where `audio_mask` (B,) is false hear zero features, put in before any trained layer: that is the
        silent branch of guidance. `audio_scale`, one number or one a row, weighs the sound where the fusion
        can weigh it.
        """
        return self.combine(states, self.features(frames, audio_mask), audio_scale)

    @abstractmethod
    def combine(self, states: Tensor, features: Tensor, audio_scale: float | Tensor) -> Tensor:
        """Return what `condition` does, from states (B, T, D) and mixed features (B, F, W)."""

    def words_only(self, states: Tensor) -> Tensor:
        """Return conditioning under which the U-Net paints as it did before any fusion."""
        return states

    def attach(self, unet: UNet) -> None:
        """Put this fusion's layers into `unet`, which stays frozen."""

    def detach(self, unet: UNet) -> None:
        """Give `unet` back the layers it had."""

    def audio_tokens(self, frames: Tensor) -> Tensor | None:
        """Return music tokens (B, N, D) for the alignment stage; None where there are none to align."""
        del frames
        return None

    def tokens_in(self, conditioning: Tensor) -> Tensor | None:
        """Return the music tokens (B, N, D) that `condition` put into its result, so they are made once."""
        del conditioning
        return None

    def read_cover(self, tokens: Tensor) -> Tensor | None:
        """Return the low-frequency latents (B, C, 2, 2) that music tokens promise; None where they cannot."""
        del tokens
        return None

    def predict_cover(self, frames: Tensor) -> Tensor | None:
        """Return what `read_cover` makes of the music's tokens."""
        tokens = self.audio_tokens(frames)
        return None if tokens is None else self.read_cover(tokens)

    def fit_features(self, frames: Tensor) -> None:
        """Take mean and deviation of every feature from training frames (rows, L, F, W)."""
        self.features.fit(frames)

    def trained(self) -> dict[str, nn.Parameter]:
        """Return the parameters that training moves, by name."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    def silence(self, rows: int) -> Tensor:
        """Return frames (rows, L, F, W) that stand for music that is not there."""
        return torch.zeros((rows, *self.feature_shape), device=self.features.mean.device)


def zero_start(width: int) -> nn.Linear:
    """Return a layer with weights and bias at zero: what goes through it begins as nothing."""
    layer = nn.Linear(width, width)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def weighed(added: Tensor, audio_scale: float | Tensor) -> Tensor:
    """Return what the music adds (B, T, D), weighed by one number or one a row."""
    scales = torch.as_tensor(audio_scale, dtype=added.dtype, device=added.device)
    return added * scales.reshape(-1, 1, 1)
