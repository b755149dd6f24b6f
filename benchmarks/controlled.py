"""The controlled benchmark on one machine and without Ray: its runs side by side, each in a process.

    python -m benchmarks.controlled CONFIG [--out FOLDER] [--seeds N] [--processes N] [section.key=value ...]

One run of the tiny base leaves a GPU idle most of the time, so several share it. Rows, settings, trainer,
painter, judge and table are those of `jobs.benchmark`; as many albums as the config's procedural source has
are made, heard and encoded here. `--seeds` gives every row that many seeds. Finished rows stay in FOLDER.
"""

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.outcome import device
from covergen.config import Config, load
from covergen.errors import ConfigError
from covergen.evaluation.tables.table import GREY, TRUE_COVERS
from covergen.experiments.fusion_benchmark import page
from covergen.experiments.fusion_benchmark import rows as benchmark_rows
from covergen.experiments.fusion_benchmark.measure import Judge, Scores, reader_digest
from covergen.experiments.fusion_benchmark.rows import Measurement, digest_for, is_there
from covergen.experiments.fusion_benchmark.table import table_lines
from covergen.experiments.pretraining.pairs import Pairs, hearing
from covergen.experiments.pretraining.preview import write_sheet
from covergen.fusion import build
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.generation.requests import SHUFFLE_SEED, derangement
from covergen.generation.seeds import seed_of
from covergen.models import stable_diffusion
from covergen.storage.root import Root, digest_of
from covergen.training.examples import Examples
from jobs.benchmark import Run, plan
from jobs.runtime.training import trainer_of

Pictures = NDArray[np.uint8]

TRAINING, EVALUATION, SHEET = "training.pt", "evaluation.pt", "sheet.png"
ON_SHEET, BATCH = 10, 100  # albums on the contact sheet; covers painted at once


def main(config: Config, out: Path, *, processes: int) -> None:
    """Make the albums, do the runs that are not measured yet, print the table as Markdown and as JSON."""
    began, runs = time.perf_counter(), plan(config)
    base, reader_covers = config.models.stable_diffusion, config.benchmark.reader_covers
    training, evaluation = prepare(config, out)
    say(
        began, f"{training.count} albums to train on and {evaluation.count} to judge by are heard and encoded"
    )
    root, names = Root.create(str(out / "root")), tuple(f"eval/{k}" for k in range(evaluation.count))
    made_of = {
        "albums": names,
        "training": training.count,
        "base": stable_diffusion.digest(base),
        "audio": hearing().recipe(),
        "reader": reader_digest(base, offline=True, reader_covers=reader_covers),
    }
    world, judge = digest_of(made_of), Judge(evaluation.albums, base=base, reader_covers=reader_covers)
    keep = partial(_keep, root, world=world, albums=names)
    for name, floor in ((TRUE_COVERS, judge.truth), (GREY, judge.grey)):
        if not is_there(root, digest_for(world, {}, system=name, seed=0)):
            keep(floor(), recipe={}, name=name, system=name, seed=0, noise_shift=0.0)
    left = [run for run in runs if not all(is_there(root, d) for d in run.digests(world).values())]
    sheet = [evaluation.covers[:ON_SHEET]]
    for run, painted, seconds in side_by_side(left, out, processes=processes):
        facts = {"name": run.name, "seed": run.seed, "noise_shift": run.config.generate.noise_shift}
        for system, pictures in painted.items():
            keep(judge.judge(pictures), recipe=run.recipe, system=system, seconds=seconds, **facts)
        sheet.append(next(iter(painted.values()))[:ON_SHEET])
        say(began, f"{run.title}: trained in {seconds['train']:.0f} s")
    write_sheet(out / SHEET, np.concatenate(sheet))
    show(root, config, world)
    say(began, f"{len(left)} runs, {processes} at a time, on {device()}")


def prepare(config: Config, out: Path) -> tuple[Pairs, Pairs]:
    """Make, hear and encode the albums, into files that all processes read."""
    source = next(source for source in config.scrape.sources if source.name == "procedural")
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that hear
    base = stable_diffusion.load(config.models.stable_diffusion, offline=True)
    workers = os.cpu_count() or 1
    kept: dict[str, Any] = {"work": out / "songs", "workers": workers}
    training, evaluation = Pairs("train", source.train, **kept), Pairs("eval", source.evaluation, **kept)
    out.mkdir(parents=True, exist_ok=True)
    for pairs, name in ((training, TRAINING), (evaluation, EVALUATION)):
        if not (out / name).exists():
            torch.save(vars(pairs.examples(base)), out / name)
    return training, evaluation


