"""The frozen U-Net and the fusion as one module, which data parallelism wraps. Letters as in `batches.py`."""

from typing import Any

from torch import Tensor, nn

from covergen.fusion import Fusion


class ConditionedUNet(nn.Module):
    """Predicts from noised latents, words and music; only the fusion's weights are trained."""

    def __init__(self, unet: Any, fusion: Fusion):
        super().__init__()
        fusion.attach(unet)
        # attached layers are part of the U-Net from then on: freeze all of it but those
        trained = {id(weight) for weight in fusion.trained().values()}
        for weight in unet.parameters():
            weight.requires_grad_(id(weight) in trained)
        self.unet = unet.eval()
        self.fusion = fusion

    def forward(
        self, latents: Tensor, timesteps: Tensor, states: Tensor, frames: Tensor, heard: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the prediction (B, C, h, w) and the promised low-frequency latents (B, C, 2, 2), if any."""
        conditioning = self.fusion.condition(states, frames, heard=heard)
        prediction: Tensor = self.unet(latents, timesteps, encoder_hidden_states=conditioning).sample
        tokens = self.fusion.tokens_in(conditioning)
        return prediction, None if tokens is None else self.fusion.read_cover(tokens)
