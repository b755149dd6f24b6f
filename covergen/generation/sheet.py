"""The same few albums painted again and again while a fusion is trained, on one sheet."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covergen.fusion import Fusion
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.models import stable_diffusion
from covergen.models.stable_diffusion import StableDiffusion, decode_latents
from covergen.training.examples import Examples

_GAP = 4  # pixels between covers


class SampleSheet:
    """Paints a few albums with the fusion as it is: their true covers, words alone, words and sound.

    `unet` is the one that the fusion is attached to. Seeds are the same for every sheet.
    """

    def __init__(
        self,
        base: str,
        unet: Any,
        *,
        examples: Examples,
        settings: PaintSettings,
        albums: int = 6,
        offline: bool = True,
    ):
        self._model = _parts_around(base, unet, offline=offline)
        self._examples = examples.take(range(min(albums, len(examples))))
        self._settings = replace(settings, noise_shift=0.0)

    def paint(self, fusion: Fusion) -> NDArray[np.uint8]:
        """Return the sheet (H, W, 3): a column for each album, a row for each way of painting it."""
        painter = Painter(self._model, fusion)
        states, frames = self._examples.states[:, 0].float().numpy(), self._examples.frames.float().numpy()
        silent = [CoverRequest(words, seed) for seed, words in enumerate(states)]
        with_audio = [replace(each, frames=song) for each, song in zip(silent, frames, strict=True)]
        true = list(decode_latents(self._model.vae, self._examples.latent_means.float()))
        painted = [
            [cover.image for cover in painter.paint(each, self._settings)] for each in (silent, with_audio)
        ]
        return _grid([true, *painted])


def _parts_around(base: str, unet: Any, *, offline: bool) -> StableDiffusion:
    device = str(unet.device)
    tokenizer, text_encoder = stable_diffusion.load_text(base, device=device, offline=offline)
    return StableDiffusion(
        name=base,
        digest="",  # the U-Net holds a fusion by now
        size=stable_diffusion.size(base, offline=offline),
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=stable_diffusion.load_vae(base, device=device, offline=offline),
        unet=unet,
        noise_scheduler_config=stable_diffusion.read_config(base, "scheduler", offline=offline),
    )


def _grid(rows: list[list[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    padded = [
        np.concatenate(
            [np.pad(cover, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255) for cover in row], 1
        )
        for row in rows
    ]
    return np.concatenate(padded)[:-_GAP, :-_GAP]
