"""Looks at a base in training: covers for evaluation albums, read back and laid on a sheet.

B covers, C latent channels, T tokens, W width.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from covergen.evaluation.metrics.paired import circular_error
from covergen.experiments.pretraining.data import to_covers
from covergen.models.stable_diffusion import StableDiffusion, encode_text
from covergen.procedural.covers import paint
from covergen.procedural.factor_reader import CoverReader
from covergen.procedural.factors import Album, caption, descriptors, draw_album


@torch.inference_mode()
def paint_prompts(
    base: StableDiffusion,
    prompts: Sequence[str],
    *,
    guidance_scale: float = 3.0,
    steps: int = 20,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Return covers (B, S, S, 3) for prompts, by DDIM with guidance, 50 at a time."""
    covers, noise_scheduler = [], base.noise_scheduler("ddim")
    for start in range(0, len(prompts), 50):
        part = list(prompts[start : start + 50])
        texts = [*([""] * len(part)), *part]
        conditioning, _ = encode_text(base.tokenizer, base.text_encoder, texts)  # (2B, T, W)
        generator = torch.Generator().manual_seed(seed + start)
        latents = torch.randn(len(part), base.unet.config.in_channels, 16, 16, generator=generator)
        noise_scheduler.set_timesteps(steps)
        for timestep in noise_scheduler.timesteps:
            pair = base.unet(torch.cat([latents] * 2), timestep, encoder_hidden_states=conditioning).sample
            without, given = pair.chunk(2)
            predicted = without + guidance_scale * (given - without)
            latents = noise_scheduler.step(predicted, timestep, latents).prev_sample
        covers.append(to_covers(base.vae.decode(latents / base.vae.config.scaling_factor).sample))
    return np.concatenate(covers)


def read_back(reader: CoverReader, covers: NDArray[np.uint8], albums: Sequence[Album]) -> dict[str, float]:
    """Return how much of the albums' factors a reader finds again in their covers."""
    reading = reader.read(covers)
    factors = [album.factors for album in albums]
    scores = {
        "genre": float(np.mean(reading["genre"] == [f.genre for f in factors])),
        "motif": float(np.mean(reading["motif"] == [f.motif for f in factors])),
        "hue_error": float(circular_error(reading["hue"], [f.hue for f in factors]).mean()),
    }
    for name in ("brightness", "energy", "density"):
        truth = [getattr(f, name) for f in factors]
        scores[name] = float(np.corrcoef(reading[name], truth)[0, 1])
    return scores


def evaluation_albums(count: int) -> list[Album]:
    """Return the first albums of the evaluation split."""
    return [draw_album(seed, "eval") for seed in range(count)]


def evaluation_covers(count: int) -> NDArray[np.uint8]:
    """Return the true covers of the first evaluation albums."""
    return np.stack([paint(album.factors, album.seed) for album in evaluation_albums(count)])


def measure(
    base: StableDiffusion, reader: CoverReader, count: int, sheet: Path
) -> dict[str, dict[str, float]]:
    """Paint plain and described prompts of `count` albums, write a sheet of both and return the readings."""
    albums = evaluation_albums(count)
    plain = paint_prompts(base, [caption(album) for album in albums])
    described = paint_prompts(base, [f"{caption(a)} {descriptors(a.factors)}" for a in albums[: count // 2]])
    write_sheet(sheet, np.concatenate([plain[:50], described[:50]]))
    return {
        "plain": read_back(reader, plain, albums),
        "described": read_back(reader, described, albums[: count // 2]),
    }


def write_sheet(path: Path, covers: NDArray[np.uint8], columns: int = 10) -> None:
    """Write covers (B, S, S, 3) as one picture, row by row; a last row that is not full is left out."""
    rows = len(covers) // columns
    side = covers.shape[1]
    grid = covers[: rows * columns].reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    Image.fromarray(grid.reshape(rows * side, columns * side, 3)).save(path)
