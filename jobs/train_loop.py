"""What each Ray Train worker does: read the examples, train its share, save at times.

Its own resume state lies in the root: what Ray would restore may be older than what was trained.
"""

from collections import deque
from contextlib import closing
from typing import Any

import ray.train
import torch
from ray.train.torch import get_device, prepare_model

from covergen.config import Config
from covergen.errors import ConfigError
from covergen.models import stable_diffusion
from covergen.storage import objects
from covergen.storage.root import Root
from covergen.training import checkpoint
from covergen.training.dataset import read_examples
from covergen.training.trainer import Trainer
from jobs.runtime.progress import board
from jobs.train_parts import fusion_of, trainer_of
from jobs.train_watch import Watch

STAGE = "train"  # under which the steps stand on the board


def train_loop(task: dict[str, Any]) -> None:
    """Train on this worker; rank 0 saves to the root every `checkpoint_every` steps and at the end."""
    config, root = Config.model_validate(task["config"]), Root.open(task["root"])
    context, device = ray.train.get_context(), get_device()
    torch.set_num_threads(max(1, round(config.train.cpus)))
    models = config.models
    unet = stable_diffusion.load_unet(models.stable_diffusion, device=str(device), offline=models.offline)
    examples, held_out = (
        read_examples(
            root,
            split,
            base=models.stable_diffusion,
            offline=models.offline,
            data=task["data"],
            allowed=config.train.allow_licences,
        )
        for split in ("train", "validation")
    )
    if examples is None:
        raise ConfigError("No album with a cover fell into the split `train`: there is nothing to train on.")
    fusion = fusion_of(config, unet, task=task, examples=examples)
    first = context.get_world_rank() == 0
    if not fusion.trained():  # the control that hears nothing: no step to take
        if first:
            with objects.outgoing(root.path(task["folder"])) as folder:
                checkpoint.save(folder, fusion, base_digest=task["base_digest"], recipe=task["recipe"])
        ray.train.report({"step": 0})
        return
    trainer = trainer_of(
        config,
        unet,
        fusion,
        examples=examples,
        held_out=held_out,
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        wrap=prepare_model if context.get_world_size() > 1 else None,
        device=device,
    )
    if root.exists(f"{task['folder']}/trainer.pt"):
        trainer.load_state(checkpoint.load_trainer(objects.pull(root.path(task["folder"]))))
    trainer.align(held_out)
    if first:
        lead(trainer, config, root=root, task=task)
    else:
        deque(trainer, maxlen=0)
    ray.train.report({"step": trainer.step})


def lead(trainer: Trainer, config: Config, *, root: Root, task: dict[str, Any]) -> None:
    """Train to the end as the first worker, which also tells, watches and saves."""
    with closing(Watch(config, root, task["folder"], trainer=trainer, held_out=trainer.held_out)) as watch:
        for row in trainer:
            board().reach.remote(STAGE, int(row["step"]))
            watch.look()
            if trainer.step % config.train.checkpoint_every == 0:
                save(trainer, root, task, step=trainer.step)
        step = trainer.finish()
        watch.tell()
        save(trainer, root, task, step=step)


def save(trainer: Trainer, root: Root, task: dict[str, Any], *, step: int) -> None:
    """Write the averaged weights and the resume state to the root, the state last."""
    known = {"base_digest": task["base_digest"], "recipe": task["recipe"]}
    with objects.outgoing(root.path(task["folder"])) as folder:
        with trainer.average.swapped_in():
            checkpoint.save(folder, trainer.fusion, **known, step=step, history=trainer.history)
        checkpoint.save_trainer(folder, trainer.state())
