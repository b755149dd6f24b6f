"""Stage 2: the fusion learns through the frozen U-Net. Plain torch; a caller with Ray hands in `wrap`.

Letters as in `batches.py`.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import torch
from torch import Tensor, nn

from covergen.errors import ConfigError
from covergen.fusion import Fusion
from covergen.fusion.attached import pooled_latents
from covergen.training import objective
from covergen.training.alignment import Row, align
from covergen.training.batches import Batch, BatchPlan, generator_of
from covergen.training.examples import Examples
from covergen.training.settings import TrainingSettings
from covergen.training.validation import Denoising, best_step, is_exhausted, validation_rows, validations

_FITTED_ON: Final = 4096  # rows


class Trainer:
    """Trains one fusion on a frozen U-Net: iterate over it, one row a step, until `settings.steps`.

    `noise_scheduler` is any of diffusers' with `alphas_cumprod` and a prediction type. `wrap` turns the
    module into a data-parallel one that averages gradients; each of `world_size` workers computes its share
    of every batch. With `held_out` examples it validates on the way and may end before its last step.
    """

    def __init__(
        self,
        unet: Any,
        fusion: Fusion,
        *,
        noise_scheduler: Any,
        examples: Examples,
        settings: TrainingSettings,
        held_out: Examples | None = None,
        rank: int = 0,
        world_size: int = 1,
        wrap: Callable[[nn.Module], nn.Module] | None = None,
        device: str | torch.device = "cpu",
    ):
        settings.check(world_size)
        self.settings, self.fusion, self.examples, self.held_out = settings, fusion, examples, held_out
        self.rank, self.world_size, self.device = rank, world_size, torch.device(device)
        self.step = 0
        self.is_exhausted = False  # no validation got better for as long as `patience` allows
        self.best: dict[str, Tensor] | None = None  # averaged weights of the best validation
        self.history: list[Row] = []
        if not bool(fusion.features.fitted):
            fusion.fit_features(_some(examples.frames, settings.seed))
        self.module = ConditionedUNet(unet, fusion).to(self.device)
        self._wrap = wrap
        self._wrapped: nn.Module | None = None
        self._weights = fusion.trained()
        if not self._weights:
            raise ConfigError(f"{type(fusion).__name__} has no weights to train: generate with it as it is")
        self._optimizer = self._make_optimizer()
        self.average = WeightAverage(self._weights, decay=settings.ema_decay)
        self._signal = noise_scheduler.alphas_cumprod.to(self.device)
        self._prediction_type = str(noise_scheduler.config.prediction_type)
        self._plan = BatchPlan(
            settings.batch_size,
            len(self._signal),
            settings.seed,
            settings.high_noise,
            settings.drop_rates,
            settings.prompt_variants,
        )

    def align(self, held_out: Examples | None = None) -> list[Row]:
        """Run stage 1, if the settings ask for it and training has not begun, and return its rows.

        The moving average starts anew from the aligned weights.
        """
        if self.step or self._wrapped is not None:
            return []
        rows = list(align(self.fusion, self.examples, settings=self.settings, held_out=held_out))
        self.average = WeightAverage(self._weights, decay=self.settings.ema_decay)
        self.history += rows
        return rows

    def __iter__(self) -> Iterator[Row]:
        """Yield {stage, step, loss, learning_rate, gradient_norm} after each optimiser step that is left."""
        while self.step < self.settings.steps and not self.is_exhausted:
            row = self.train_step()
            every = self.settings.validate_every
            if self.held_out is not None and every is not None and self.step % every == 0:
                self._validate_on_the_way(self.held_out)
            yield row

    def train_step(self) -> Row:
        """Take one optimiser step and return its row."""
        rate = learning_rate(self.step, self.settings)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = self.compute_gradients()
        norm = nn.utils.clip_grad_norm_(self._weights.values(), self.settings.clip_norm)
        if not bool(torch.isfinite(norm)):
            raise FloatingPointError(
                f"the gradient of step {self.step} is not finite; lower train.learning_rate or leave bf16"
            )
        self._optimizer.step()
        self.step += 1
        self.average.update(self.step)
        row: Row = {
            "stage": "train",
            "step": self.step,
            "loss": loss,
            "learning_rate": rate,
            "gradient_norm": float(norm),
        }
        self.history.append(row)
        return row

    def compute_gradients(self) -> float:
        """Fill the gradients with those of this worker's part of the step's batch; return its loss."""
        self._optimizer.zero_grad()
        module = self._parallel()
        self.fusion.train()
        batch = self._plan.draw(self.examples, self.step, worker=self.rank, workers=self.world_size)
        total, parts = 0.0, self.settings.accumulate
        for index in range(parts):
            part = batch.part(index, parts).to(self.device)
            # workers average their gradients: so weighed, each row counts as one of the whole batch
            weight = self.world_size * len(part) / self.settings.batch_size
            # between the parts of a step data-parallel workers have nothing to say to each other
            silent = getattr(module, "no_sync", nullcontext) if index < parts - 1 else nullcontext
            with silent():
                loss = self._loss(module, part)
                torch.autograd.backward(loss * weight)
            total += float(loss.detach()) * len(part) / len(batch)
        return total

    def validate(self, examples: Examples, *, bins: int = 5) -> list[Row]:
        """Return the averaged weights' error per timestep bin for true, shuffled and silent sound."""
        with self.average.swapped_in(), torch.no_grad(), self._autocast():
            self.fusion.eval()
            denoising = Denoising(self.module, self._signal, self._prediction_type, self.device)
            rows = validation_rows(denoising, examples, bins=bins)
        rows = [{"stage": "validation", "step": self.step, **row} for row in rows]
        self.history += rows
        return rows

    def finish(self) -> int:
        """Validate a last time and go back to the best averaged weights, where there is `patience`.

        Return the step whose weights the average holds. For the first worker, when all steps are done.
        """
        if self.held_out is None:
            return self.step
        if self.step not in validations(self.history):
            self._validate_and_keep(self.held_out)
        if self.best is None:
            return self.step
        self.average.load(self.best)
        return best_step(self.history)

    def state(self) -> dict[str, Any]:
        """Return all that resuming needs: random draws depend on seed and step, which leaves nothing else."""
        return {
            "step": self.step,
            "fusion": self.fusion.state_dict(),
            "average": self.average.values,
            "best": self.best,
            "optimizer": self._optimizer.state_dict(),
            "history": self.history,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.step, self.history = int(state["step"]), list(state["history"])
        self.fusion.load_state_dict(state["fusion"])
        self.average.load(state["average"])
        self.best = state["best"]
        self.is_exhausted = is_exhausted(self.history, self.settings.patience)
        self._optimizer.load_state_dict(state["optimizer"])

    def _validate_on_the_way(self, held_out: Examples) -> None:
        if self.rank == 0:
            self._validate_and_keep(held_out)
            self.is_exhausted = is_exhausted(self.history, self.settings.patience)
        if self.world_size > 1 and self.settings.patience is not None:
            # the first worker alone validates, and all end at the same step
            exhausted = torch.tensor(int(self.is_exhausted), device=self.device)
            torch.distributed.broadcast(exhausted, src=0)
            self.is_exhausted = bool(exhausted)

    def _validate_and_keep(self, held_out: Examples) -> None:
        self.validate(held_out)
        if self.settings.patience is not None and best_step(self.history) == self.step:
            self.best = {name: value.clone() for name, value in self.average.values.items()}

    def _make_optimizer(self) -> torch.optim.Optimizer:
        groups = _decay_groups(self.fusion, self.settings.weight_decay)
        return torch.optim.AdamW(groups, lr=self.settings.learning_rate)

    def _learner(self) -> nn.Module:
        """Return the module whose answer the loss is taken of."""
        return self.module

    def _loss(self, module: nn.Module, batch: Batch) -> Tensor:
        signal = self._signal[batch.timesteps]
        target = objective.prediction_target(
            batch.latents, batch.noise, signal, prediction_type=self._prediction_type
        )
        with self._autocast():
            prediction, promised = module(
                objective.noised(batch.latents, batch.noise, signal),
                batch.timesteps,
                batch.states,
                batch.frames,
                batch.audio_mask,
            )
        loss = objective.denoising_loss(prediction, target, self._loss_weights(signal))
        if promised is not None:
            errors = (promised.float() - pooled_latents(batch.latents)).square().mean(dim=(1, 2, 3))  # (B,)
            loss = loss + self.settings.cover_weight * (errors * batch.audio_mask).mean()
        return loss

    def _loss_weights(self, signal: Tensor) -> Tensor:
        gamma = self.settings.min_snr_gamma
        if gamma is None:
            return torch.ones_like(signal)
        return objective.min_snr_weights(
            signal, prediction_type=self._prediction_type, gamma=gamma, floor=self.settings.snr_floor
        )

    def _parallel(self) -> nn.Module:
        # wrapped at the first step and not before, so that stage 1 has run by then
        if self._wrapped is None:
            self._wrapped = self._wrap(self._learner()) if self._wrap else self._learner()
        return self._wrapped

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bf16)


