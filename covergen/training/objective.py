"""What training minimises, and at which timesteps: functions of tensors.

B batch, C latent channels, h w latent cells, N music tokens, D width.
Sources: v-prediction arXiv:2202.00512, min-SNR weights arXiv:2303.09556, zero terminal SNR arXiv:2305.08891.
"""

import torch
from torch import Tensor
from torch.nn import functional


def noised(latents: Tensor, noise: Tensor, signal: Tensor) -> Tensor:
    """Return noised latents (B, C, h, w); `signal` (B,) is the cumulative alpha of each row's timestep."""
    signal = signal[:, None, None, None]
    return signal.sqrt() * latents + (1 - signal).sqrt() * noise


def prediction_target(latents: Tensor, noise: Tensor, signal: Tensor, *, prediction_type: str) -> Tensor:
    """Return what the U-Net should predict: noise for `epsilon`, velocity for `v_prediction`."""
    if prediction_type == "epsilon":
        return noise
    if prediction_type == "v_prediction":
        signal = signal[:, None, None, None]
        return signal.sqrt() * noise - (1 - signal).sqrt() * latents
    raise ValueError(f"prediction_type must be epsilon or v_prediction, got {prediction_type!r}")


def min_snr_weights(
    signal: Tensor, *, prediction_type: str, gamma: float = 5.0, floor: float = 0.1
) -> Tensor:
    """Return loss weights (B,): min(SNR, gamma) over SNR for epsilon, over SNR + 1 for velocity.

    Finite at zero SNR. There the velocity's weight would be zero, and the first sampling step, which decides
    the colour, would never be trained: `floor` keeps it.
    """
    snr = signal / (1 - signal).clamp_min(1e-8)
    if prediction_type == "epsilon":
        return (gamma / snr.clamp_min(1e-8)).clamp_max(1.0)
    return (snr.clamp_max(gamma) / (snr + 1)).clamp_min(floor)


def draw_timesteps(count: int, total: int, *, generator: torch.Generator, high_noise: float = 0.0) -> Tensor:
    """Return `count` independent timesteps of 0..total-1; density rises with the power `high_noise`."""
    uniform = torch.rand(count, generator=generator, dtype=torch.float64)
    return (uniform ** (1 / (1 + high_noise)) * total).long().clamp_max(total - 1)


def denoising_loss(prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean squared error: a plain mean over rows, so halves of a batch average to it."""
    errors = (prediction.float() - target.float()).square().mean(dim=(1, 2, 3))  # (B,)
    return (errors * weights).mean()


def contrastive_loss(tokens: Tensor, covers: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Return InfoNCE in both directions between music and cover vectors (B, D): row i belongs to row i."""
    music, cover = functional.normalize(tokens, dim=1), functional.normalize(covers, dim=1)
    scores = music @ cover.T / temperature  # (B, B)
    rows = torch.arange(len(scores), device=scores.device)
    return (functional.cross_entropy(scores, rows) + functional.cross_entropy(scores.T, rows)) / 2


def cover_features(latents: Tensor) -> Tensor:
    """Return (B, 20 C): means on a 4 x 4 grid, deviation, steps across and down, curvature of each channel.

    A cheap picture of a cover that music can be aligned with: colour and light in the means, contrast in the
    deviation, how busy it is in steps and curvature.
    """
    means = functional.adaptive_avg_pool2d(latents, 4).flatten(1)  # (B, 16 C)
    across, down = latents.diff(dim=3), latents.diff(dim=2)
    statistics = [
        latents.std(dim=(2, 3)),
        across.abs().mean(dim=(2, 3)),
        down.abs().mean(dim=(2, 3)),
        across.diff(dim=3).abs().mean(dim=(2, 3)),
    ]
    return torch.cat([means, *statistics], dim=1)
