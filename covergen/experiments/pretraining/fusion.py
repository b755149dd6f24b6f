"""Trains the fusion that ships with the tiny base, and measures it on albums that no training saw.

    python -m covergen.experiments.pretraining.fusion --minutes 10 --out covergen/assets/tiny/fusion

Training albums come from the procedural world's training split: their songs heard as the embed job hears
them, their covers through the frozen VAE. The base must be trained by then.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from covergen.evaluation.metrics import bootstrap
from covergen.evaluation.metrics.paired import PairedScores, paired_scores
from covergen.evaluation.metrics.retrieval import hits_at, ranks, read_vectors, true_vectors
from covergen.evaluation.tables.table import FOLLOWED, SYSTEMS
from covergen.experiments.pretraining.pairs import Pairs, hearing
from covergen.experiments.pretraining.preview import write_sheet
from covergen.fusion import Fusion, build
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.generation.seeds import seed_of
from covergen.models import stable_diffusion
from covergen.models.stable_diffusion import StableDiffusion
from covergen.procedural.factor_reader import CoverReader
from covergen.training import checkpoint
from covergen.training.alignment import Row
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import Trainer

WORK: Final = Path.home() / ".cache" / "covergen" / "pretraining" / "fusion"
_VALIDATION_FIRST: Final = 900_000  # training albums far from those that are trained on
_PROBE_STEPS: Final = 12
SETTINGS: Final = TrainingSettings(
    batch_size=32,
    learning_rate=2e-3,
    warmup_steps=50,
    ema_decay=0.995,
    min_snr_gamma=None,  # the plain error of the velocity already weighs high noise most
    high_noise=0.7,
    align_steps=600,
    seed=0,
)
# Tuned on training albums that the fusion did not see: more guidance by the words than this drowns the sound.
PAINTED: Final = PaintSettings(steps=12, guidance_scale=2.5, audio_guidance_scale=3.0)
app = typer.Typer(add_completion=False)
Pictures = NDArray[np.uint8]
Values = NDArray[np.float64]
_SHEET: Final = 10  # albums


@app.command()
def train(
    *,
    out: Annotated[Path, typer.Option(help="folder of the checkpoint")],
    minutes: Annotated[float, typer.Option(help="wall clock for stage 2")] = 10.0,
    base: Annotated[str, typer.Option(help="preset name or folder of the base")] = "tiny",
    albums: Annotated[int, typer.Option(help="training albums")] = 4000,
    evaluation: Annotated[int, typer.Option(help="albums to measure on; 0 measures nothing")] = 200,
    workers: Annotated[int, typer.Option(help="processes that synthesise and hear")] = 2,
    work: Annotated[Path, typer.Option(help="where heard songs and contact sheets are kept")] = WORK,
) -> None:
    """Train, save and measure."""
    model = stable_diffusion.load(base)
    examples = Pairs("train", albums, work=work, workers=workers).examples(model)
    held_out = Pairs("train", 200, work=work, first=_VALIDATION_FIRST, workers=workers).examples(model)
    settings = replace(SETTINGS, steps=_steps_in(model, examples, minutes))
    trainer = _trainer(model, examples, settings)
    for row in trainer.align(held_out)[-1:]:
        typer.echo(json.dumps(row))
    for row in trainer:
        if trainer.step % 100 == 0:
            typer.echo(json.dumps(row))
    for row in trainer.validate(held_out):
        typer.echo(json.dumps(row))
    with trainer.average.swapped_in():
        checkpoint.save(
            out,
            trainer.fusion,
            base_digest=model.digest,
            recipe={**hearing().recipe(), **hearing().facts()},
            step=trainer.step,
            history=thinned(trainer.history),
            dtype=torch.float16,
        )
    if evaluation:
        measure(out, base=base, evaluation=evaluation, workers=workers, work=work)


def measure(
    folder: Path,
    *,
    base: str,
    evaluation: int,
    workers: int,
    work: Path,
    settings: PaintSettings = PAINTED,
) -> dict[str, Any]:
    """Paint evaluation albums with the checkpoint in `folder`, print the scores and write them beside it."""
    model = stable_diffusion.load(base)
    fusion, _ = checkpoint.load(folder, model.unet, base_digest=model.digest, recipe=hearing().recipe())
    pairs = Pairs("eval", evaluation, work=work, workers=workers)
    found = compare(model, fusion, pairs, settings=settings, sheet=work / "sheet.png")
    scores = {"fusion_digest": checkpoint.digest(folder), **found}
    (folder / "scores.json").write_text(json.dumps(scores, indent=1), encoding="utf-8")
    typer.echo(json.dumps(scores, indent=1))
    return scores


def thinned(history: list[Row]) -> list[Row]:
    """Return the history with every twentieth step of training, and all else."""
    return [row for row in history if row["stage"] not in {"align", "train"} or int(row["step"]) % 20 == 0]


def _trainer(model: StableDiffusion, examples: Any, settings: TrainingSettings) -> Trainer:
    fusion = build("decoupled", model.unet, tuple(examples.frames.shape[1:]), seed=settings.seed)
    return Trainer(
        model.unet,
        fusion,
        noise_scheduler=model.noise_scheduler("ddpm"),
        examples=examples,
        settings=settings,
    )


def _steps_in(model: StableDiffusion, examples: Any, minutes: float) -> int:
    """Return how many steps the minutes allow, measured on a trainer that is thrown away."""
    probe = _trainer(model, examples, replace(SETTINGS, steps=_PROBE_STEPS + 1, warmup_steps=1))
    probe.train_step()
    began = time.perf_counter()
    for _ in range(_PROBE_STEPS):
        probe.train_step()
    seconds = (time.perf_counter() - began) / _PROBE_STEPS
    probe.fusion.detach(model.unet)
    return max(SETTINGS.warmup_steps + 1, int(60 * minutes / seconds))


# Is it the sound? One fusion under its own song, another album's and none: paired scores and a sheet.
#
# N albums of the evaluation split; pictures are uint8 (N, H, W, 3).


def compare(
    model: StableDiffusion, fusion: Fusion, pairs: Pairs, *, settings: PaintSettings, sheet: Path
) -> dict[str, Any]:
    """Return scores of the three systems and of the true covers, and the differences with 95% intervals.

    The sheet shows, row by row, the truth and the three systems for ten albums.
    """
    # read in the domain of painted covers: what the VAE can show
    reconstruct = partial(stable_diffusion.reconstruct, model.vae, batch_size=50)
    covers = {"truth": reconstruct(pairs.covers), **painted(model, fusion, pairs, settings)}
    reader = CoverReader.fit(2000, reconstruct=reconstruct)
    scores, hits = {}, {}
    for name, pictures in covers.items():
        reading = reader.read(pictures)
        truth = [album.factors for album in pairs.albums]
        scores[name] = paired_scores(reading, truth)
        hits[name] = hits_at(ranks(read_vectors(reading), true_vectors(truth)), 10)
    write_sheet(sheet, np.concatenate([pictures[:_SHEET] for pictures in covers.values()]))
    return {
        "albums": pairs.count,
        "settings": asdict(settings),
        "systems": {name: _summary(scores[name], hits[name], pairs) for name in covers},
        "differences": {
            f"audio - {other}": _differences(scores, hits, other) for other in ("shuffled", "prompt_only")
        },
    }


def painted(
    model: StableDiffusion, fusion: Fusion, pairs: Pairs, settings: PaintSettings
) -> dict[str, Pictures]:
    """Return each system's pictures (N, H, W, 3); an album has the same words and seed in all of them."""
    painter = Painter(model, fusion, batch_size=16)
    states, frames = pairs.states(model)[:, 0], pairs.frames
    frames_of: Mapping[str, Any] = {
        "audio": frames,
        "shuffled": np.roll(frames, -1, axis=0),  # the next album's song: nobody keeps the own
        "prompt_only": [None] * pairs.count,
    }
    pictures = {}
    for system in SYSTEMS:
        requests = [
            CoverRequest(states[k], seed_of(f"{pairs.split}/{pairs.first + k}", 0), frames_of[system][k])
            for k in range(pairs.count)
        ]
        pictures[system] = np.stack([cover.image for cover in painter.paint(requests, settings)])
    fusion.detach(model.unet)
    return pictures


def _summary(scores: PairedScores, hits: Values, pairs: Pairs) -> dict[str, float]:
    truth = {name: [getattr(album.factors, name) for album in pairs.albums] for name in FOLLOWED}
    follows = {
        f"{name}_r": bootstrap.correlation(getattr(scores, name), truth[name]).estimate for name in FOLLOWED
    }
    return {
        "hue_error": float(scores.hue_error.mean()),
        "brightness_error": float(scores.brightness_error.mean()),
        **follows,
        "genre": float(scores.genre_hit.mean()),
        "motif": float(scores.motif_hit.mean()),
        "recall_at_10": float(hits.mean()),
    }


def _differences(
    scores: Mapping[str, PairedScores], hits: Mapping[str, Values], other: str
) -> dict[str, Any]:
    """Return {metric: estimate and interval} of audio minus another system; errors should fall, hits rise."""
    pairs = {
        "hue_error": (scores["audio"].hue_error, scores[other].hue_error),
        "brightness_error": (scores["audio"].brightness_error, scores[other].brightness_error),
        "recall_at_10": (hits["audio"], hits[other]),
    }
    return {name: asdict(bootstrap.difference_of_means(*columns)) for name, columns in pairs.items()}


if __name__ == "__main__":
    app()
