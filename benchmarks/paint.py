"""Covers a second: the painter against diffusers' own pipeline, same model, steps and words, prompt only.

The painter works in batches and computes each cover's conditioning once; the pipeline is called cover by
cover and in one batch, and the better of its two is the peer.
"""

import time
from functools import partial

import numpy as np
import torch
import typer
from diffusers import StableDiffusionPipeline

from benchmarks.outcome import Outcome, in_turns
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.models import stable_diffusion
from covergen.procedural.factors import draw_album

STEPS, SCALE = 12, 5.0


def main(*, quick: bool = False) -> None:
    """Let the painter and the pipeline's two ways take turns, and print the better of each."""
    began, n = time.perf_counter(), 8 if quick else 32
    albums = [draw_album(seed, "eval") for seed in range(n)]
    texts = [f"Create an album cover for the album '{a.title}'. The genre is {a.genre}." for a in albums]
    model = stable_diffusion.load("tiny", offline=True)
    peer = partial(_pipeline(model), num_inference_steps=STEPS, guidance_scale=SCALE)
    sides = {
        "ours": lambda: _paint(model, texts),
        "batched": lambda: peer(texts),
        "single": lambda: [peer(text) for text in texts],
    }
    with torch.inference_mode():
        best = in_turns(sides, 1 if quick else 2)
    rates = n / best["ours"], n / min(best["batched"], best["single"])
    Outcome("paint", *rates, n, "covers/s", time.perf_counter() - began).show(peer="diffusers pipeline")


def _pipeline(model: stable_diffusion.StableDiffusion) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=model.noise_scheduler("ddim"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _paint(model: stable_diffusion.StableDiffusion, texts: list[str]) -> None:
    states, _ = stable_diffusion.encode_text(model.tokenizer, model.text_encoder, texts)
    requests = [CoverRequest(np.asarray(one, np.float16), seed) for seed, one in enumerate(states)]
    settings = PaintSettings(steps=STEPS, guidance_scale=SCALE, noise_scheduler="ddim")
    Painter(model, batch_size=16).paint(requests, settings)


if __name__ == "__main__":
    typer.run(main)