def _some(frames: Tensor, seed: int) -> Tensor:
    """Return the frames that statistics are taken of: all, or a sample where they would fill the memory."""
    if len(frames) <= _FITTED_ON:
        return frames
    order = torch.randperm(len(frames), generator=generator_of(seed, "features", 0))
    return frames[order[:_FITTED_ON].sort().values]


def learning_rate(step: int, settings: TrainingSettings) -> float:
    """Return the rate of a step: a linear warm-up, then a cosine to zero at the last step."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    share = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    return settings.learning_rate * (1 + math.cos(math.pi * share)) / 2


def _decay_groups(fusion: Fusion, weight_decay: float) -> list[dict[str, Any]]:
    """Split weights: matrices decay; norms, biases, mixtures and learnt queries do not."""
    plain = {"resampler.latents"}
    weights = fusion.trained().items()
    decayed = [weight for name, weight in weights if weight.ndim > 1 and name not in plain]
    others = [weight for name, weight in weights if weight.ndim <= 1 or name in plain]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


# The moving average of trained weights: what checkpoints hold and covers are painted with.


class WeightAverage:
    """An exponential moving average of parameters by name, in fp32."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], *, decay: float):
        self._parameters = parameters
        self._decay = decay
        self.values = {name: weight.detach().float().clone() for name, weight in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step`; early steps weigh more, so that the first weights fade."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, weight in self._parameters.items():
            self.values[name].lerp_(weight.detach().float(), 1 - decay)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Let the parameters hold the average inside the block."""
        kept = {name: weight.detach().clone() for name, weight in self._parameters.items()}
        self._fill(self.values)
        try:
            yield
        finally:
            self._fill(kept)

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take the average from a saved one."""
        for name, value in self.values.items():
            value.copy_(values[name])

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, weight in self._parameters.items():
            weight.copy_(values[name])


# The frozen U-Net and the fusion as one module, which data parallelism wraps. Letters as in `batches.py`.


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
        self, latents: Tensor, timesteps: Tensor, states: Tensor, frames: Tensor, audio_mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the prediction (B, C, h, w) and the promised low-frequency latents (B, C, 2, 2), if any."""
        conditioning = self.fusion.condition(states, frames, audio_mask=audio_mask)
        prediction: Tensor = self.unet(latents, timesteps, encoder_hidden_states=conditioning).sample
        tokens = self.fusion.tokens_in(conditioning)
        return prediction, None if tokens is None else self.fusion.read_cover(tokens)
