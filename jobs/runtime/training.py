"""What each Ray Train worker does: read the examples, train its share, save at times.

Its own resume state lies in the root: what Ray would restore may be older than what was trained.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final

import ray.train
import torch
from ray.train.torch import get_device, prepare_model
from torch import nn

from covergen.config import Config
from covergen.errors import ConfigError
from covergen.experiments.predecessor import PredecessorTrainer
from covergen.fusion import Fusion, build
from covergen.generation.pipeline import PaintSettings
from covergen.generation.sheet import SampleSheet
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.storage import objects
from covergen.storage.root import Root
from covergen.training import checkpoint
from covergen.training.batches import DropRates
from covergen.training.dataset import checkpoint_folder, read_examples
from covergen.training.examples import Examples
from covergen.training.settings import TrainingSettings
from covergen.training.trackers import TRACKERS
from covergen.training.trainer import Trainer
from jobs.runtime.progress import progress_board

STAGE = "train"  # under which the steps stand on the board
TRAINERS: Final[Mapping[str, Callable[..., Trainer]]] = {
    "denoising": Trainer,
    "predecessor": PredecessorTrainer,
}


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
            progress_board().reach.remote(STAGE, int(row["step"]))
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


# What a config says about training, as the plain parts that `covergen/training` works with.


def settings_of(config: Config) -> TrainingSettings:
    """Return the trainer's plain settings."""
    train = config.train
    shared = train.model_dump(include={field.name for field in fields(TrainingSettings)})
    drop_rates = DropRates(audio=train.audio_drop, text=train.text_drop, both=train.both_drop)
    return TrainingSettings(**shared, drop_rates=drop_rates)


def recipe_of(config: Config) -> dict[str, Any]:
    """Return what of the config decides the weights; looking on while they are trained does not."""
    settings = asdict(settings_of(config))
    if config.train.patience is None:
        del settings["validate_every"]
    if config.train.objective == "denoising":
        del settings["sampler_steps"]
    else:
        settings["noise_scheduler"] = config.train.noise_scheduler
    return {"fusion": config.train.fusion, "objective": config.train.objective, "settings": settings}


def fusion_of(config: Config, unet: Any, *, task: Mapping[str, Any], examples: Examples) -> Fusion:
    """Return the fusion that training begins with: that of a checkpoint, or a fresh one by the seed."""
    if (start := checkpoint_folder(config.train.start_from)) is not None:
        fusion, _ = checkpoint.load(start, unet, base_digest=task["base_digest"], recipe=task["recipe"])
        return fusion
    shape = tuple(examples.frames.shape[1:])
    return build(config.train.fusion, unet, shape, seed=config.train.seed)


def trainer_of(
    config: Config, unet: Any, fusion: Fusion, *, wrap: Callable[[nn.Module], nn.Module] | None, **parts: Any
) -> Trainer:
    """Return the trainer of the config's objective; `parts` are the examples, the rank, the device."""
    models, train = config.models, config.train
    parts["noise_scheduler"] = stable_diffusion.load_noise_scheduler(
        models.stable_diffusion, train.noise_scheduler, offline=models.offline
    )
    if train.objective == "predecessor":
        parts["vae"] = stable_diffusion.load_vae(models.stable_diffusion, offline=models.offline)
    return TRAINERS[train.objective](unet, fusion, settings=settings_of(config), wrap=wrap, **parts)


# What the first worker shows while it trains: sheets of covers in the root, numbers to a tracker.


class Watch:
    """Follows one training; what it writes lies beside the checkpoint, in `samples` and `tracked`."""

    def __init__(
        self, config: Config, root: Root, folder: str, *, trainer: Trainer, held_out: Examples | None
    ):
        self._root, self._folder, self._trainer = root, folder, trainer
        # a run that goes on has told these before
        self._tracked_rows = len(trainer.history) if trainer.step else 0
        self._away = tempfile.TemporaryDirectory(prefix="covergen-") if objects.is_s3(root.uri) else None
        self._local = Path(self._away.name if self._away else root.path(folder, "tracked"))
        recipe = recipe_of(config)
        settings = {**{k: v for k, v in recipe.items() if k != "settings"}, **recipe["settings"]}
        self._tracker = TRACKERS[config.train.tracker](self._local, name=folder, settings=settings)
        self._every = config.train.sample_every
        self._sheet: SampleSheet | None = None
        if self._every is not None and held_out is not None:
            self._sheet = SampleSheet(
                config.models.stable_diffusion,
                trainer.module.unet,
                examples=held_out,
                # some fusions promise no cover to lean to
                settings=replace(PaintSettings.of(config.generate), noise_shift=0.0),
                offline=config.models.offline,
            )

    def look(self) -> None:
        """Tell what is new in the history and paint a sheet where one is due."""
        self.tell()
        step = self._trainer.step
        if self._sheet is not None and self._every is not None and step % self._every == 0:
            with self._trainer.average.swapped_in():
                sheet = self._sheet.paint(self._trainer.fusion)
            self._root.write(f"{self._folder}/samples/{step:06}.png", images.encode_png(sheet))
            self._tracker.show("samples", sheet, step=step)

    def tell(self) -> None:
        """Tell the tracker what is new in the history."""
        for row in self._trainer.history[self._tracked_rows :]:
            self._tracker.add(row)
        self._tracked_rows = len(self._trainer.history)

    def close(self) -> None:
        """Close the tracker; its files go to the root where that is in S3."""
        self._tracker.close()
        if self._away is not None:
            for path in sorted(self._local.rglob("*")):
                if path.is_file():
                    name = path.relative_to(self._local).as_posix()
                    self._root.write(f"{self._folder}/tracked/{name}", path.read_bytes())
            self._away.cleanup()
