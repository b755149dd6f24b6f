"""The knobs of fusion training, as plain values."""

from dataclasses import dataclass, field

from covergen.errors import ConfigError
from covergen.training.batches import DropRates


@dataclass(frozen=True)
class TrainingSettings:
    """How a fusion is trained. Defaults are for a full-size base; a tiny one wants a higher learning rate."""

    steps: int = 1000
    batch_size: int = 128  # over all workers
    accumulate: int = 1  # parts a worker computes its share in
    learning_rate: float = 1e-4
    warmup_steps: int = 50
    weight_decay: float = 1e-2
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    min_snr_gamma: float | None = 5.0  # None: every timestep weighs the same
    snr_floor: float = 0.1  # least weight of a timestep, see objective.min_snr_weights
    high_noise: float = 0.0  # power by which timesteps crowd towards high noise; 0 is uniform
    cover_weight: float = 0.1  # of the error of predicting the cover's low-frequency latents
    drop_rates: DropRates = field(default_factory=DropRates)
    prompt_variants: bool = True  # draw among a prompt's variants; else the first
    bf16: bool = False
    align_steps: int = 0
    align_rate: float = 2e-3
    align_batch_size: int = 128
    validate_every: int | None = None  # steps between validations, where there are held-out examples
    patience: int | None = None  # validations without a better error after which training ends
    sampler_steps: int = 150  # of the predecessor's objective
    seed: int = 0

    def check(self, world_size: int) -> None:
        """Raise ConfigError where a worker would have nothing to do or the rate never reaches its peak."""
        parts = world_size * self.accumulate
        if self.batch_size < parts:
            raise ConfigError(
                f"batch_size={self.batch_size} cannot be shared by {world_size} workers x {self.accumulate} "
                f"parts; take {parts} at least, so that each has an example"
            )
        if self.warmup_steps >= self.steps:
            raise ConfigError(f"warmup_steps={self.warmup_steps} must be smaller than steps={self.steps}")
