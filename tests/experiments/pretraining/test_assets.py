"""The shipped model: complete, small, and painting what the words say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import covergen
from covergen.experiments.pretraining.preview import (
    evaluation_albums,
    evaluation_covers,
    paint_prompts,
    read_back,
)
from covergen.experiments.pretraining.vae import psnr, reconstruct
from covergen.models import stable_diffusion
from covergen.procedural.factor_reader import READER, CoverReader
from covergen.procedural.factors import caption

TINY = Path(covergen.__file__).parent / "assets" / "tiny"


@pytest.fixture(scope="module")
def base():
    return stable_diffusion.load("tiny")


def test_the_folder_is_complete_and_within_its_size():
    parts = {path.name for path in TINY.iterdir()}
    wanted = {"model_index.json", "README.md", "tokenizer", "text_encoder", "vae", "unet", "scheduler"}
    assert wanted <= parts
    assert sum(path.stat().st_size for path in TINY.rglob("*") if path.is_file()) < 25e6


def test_the_weights_are_half_floats_without_holes():
    models = [path for path in TINY.rglob("*.safetensors") if path.parent.name != "fusion"]
    assert len(models) == 3
    for path in models:
        with safe_open(path, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - safe_open is no mapping
                assert tensors.get_tensor(name).dtype in (torch.float16, torch.int64)
                assert torch.isfinite(tensors.get_tensor(name).float()).all()


def test_the_noise_schedule_ends_in_pure_noise():
    config = json.loads((TINY / "scheduler" / "scheduler_config.json").read_text())
    assert config["prediction_type"] == "v_prediction"
    assert config["rescale_betas_zero_snr"]
    assert config["timestep_spacing"] == "trailing"
    assert config["steps_offset"] == 1
    assert not config["clip_sample"]


def test_the_autoencoder_keeps_covers_that_it_never_saw(base):
    truth = evaluation_covers(20)
    assert psnr(truth, reconstruct(base.vae, truth)) > 25


def test_a_cover_shows_the_genre_of_its_prompt(base):
    albums = evaluation_albums(24)
    covers = paint_prompts(base, [caption(album) for album in albums], steps=10)
    assert read_back(CoverReader.load(TINY / READER), covers, albums)["genre"] > 0.8
    assert np.unique(covers).size > 200


@pytest.mark.slow
@pytest.mark.timeout(900)  # 4,000 steps of the U-Net with guidance
def test_genre_and_motif_of_two_hundred_covers_can_be_read(base):
    albums = evaluation_albums(200)
    covers = paint_prompts(base, [caption(album) for album in albums], steps=20)
    read = read_back(CoverReader.load(TINY / READER), covers, albums)
    assert read["genre"] >= 0.9 and read["motif"] >= 0.8
