"""The pieces of pre-training: words, optimiser, normalisation, losses, schedules and resuming."""

import numpy as np
import pytest
import torch
from torch import nn

from covergen.experiments.pretraining.data import painted_covers, to_covers, to_pixels
from covergen.experiments.pretraining.denoiser import build_noise_scheduler, draw_timesteps
from covergen.experiments.pretraining.language import CLASS_COUNTS, train_tokenizer, vary_caption
from covergen.experiments.pretraining.loop import Phase, load_average, train, warm_then_decay
from covergen.experiments.pretraining.parallel import launch
from covergen.experiments.pretraining.preview import read_back, write_sheet
from covergen.experiments.pretraining.text import token_ids
from covergen.experiments.pretraining.vae import (
    Muon,
    latent_penalty,
    orthogonalise,
    picture_loss,
    psnr,
    speed_up_norms,
)
from covergen.procedural.covers import paint
from covergen.procedural.factor_reader import CoverReader
from covergen.procedural.factors import GENRES, caption, draw_album


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(300)


@pytest.mark.parametrize(
    "text", ["Moonlight and Paper", "Sigur Rós: Ágætis byrjun", "夜に駆ける", "\u2600 a\nb"]
)
def test_the_tokenizer_knows_every_byte(tokenizer, text):
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.eos_token_id not in ids[1:-1]
    decoded = tokenizer.decode(ids, skip_special_tokens=True)
    assert "".join(decoded.split()) == "".join(text.lower().split())


def test_prompts_are_padded_and_cut_to_77(tokenizer):
    ids = token_ids(tokenizer, ["", "long " * 200])
    assert ids.shape == (2, 77)
    assert ids[1, -1] == tokenizer.eos_token_id


def test_captions_vary_as_promised():
    rng = np.random.default_rng(0)
    albums = [draw_album(seed, "train") for seed in range(2000)]
    captions = [vary_caption(album, rng) for album in albums]
    assert 0.07 < np.mean([c.text == "" for c in captions]) < 0.13
    assert 0.4 < np.mean([c.classes[2] > 0 for c in captions]) < 0.5
    plain = [c.text == caption(album) for c, album in zip(captions, albums, strict=True)]
    assert np.mean(plain) > 0.15
    for made, album in zip(captions, albums, strict=True):
        assert all(0 <= c < count for c, count in zip(made.classes, CLASS_COUNTS, strict=True))
        assert made.classes[0] in (0, GENRES.index(album.genre) + 1)


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (16, 16)])
def test_muon_orthogonalises(shape):
    values = torch.linalg.svdvals(
        orthogonalise(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    )
    assert values.min() > 0.4
    assert values.max() < 1.4


def test_muon_descends_for_kernels():
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.randn(4, 2, 3, 3))
    optimizer = Muon([kernel], lr=0.05)
    before = kernel.square().mean().item()
    for _ in range(20):
        optimizer.zero_grad()
        kernel.square().mean().backward()
        optimizer.step()
    assert kernel.square().mean().item() < 0.8 * before


def test_the_fast_normalisation_has_the_same_gradients():
    torch.manual_seed(0)
    plain, fast = nn.GroupNorm(2, 8), nn.GroupNorm(2, 8)
    speed_up_norms(fast)
    first = torch.randn(2, 8, 4, 4).to(memory_format=torch.channels_last).requires_grad_()
    second = first.detach().clone().requires_grad_()
    weight = torch.randn(2, 8, 4, 4)
    for norm, maps in ((plain, first), (fast, second)):
        (norm(maps) * weight).sum().backward()
    assert type(plain) is not type(fast)
    assert torch.allclose(first.grad, second.grad, atol=1e-5)
    assert torch.allclose(plain.weight.grad, fast.weight.grad, atol=1e-4)
    assert torch.allclose(fast(torch.ones(3, 8)), plain(torch.ones(3, 8)))


def test_latents_are_held_to_unit_power_without_dead_channels():
    good = torch.randn(64, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    dead = good.clone()
    dead[:, 3] = 0
    twins = good.clone()
    twins[:, 1] = twins[:, 0]
    assert latent_penalty(good) < 0.01
    assert (
        min(latent_penalty(dead), latent_penalty(twins), latent_penalty(good + 1), latent_penalty(2 * good))
        > 0.03
    )


def test_a_perfect_picture_costs_nothing():
    pixels = torch.rand(2, 3, 16, 16)
    assert picture_loss(pixels, pixels) == 0
    assert picture_loss(pixels + 0.1, pixels) > 0.1


def test_timesteps_lean_to_noise_and_the_last_is_pure_noise():
    torch.manual_seed(0)
    timesteps = draw_timesteps(20_000)
    assert timesteps.min() >= 0
    assert timesteps.max() <= 999
    assert 540 < timesteps.float().mean() < 640
    assert build_noise_scheduler().alphas_cumprod[-1] == pytest.approx(0, abs=1e-6)


def test_pixels_and_covers_are_inverse(tmp_path):
    covers = painted_covers(tmp_path / "covers.npy", 3, workers=1)
    assert np.array_equal(covers[2], paint(draw_album(2, "train").factors, draw_album(2, "train").seed))
    assert np.array_equal(to_covers(to_pixels(covers)), covers)
    assert psnr(np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)) == pytest.approx(0)


def test_the_schedule_rises_holds_and_falls():
    schedule = warm_then_decay(0.5, 0.1)
    assert schedule(0.0) < 0.1
    assert schedule(0.3) == 1
    assert schedule(0.75) == pytest.approx(0.5)
    assert schedule(1.0) == 0


def _fit(rank, folder, minutes):
    torch.manual_seed(0)
    module = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    phase = Phase("toy", module, [optimizer], warm_then_decay(0.5), minutes, folder, ema_decay=0.9)
    inputs = torch.randn(64, 3)
    train(phase, lambda: ((module(inputs) - inputs.sum(1, keepdim=True)).square().mean(), ""))


def test_a_phase_goes_on_from_its_checkpoint_and_stops_when_its_budget_is_spent(tmp_path):
    launch(_fit, 1, tmp_path, 0.004)
    first = load_average(nn.Linear(3, 1), tmp_path / "toy.pt")
    launch(_fit, 1, tmp_path, 0.004)
    assert load_average(nn.Linear(3, 1), tmp_path / "toy.pt") == first
    launch(_fit, 1, tmp_path, 0.008)
    module = nn.Linear(3, 1)
    later = load_average(module, tmp_path / "toy.pt")
    assert later["step"] > first["step"]
    assert later["seconds"] == pytest.approx(0.48, abs=0.1)
    assert torch.allclose(module.weight, torch.ones(1, 3), atol=0.1)


def test_what_is_read_back_from_true_covers_is_nearly_all(tmp_path):
    albums = [draw_album(seed, "eval") for seed in range(20)]
    covers = np.stack([paint(album.factors, album.seed) for album in albums])
    scores = read_back(CoverReader.fit(200), covers, albums)
    assert scores["genre"] > 0.8
    assert scores["hue_error"] < 40
    write_sheet(tmp_path / "sheet.png", covers)
    assert (tmp_path / "sheet.png").stat().st_size > 1000
