"""Trains the embedded tiny model, from nothing to a folder that diffusers loads.

    python -m covergen.experiments.pretraining train --vae-minutes 15 --base-minutes 60
    python -m covergen.experiments.pretraining snapshot --measure 200

`train` runs every phase: covers, tokenizer, text encoder, autoencoder, latents, U-Net. Each keeps its
checkpoint, so a killed run goes on where it was, and a finished phase is not run again unless its minutes
grow. `snapshot` writes whatever the U-Net has reached so far, while `train` goes on.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
import typer
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTokenizer

from covergen.experiments.pretraining.data import encoded_latents, painted_covers
from covergen.experiments.pretraining.denoiser import build_noise_scheduler, build_unet, train_denoiser
from covergen.experiments.pretraining.language import train_tokenizer
from covergen.experiments.pretraining.loop import load_average
from covergen.experiments.pretraining.parallel import launch
from covergen.experiments.pretraining.preview import evaluation_covers, measure
from covergen.experiments.pretraining.text import CaptionClassifier, train_text
from covergen.experiments.pretraining.vae import build_vae, measured_scale, psnr, reconstruct, train_vae
from covergen.models import stable_diffusion
from covergen.models.stable_diffusion import StableDiffusion
from covergen.procedural.factor_reader import READER, CoverReader

ASSETS: Final = Path(__file__).parent.parent.parent / "assets" / "tiny"
CHECKPOINTS: Final = Path.home() / ".cache" / "covergen" / "pretraining"
app = typer.Typer(no_args_is_help=True, add_completion=False)
_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


@app.command()
def train(
    *,
    checkpoints: Path = CHECKPOINTS,
    assets: Path = ASSETS,
    covers: Annotated[int, typer.Option(help="covers painted for training, 49 kB each")] = 40_000,
    encoded: Annotated[int, typer.Option(help="of these, covers that the U-Net learns from")] = 16_000,
    text_minutes: Annotated[float, typer.Option(help="wall clock for the text encoder")] = 3.0,
    vae_minutes: Annotated[float, typer.Option(help="wall clock for the autoencoder")] = 15.0,
    base_minutes: Annotated[float, typer.Option(help="wall clock for the U-Net")] = 60.0,
    workers: Annotated[int, typer.Option(help="worker processes, one a core")] = os.cpu_count() or 1,
) -> None:
    """Train all phases that are not finished and write the result to ASSETS."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    painted_covers(checkpoints / "covers.npy", covers, workers=workers)
    launch(train_vae, workers, checkpoints, vae_minutes, covers)
    latents = _encode(checkpoints, min(encoded, covers), workers)
    tokenizer = checkpoints / "tokenizer"
    if not tokenizer.exists():
        train_tokenizer().save_pretrained(tokenizer)
    launch(train_text, workers, checkpoints, text_minutes, tokenizer)
    export_text(checkpoints / "text.pt", tokenizer, assets)
    scale = measured_scale(np.load(latents, mmap_mode="r"))
    export_vae(trained_vae(checkpoints / "vae.pt", scale), assets)
    launch(train_denoiser, workers, checkpoints, base_minutes, latents, assets)
    export_unet(trained_unet(checkpoints / "unet.pt"), assets)


@app.command()
def snapshot(
    *,
    checkpoints: Path = CHECKPOINTS,
    assets: Path = ASSETS,
    albums: Annotated[int, typer.Option("--measure", help="evaluation albums to paint and read")] = 200,
) -> None:
    """Write the U-Net as far as it is, paint evaluation albums and print what a reader finds in them."""
    export_unet(trained_unet(checkpoints / "unet.pt"), assets)
    if not albums:
        return
    base = stable_diffusion.load(str(assets))
    truth = evaluation_covers(albums)
    again = reconstruct(base.vae, truth)
    reader = _reader(checkpoints / "reader.npz", base)
    reader.save(assets / READER)
    scores = measure(base, reader, albums, checkpoints / "sheet.png")
    typer.echo(json.dumps({"reconstruction_psnr": round(psnr(truth, again), 2), **scores}))


def _encode(checkpoints: Path, count: int, workers: int) -> Path:
    """Return the latents of the autoencoder as trained so far, encoded unless they are there."""
    step = torch.load(checkpoints / "vae.pt", weights_only=True)["step"]
    latents = checkpoints / f"latents-{step}-{count}.npy"
    if not latents.exists():
        covers = np.load(checkpoints / "covers.npy", mmap_mode="r")[:count]
        encoded_latents(latents, covers, trained_vae(checkpoints / "vae.pt"), workers=workers)
    return latents


def _reader(path: Path, base: StableDiffusion) -> CoverReader:
    """Return a reader fitted to pictures that the autoencoder can show."""
    if not path.exists():
        CoverReader.fit(2000, reconstruct=lambda covers: reconstruct(base.vae, covers)).save(path)
    return CoverReader.load(path)


# Writes the trained parts as a Stable Diffusion folder that diffusers loads.
#
# Weights are float16 safetensors; the folder appears whole, part by part, never half written.


def trained_vae(checkpoint: Path, scaling_factor: float = 1.0) -> AutoencoderKL:
    """Return the autoencoder of a checkpoint, with this `scaling_factor` in its configuration."""
    vae = build_vae()
    load_average(vae, checkpoint)
    vae.register_to_config(scaling_factor=round(scaling_factor, 5))
    return vae.eval().requires_grad_(False)


def trained_unet(checkpoint: Path) -> UNet2DConditionModel:
    """Return the averaged U-Net of a checkpoint."""
    unet = build_unet()
    load_average(unet, checkpoint)
    return unet.eval().requires_grad_(False)


def export_text(checkpoint: Path, tokenizer_folder: Path, target: Path) -> None:
    """Write `tokenizer` and `text_encoder`; the classifier's heads stay behind."""
    tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder)
    model = CaptionClassifier(tokenizer)
    load_average(model, checkpoint)
    _replace(tokenizer, target / "tokenizer")
    _replace(model.encoder.half(), target / "text_encoder")


def export_vae(vae: AutoencoderKL, target: Path) -> None:
    """Write `vae`."""
    _replace(vae.half(), target / "vae")


def export_unet(unet: UNet2DConditionModel, target: Path) -> None:
    """Write `unet`, `scheduler` and the index of the pipeline."""
    _replace(unet.half(), target / "unet")
    build_noise_scheduler().save_pretrained(target / "scheduler")
    (target / "model_index.json").write_text(json.dumps(_INDEX, indent=2) + "\n")


def _replace(part: AutoencoderKL | UNet2DConditionModel | CLIPTokenizer, folder: Path) -> None:
    """Save a part beside its folder, then swap the two."""
    fresh = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    part.save_pretrained(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


if __name__ == "__main__":
    app()
