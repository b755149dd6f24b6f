"""Covers a second: the engine, kept full by covers that come one by one, against the painter's full batches.

`python -m benchmarks.batching [--quick] [--full]`: the tiny model and the shipped fusion, or on a GPU the
architecture of Stable Diffusion 1.4 at 512 px, in bf16 and with random weights; batches of 8, guidance by
words and by sound. Both paint the same covers in turns, and the better time of each counts. "alike" is the
mark: every cover has the settings of the batch. "mixed" is what the painter cannot batch at all: half of the
covers differ in steps and scheduler, and the painter must paint each kind by itself. "idle" is the engine's
overhead for one cover alone, and "preview" the time for one preview.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
import typer

from benchmarks.outcome import Outcome
from benchmarks.train_sides import FULL, make_fusion, make_noise_scheduler, make_text, make_unet, make_vae
from covergen.generation.batching import BatchingEngine
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.models import stable_diffusion
from covergen.serving.service import CoverService

PLACES = 8
Order = tuple[CoverRequest, PaintSettings]


def main(*, quick: bool = False, full: bool = False) -> None:
    """Alternate the two, and print the better of each."""
    began, rounds, batches, steps = time.perf_counter(), 1 if quick else 3, 2 if quick else 3, 20
    painter = full_painter() if full else CoverService("tiny").painter
    requests = _requests(painter, PLACES * batches)
    alike = [(request, PaintSettings(steps=steps)) for request in requests]
    kinds = [PaintSettings(steps=steps), PaintSettings(steps=steps * 3 // 4, noise_scheduler="dpm++")]
    mixed = [(request, kinds[k % 2]) for k, request in enumerate(requests)]
    engine = BatchingEngine(painter, places=PLACES)
    in_turns(engine, alike[:PLACES], 1)
    ours, peer, fill = in_turns(engine, alike, rounds)
    ours_mixed, peer_mixed, fill_mixed = in_turns(engine, mixed, 1)
    ours_idle, peer_idle, _ = in_turns(engine, alike[:1], rounds)
    engine.close()
    facts = {
        "batch_fill": fill,
        "mixed_ratio": peer_mixed / ours_mixed,
        "mixed_batch_fill": fill_mixed,
        "idle_overhead_ms": 1000 * (ours_idle - peer_idle),
        "preview_ms": _preview_ms(painter),
        "steps": steps,
        "places": PLACES,
    }
    n, seconds = len(requests), time.perf_counter() - began
    Outcome("engine", n / ours, n / peer, n, "covers/s", seconds).show(peer="Painter.paint", facts=facts)


def full_painter() -> Painter:
    """Return a painter of Stable Diffusion 1.4's build with the default fusion, weights random, on a GPU."""
    sizes = replace(FULL, pixels=512)
    parts = {"unet": make_unet(sizes), "vae": make_vae(sizes, decoder=True), "text_encoder": make_text(sizes)}
    parts = {
        name: part.to("cuda", torch.bfloat16).eval().requires_grad_(False) for name, part in parts.items()
    }
    model = stable_diffusion.StableDiffusion(
        name="random",
        digest="random",
        size=sizes.pixels,
        tokenizer=stable_diffusion.load_text("tiny", offline=True)[0],
        noise_scheduler_config=dict(make_noise_scheduler().config),
        **parts,
    )
    return Painter(model, make_fusion(sizes, model.unet))


def in_turns(engine: BatchingEngine, orders: Sequence[Order], rounds: int) -> tuple[float, float, float]:
    """Return the better seconds of engine and painter, and how full the engine's batches were."""
    ours, peer = [], []
    steps, rows = engine.steps_run, engine.rows_run
    for _ in range(rounds):
        peer.append(_seconds(lambda: _paint_in_batches(engine.painter, orders)))
        ours.append(_seconds(lambda: [cover.result() for cover in [engine.begin(*each) for each in orders]]))
    fill = (engine.rows_run - rows) / ((engine.steps_run - steps) * PLACES)
    return min(ours), min(peer), fill


def _paint_in_batches(painter: Painter, orders: Sequence[Order]) -> None:
    kinds: dict[PaintSettings, list[CoverRequest]] = defaultdict(list)
    for request, settings in orders:
        kinds[settings].append(request)
    for settings, requests in kinds.items():
        painter.paint(requests, settings)


def _requests(painter: Painter, count: int) -> list[CoverRequest]:
    rng, fusion = np.random.default_rng(0), painter.fusion
    config = painter.stable_diffusion.text_encoder.config
    words = (count, config.max_position_embeddings, config.hidden_size)
    music = (count, *(fusion.feature_shape if fusion else ()))
    states = rng.standard_normal(words).astype(np.float16)
    frames = rng.standard_normal(music).astype(np.float16)
    return [CoverRequest(states[k], k, frames[k]) for k in range(count)]


def _preview_ms(painter: Painter) -> float:
    latents = painter.prepare(_requests(painter, 1), PaintSettings()).latents[0]
    painter.preview(latents)
    return 10 * _seconds(lambda: [painter.preview(latents) for _ in range(100)])


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    typer.run(main)
