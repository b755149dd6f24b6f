"""Is it the sound? One fusion under its own song, another album's and none: paired scores and a sheet.

N albums of the evaluation split; pictures are uint8 (N, H, W, 3).
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics import bootstrap
from covergen.evaluation.metrics.paired import PairedScores, paired_scores
from covergen.evaluation.metrics.retrieval import hits_at, ranks, read_vectors, true_vectors
from covergen.experiments.pretraining.pairs import Pairs
from covergen.experiments.pretraining.preview import write_sheet
from covergen.fusion import Fusion
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.generation.seeds import seed_of
from covergen.models import stable_diffusion
from covergen.models.stable_diffusion import StableDiffusion
from covergen.procedural.reader import CoverReader

Pictures = NDArray[np.uint8]
Values = NDArray[np.float64]

SYSTEMS: Final = ("audio", "shuffled", "prompt_only")
_FOLLOWED: Final = ("brightness", "energy", "density")
_SHEET: Final = 10  # albums


def compare(
    model: StableDiffusion, fusion: Fusion, pairs: Pairs, *, settings: PaintSettings, sheet: Path
) -> dict[str, Any]:
    """Return scores of the three systems and of the true covers, and the differences with 95% intervals.

    The sheet shows, row by row, the truth and the three systems for ten albums.
    """
    covers = {"truth": reconstructed(model, pairs.covers), **painted(model, fusion, pairs, settings)}
    reader = CoverReader.fit(2000, reconstruct=lambda pictures: reconstructed(model, pictures))
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
    heard: Mapping[str, Any] = {
        "audio": frames,
        "shuffled": np.roll(frames, -1, axis=0),  # the next album's song: nobody keeps the own
        "prompt_only": [None] * pairs.count,
    }
    pictures = {}
    for system in SYSTEMS:
        requests = [
            CoverRequest(states[k], seed_of(f"{pairs.split}/{pairs.first + k}", 0), heard[system][k])
            for k in range(pairs.count)
        ]
        pictures[system] = np.stack([cover.image for cover in painter.paint(requests, settings)])
    fusion.detach(model.unet)
    return pictures


def reconstructed(model: StableDiffusion, pictures: Pictures) -> Pictures:
    """Return pictures as the VAE can show them: the domain in which painted covers are read."""
    parts = []
    for start in range(0, len(pictures), 50):
        mean, _ = stable_diffusion.encode_images(model.vae, pictures[start : start + 50])
        parts.append(
            stable_diffusion.decode_latents(model.vae, stable_diffusion.scale_latents(model.vae, mean))
        )
    return np.concatenate(parts)


def _summary(scores: PairedScores, hits: Values, pairs: Pairs) -> dict[str, float]:
    truth = {name: [getattr(album.factors, name) for album in pairs.albums] for name in _FOLLOWED}
    follows = {
        f"{name}_r": bootstrap.correlation(getattr(scores, name), truth[name]).estimate for name in _FOLLOWED
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
