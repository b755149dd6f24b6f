"""The tiny autoencoder: 128 px covers to 16 x 16 latents of four channels.

No KL term, which kills channels at this size: noise on the latents, unit power and little correlation
between channels keep them useful to a denoiser. N covers, C latent channels, s side of a latent.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from covergen.experiments.pretraining.data import SIZE, painted_covers, to_covers, to_pixels
from covergen.experiments.pretraining.loop import Phase, train, warm_then_decay

LATENT_NOISE: Final = 0.1


def build_vae(widths: tuple[int, ...] = (16, 32, 64, 64)) -> AutoencoderKL:
    """Return a new autoencoder whose posterior has a constant deviation of `LATENT_NOISE`."""
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=SIZE,
        scaling_factor=1.0,
    )
    with torch.no_grad():
        vae.quant_conv.weight[4:] = 0
        vae.quant_conv.bias[4:] = 2 * float(np.log(LATENT_NOISE))
    return vae


def train_vae(rank: int, folder: Path, minutes: float, covers_count: int, batch: int = 8) -> None:
    """Train one worker's share of the autoencoder."""
    covers = painted_covers(folder / "covers.npy", covers_count)
    torch.manual_seed(0)
    vae = build_vae().to(memory_format=torch.channels_last)
    speed_up_norms(vae)
    kernels = [p for p in vae.parameters() if p.ndim >= 2]
    others = [p for p in vae.parameters() if p.ndim < 2]
    optimizers: list[torch.optim.Optimizer] = [Muon(kernels, lr=0.02), torch.optim.AdamW(others, lr=3e-3)]
    phase = Phase("vae", vae, optimizers, warm_then_decay(0.4), minutes, folder, ema_decay=0.99)
    rng = np.random.default_rng([phase.step, rank])

    def loss_of() -> tuple[Tensor, str]:
        chosen = np.sort(rng.integers(len(covers), size=batch))
        return vae_loss(vae, to_pixels(covers[chosen]))

    train(phase, loss_of)


