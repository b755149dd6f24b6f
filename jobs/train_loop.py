"""What each Ray Train worker does: read the examples, train its share, save at times.

Its own resume state lies in the root: what Ray would restore may be older than what was trained.
"""

from typing import Any

import ray.train
import torch
from ray.train.torch import get_device, prepare_model

from covergen import objects, stable_diffusion
from covergen.config import Config
from covergen.errors import ConfigError
from covergen.fusion import build
from covergen.storage import Root
from covergen.training import checkpoint
from covergen.training.dataset import checkpoint_folder, read_examples
from covergen.training.drops import DropRates
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import Trainer
from jobs.progress import board

STAGE = "train"  # under which the steps stand on the board


def settings_of(config: Config) -> TrainingSettings:
    """Return the trainer's plain settings."""
    train = config.train
    return TrainingSettings(
        steps=train.steps,
        batch_size=train.batch_size,
        accumulate=train.accumulate,
        learning_rate=train.learning_rate,
        warmup_steps=train.warmup_steps,
        ema_decay=train.ema_decay,
        drop_rates=DropRates(audio=train.audio_drop, text=train.text_drop, both=train.both_drop),
        high_noise=train.high_noise,
        bf16=train.bf16,
        align_steps=train.align_steps,
        seed=train.seed,
    )


def train_loop(task: dict[str, Any]) -> None:
    """Train on this worker; rank 0 saves to the root every `checkpoint_every` steps and at the end."""
    config, root = Config.model_validate(task["config"]), Root.open(task["root"])
    context, device = ray.train.get_context(), get_device()
    torch.set_num_threads(max(1, round(config.train.cpus)))
    models = config.models
    unet = stable_diffusion.load_unet(models.stable_diffusion, device=str(device), offline=models.offline)
    noise_scheduler = stable_diffusion.load_noise_scheduler(
        models.stable_diffusion, "ddpm", offline=models.offline
    )
    examples, held_out = (
        read_examples(root, split, base=models.stable_diffusion, offline=models.offline)
        for split in ("train", "validation")
    )
    if examples is None:
        raise ConfigError("No album with a cover fell into the split `train`: there is nothing to train on.")
    if (start := checkpoint_folder(config.train.start_from)) is not None:
        fusion, _ = checkpoint.load(start, unet, base_digest=task["base_digest"], recipe=task["recipe"])
    else:
        torch.manual_seed(config.train.seed)
        fusion = build(config.train.fusion, unet, tuple(examples.frames.shape[1:]))
    first = context.get_world_rank() == 0
    if not fusion.trained():  # the control that hears nothing: no step to take
        if first:
            with objects.outgoing(root.path(task["folder"])) as folder:
                checkpoint.save(folder, fusion, base_digest=task["base_digest"], recipe=task["recipe"])
        ray.train.report({"step": 0})
        return
    trainer = Trainer(
        unet,
        fusion,
        noise_scheduler=noise_scheduler,
        examples=examples,
        settings=settings_of(config),
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        wrap=prepare_model if context.get_world_size() > 1 else None,
        device=device,
    )
    if root.exists(f"{task['folder']}/trainer.pt"):
        trainer.load_state(checkpoint.load_trainer(objects.pull(root.path(task["folder"]))))
    trainer.align(held_out)
    for row in trainer:
        if not first:
            continue
        board().reach.remote(STAGE, int(row["step"]))
        if trainer.step % config.train.checkpoint_every == 0:
            save(trainer, root, task)
    if first:
        if held_out is not None:
            trainer.validate(held_out)
        save(trainer, root, task)
    ray.train.report({"step": trainer.step})


def save(trainer: Trainer, root: Root, task: dict[str, Any]) -> None:
    """Write the averaged weights and the resume state to the root, the state last."""
    known = {"base_digest": task["base_digest"], "recipe": task["recipe"]}
    with objects.outgoing(root.path(task["folder"])) as folder:
        with trainer.average.swapped_in():
            checkpoint.save(folder, trainer.fusion, **known, step=trainer.step, history=trainer.history)
        checkpoint.save_trainer(folder, trainer.state())
