"""Pre-training from nothing to a folder that diffusers loads, at toy size and for seconds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from covergen.experiments.pretraining.__main__ import (
    export_text,
    export_unet,
    export_vae,
    trained_unet,
    trained_vae,
)
from covergen.experiments.pretraining.data import encoded_latents, painted_covers
from covergen.experiments.pretraining.denoiser import train_denoiser
from covergen.experiments.pretraining.language import train_tokenizer
from covergen.experiments.pretraining.parallel import launch
from covergen.experiments.pretraining.text import train_text
from covergen.experiments.pretraining.vae import measured_scale, train_vae

SECOND = 1 / 60


@pytest.mark.timeout(180)
def test_every_phase_leads_to_a_pipeline_that_paints(tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    covers = painted_covers(tmp_path / "covers.npy", 10, workers=1)
    launch(train_vae, 1, tmp_path, SECOND, 10, 2)
    vae = trained_vae(tmp_path / "vae.pt")
    encoded_latents(tmp_path / "latents.npy", covers, vae, workers=1)
    train_tokenizer(200).save_pretrained(tmp_path / "tokenizer")
    launch(train_text, 1, tmp_path, SECOND, tmp_path / "tokenizer", 4)
    export_text(tmp_path / "text.pt", tmp_path / "tokenizer", assets)
    scale = measured_scale(np.load(tmp_path / "latents.npy"))
    export_vae(trained_vae(tmp_path / "vae.pt", scale), assets)
    launch(train_denoiser, 1, tmp_path, SECOND, tmp_path / "latents.npy", assets)
    export_unet(trained_unet(tmp_path / "unet.pt"), assets)

    pipeline = StableDiffusionPipeline.from_pretrained(assets, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a cover", num_inference_steps=2, output_type="np").images
    assert picture.shape == (1, 128, 128, 3)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert pipeline.vae.config.scaling_factor == pytest.approx(scale, rel=1e-3)