def side_by_side(
    runs: Sequence[Run], out: Path, *, processes: int
) -> Iterator[tuple[Run, dict[str, Pictures], dict[str, float]]]:
    """Yield each run with its pictures by system and its seconds, as they are done.

    Runs that differ by the noise shift alone are trained once; first seeds come first.
    """
    of_training: dict[tuple[str, int], list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        of_training.setdefault((run.name, run.seed), []).append(run)
    with get_context("spawn").Pool(processes) as pool:
        for done in pool.imap_unordered(partial(_train_and_paint, out), of_training.values()):
            yield from done


def _train_and_paint(out: Path, runs: list[Run]) -> list[tuple[Run, dict[str, Pictures], dict[str, float]]]:
    torch.set_num_threads(1)
    config, device = runs[0].config, "cuda" if torch.cuda.is_available() else "cpu"
    model = stable_diffusion.load(config.models.stable_diffusion, device=device, offline=True)
    examples, evaluation = (Examples(**torch.load(out / name, mmap=True)) for name in (TRAINING, EVALUATION))
    shape, began = tuple(examples.frames.shape[1:]), time.perf_counter()
    fusion = build(config.train.fusion, model.unet, shape, seed=config.train.seed)
    averaged: AbstractContextManager[None] = nullcontext()
    if fusion.trained():
        trainer = trainer_of(config, model.unet, fusion, wrap=None, examples=examples, device=device)
        trainer.align()
        deque(trainer, maxlen=0)
        fusion.detach(model.unet)
        averaged = trainer.average.swapped_in()
    trained, painter = time.perf_counter() - began, Painter(model, fusion, batch_size=BATCH)
    done = []
    with averaged:
        for run in runs:
            painted, seconds = paint(painter, run, evaluation)
            done.append((run, painted, {"train": trained, "paint": seconds}))
    return done


def paint(painter: Painter, run: Run, evaluation: Examples) -> tuple[dict[str, Pictures], float]:
    """Return the pictures (N, H, W, 3) of a run by system, and the seconds a cover."""
    settings = PaintSettings.of(run.config.generate)
    painted: dict[str, Pictures] = {}
    began = time.perf_counter()
    for system in run.config.generate.systems:
        requests = _requests(evaluation, system, run.seed)
        painted[system] = np.stack([cover.image for cover in painter.paint(requests, settings)])
    return painted, (time.perf_counter() - began) / (len(evaluation) * len(painted))


def _requests(evaluation: Examples, system: str, variant: int) -> list[CoverRequest]:
    """Return what is asked of the painter, as the generate job asks it."""
    count = len(evaluation)
    songs = {"audio": np.arange(count), "shuffled": derangement(count, SHUFFLE_SEED)}.get(system)
    return [
        CoverRequest(
            evaluation.states[k, 0].numpy(),
            seed_of(album, variant),
            None if songs is None else evaluation.frames[int(songs[k])].numpy(),
        )
        for k, album in enumerate(evaluation.album_ids)
    ]


def show(root: Root, config: Config, world: str) -> None:
    """Print the table of the rows in the folder, as Markdown and as a line of JSON."""
    asked = config.benchmark
    names = [row.name for row in asked.rows]
    lines = table_lines(benchmark_rows.read(root, world), resamples=asked.resamples, names=names)
    found = page.differences(lines, resamples=asked.resamples)
    print(page.markdown(lines, found, judging=asked.judged))
    print(json.dumps(page.tree(lines, found, judging=asked.judged), sort_keys=True))


def say(began: float, words: str) -> None:
    """Print a line with the seconds that have passed."""
    print(f"{time.perf_counter() - began:5.0f} s  {words}", flush=True)


def _keep(root: Root, scores: Scores, **facts: Any) -> None:
    measurement = Measurement(values=scores.values, distances=scores.distances, **facts)
    benchmark_rows.write(root, measurement)


def parsed(arguments: Sequence[str]) -> tuple[Config, Path, int]:
    """Return the config of a command line, the folder and how many processes. Raises ConfigError."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.controlled")
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--out", type=Path, default=Path("out/benchmark/alone"))
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 1) // 2))
    given = parser.parse_intermixed_args(arguments)
    config = load(given.config, given.overrides)
    if given.seeds:
        seeds = {"seeds": tuple(range(given.seeds))}
        rows = tuple(row.model_copy(update=seeds) for row in config.benchmark.rows)
        benchmark = config.benchmark.model_copy(update={"rows": rows})
        config = config.model_copy(update={"benchmark": benchmark})
    return config, given.out, given.processes


if __name__ == "__main__":
    try:
        chosen, folder, at_once = parsed(sys.argv[1:])
    except ConfigError as error:
        sys.exit(str(error))
    main(chosen, folder, processes=at_once)