def vae_loss(vae: AutoencoderKL, pixels: Tensor) -> tuple[Tensor, str]:
    """Return the loss of pixels (N, 3, S, S) and a line for the log.

    The second decoding, of halved latents, must give the halved cover: latents that scale like pictures
    are smooth, and a denoiser learns them sooner (Kouzelis et al., 2025).
    """
    with torch.autocast("cpu", torch.bfloat16):
        latents = vae.encode(pixels).latent_dist.mean  # (N, C, s, s)
        noised = latents + LATENT_NOISE * torch.randn_like(latents)
        decoded = vae.decode(noised).sample
        part = max(1, len(pixels) // 2)
        halved = vae.decode(functional.avg_pool2d(noised[:part], 2)).sample
    reconstruction = picture_loss(decoded.float(), pixels)
    equivariance = picture_loss(halved.float(), functional.avg_pool2d(pixels[:part], 2))
    penalty = latent_penalty(latents.float())
    loss = reconstruction + 0.25 * equivariance + 0.1 * penalty
    decibels = -10 * torch.log10(functional.mse_loss(decoded.detach().float(), pixels) / 4)
    return loss, f"loss {loss.item():.3f} psnr {decibels.item():.1f} penalty {penalty.item():.3f}"


def picture_loss(decoded: Tensor, pixels: Tensor) -> Tensor:
    """Return L1 + .5 MSE + .4 L1 of the gradients + .5 L1 at quarter scale."""
    error = decoded - pixels
    slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    coarse = functional.avg_pool2d(error, 4).abs().mean()
    return error.abs().mean() + 0.5 * error.square().mean() + 0.4 * slopes + 0.5 * coarse


def latent_penalty(latents: Tensor) -> Tensor:
    """Return how far latents (N, C, s, s) are from zero mean, unit power, no correlation, no dead channel."""
    flat = latents.transpose(0, 1).flatten(1)  # (C, N s s)
    mean = flat.mean(dim=1)
    covariance = (flat - mean[:, None]) @ (flat - mean[:, None]).T / flat.shape[1]
    variance = covariance.diagonal()
    crossed = covariance - torch.diag(variance)
    power = (variance.mean() - 1).square()
    return (
        mean.square().mean()
        + power
        + crossed.square().mean()
        + functional.relu(0.4 - variance).square().mean()
    )


@torch.inference_mode()
def reconstruct(vae: AutoencoderKL, covers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what the autoencoder makes of covers (N, S, S, 3)."""
    parts = [to_pixels(covers[i : i + 50]) for i in range(0, len(covers), 50)]
    return np.concatenate([to_covers(vae.decode(vae.encode(p).latent_dist.mean).sample) for p in parts])


def measured_scale(latents: NDArray[np.float16]) -> float:
    """Return the `scaling_factor` that brings latents (N, C, s, s) to unit deviation."""
    return float(1 / np.asarray(latents[:4000], dtype=np.float32).std())


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio in dB of two stacks of pictures."""
    error = np.mean((first.astype(np.float32) - second.astype(np.float32)) ** 2)
    return float(10 * np.log10(255**2 / error))


# Muon (Jordan et al., 2024): momentum, orthogonalised, for the matrices of a network.


class Muon(torch.optim.Optimizer):
    """Moves each kernel along the nearest orthogonal matrix to its momentum; kernels count as (out, rest)."""

    def __init__(self, parameters: Iterable[Tensor], *, lr: float = 0.02, momentum: float = 0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Move all parameters that have a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(momentum, group["momentum"])
                matrix = ahead.reshape(len(ahead), -1)
                update = orthogonalise(matrix) * max(1, matrix.shape[0] / matrix.shape[1]) ** 0.5
                parameter.add_(update.view_as(parameter), alpha=-group["lr"])


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return roughly the nearest matrix with singular values 1, by five Newton-Schulz steps."""
    tall = matrix.shape[0] > matrix.shape[1]
    work = matrix.T if tall else matrix
    work = work / (work.norm() + 1e-7)
    for _ in range(5):
        gram = work @ work.T
        work = 3.4445 * work + (-4.7750 * gram + 2.0315 * gram @ gram) @ work
    result: Tensor = work.T if tall else work
    return result


# Group normalisation whose backward pass is fast on CPUs.
#
# PyTorch 2.13 takes 46 ms for the gradient of one bf16 map (8, 16, 128, 128) that is channels last and 1 ms
# for the same map in rows, while convolutions prefer channels last. So only this gradient changes the layout.


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        batch, channels, height, width = maps.shape
        size = height * width
        result, mean, scale = torch.native_group_norm(maps, weight, bias, batch, channels, size, groups, eps)
        ctx.save_for_backward(maps, weight, mean, scale)
        ctx.groups = groups
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        maps, weight, mean, scale = ctx.saved_tensors
        batch, channels, height, width = maps.shape
        rows, size = (gradient.contiguous(), maps.contiguous()), height * width
        wanted = [True, True, True]
        inward, of_weight, of_bias = torch.ops.aten.native_group_norm_backward(
            *rows, mean, scale, weight, batch, channels, size, ctx.groups, wanted
        )
        return inward.contiguous(memory_format=torch.channels_last), of_weight, of_bias, None, None


class FastGroupNorm(nn.GroupNorm):
    """The same function and weights as `nn.GroupNorm`."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise maps (N, C, H, W); other shapes go the ordinary way."""
        if input.ndim != 4:
            return super().forward(input)
        weight, bias = self.weight.to(input.dtype), self.bias.to(input.dtype)
        result: Tensor = _Normalise.apply(input, weight, bias, self.num_groups, self.eps)  # type: ignore[no-untyped-call]
        return result


def speed_up_norms(module: nn.Module) -> None:
    """Turn every group normalisation of a module into the fast one, in place."""
    for child in module.modules():
        if type(child) is nn.GroupNorm:
            child.__class__ = FastGroupNorm
