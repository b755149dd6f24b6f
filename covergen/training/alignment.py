"""Stage 1: music tokens learn, in seconds and without the U-Net, which cover they belong to.

It says cheaply whether the music tells anything about the cover (retrieval), and warms the resampler, which
learns almost nothing through a frozen U-Net from a cold start.
B batch, N tokens, D width, K cover features.
"""

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from covergen.fusion import Fusion
from covergen.fusion.attached import pooled_latents
from covergen.training import batches, objective
from covergen.training.examples import Examples
from covergen.training.settings import TrainingSettings

Row = dict[str, float | int | str]

_SHARED: Final = 64
_WARMUP: Final = 20
_PIECE: Final = 1024  # covers read at once


class CoverAlignment(nn.Module):
    """Heads on the music tokens: one for retrieval, one that says the cover's features outright."""

    mean: Tensor
    std: Tensor

    def __init__(self, tokens_width: int, covers: Tensor):
        super().__init__()
        std, mean = torch.std_mean(covers, dim=0)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std.clamp_min(1e-4))
        self.music = nn.Linear(tokens_width, _SHARED)
        self.cover = nn.Linear(covers.shape[1], _SHARED)
        self.regress = nn.Linear(tokens_width, covers.shape[1])

    def forward(self, tokens: Tensor, covers: Tensor) -> Tensor:
        """Return the loss for tokens (B, N, D) and cover features (B, K)."""
        flat, wanted = tokens.flatten(1), (covers - self.mean) / self.std
        contrast = objective.contrastive_loss(self.music(flat), self.cover(wanted))
        return contrast + functional.mse_loss(self.regress(flat), wanted)

    @torch.no_grad()
    def similarity(self, tokens: Tensor, covers: Tensor) -> Tensor:
        """Return cosines (music rows, cover rows)."""
        music = functional.normalize(self.music(tokens.flatten(1)), dim=1)
        cover = functional.normalize(self.cover((covers - self.mean) / self.std), dim=1)
        return music @ cover.T


def align(
    fusion: Fusion, examples: Examples, *, settings: TrainingSettings, held_out: Examples | None = None
) -> Iterator[Row]:
    """Train the fusion's music tokens in place; yield one row a step, a last one with recall on `held_out`.

    Every worker runs the same whole batches, so their weights stay equal without talking. Nothing happens for
    a fusion without music tokens.
    """
    device = fusion.features.mean.device
    covers, pooled = _covers(examples, device)
    with torch.no_grad():
        example_tokens = fusion.audio_tokens(examples.frames[:1].float().to(device))
    if example_tokens is None or not settings.align_steps:
        return
    heads = _heads(example_tokens[0].numel(), covers, settings.seed).to(device)
    weights = [*heads.parameters(), *fusion.trained().values()]
    optimizer = torch.optim.AdamW(weights, lr=settings.align_rate, weight_decay=settings.weight_decay)
    fusion.train()
    for step in range(settings.align_steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.align_rate * _rate(step, settings.align_steps)
        generator = batches.generator_of(settings.seed, "align", step)
        chosen = torch.randperm(len(examples), generator=generator)[: settings.align_batch_size]
        tokens = _tokens(fusion, examples.frames[chosen])
        loss = heads(tokens, covers[chosen]) + _promise_error(fusion, tokens, pooled[chosen])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, settings.clip_norm)
        optimizer.step()
        yield {"stage": "align", "step": step + 1, "loss": float(loss.detach())}
    if held_out is not None and len(held_out):
        yield _recall(fusion, heads, held_out, settings.align_steps)


def _covers(examples: Examples, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return cover features (N, K) and low-frequency latents (N, C, 2, 2), read piece by piece."""
    features, pooled = [], []
    for span in batches.spans(len(examples), _PIECE):
        means = examples.latent_means[span].float().to(device)
        features.append(objective.cover_features(means))
        pooled.append(pooled_latents(means))
    return torch.cat(features), torch.cat(pooled)


def _tokens(fusion: Fusion, frames: Tensor) -> Tensor:
    tokens = fusion.audio_tokens(frames.float().to(fusion.features.mean.device))
    if tokens is None:
        raise TypeError(f"{type(fusion).__name__} gave music tokens once and then none")
    return tokens


def _heads(tokens_width: int, covers: Tensor, seed: int) -> CoverAlignment:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CoverAlignment(tokens_width, covers)


def _rate(step: int, steps: int) -> float:
    return min((step + 1) / _WARMUP, 1.0) * max(1 - step / steps, 0.05)


def _promise_error(fusion: Fusion, tokens: Tensor, pooled: Tensor) -> Tensor:
    promised = fusion.read_cover(tokens)
    return tokens.new_zeros(()) if promised is None else functional.mse_loss(promised, pooled)


@torch.no_grad()
def _recall(fusion: Fusion, heads: CoverAlignment, held_out: Examples, step: int) -> Row:
    """Return the share of songs whose cover is among the ten nearest of all held-out covers."""
    fusion.eval()
    tokens = _tokens(fusion, held_out.frames)
    covers = objective.cover_features(held_out.latent_means.float().to(tokens.device))
    scores = heads.similarity(tokens, covers)
    better = (scores > scores.diagonal()[:, None]).sum(dim=1)
    return {
        "stage": "align_recall",
        "step": step,
        "recall_at_10": float((better < 10).float().mean()),
        "covers": len(held_out),
    }
