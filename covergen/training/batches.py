"""Batches that depend on (seed, step) alone: any worker draws the whole batch and computes its own share.

Two workers with half a batch each, a resumed run and an undisturbed one therefore see the same examples, the
same noise and the same drops. B rows of the whole batch; other letters as in `examples.py`.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from covergen.errors import ConfigError
from covergen.training import objective
from covergen.training.examples import Examples

# Which examples go without sound, without words, or without either, so that guidance has its branches.


@dataclass(frozen=True)
class DropRates:
    """Shares of examples; what is left keeps both."""

    audio: float = 0.10
    text: float = 0.10
    both: float = 0.05

    def __post_init__(self) -> None:
        if min(self.audio, self.text, self.both) < 0 or self.audio + self.text + self.both >= 1:
            raise ConfigError(
                f"drop rates {self.audio} + {self.text} + {self.both} must be positive and below 1 in all"
            )


def draw(count: int, rates: DropRates, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return booleans (count,) `audio_mask`, `text_mask`: whether an example keeps its sound, its words."""
    uniform = torch.rand(count, generator=generator, dtype=torch.float64)
    both, audio = uniform < rates.both, uniform < rates.both + rates.audio
    text = (uniform < rates.both + rates.audio + rates.text) & ~audio
    return ~audio, ~(text | both)


# Batches: which examples a step takes, and what they become.


@dataclass(frozen=True)
class Batch:
    """Rows of one optimiser step."""

    latents: Tensor  # (B, C, h, w), drawn from their distribution
    noise: Tensor  # (B, C, h, w)
    timesteps: Tensor  # (B,)
    states: Tensor  # (B, T, D), already the null states where the words are dropped
    frames: Tensor  # (B, L, F, W)
    audio_mask: Tensor  # (B,) false where the sound is dropped

    def __len__(self) -> int:
        return len(self.timesteps)

    def part(self, index: int, count: int) -> "Batch":
        """Return the `index`-th of `count` parts, whose sizes differ by one row at most."""
        cut = share(len(self), index, count)
        return Batch(*(getattr(self, each.name)[cut] for each in fields(self)))

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(*(getattr(self, each.name).to(device) for each in fields(self)))


@dataclass(frozen=True)
class BatchPlan:
    """How batches are drawn."""

    batch_size: int
    total_timesteps: int
    seed: int = 0
    high_noise: float = 0.0
    drop_rates: DropRates = field(default_factory=DropRates)
    prompt_variants: bool = True  # draw among a prompt's variants; else the first

    def draw(self, examples: Examples, step: int, *, worker: int = 0, workers: int = 1) -> Batch:
        """Return a worker's share of the batch of one step; of the examples only its own rows are read."""
        generator = generator_of(self.seed, "batch", step)
        count, shape = self.batch_size, (self.batch_size, *examples.latent_means.shape[1:])
        audio_mask, text_mask = draw(count, self.drop_rates, generator=generator)
        variants = torch.randint(examples.states.shape[1], (count,), generator=generator)
        timesteps = objective.draw_timesteps(
            count, self.total_timesteps, generator=generator, high_noise=self.high_noise
        )
        spread = torch.randn(shape, generator=generator)
        noise = torch.randn(shape, generator=generator)
        own = share(count, worker, workers)
        chosen, words = self.indices(len(examples), step)[own], variants[own] * self.prompt_variants
        states = examples.states[chosen, words].float()  # (B, T, D)
        means, stds = examples.latent_means[chosen].float(), examples.latent_stds[chosen].float()
        return Batch(
            latents=means + spread[own] * stds,
            noise=noise[own],
            timesteps=timesteps[own],
            states=torch.where(text_mask[own][:, None, None], states, examples.null_states.float()),
            frames=examples.frames[chosen].float(),
            audio_mask=audio_mask[own],
        )

    def indices(self, rows: int, step: int) -> Tensor:
        """Return the rows (B,) of one step: every epoch is a new order, and batches run over its end."""
        places = range(step * self.batch_size, (step + 1) * self.batch_size)
        orders = {epoch: self._order(rows, epoch) for epoch in {place // rows for place in places}}
        return torch.stack([orders[place // rows][place % rows] for place in places])

    def _order(self, rows: int, epoch: int) -> Tensor:
        return torch.randperm(rows, generator=generator_of(self.seed, "order", epoch))


def generator_of(seed: int, purpose: str, number: int) -> torch.Generator:
    """Return a CPU generator that depends on these three alone."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))


def share(rows: int, index: int, count: int) -> slice:
    """Return where the `index`-th of `count` shares of the rows lies; shares differ by one row at most."""
    return slice(index * rows // count, (index + 1) * rows // count)


def spans(rows: int, size: int) -> Iterator[slice]:
    """Yield slices of at most `size` that cover `rows`."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
