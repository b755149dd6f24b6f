"""Trains the fusion that ships with the tiny base, and measures it on albums that no training saw.

    python -m covergen.experiments.pretraining.fusion --minutes 10 --out covergen/assets/tiny/fusion

Training albums come from the procedural world's training split: their songs heard as the embed job hears
them, their covers through the frozen VAE. The base must be trained by then.
"""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer

from covergen.experiments.pretraining.fusion_scores import compare
from covergen.experiments.pretraining.pairs import Pairs, hearing
from covergen.fusion import build
from covergen.generation.pipeline import PaintSettings
from covergen.models import stable_diffusion
from covergen.models.stable_diffusion import StableDiffusion
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


if __name__ == "__main__":
    app()
