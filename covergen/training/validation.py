"""Does the sound matter? Validation error per timestep bin for true, shuffled and silent music.

The gap between them is the most sensitive sign. Letters as in `batches.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor

from covergen.training import objective
from covergen.training.alignment import Row
from covergen.training.batches import generator_of, spans
from covergen.training.examples import Examples

_SEED: Final = 20_000
_BATCH: Final = 64
SOUNDS: Final = ("true", "shuffled", "silent")


@dataclass(frozen=True)
class Denoising:
    """The trained module and its schedule: what an error is measured with."""

    module: Callable[..., Any]
    signal: Tensor  # cumulative alphas (timesteps,)
    prediction_type: str
    device: torch.device

    def squared_errors(self, part: Examples, sound: str, *, timesteps: Tensor, noise: Tensor) -> Tensor:
        """Return the mean squared error of each row (B,); silent music is never heard."""
        latents, noise = part.latent_means.float().to(self.device), noise.to(self.device)
        timesteps = timesteps.to(self.device)
        signal = self.signal[timesteps]
        prediction, _ = self.module(
            objective.noised(latents, noise, signal),
            timesteps,
            part.states[:, 0].float().to(self.device),
            part.frames.float().to(self.device),
            torch.full((len(latents),), sound != "silent", device=self.device),
        )
        target = objective.prediction_target(latents, noise, signal, prediction_type=self.prediction_type)
        errors: Tensor = (prediction.float() - target).square().mean(dim=(1, 2, 3))
        return errors


def validation_rows(denoising: Denoising, examples: Examples, *, bins: int) -> list[Row]:
    """Return one row per bin and sound: {bin, low, high, sound, loss, rows}.

    Every bin is measured on every example with one timestep and one noise of its own, the same for the three
    sounds. Shuffled music is that of the next example, so no song is its own.
    """
    total, rows = len(denoising.signal), []
    for index in range(bins):
        low, high = index * total // bins, (index + 1) * total // bins
        generator = generator_of(_SEED, "validation", index)
        timesteps = torch.randint(low, high, (len(examples),), generator=generator)
        noise = torch.randn(examples.latent_means.shape, generator=generator)
        for sound in SOUNDS:
            errors = []
            for span in spans(len(examples), _BATCH):
                own = torch.arange(span.start, span.stop)
                part = examples.take(own)
                if sound == "shuffled":
                    part = replace(part, frames=examples.frames[(own + 1) % len(examples)])
                drawn = {"timesteps": timesteps[span], "noise": noise[span]}
                errors.append(denoising.squared_errors(part, sound, **drawn))
            loss = float(torch.cat(errors).mean())
            where: Row = {"bin": index, "low": low, "high": high - 1}
            rows.append({**where, "sound": sound, "loss": loss, "rows": len(examples)})
    return rows


def mean_error(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the error of one validation that early stopping watches: the mean over bins, with true sound."""
    errors = [float(row["loss"]) for row in rows if row["sound"] == "true"]
    return sum(errors) / len(errors)


def validations(history: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Return the watched error by step, in order, out of a training's history."""
    steps = sorted({int(row["step"]) for row in history if row["stage"] == "validation"})
    of = {step: [r for r in history if r["stage"] == "validation" and r["step"] == step] for step in steps}
    return {step: mean_error(rows) for step, rows in of.items()}


def best_step(history: Sequence[Mapping[str, Any]]) -> int:
    """Return the step with the smallest watched error, the first of those that are equal."""
    errors = validations(history)
    return min(errors, key=lambda step: (errors[step], step))


def is_exhausted(history: Sequence[Mapping[str, Any]], patience: int | None) -> bool:
    """Say whether the last `patience` validations were all no better than the best before them."""
    errors = list(validations(history).values())
    return (
        patience is not None and len(errors) > patience and min(errors[-patience:]) >= min(errors[:-patience])
    )
