"""What the benchmark has to measure: each row of the config by seeds, with and without noise shift."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from covergen.config import Config
from covergen.config.benchmark import BenchmarkRow
from covergen.errors import ConfigError
from covergen.experiments.fusion_benchmark.rows import digest_for
from covergen.experiments.fusion_benchmark.world import SPLIT
from covergen.fusion import FUSIONS, Fusion
from covergen.fusion.text_only import TextOnlyFusion

_WHERE: Final = {"workers", "cpus", "gpus"}
# how a training is run and watched, not what it makes; the seed stands by itself
_HOW: Final = {*_WHERE, "seed", "preset", "checkpoint_every", "sample_every", "tracker"}
_PAINTED: Final = (
    "noise_scheduler", "steps", "guidance_scale", "audio_guidance_scale", "audio_scale", "noise_shift",
    "bf16",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A row, trained with one seed and painted with one noise shift: `config` is what the jobs are given."""

    name: str
    seed: int
    config: Config
    recipe: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The run in words."""
        shift = self.config.generate.noise_shift
        return f"{self.name}, seed {self.seed}" + (f", noise shift {shift:g}" if shift else "")

    def digests(self, world: str) -> dict[str, str]:
        """Return the digests of its measurements by system."""
        systems = self.config.generate.systems
        return {system: digest_for(world, self.recipe, system=system, seed=self.seed) for system in systems}


def plan(config: Config) -> list[Run]:
    """Return all runs in the order of the config. Raises ConfigError for a row that cannot be run."""
    if not config.benchmark.rows:
        raise ConfigError("benchmark.rows is empty; name fusions to compare, as configs/benchmark.yaml does.")
    return [
        _run(config, row, number, seed=seed, noise_shift=shift)
        for number, row in enumerate(config.benchmark.rows)
        for seed in row.seeds
        for shift in _shifts(row, number, config.benchmark.noise_shift)
    ]


def _shifts(row: BenchmarkRow, number: int, shift: float) -> tuple[float, ...]:
    """Return the noise shifts of a row: none, and one where the fusion promises a cover from the sound."""
    if row.fusion not in FUSIONS:
        raise ConfigError(
            f"benchmark.rows.{number}.fusion={row.fusion!r}: there is no such fusion; "
            f"choose one of {', '.join(FUSIONS)}."
        )
    kind = FUSIONS[row.fusion]
    promises = (
        isinstance(kind, type) and issubclass(kind, Fusion) and kind.read_cover is not Fusion.read_cover
    )
    return (0.0, shift) if promises else (0.0,)


def _run(config: Config, row: BenchmarkRow, number: int, *, seed: int, noise_shift: float) -> Run:
    hears = FUSIONS[row.fusion] is not TextOnlyFusion
    tree = config.model_dump(exclude_unset=True)
    given = tree.get("train", {})
    if "preset" in row.train:  # another training altogether, on the same workers
        given = {name: value for name, value in given.items() if name in _WHERE}
    tree["train"] = {**given, **row.train, "fusion": row.fusion, "seed": seed}
    tree["generate"] = {
        **tree.get("generate", {}),
        **row.generate,
        "split": SPLIT,
        "limit": config.generate.limit,
        # without sound every fusion paints as the base does, so words alone are painted by one row only
        "systems": ("audio", "shuffled") if hears else ("prompt_only",),
        "first_variant": seed,
        "variants": 1,
        "noise_shift": noise_shift,
    }
    try:
        changed = Config.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"benchmark.rows.{number} ({row.name}): {key}: {first['msg']}.") from error
    trained = changed.train.model_dump(mode="json", exclude=_HOW) if hears else {"fusion": row.fusion}
    painter = changed.generate.model_dump(mode="json")
    recipe = {"train": trained, "generate": {name: painter[name] for name in _PAINTED}}
    return Run(row.name, seed, changed, recipe)
