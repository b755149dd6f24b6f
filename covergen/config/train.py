"""The section `train` of a config, and the presets it can begin with."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from covergen.config.sources import Section

Count = Annotated[int, Field(ge=1)]

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "recommended": {
        "steps": 20_000,
        "align_steps": 500,
        "warmup_steps": 500,
        "batch_size": 128,
        "accumulate": 4,
        "learning_rate": 1e-4,
        "bf16": True,
        "checkpoint_every": 500,
        "validate_every": 500,
        "patience": 8,
        "sample_every": 1000,
        "tracker": "tensorboard",
    },
    "tiny": {
        "steps": 600,
        "align_steps": 300,
        "warmup_steps": 30,
        "batch_size": 32,
        "learning_rate": 2e-3,
        "high_noise": 0.7,
        "min_snr_gamma": None,  # the error of the velocity already weighs high noise most
        "ema_decay": 0.99,
        "checkpoint_every": 100,
        "validate_every": 200,
    },
    "predecessor": {
        "fusion": "concat",
        "objective": "predecessor",
        "noise_scheduler": "ddpm",
        "sampler_steps": 150,
        "steps": 3429,  # one epoch of its training split
        "warmup_steps": 500,
        "batch_size": 1,
        "learning_rate": 1e-4,
        "audio_drop": 0.0,
        "text_drop": 0.0,
        "both_drop": 0.0,
        "prompt_variants": False,
        "ema_decay": 0.0,
    },
}
"""What keys are where they are not given. Why `predecessor` is there: docs/training.md."""


class Train(Section):
    """Embeddings and latents to a fusion checkpoint."""

    preset: Literal["recommended", "tiny", "predecessor"] | None = Field(
        None, description="values of the keys that are not given; nothing: those below"
    )
    fusion: str = Field("decoupled", description="name in the registry of fusions")
    start_from: str | None = Field(
        None, description="checkpoint to start from: 'shipped', a folder, or nothing for a fresh one"
    )
    objective: Literal["denoising", "predecessor"] = Field("denoising", description="what is minimised")
    noise_scheduler: Literal["ddpm", "pndm"] = Field(
        "ddpm", description="sampler that the predecessor's objective goes through"
    )
    sampler_steps: int = Field(
        150, ge=2, description="steps of that sampler; a random number below it is taken"
    )
    steps: int = Field(1000, ge=1, description="optimiser steps")
    align_steps: int = Field(0, ge=0, description="steps of stage 1, alignment of sound and cover")
    batch_size: int = Field(32, ge=1, description="examples per step, over all workers")
    accumulate: int = Field(1, ge=1, description="parts a worker's share of the batch is computed in")
    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate")
    warmup_steps: int = Field(50, ge=0, description="steps to the peak learning rate")
    audio_drop: float = Field(0.1, ge=0, lt=1, description="share of examples without sound")
    text_drop: float = Field(0.1, ge=0, lt=1, description="share of examples without words")
    both_drop: float = Field(0.05, ge=0, lt=1, description="share of examples without either")
    prompt_variants: bool = Field(True, description="draw among a prompt's variants; false takes the first")
    high_noise: float = Field(
        0, ge=0, description="power by which timesteps crowd to high noise; 0 is uniform"
    )
    min_snr_gamma: float | None = Field(
        5.0,
        gt=0,
        description="cap of a timestep's weight by its signal; null: every timestep weighs the same",
    )
    ema_decay: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights")
    workers: Count | tuple[Count, Count] = Field(
        1, description="data-parallel workers; [least, most] lets Ray take what the cluster has"
    )
    cpus: float = Field(1, gt=0, description="CPUs of each worker")
    gpus: float = Field(0, ge=0, description="GPUs of each worker")
    bf16: bool = Field(False, description="autocast to bfloat16 over fp32 masters")
    checkpoint_every: int = Field(200, ge=1, description="steps between checkpoints")
    validate_every: int | None = Field(
        None, ge=1, description="steps between validations; nothing validates at the end only"
    )
    patience: int | None = Field(
        None, ge=1, description="validations without a better error after which training ends"
    )
    sample_every: int | None = Field(
        None, ge=1, description="steps between sheets of held-out covers; nothing paints none"
    )
    tracker: Literal["none", "tensorboard", "mlflow"] = Field(
        "none", description="name in the registry of trackers"
    )
    allow_licences: tuple[Literal["spotify-terms"], ...] = Field(
        (),
        description="licences to learn from that are left out otherwise: those whose terms forbid training",
    )
    seed: int = Field(0, ge=0, description="seed of first weights, batches, timesteps, noise and drops")

    @property
    def most_workers(self) -> int:
        """The largest number of workers there may be."""
        return self.workers if isinstance(self.workers, int) else self.workers[1]

    @model_validator(mode="before")
    @classmethod
    def _begin_with_the_preset(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("preset"), str):
            return {**PRESETS.get(given["preset"], {}), **given}
        return given

    @model_validator(mode="after")
    def _adds_up(self) -> "Train":
        if self.audio_drop + self.text_drop + self.both_drop >= 1:
            raise ValueError("audio_drop + text_drop + both_drop must stay below 1, or nothing is learnt")
        if isinstance(self.workers, tuple) and self.workers[0] > self.workers[1]:
            raise ValueError(f"workers={list(self.workers)} is [least, most]; put the smaller number first")
        needed = self.most_workers * self.accumulate
        if self.batch_size < needed:
            raise ValueError(
                f"batch_size={self.batch_size} cannot be shared by {self.most_workers} workers x "
                f"{self.accumulate} parts; take {needed} at least, so that each has an example"
            )
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps={self.warmup_steps} must be smaller than steps={self.steps}")
        if self.patience is not None and self.validate_every is None:
            raise ValueError("patience counts validations; say how often they are in validate_every")
        return self
