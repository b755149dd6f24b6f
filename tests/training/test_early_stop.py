"""Validation on the way, an end where nothing gets better, and the best weights at that end."""

from dataclasses import replace

import pytest
import torch

from covergen.fusion import build
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import Trainer
from covergen.training.validation import is_exhausted, validations
from tests.training.conftest import FEATURES

# far too fast a rate: what is learnt first is soon unlearnt
WILD = TrainingSettings(
    steps=40,
    batch_size=8,
    warmup_steps=1,
    learning_rate=0.2,
    ema_decay=0.0,
    validate_every=2,
    patience=2,
    seed=4,
)


@pytest.fixture
def trainer_of(make, noise_scheduler):
    make_unet, make_examples = make

    def trainer_of(settings=WILD):
        unet = make_unet()
        fusion = build("decoupled", unet, FEATURES, seed=1)
        parts = {"noise_scheduler": noise_scheduler, "examples": make_examples()}
        return Trainer(unet, fusion, settings=settings, held_out=make_examples(count=6, seed=9), **parts)

    return trainer_of


def row(step, loss, sound="true"):
    return {"stage": "validation", "step": step, "sound": sound, "bin": 0, "loss": loss}


def test_patience_counts_validations_without_a_better_error():
    history = [row(1, 3.0), row(2, 2.0), row(3, 2.5), row(3, 0.1, "silent")]
    assert validations(history) == {1: 3.0, 2: 2.0, 3: 2.5}
    assert not is_exhausted(history, None)
    assert not is_exhausted(history, 2)
    assert is_exhausted([*history, row(4, 2.0)], 2)
    assert not is_exhausted([*history, row(4, 1.9)], 2)
    assert is_exhausted(history, 1)


def test_training_that_gets_no_better_ends_with_its_best_weights(trainer_of):
    trainer = trainer_of()
    rows = list(trainer)
    errors = validations(trainer.history)
    assert len(rows) < 40 and trainer.is_exhausted
    assert list(errors) == list(range(2, len(rows) + 1, 2))
    best = min(errors, key=errors.get)
    assert best < len(rows)
    assert trainer.finish() == best
    again = validations(trainer.validate(trainer.held_out))
    assert list(again.values()) == pytest.approx([errors[best]])


def test_a_run_that_goes_on_knows_that_it_was_at_its_end(trainer_of):
    trainer, resumed = trainer_of(), trainer_of()
    list(trainer)
    resumed.load_state(trainer.state())
    assert list(resumed) == []
    assert resumed.finish() == trainer.finish()
    assert all(torch.equal(v, resumed.average.values[n]) for n, v in trainer.average.values.items())


def test_without_patience_the_last_weights_are_kept_and_validated_once(trainer_of):
    trainer = trainer_of(replace(WILD, steps=3, learning_rate=1e-3, validate_every=None, patience=None))
    list(trainer)
    assert trainer.finish() == 3
    assert list(validations(trainer.history)) == [3]
    trainer.finish()
    assert len([r for r in trainer.history if r["stage"] == "validation"]) == 15
