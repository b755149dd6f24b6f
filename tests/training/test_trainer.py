import pytest
import torch
from torch import nn

from covergen.errors import ConfigError
from covergen.fusion import build
from covergen.training import checkpoint
from covergen.training.batches import DropRates
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import Trainer, learning_rate

FEATURES = (1, 6, 10)
QUICK = TrainingSettings(steps=6, batch_size=8, warmup_steps=2, learning_rate=2e-3, seed=4)


@pytest.fixture
def trainer_of(make, noise_scheduler):
    """Make a trainer with its own U-Net and fusion, all from the same seeds."""
    make_unet, make_examples = make

    def trainer_of(settings=QUICK, name="decoupled", **more):
        unet = make_unet()
        fusion = build(name, unet, FEATURES, seed=1)
        parts = {"noise_scheduler": noise_scheduler, "examples": make_examples(), "settings": settings}
        return Trainer(unet, fusion, **parts, **more)

    return trainer_of


def gradients(trainer):
    trainer.compute_gradients()
    return {name: weight.grad.clone() for name, weight in trainer.fusion.trained().items()}


def advance(*trainers):
    for trainer in trainers:
        for _ in range(2):
            trainer.train_step()


@pytest.mark.parametrize("name", ["decoupled", "concat", "cross_attention"])
def test_two_workers_with_half_a_batch_are_one_with_the_whole(trainer_of, name):
    whole = trainer_of(name=name)
    halves = [trainer_of(name=name, rank=rank, world_size=2) for rank in (0, 1)]
    advance(whole)
    for half in halves:
        half.load_state(whole.state())
    one, two = map(gradients, halves)
    for key, gradient in gradients(whole).items():
        assert torch.allclose((one[key] + two[key]) / 2, gradient, atol=1e-5), key


def test_accumulated_parts_are_the_whole_batch(trainer_of):
    settings = TrainingSettings(**{**vars(QUICK), "accumulate": 4})
    whole, parts = gradients(trainer_of()), gradients(trainer_of(settings))
    assert all(torch.allclose(whole[key], parts[key], atol=1e-5) for key in whole)


def test_a_resumed_run_is_the_undisturbed_one(trainer_of, tmp_path):
    undisturbed, killed, resumed = trainer_of(), trainer_of(), trainer_of()
    list(undisturbed)
    for _ in range(3):
        killed.train_step()
    checkpoint.save_trainer(tmp_path, killed.state())
    resumed.load_state(checkpoint.load_trainer(tmp_path))
    list(resumed)
    assert resumed.history == undisturbed.history
    for name, weight in undisturbed.fusion.trained().items():
        assert torch.equal(weight, resumed.fusion.trained()[name])
        assert torch.equal(undisturbed.average.values[name], resumed.average.values[name])


def test_only_the_fusion_moves_and_all_of_it_does(trainer_of):
    trainer = trainer_of()
    own = {id(weight) for weight in trainer.fusion.parameters()}
    frozen = {n: w.clone() for n, w in trainer.module.unet.named_parameters() if id(w) not in own}
    before = {n: w.detach().clone() for n, w in trainer.fusion.trained().items()}
    list(trainer)
    now = dict(trainer.module.unet.named_parameters())
    assert all(torch.equal(weight, now[name]) for name, weight in frozen.items())
    assert [n for n, w in trainer.fusion.trained().items() if torch.equal(w, before[n])] == []


def test_a_fusion_that_is_attached_already_is_trained_all_the_same(make, noise_scheduler):
    make_unet, make_examples = make
    unet = make_unet()
    fusion = build("decoupled", unet, FEATURES)
    fusion.attach(unet)
    parts = {"noise_scheduler": noise_scheduler, "examples": make_examples(), "settings": QUICK}
    trainer = Trainer(unet, fusion, **parts)
    assert len(trainer.average.values) == sum(1 for _ in fusion.parameters()) - 1  # one layer: nothing to mix


def test_every_row_says_what_happened(trainer_of):
    rows = list(trainer_of())
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert set(rows[0]) == {"stage", "step", "loss", "learning_rate", "gradient_norm"}
    assert rows[0]["learning_rate"] == QUICK.learning_rate / 2


def test_the_rate_warms_up_and_ends_near_zero():
    settings = TrainingSettings(steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate(step, settings) for step in range(100)]
    assert rates[:2] == [0.1, 0.2]
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[99] < 0.001
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_wrapper_is_asked_once_and_its_module_is_trained(trainer_of):
    asked = []

    class Parallel(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.inner, self.calls = module, 0

        def forward(self, *inputs):
            self.calls += 1
            return self.inner(*inputs)

    def wrap(module):
        asked.append(Parallel(module))
        return asked[-1]

    list(trainer_of(wrap=wrap))
    assert [wrapper.calls for wrapper in asked] == [6]


def test_music_that_tells_the_cover_is_heard_after_training(trainer_of, make):
    settings = TrainingSettings(
        steps=120, batch_size=16, warmup_steps=5, learning_rate=5e-3, min_snr_gamma=None, high_noise=1.0,
        ema_decay=0.9, align_steps=40, align_batch_size=48, drop_rates=DropRates(0.1, 0.1, 0.05),
    )  # fmt: skip
    trainer = trainer_of(settings)
    held_out = make[1](count=24, seed=9)
    aligned = trainer.align(held_out)
    assert aligned[-1]["recall_at_10"] > 0.6  # 10 of 24 is chance
    assert aligned[-2]["loss"] < aligned[0]["loss"]
    list(trainer)
    rows = {(row["bin"], row["sound"]): row["loss"] for row in trainer.validate(held_out)}
    assert len(rows) == 15
    assert rows[4, "true"] < 0.9 * rows[4, "shuffled"]
    assert rows[4, "true"] < 0.9 * rows[4, "silent"]


def test_alignment_happens_once_and_only_for_fusions_with_tokens(trainer_of):
    settings = TrainingSettings(**{**vars(QUICK), "align_steps": 2})
    assert trainer_of(settings, "concat").align() == []
    trainer = trainer_of(settings)
    assert len(trainer.align()) == 2
    trainer.train_step()
    assert trainer.align() == []


def test_contradictions_are_refused_before_anything_runs(trainer_of):
    with pytest.raises(ConfigError, match="take 9 at least"):
        trainer_of(world_size=9)
    with pytest.raises(ConfigError, match="warmup_steps=6"):
        trainer_of(TrainingSettings(steps=6, warmup_steps=6))
    with pytest.raises(ConfigError, match="no weights to train"):
        trainer_of(name="text_only")


def test_a_gradient_that_is_not_finite_stops_the_run(trainer_of):
    trainer = trainer_of()
    trainer.examples.latent_means[:] = float("inf")
    with pytest.raises(FloatingPointError, match="step 0"):
        trainer.train_step()


def test_bf16_computes_beside_fp32_weights_and_stays_near_them(trainer_of):
    bf16, fp32 = trainer_of(TrainingSettings(**{**vars(QUICK), "bf16": True})), trainer_of()
    assert [row["loss"] for row in bf16] == pytest.approx([row["loss"] for row in fp32], rel=0.05)
    assert [row["loss"] for row in bf16.history] != [row["loss"] for row in fp32.history]
    assert all(weight.dtype == torch.float32 for weight in bf16.fusion.trained().values())
