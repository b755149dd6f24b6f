"""Made-up albums -> benchmark/: every fusion trained on one frozen base with one budget, in one table.

Each finished measurement stays in ROOT/benchmark/rows; a rerun makes only those that are missing.
"""

import json
import time
from typing import Any

import ray

from covergen.config import Config
from covergen.evaluation.tables.table import GREY, TRUE_COVERS
from covergen.experiments.fusion_benchmark import page as benchmark_page
from covergen.experiments.fusion_benchmark import rows as benchmark_rows
from covergen.experiments.fusion_benchmark.judge import Judge, Scores
from covergen.experiments.fusion_benchmark.rows import Measurement, digest_for, is_there
from covergen.experiments.fusion_benchmark.table import table_lines
from covergen.experiments.fusion_benchmark.world import evaluated, painted, training_seconds, world_of
from covergen.procedural.factors import Album
from covergen.storage.root import Root
from jobs import clean, embed, encode, generate, scrape, train
from jobs.benchmark_rows import Run, plan
from jobs.runtime import entry
from jobs.runtime.progress import say

FLOORS = {TRUE_COVERS: "truth", GREY: "grey"}


def main(config: Config) -> None:
    """Gather, hear and encode the albums once; train, paint and measure each row; print the table."""
    start, runs = time.monotonic(), plan(config)
    for job in (scrape, clean, embed, encode):
        job.main(config)
    root, asked = Root.open(config.root), config.benchmark
    albums = evaluated(root, config.generate.limit)
    base, offline = config.models.stable_diffusion, config.models.offline
    known: dict[str, Any] = {"base": base, "offline": offline, "reader_covers": asked.reader_covers}
    world = world_of(root, albums, **known)
    floors = [f for f in FLOORS if not is_there(root, digest_for(world, {}, system=f, seed=0))]
    left = [run for run in runs if not all(is_there(root, each) for each in run.digests(world).values())]
    say(f"benchmark: {len(runs) - len(left)} of {len(runs)} runs are measured, {len(left)} to do")
    if floors or left:
        entry.start_ray(config)
        judge = ray.remote(num_cpus=0)(Judge).remote(list(albums.values()), **known)
        for name in floors:
            scores = ray.get(getattr(judge, FLOORS[name]).remote())
            benchmark_rows.write(root, _measurement(scores, albums, world=world, name=name, system=name))
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
        benchmark_rows.write(root, measurement)


def show(root: Root, config: Config, world: str) -> None:
    """Write the table of this world's rows, of earlier runs too, as Markdown and JSON, and print both."""
    asked, measurements = config.benchmark, benchmark_rows.read(root, world)
    lines = table_lines(measurements, resamples=asked.resamples, names=[row.name for row in asked.rows])
    found = benchmark_page.differences(lines, resamples=asked.resamples)
    page = benchmark_page.markdown(lines, found, judging=asked.judged)
    tree = json.dumps(benchmark_page.tree(lines, found, judging=asked.judged), sort_keys=True)
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
