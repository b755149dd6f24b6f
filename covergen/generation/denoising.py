"""Sampling with guidance by words and by sound: functions of tensors, a denoiser and a noise scheduler.

B covers, K branches, R rows of one call (K times B of every cover), C latent channels, h w latent cells,
T' conditioning tokens, D width. Guidance of two conditions: "InstructPix2Pix", arXiv:2211.09800.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

Denoiser = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From latents (R, C, h, w), timesteps (R,) and conditioning (R, T', D) to a prediction (R, C, h, w)."""

_LEAST_AMPLITUDE: Final = (
    1e-2  # a schedule may begin with none at all, and a prediction of noise divides by it
)


class DenoisingState:
    """Covers (B) that one noise scheduler takes through their steps together, and how far they are.

    The first branch of the guidance is plain, each scale weighs the way from one branch to the next.
    `generators`, one a cover, give the noise of later steps to schedulers that add some (DDPM); each row
    draws from its own, on the CPU. The scheduler is used up: take a new one for each cover.
    """

    def __init__(
        self,
        noise_scheduler: Any,
        noise: Tensor,
        *,
        branches: Sequence[Tensor],
        scales: Sequence[float],
        steps: int,
        generators: Sequence[torch.Generator],
    ):
        noise_scheduler.set_timesteps(steps)
        self._noise_scheduler, self._scales = noise_scheduler, scales
        self._timesteps: Tensor = noise_scheduler.timesteps  # on the CPU, where the schedule is
        self._more: dict[str, Any] = {}
        if "generator" in inspect.signature(noise_scheduler.step).parameters:
            self._more["generator"] = list(generators)
        self.conditioning = torch.cat(list(branches))  # (K B, T', D)
        self.latents: Tensor = noise * noise_scheduler.init_noise_sigma  # (B, C, h, w), fp32
        self.step = 0  # how many are done
        self._last: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def steps(self) -> int:
        """How many steps there are; PNDM makes one more than it was asked for."""
        return len(self._timesteps)

    @property
    def done(self) -> bool:
        """Whether the latents are those of the picture."""
        return self.step == self.steps

    @property
    def timestep(self) -> int:
        """The next step's, of those the model was trained with."""
        return int(self._timesteps[self.step])

    def rows(self) -> Tensor:
        """Return the noised latents (K B, C, h, w) of the next call, one branch after the other."""
        scaled = self._noise_scheduler.scale_model_input(self.latents, self._timesteps[self.step])
        return scaled.repeat(len(self._scales) + 1, 1, 1, 1)  # type: ignore[no-any-return]

    def take(self, prediction: Tensor) -> None:
        """Make one step with the prediction (K B, C, h, w) for `rows`."""
        before, timestep = self.latents, self._timesteps[self.step]
        noise_pred = guided(prediction.float().chunk(len(self._scales) + 1), self._scales)
        self.latents = self._noise_scheduler.step(noise_pred, timestep, before, **self._more).prev_sample
        self._last = (noise_pred, before, timestep)
        self.step += 1

    def expected(self) -> Tensor:
        """Return the latents (B, C, h, w) that the last prediction promises for the end."""
        if self._last is None:
            return self.latents
        noise_pred, before, timestep = self._last
        signal = float(self._noise_scheduler.alphas_cumprod[timestep])
        kind = self._noise_scheduler.config.prediction_type
        amplitude, noise_amplitude = math.sqrt(signal), math.sqrt(1 - signal)
        if kind == "sample":
            return noise_pred
        if kind == "v_prediction":
            return amplitude * before - noise_amplitude * noise_pred
        return (before - noise_amplitude * noise_pred) / max(amplitude, _LEAST_AMPLITUDE)


def guided(predictions: Sequence[Tensor], scales: Sequence[float]) -> Tensor:
    """Return the first branch's prediction plus each scale times the step from one branch to the next.

    With branches (nothing, words, words and sound) and scales (s_t, s_a) that is
    e(0,0) + s_t [e(t,0) - e(0,0)] + s_a [e(t,a) - e(t,0)]; with (nothing, words and sound) and one scale it
    is plain guidance.
    """
    out = predictions[0]
    for scale, before, after in zip(scales, predictions[:-1], predictions[1:], strict=True):
        out = out + scale * (after - before)
    return out


def predict(denoise: Denoiser, denoising_states: Sequence[DenoisingState]) -> list[Tensor]:
    """Return each cover's prediction for its next step, all by one call; they may be at different steps.

    Nothing moves before `DenoisingState.take`. Their conditioning must agree in all but its rows.
    """
    parts = [state.rows() for state in denoising_states]
    counts = [len(part) for part in parts]
    timesteps = torch.tensor([state.timestep for state in denoising_states])
    timesteps = timesteps.repeat_interleave(torch.tensor(counts)).to(parts[0].device)  # (R,)
    conditioning = torch.cat([state.conditioning for state in denoising_states])
    return list(torch.split(denoise(torch.cat(parts), timesteps, conditioning), counts))


def sample(denoise: Denoiser, state: DenoisingState) -> Tensor:
    """Return the latents (B, C, h, w), fp32, of a cover that is taken through all its steps."""
    while not state.done:
        (prediction,) = predict(denoise, [state])
        state.take(prediction)
    return state.latents


def shift_noise(noise: Tensor, promised: Tensor, *, weight: float, first_signal: float) -> Tensor:
    """Return noise whose lowest frequencies lean, by `weight`, to what the sound promises of the cover.

    `promised` (B, C, g, g) are low-frequency latents, `first_signal` the cumulative alpha of the first step:
    a schedule that ends above zero lets the first noise decide the colour, so the promise is put there.
    """
    own = functional.adaptive_avg_pool2d(noise, promised.shape[-1])
    wanted = first_signal**0.5 * promised + (1 - first_signal) ** 0.5 * own
    toward = weight * (wanted - own)
    return noise + functional.interpolate(toward, size=noise.shape[-2:], mode="nearest")
