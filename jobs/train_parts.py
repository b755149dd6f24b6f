"""What a config says about training, as the plain parts that `covergen/training` works with."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from torch import nn

from covergen.config import Config
from covergen.experiments.predecessor import PredecessorTrainer
from covergen.fusion import Fusion, build
from covergen.models import stable_diffusion
from covergen.training import checkpoint
from covergen.training.batches import DropRates
from covergen.training.dataset import checkpoint_folder
from covergen.training.examples import Examples
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import Trainer

TRAINERS: Final[Mapping[str, Callable[..., Trainer]]] = {
    "denoising": Trainer,
    "predecessor": PredecessorTrainer,
}


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
        prompt_variants=train.prompt_variants,
        high_noise=train.high_noise,
        min_snr_gamma=train.min_snr_gamma,
        bf16=train.bf16,
        align_steps=train.align_steps,
        validate_every=train.validate_every,
        patience=train.patience,
        sampler_steps=train.sampler_steps,
        seed=train.seed,
    )


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
