"""However many workers share a batch, and however unevenly, the weights are those of one worker."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel

from covergen.fusion import build
from covergen.models.stable_diffusion import build_noise_scheduler
from covergen.training.batches import BatchPlan
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import Trainer
from tests.training.conftest import FEATURES, make_examples, make_unet

ZERO_SNR = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
}
STEPS = 20


SETTINGS = TrainingSettings(steps=STEPS, batch_size=8, warmup_steps=2, learning_rate=1e-3, seed=4)


def make_trainer(settings=SETTINGS, **more):
    unet = make_unet()
    fusion = build("decoupled", unet, FEATURES, seed=1)
    noise_scheduler = build_noise_scheduler(ZERO_SNR, "ddpm")
    return Trainer(
        unet, fusion, noise_scheduler=noise_scheduler, examples=make_examples(), settings=settings, **more
    )


def gradients(trainer):
    trainer.compute_gradients()
    return {name: weight.grad.double() for name, weight in trainer.fusion.trained().items()}


def moved(trainer):
    """A trainer whose weights have left their start, where half of the gradients are zero."""
    for _ in range(2):
        trainer.train_step()
    return trainer


@pytest.mark.parametrize(
    ("batch_size", "workers", "accumulate"), [(8, 3, 1), (7, 2, 3), (5, 4, 1), (3, 3, 1)]
)
def test_uneven_shares_add_up_to_the_whole_batch(batch_size, workers, accumulate):
    settings = replace(SETTINGS, batch_size=batch_size)
    whole = moved(make_trainer(settings))
    total = {}
    for rank in range(workers):
        worker = make_trainer(replace(settings, accumulate=accumulate), rank=rank, world_size=workers)
        worker.load_state(whole.state())
        for name, gradient in gradients(worker).items():
            total[name] = total.get(name, 0) + gradient / workers  # as data parallelism averages them
    for name, gradient in gradients(whole).items():
        assert torch.allclose(total[name], gradient, atol=1e-6), name


def test_a_worker_draws_its_rows_of_the_one_batch():
    plan, examples = BatchPlan(7, 1000, seed=3), make_examples()
    whole = plan.draw(examples, 5)
    shares = [plan.draw(examples, 5, worker=worker, workers=3) for worker in range(3)]
    assert [len(each) for each in shares] == [2, 2, 3]
    for field in ("latents", "noise", "timesteps", "states", "frames", "audio_mask"):
        assert torch.equal(torch.cat([getattr(each, field) for each in shares]), getattr(whole, field))


def work(rank: int, workers: int, folder: str) -> None:
    """What each of two processes does: train to the end over gloo."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=workers,
        timeout=timedelta(seconds=60),
    )
    trainer = make_trainer(rank=rank, world_size=workers, wrap=DistributedDataParallel)
    list(trainer)
    # far too fast a rate: nothing gets better for long, which the first worker alone finds out
    wild = replace(SETTINGS, learning_rate=0.2, ema_decay=0.0, validate_every=2, patience=1)
    stopped = make_trainer(
        wild, held_out=make_examples(6, 9), rank=rank, world_size=workers, wrap=DistributedDataParallel
    )
    list(stopped)
    torch.save((trainer.fusion.state_dict(), stopped.step), Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_with_half_batches_are_one_with_the_whole_and_stop_together():
    alone = make_trainer()
    list(alone)
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(work, (2, folder), nprocs=2)
        saved = [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    (one, ended), (two, ended_too) = saved
    assert ended == ended_too < STEPS
    for name, weight in alone.fusion.state_dict().items():
        assert torch.equal(one[name], two[name]), name
        assert torch.allclose(one[name].float(), weight.float(), rtol=0, atol=1e-5), name
