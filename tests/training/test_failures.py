"""Why the predecessor's fused pictures were grey: eight failures, none of which this house may have again.

Each test is named after one; where it is cheap it also shows the predecessor's own objective failing it.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from covergen.catalog.splits import split_of
from covergen.config import Generate
from covergen.config.train import Train
from covergen.experiments.predecessor import PredecessorTrainer
from covergen.fusion import build
from covergen.generation.pipeline import PaintSettings
from covergen.models import stable_diffusion
from covergen.models.stable_diffusion import build_noise_scheduler
from covergen.procedural.factor_reader import CoverReader
from covergen.training import objective
from covergen.training.batches import BatchPlan, DropRates
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import Trainer
from tests import toys
from tests.training.conftest import FEATURES, make_examples, make_unet

EPSILON = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
OLD = Train(preset="predecessor")
SETTINGS = TrainingSettings(steps=10, batch_size=4, warmup_steps=1, learning_rate=OLD.learning_rate, seed=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(toys.save_stable_diffusion(tmp_path_factory.mktemp("sd"), shift_factor=0.0))


@pytest.fixture
def ours():
    unet = make_unet()
    fusion = build(Train().fusion, unet, FEATURES)
    scheduler = build_noise_scheduler(EPSILON, "ddpm")
    return Trainer(unet, fusion, noise_scheduler=scheduler, examples=make_examples(), settings=SETTINGS)


@pytest.fixture
def theirs(base):
    unet = make_unet()
    return PredecessorTrainer(
        unet,
        build(OLD.fusion, unet, FEATURES),
        vae=stable_diffusion.load_vae(base),
        noise_scheduler=build_noise_scheduler(EPSILON, OLD.noise_scheduler),
        examples=make_examples(),
        settings=replace(SETTINGS, sampler_steps=4, drop_rates=DropRates(0, 0, 0)),
    )


def test_1_the_objective_does_not_reward_grey():
    """One song, two covers that fit it, +c and -c: grey is the mean of both, and no cover."""
    generator = torch.Generator().manual_seed(0)
    colour = torch.where(torch.rand(2000, 1, 1, 1, generator=generator) < 0.5, -1.0, 1.0)
    covers = colour.expand(-1, 4, 2, 2)
    painted = covers[torch.randperm(2000, generator=generator)]  # one of the two, not always this one
    pixels = [(guess - covers).square().mean() for guess in (torch.zeros_like(covers), painted)]
    assert pixels[0] < 0.6 * pixels[1]  # so theirs steers to grey

    noise, signal = torch.randn(covers.shape, generator=generator), torch.full((2000,), 0.5)
    noised = objective.noised(covers, noise, signal)
    target = objective.prediction_target(covers, noise, signal, prediction_type="epsilon")

    def error(guess):
        answer = (noised - 0.5**0.5 * guess) / 0.5**0.5
        return objective.denoising_loss(answer, target, torch.ones(2000))

    nearest = noised.mean(dim=(1, 2, 3), keepdim=True).sign().expand_as(covers)  # paints a cover, never grey
    assert error(nearest) < 0.1 * error(torch.zeros_like(covers))


def test_2_the_text_is_extended_and_not_replaced():
    latents, timesteps, states = torch.randn(2, 4, 8, 8), torch.tensor([5, 900]), torch.randn(2, 7, 32)

    def painted(name):
        unet = make_unet()
        fusion = build(name, unet, FEATURES)
        fusion.attach(unet)
        conditioning = fusion.condition(states, torch.randn(2, *FEATURES))
        return unet(latents, timesteps, encoder_hidden_states=conditioning).sample

    before = make_unet()(latents, timesteps, encoder_hidden_states=states).sample
    assert torch.equal(painted(Train().fusion), before)
    assert not torch.allclose(painted(OLD.fusion), before, atol=1e-3)


def test_3_every_system_is_guided_alike():
    """One setting paints them all, and training drops what guidance needs to have been dropped."""
    assert PaintSettings().guidance_scale == Generate().guidance_scale > 1
    assert set(Generate(systems=("audio", "shuffled", "prompt_only")).systems) == {
        "audio", "shuffled", "prompt_only",
    }  # fmt: skip
    train = Train()
    rates = DropRates(train.audio_drop, train.text_drop, train.both_drop)
    batch = BatchPlan(400, 1000, drop_rates=rates).draw(make_examples(), 0)
    silent, wordless = ~batch.audio_mask, (batch.states == 0).all(dim=2).all(dim=1)
    assert (silent & wordless).any() and (silent & ~wordless).any() and (~silent & wordless).any()
    assert OLD.audio_drop == OLD.text_drop == OLD.both_drop == 0


def test_4_targets_are_in_the_range_of_what_is_painted(base, theirs):
    vae = stable_diffusion.load_vae(base)
    black, white = np.zeros((1, 32, 32, 3), np.uint8), np.full((1, 32, 32, 3), 255, np.uint8)
    for picture, value in ((black, -1.0), (white, 1.0)):
        mean, _ = stable_diffusion.encode_images(vae, picture)
        wanted = vae.encode(torch.full((1, 3, 32, 32), value)).latent_dist.mean
        assert torch.allclose(mean, wanted, atol=1e-3)  # a channels-last picture is summed in another order
    # the right picture itself is wrong to them: x against (x + 1) / 2
    right = theirs._sampled.decode(theirs.examples.latent_means[:4])
    assert float((right - (right + 1) / 2).square().mean()) > 0.01


def test_5_weights_move(ours, theirs):
    for trainer, has_moved in ((ours, True), (theirs, False)):
        before = {name: weight.detach().clone() for name, weight in trainer.fusion.trained().items()}
        list(trainer)
        now = trainer.fusion.trained()
        moves = torch.cat([(now[name] - weight).abs().flatten() for name, weight in before.items()])
        assert (moves.median() > 1e-4) == has_moved, moves.median()


def test_6_a_gradient_costs_one_call_of_the_unet(ours, theirs):
    seen = []
    ours.module.unet.register_forward_pre_hook(lambda *_: seen.append(1))
    ours.compute_gradients()
    assert len(seen) == 1
    theirs.settings = replace(theirs.settings, sampler_steps=OLD.sampler_steps)
    calls = [theirs.calls(step) for step in range(1000)]
    assert (min(calls), max(calls)) == (1, 149)
    assert np.mean(calls) == pytest.approx(75, abs=4)


def test_7_every_picture_is_measured_whatever_the_batch():
    pictures = np.random.default_rng(0).integers(0, 256, (260, 32, 32, 3), np.uint8)  # more than one chunk
    reader = CoverReader.load(stable_diffusion.PRESETS["tiny"].folder / "reader.npz")
    features = reader.features(pictures)
    assert len(features) == len(np.unique(features, axis=0)) == 260
    np.testing.assert_allclose(features[[3, 259]], reader.features(pictures[[3, 259]]), rtol=1e-4, atol=1e-5)


def test_8_no_artist_is_in_two_splits():
    names = [f"artist {number}" for number in range(500)]
    shares = {"validation": 0.05, "test": 0.3}
    splits = {name: {split_of(f"{name}{more}", **shares) for more in ("", " feat. Zoe")} for name in names}
    assert all(len(found) == 1 for found in splits.values())
    assert {next(iter(found)) for found in splits.values()} == {"train", "validation", "test"}
