"""Made-up albums -> benchmark/: every fusion trained on one frozen base with one budget, in one table.

Each finished measurement stays in ROOT/benchmark/rows; a rerun makes only those that are missing.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import ray
from pydantic import ValidationError

from covergen.config import Config
from covergen.config.benchmark import BenchmarkRow
from covergen.errors import ConfigError
from covergen.evaluation.tables.table import GREY, TRUE_COVERS
from covergen.experiments.fusion_benchmark import page as benchmark_page
from covergen.experiments.fusion_benchmark import rows
from covergen.experiments.fusion_benchmark.dataset import (
    SPLIT,
    evaluated,
    painted,
    training_seconds,
    world_of,
)
from covergen.experiments.fusion_benchmark.measure import Judge, Scores
from covergen.experiments.fusion_benchmark.rows import Measurement, digest_for, is_there
from covergen.experiments.fusion_benchmark.table import table_lines
from covergen.fusion import FUSIONS, Fusion
from covergen.fusion.text_only import TextOnlyFusion
from covergen.procedural.factors import Album
from covergen.storage.root import Root
from jobs import clean, embed, encode, generate, scrape, train
from jobs.runtime import entry
from jobs.runtime.progress import say

_WHERE: Final = {"workers", "cpus", "gpus"}
# how a training is run and watched, not what it makes; the seed stands by itself
_HOW: Final = {*_WHERE, "seed", "preset", "checkpoint_every", "sample_every", "tracker"}
_PAINTED: Final = (
    "noise_scheduler", "steps", "guidance_scale", "audio_guidance_scale", "audio_scale", "noise_shift",
    "bf16",
)  # fmt: skip
FLOORS = {TRUE_COVERS: "truth", GREY: "grey"}


# What the benchmark has to measure: each row of the config by seeds, with and without noise shift.


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


# The job.


def main(config: Config) -> None:
    """Gather, hear and encode the albums once; train, paint and measure each row; print the table."""
    start, runs = time.monotonic(), plan(config)
    for job in (scrape, clean, embed, encode):
        job.main(config)
    root, options = Root.open(config.root), config.benchmark
    albums = evaluated(root, config.generate.limit)
    base, offline = config.models.stable_diffusion, config.models.offline
    known: dict[str, Any] = {"base": base, "offline": offline, "reader_covers": options.reader_covers}
    world = world_of(root, albums, **known)
    floors = [f for f in FLOORS if not is_there(root, digest_for(world, {}, system=f, seed=0))]
    left = [run for run in runs if not all(is_there(root, each) for each in run.digests(world).values())]
    say(f"benchmark: {len(runs) - len(left)} of {len(runs)} runs are measured, {len(left)} to do")
    if floors or left:
        entry.start_ray(config)
        judge = ray.remote(num_cpus=0)(Judge).remote(list(albums.values()), **known)
        for name in floors:
            scores = ray.get(getattr(judge, FLOORS[name]).remote())
            rows.write(root, _measurement(scores, albums, world=world, name=name, system=name))
        for number, run in enumerate(left, 1):
            say(f"benchmark: {run.title}, {number} of {len(left)}")
            measure(root, run, judge, albums=albums, world=world)
    show(root, config, world)
    say(f"benchmark: {time.monotonic() - start:.0f} s in all")


def measure(root: Root, run: Run, judge: Any, *, albums: dict[str, Album], world: str) -> None:
    """Train and paint what of a run is not there yet, and keep a measurement of each system."""
    train.main(run.config)
    generate.main(run.config)
    trained = training_seconds(root, json.loads(root.read(train.CURRENT))["folder"])
    for system in run.digests(world):
        pictures, seconds = painted(root, list(albums), system=system, variant=run.seed)
        scores = ray.get(judge.judge.remote(pictures))
        measurement = _measurement(
            scores,
            albums,
            world=world,
            recipe=run.recipe,
            name=run.name,
            system=system,
            seed=run.seed,
            noise_shift=run.config.generate.noise_shift,
            seconds={"paint": seconds} | ({} if trained is None else {"train": trained}),
        )
        rows.write(root, measurement)


def show(root: Root, config: Config, world: str) -> None:
    """Write the table of this world's rows, of earlier runs too, as Markdown and JSON, and print both."""
    options, measurements = config.benchmark, rows.read(root, world)
    lines = table_lines(measurements, resamples=options.resamples, names=[row.name for row in options.rows])
    found = benchmark_page.differences(lines, resamples=options.resamples)
    page = benchmark_page.markdown(lines, found, judging=options.judged)
    tree = json.dumps(benchmark_page.tree(lines, found, judging=options.judged), sort_keys=True)
    root.write("benchmark/table.md", page.encode())
    root.write("benchmark/table.json", tree.encode())
    print(page)
    print(tree)
    say(f"benchmark: the table is in {root.path('benchmark', 'table.md')}")


def _measurement(scores: Scores, albums: dict[str, Album], **facts: Any) -> Measurement:
    known = {"recipe": {}, "seed": 0, "noise_shift": 0.0, **facts}
    return Measurement(albums=tuple(albums), values=scores.values, distances=scores.distances, **known)


if __name__ == "__main__":
    entry.run(main, reads=("benchmark", "scrape", "clean", "embed", "encode", "train", "generate", "models"))
