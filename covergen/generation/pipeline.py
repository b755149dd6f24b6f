"""From words, music and a seed to a picture: what `covergen cover`, the generate job and the service share.

B covers, T text tokens, D text width, L layers, F frames, W feature width, H W pixels.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from covergen.errors import ConfigError
from covergen.fusion import Fusion
from covergen.generation import denoising
from covergen.generation.noise import between, first_noise, generators
from covergen.generation.preview import Preview
from covergen.models.stable_diffusion import (
    StableDiffusion,
    decode_latents,
    encode_text,
)


@dataclass(frozen=True)
class PaintSettings:
    """How covers are painted, the same for all of one call."""

    steps: int = 20
    guidance_scale: float = 2.5  # by the words
    audio_guidance_scale: float | None = (
        3.0  # by the sound; None: one guidance for both, two thirds of the work
    )
    audio_scale: float = 1.0  # weight of the audio layers, 0 to 1
    noise_scheduler: str = "ddim"
    noise_shift: float = 0.0  # how far the first noise leans to what the sound promises

    @classmethod
    def of(cls, options: Any) -> "PaintSettings":
        """Return the settings that somebody asks for under these names: a config's section, or an order."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class CoverRequest:
    """One cover to paint; without `frames` it is painted from the words alone, by the base as it was.

    With a `variation_strength` above 0 its first noise lies that far on the way from its seed's to the
    variation seed's; at 1 it is the other seed's cover. The noise of later steps (DDPM) stays the own seed's
    until then. A variation of a varied cover begins where that one did: `varied_before` holds the seeds and
    strengths of what led there, in order.
    """

    states: NDArray[Any]  # (T, D)
    seed: int
    frames: NDArray[Any] | None = None  # (L, F, W)
    variation_seed: int = 0
    variation_strength: float = 0.0
    varied_before: tuple[tuple[int, float], ...] = ()

    @property
    def noise_seed(self) -> int:
        """The seed of its generator: its own, unless it has wholly become the variation."""
        return self.variation_seed if self.variation_strength >= 1 else self.seed


@dataclass(frozen=True)
class Cover:
    """A painted picture."""

    image: NDArray[np.uint8]  # (H, W, 3)
    seconds: float  # its share of the batch's time


