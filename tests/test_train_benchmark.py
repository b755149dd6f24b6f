"""The code of `benchmarks.train`, at toy size: what it compares is the same training."""

import math

import pytest
import torch

from benchmarks.train import take
from benchmarks.train_sides import (
    FRAMES,
    FULL,
    SIDES,
    TOY,
    WINDOWS,
    Frozen,
    make_mert,
    make_text,
    make_unet,
    make_vae,
)


@pytest.mark.parametrize("side", SIDES)
def test_each_side_takes_steps_and_tells_its_rate(side: str) -> None:
    told = take(side, batch=2, steps=2, toy=True)
    assert told["rate"] > 0 and told["peak_gb"] > 0 and math.isfinite(told["loss"])


def test_ours_and_the_peer_train_the_same_weights_and_fine_tuning_all_of_the_unet() -> None:
    sides = {name: make(TOY, 1, "cpu") for name, make in SIDES.items()}
    assert sides["covergen"].trained == sides["online"].trained > 0
    unet = sides["fine-tuning"].unet
    assert sides["fine-tuning"].trained == sum(weight.numel() for weight in unet.parameters())


def test_a_step_moves_the_trained_weights_and_nothing_that_is_frozen() -> None:
    online = SIDES["online"](TOY, 2, "cpu")
    trained = online.module.fusion.trained()
    before = {name: weight.clone() for name, weight in online.module.named_parameters()}
    frozen = [weight.clone() for weight in online.frozen.vae.parameters()]
    online()
    moved = {id(w) for n, w in online.module.named_parameters() if not torch.equal(w, before[n])}
    assert moved and moved <= {id(weight) for weight in trained.values()}
    assert all(torch.equal(a, b) for a, b in zip(frozen, online.frozen.vae.parameters(), strict=True))


def test_what_is_encoded_online_has_the_shape_of_what_is_stored() -> None:
    frozen, ours = Frozen(TOY, 2, "cpu", hears=True), SIDES["covergen"](TOY, 2, "cpu")
    examples = ours.trainer.examples
    assert frozen.see().shape[1:] == examples.latent_means.shape[1:]
    assert frozen.read().shape[1:] == examples.states.shape[2:]
    assert frozen.hear().shape[1:] == examples.frames.shape[1:]
    assert examples.frames.shape[2] == WINDOWS * FRAMES


def test_the_full_sizes_are_those_of_the_released_models() -> None:
    with torch.device("meta"):  # shapes without memory
        parts = {
            "unet": make_unet(FULL),
            "vae": make_vae(FULL),
            "text": make_text(FULL),
            "mert": make_mert(FULL),
        }
    millions = {name: sum(w.numel() for w in model.parameters()) / 1e6 for name, model in parts.items()}
    assert millions["unet"] == pytest.approx(859.52, abs=0.01)
    assert millions["text"] == pytest.approx(123.06, abs=0.01)
    assert millions["mert"] == pytest.approx(94.4, abs=0.1)
    assert millions["vae"] == pytest.approx(34.16, abs=0.2)
