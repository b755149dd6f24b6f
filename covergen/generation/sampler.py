"""Sampling with guidance by words and by sound: functions of tensors, a denoiser and a noise scheduler.

B covers, R rows of one call (B times the branches), C latent channels, h w latent cells, T' conditioning
tokens, D width. Guidance of two conditions: "InstructPix2Pix", arXiv:2211.09800.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Denoiser = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From latents (R, C, h, w), a timestep and conditioning (R, T', D) to a prediction (R, C, h, w)."""


def guided(
    denoise: Denoiser,
    latents: Tensor,
    timestep: Tensor,
    *,
    branches: Sequence[Tensor],
    scales: Sequence[float],
) -> Tensor:
    """Return the first branch's prediction plus each scale times the step from one branch to the next.

    With branches (nothing, words, words and sound) and scales (s_t, s_a) that is
    e(0,0) + s_t [e(t,0) - e(0,0)] + s_a [e(t,a) - e(t,0)]; with (nothing, words and sound) and one scale it
    is plain guidance. All branches run as one batch.
    """
    count = len(branches)
    rows = denoise(latents.repeat(count, 1, 1, 1), timestep, torch.cat(list(branches)))  # (R, C, h, w)
    predictions = rows.float().chunk(count)
    out = predictions[0]
    for scale, before, after in zip(scales, predictions[:-1], predictions[1:], strict=True):
        out = out + scale * (after - before)
    return out


def sample(
    denoise: Denoiser,
    noise_scheduler: Any,
    noise: Tensor,
    *,
    branches: Sequence[Tensor],
    scales: Sequence[float],
    steps: int,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """Return latents (B, C, h, w), fp32, from the first noise (B, C, h, w).

    `generators`, one a cover, give the noise of later steps to schedulers that add some (DDPM); each row
    draws from its own, on the CPU. The scheduler is used up: take a new one for each call.
    """
    noise_scheduler.set_timesteps(steps, device=noise.device)
    latents: Tensor = noise * noise_scheduler.init_noise_sigma
    more: dict[str, Any] = {}
    if "generator" in inspect.signature(noise_scheduler.step).parameters:
        more["generator"] = list(generators)
    for timestep in noise_scheduler.timesteps:
        scaled = noise_scheduler.scale_model_input(latents, timestep)
        prediction = guided(denoise, scaled, timestep, branches=branches, scales=scales)
        latents = noise_scheduler.step(prediction, timestep, latents, **more).prev_sample
    return latents


def shift_noise(noise: Tensor, promised: Tensor, *, weight: float, first_signal: float) -> Tensor:
    """Return noise whose lowest frequencies lean, by `weight`, to what the sound promises of the cover.

    `promised` (B, C, g, g) are low-frequency latents, `first_signal` the cumulative alpha of the first step:
    a schedule that ends above zero lets the first noise decide the colour, so the promise is put there.
    """
    own = functional.adaptive_avg_pool2d(noise, promised.shape[-1])
    wanted = first_signal**0.5 * promised + (1 - first_signal) ** 0.5 * own
    toward = weight * (wanted - own)
    return noise + functional.interpolate(toward, size=noise.shape[-2:], mode="nearest")
