"""The predecessor's recipe destroys the picture: shown on the shipped tiny model, and built at full size."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from covergen.config.train import Train
from covergen.experiments.predecessor import PredecessorTrainer
from covergen.experiments.pretraining.pairs import Pairs
from covergen.fusion import build
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.models import stable_diffusion
from covergen.models.stable_diffusion import build_noise_scheduler
from covergen.procedural.factor_reader import READER, CoverReader
from covergen.training.batches import DropRates
from covergen.training.examples import Examples
from covergen.training.settings import TrainingSettings

pytestmark = pytest.mark.slow
ALBUMS, STEPS = 20, 60  # the text is replaced from the first step on, and no later one mends that
PRESET = Train(preset="predecessor", steps=STEPS, warmup_steps=10, sampler_steps=4)
SETTINGS = TrainingSettings(
    steps=PRESET.steps,
    batch_size=PRESET.batch_size,
    learning_rate=PRESET.learning_rate,
    warmup_steps=PRESET.warmup_steps,
    ema_decay=PRESET.ema_decay,
    drop_rates=DropRates(0, 0, 0),
    prompt_variants=PRESET.prompt_variants,
    sampler_steps=PRESET.sampler_steps,
)
PAINTED = PaintSettings(steps=8, guidance_scale=1.0, audio_guidance_scale=None)  # without guidance, as then


def read_genres(painter: Painter, pairs: Pairs, *, heard: bool) -> float:
    """The share of covers that show their genre, as a reader of covers sees it."""
    states = pairs.states(painter.stable_diffusion)[:, 0]
    songs = pairs.frames if heard else [None] * pairs.count
    requests = [CoverRequest(states[k], k, songs[k]) for k in range(pairs.count)]
    pictures = np.stack([cover.image for cover in painter.paint(requests, PAINTED)])
    reader = CoverReader.load(stable_diffusion.PRESETS["tiny"].folder / READER)
    return float(np.mean(reader.read(pictures)["genre"] == [a.factors.genre for a in pairs.albums]))


def test_at_tiny_scale_the_picture_collapses_and_the_weights_stand_still(tmp_path):
    model = stable_diffusion.load("tiny")
    training, evaluation = (Pairs(split, ALBUMS, work=tmp_path) for split in ("train", "eval"))
    words_alone = read_genres(Painter(model), evaluation, heard=False)
    fusion = build(PRESET.fusion, model.unet, training.frames.shape[1:], seed=PRESET.seed)
    trainer = PredecessorTrainer(
        model.unet,
        fusion,
        vae=model.vae,
        noise_scheduler=model.noise_scheduler(PRESET.noise_scheduler),
        examples=training.examples(model),
        settings=SETTINGS,
    )
    before = {name: weight.detach().clone() for name, weight in fusion.trained().items()}
    list(trainer)
    now = fusion.trained()
    moves = torch.cat([(now[name] - weight).abs().flatten() for name, weight in before.items()])
    fused = read_genres(Painter(model, fusion), evaluation, heard=True)
    told = (
        f"genre {words_alone:.2f} to {fused:.2f}; median move {moves.median():.1e}, mean {moves.mean():.1e}"
    )
    sys.stdout.write(told)  # `pytest -rP` shows it
    assert words_alone >= 0.7, told
    assert fused <= 0.3, told
    assert moves.median() < 1e-5


def test_at_full_size_it_is_built_and_takes_a_step():
    """Stable Diffusion 1.4's U-Net and VAE with random weights; a picture of 64 px and one sampler step."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=8, cross_attention_dim=768, attention_head_dim=8)
        blocks = {
            "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
        }
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, **blocks
        )
    for part in (unet, vae):
        part.to_empty(device="cpu").requires_grad_(False)
        for weight in part.parameters():
            weight.uniform_(-0.02, 0.02) if weight.ndim > 1 else weight.fill_(0.5)
    assert sum(weight.numel() for weight in unet.parameters()) == 859_520_964
    generator = torch.Generator().manual_seed(0)
    examples = Examples(
        album_ids=("a", "b"),
        latent_means=torch.randn(2, 4, 8, 8, generator=generator),
        latent_stds=torch.full((2, 4, 8, 8), 0.05),
        states=torch.randn(2, 3, 77, 768, generator=generator),
        frames=torch.randn(2, 1, 50, 1024, generator=generator),
        null_states=torch.zeros(77, 768),
    )
    fusion = build(PRESET.fusion, unet, (1, 50, 1024))
    betas = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    trainer = PredecessorTrainer(
        unet,
        fusion,
        vae=vae,
        noise_scheduler=build_noise_scheduler(betas, "pndm"),
        examples=examples,
        settings=replace(SETTINGS, sampler_steps=2),
    )
    row = trainer.train_step()
    assert np.isfinite(row["loss"]) and row["gradient_norm"] > 0