class Painter:
    """Holds the frozen model and a fusion, and paints covers in batches."""

    def __init__(
        self, stable_diffusion: StableDiffusion, fusion: Fusion | None = None, *, batch_size: int = 8
    ):
        self.stable_diffusion = stable_diffusion
        self.fusion = fusion
        self._batch_size = batch_size
        if fusion is not None:
            fusion.to(stable_diffusion.unet.device).eval().attach(stable_diffusion.unet)
        states, _ = encode_text(stable_diffusion.tokenizer, stable_diffusion.text_encoder, [""])
        self._null_states = states.float()  # (1, T, D)

    def paint(self, requests: Sequence[CoverRequest], settings: PaintSettings) -> list[Cover]:
        """Return one cover a request, in order. What a cover looks like does not depend on the others."""
        for request in requests:
            self.check(request)
        covers: dict[int, Cover] = {}
        for with_audio in (True, False):
            chosen = [i for i, request in enumerate(requests) if (request.frames is not None) == with_audio]
            for start in range(0, len(chosen), self._batch_size):
                part = chosen[start : start + self._batch_size]
                covers |= zip(part, self._paint([requests[i] for i in part], settings), strict=True)
        return [covers[i] for i in range(len(requests))]

    def check(self, request: CoverRequest) -> None:
        """Raise ConfigError for a request that this painter cannot meet."""
        if self.fusion is None and request.frames is not None:
            raise ConfigError("there is music to hear but no fusion that hears it: give a fusion checkpoint")

    @torch.inference_mode()
    def _paint(self, requests: Sequence[CoverRequest], settings: PaintSettings) -> list[Cover]:
        began = time.perf_counter()
        pictures = self.decode(denoising.sample(self._denoise, self.prepare(requests, settings)))
        seconds = (time.perf_counter() - began) / len(requests)
        return [Cover(image, seconds) for image in pictures]

    @torch.inference_mode()
    def prepare(self, requests: Sequence[CoverRequest], settings: PaintSettings) -> denoising.DenoisingState:
        """Return covers ready for their first step: all of them have music to hear, or none has."""
        noise_scheduler = self.stable_diffusion.noise_scheduler(settings.noise_scheduler)
        own = generators([request.noise_seed for request in requests])
        first = self._first_noise(own, requests).to(self.stable_diffusion.unet.device)
        branches, scales = self._branches(requests, settings)
        return denoising.DenoisingState(
            noise_scheduler,
            self._shifted(first, requests, settings, noise_scheduler),
            branches=branches,
            scales=scales,
            steps=settings.steps,
            generators=own,
        )

    @torch.inference_mode()
    def predict(self, denoising_states: Sequence[denoising.DenoisingState]) -> list[Tensor]:
        """Return what each cover takes for its next step, all by one call of the U-Net."""
        return denoising.predict(self._denoise, denoising_states)

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Return the pictures (B, H, W, 3) of finished latents (B, C, h, w)."""
        return decode_latents(self.stable_diffusion.vae, latents)

    @cached_property
    def preview(self) -> Preview:
        """The quick eye for covers that are still being painted."""
        return Preview(self.stable_diffusion.vae)

    def _first_noise(self, own: Sequence[torch.Generator], requests: Sequence[CoverRequest]) -> Tensor:
        shape = self.stable_diffusion.latent_shape
        first = first_noise(own, shape)
        for row, request in enumerate(requests):
            if request.variation_strength >= 1:
                continue
            for seed, strength in (
                *request.varied_before,
                (request.variation_seed, request.variation_strength),
            ):
                if strength > 0:
                    (other,) = first_noise(generators([seed]), shape)
                    first[row] = between(first[row], other, strength)
        return first

    def _denoise(self, latents: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        unet = self.stable_diffusion.unet
        kind = unet.dtype
        out: Tensor = unet(latents.to(kind), timesteps, encoder_hidden_states=conditioning.to(kind)).sample
        return out

    def _branches(
        self, requests: Sequence[CoverRequest], settings: PaintSettings
    ) -> tuple[list[Tensor], list[float]]:
        """Return the conditioning of each guidance branch, computed once for all steps, and the scales."""
        states = torch.stack([torch.from_numpy(np.array(r.states, np.float32)) for r in requests])
        states = states.to(self._null_states.device)  # (B, T, D)
        null = self._null_states.expand_as(states)
        fusion, frames = self.fusion, self._frames(requests)
        if fusion is None:
            return [null, states], [settings.guidance_scale]
        if frames is None:
            return [fusion.words_only(null), fusion.words_only(states)], [settings.guidance_scale]
        scales = [settings.guidance_scale]
        given = [(null, False), (states, True)]
        if settings.audio_guidance_scale is not None:
            scales.append(settings.audio_guidance_scale)
            given.insert(1, (states, False))
        audio_mask = torch.tensor([has_audio for _, has_audio in given], device=states.device)
        conditioning = fusion.condition(
            torch.cat([words for words, _ in given]),
            frames.repeat(len(given), 1, 1, 1),
            audio_mask=audio_mask.repeat_interleave(len(requests)),
            audio_scale=settings.audio_scale,
        )
        return list(conditioning.chunk(len(given))), scales

    def _frames(self, requests: Sequence[CoverRequest]) -> Tensor | None:
        frames = [np.array(r.frames, np.float32) for r in requests if r.frames is not None]
        return torch.from_numpy(np.stack(frames)).to(self._null_states.device) if frames else None

    def _shifted(
        self, noise: Tensor, requests: Sequence[CoverRequest], settings: PaintSettings, noise_scheduler: Any
    ) -> Tensor:
        frames = self._frames(requests)
        if not settings.noise_shift or self.fusion is None or frames is None:
            return noise
        promised = self.fusion.predict_cover(frames)
        if promised is None:
            name = type(self.fusion).__name__
            raise ConfigError(f"noise_shift={settings.noise_shift}: {name} promises no cover; set it to 0")
        signal = float(noise_scheduler.alphas_cumprod[-1])
        return denoising.shift_noise(noise, promised, weight=settings.noise_shift, first_signal=signal)
