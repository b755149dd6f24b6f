"""The predecessor's objective: the error between a picture sampled half-way and the cover, in pixels.

Kept as a row of the table, to show what it does; docs/training.md says why. Its covers are in [0, 1] while
the VAE gives [-1, 1], as they were. Letters as in `training/batches.py`; H W pixels.
"""

import inspect
import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from covergen.fusion import Fusion
from covergen.training.batches import Batch, generator_of
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import ConditionedUNet, Trainer


class SampledCover(nn.Module):
    """Samples with gradients: noise through some steps of the sampler and the VAE's decoder to pixels."""

    def __init__(self, conditioned: ConditionedUNet, vae: Any, noise_scheduler: Any, *, steps: int):
        super().__init__()
        self.conditioned = conditioned
        self.vae = vae.eval().requires_grad_(False)
        self._noise_scheduler, self._steps = noise_scheduler, steps

    def forward(
        self, noise: Tensor, states: Tensor, frames: Tensor, audio_mask: Tensor, *, calls: int, seed: int
    ) -> Tensor:
        """Return pixels (B, 3, H, W) about [-1, 1] after `calls` of the sampler's steps, without guidance."""
        sampler = self._noise_scheduler
        sampler.set_timesteps(self._steps, device=noise.device)
        more: dict[str, Any] = {}
        if "generator" in inspect.signature(sampler.step).parameters:
            more["generator"] = torch.Generator().manual_seed(seed)
        conditioning = self.conditioned.fusion.condition(states, frames, audio_mask=audio_mask)
        latents = noise * sampler.init_noise_sigma
        for timestep in sampler.timesteps[:calls]:
            scaled = sampler.scale_model_input(latents, timestep)
            # activations of 75 calls would not fit: each call is computed anew on the way back
            prediction = checkpoint(self._predict, scaled, timestep, conditioning, use_reentrant=False)
            latents = sampler.step(prediction, timestep, latents, **more).prev_sample
        return self.decode(latents)

    def decode(self, latents: Tensor) -> Tensor:
        """Return pixels (B, 3, H, W) for latents as the U-Net sees them."""
        config = self.vae.config
        pixels: Tensor = self.vae.decode(
            latents / config.scaling_factor + (config.shift_factor or 0.0)
        ).sample
        return pixels

    def _predict(self, latents: Tensor, timestep: Tensor, conditioning: Tensor) -> Tensor:
        out: Tensor = self.conditioned.unet(latents, timestep, encoder_hidden_states=conditioning).sample
        return out


class PredecessorTrainer(Trainer):
    """Trains as the predecessor did: plain SGD on weights and gradients in half precision.

    Half precision is emulated alike on every device: sums run in fp32, and each gradient and each new weight
    is rounded to fp16. The cover is the VAE's own picture of it, since examples hold latents and no pixels.
    """

    def __init__(self, unet: Any, fusion: Fusion, *, vae: Any, settings: TrainingSettings, **parts: Any):
        super().__init__(unet, fusion, settings=replace(settings, clip_norm=math.inf), **parts)
        sampler, steps = parts["noise_scheduler"], settings.sampler_steps
        self._sampled = SampledCover(self.module, vae, sampler, steps=steps).to(self.device)
        self._round()
        self.average.load({name: weight.detach() for name, weight in self._weights.items()})

    def calls(self, step: int) -> int:
        """Return how many of the sampler's steps, at least 1 and never all, a training step goes through."""
        generator = generator_of(self.settings.seed, "calls", step)
        return int(torch.randint(1, self.settings.sampler_steps, (1,), generator=generator))

    def train_step(self) -> dict[str, float | int | str]:
        """Take one optimiser step and return its row."""
        row = super().train_step()
        self._round()
        self.average.load({name: weight.detach() for name, weight in self._weights.items()})
        return row

    def compute_gradients(self) -> float:
        """Fill the gradients, rounded to half precision; return the loss."""
        loss = super().compute_gradients()
        for weight in self._weights.values():
            if weight.grad is not None:
                weight.grad.copy_(weight.grad.half())
        return loss

    def _make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self._weights.values(), lr=self.settings.learning_rate)

    def _learner(self) -> nn.Module:
        return self._sampled

    def _loss(self, module: nn.Module, batch: Batch) -> Tensor:
        with torch.no_grad():
            covers = (self._sampled.decode(batch.latents) + 1) / 2  # in [0, 1], which the answer is not
        seed = generator_of(self.settings.seed, "sampler", self.step).initial_seed()
        pixels = module(
            batch.noise, batch.states, batch.frames, batch.audio_mask, calls=self.calls(self.step), seed=seed
        )
        return functional.mse_loss(pixels.float(), covers.float())

    @torch.no_grad()
    def _round(self) -> None:
        for weight in self._weights.values():
            weight.copy_(weight.half())
