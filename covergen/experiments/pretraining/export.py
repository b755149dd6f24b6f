"""Writes the trained parts as a Stable Diffusion folder that diffusers loads.

Weights are float16 safetensors; the folder appears whole, part by part, never half written.
"""

import json
import shutil
from pathlib import Path

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTokenizer

from covergen.experiments.pretraining.denoiser import build_noise_scheduler, build_unet
from covergen.experiments.pretraining.loop import load_average
from covergen.experiments.pretraining.text import CaptionClassifier
from covergen.experiments.pretraining.vae import build_vae

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
