"""A closed-form reader of covers: tells which factors a picture shows.

Fitted in seconds on procedural covers alone, by ridge regression on fixed features and random rectified
features. It judges generated covers, so it never sees one while fitting. N pictures, D features.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from covergen.procedural.colour import Floats
from covergen.procedural.covers import paint
from covergen.procedural.descriptors import describe, describe_finely
from covergen.procedural.factors import GENRES, MOTIFS, Factors, draw_album, factor_vector

Pictures = NDArray[np.uint8]
Reading = dict[str, NDArray[Any]]

READER: Final = "reader.npz"  # beside a model's parts: the reader fitted to what its VAE can show
_RANDOM: Final = 1500
_CHUNK: Final = 250
_GENRE_END: Final = len(GENRES)
_MOTIF_END: Final = _GENRE_END + len(MOTIFS)


class CoverReader:
    """Reads genre, motif, hue, brightness, energy and density from covers."""

    def __init__(self, arrays: dict[str, Floats]):
        self._arrays = arrays
        self._mix = _mix(len(arrays["mean"]), int(arrays["seed"]))

    @classmethod
    def fit(
        cls,
        n: int = 2000,
        *,
        seed: int = 1_000_000,
        size: int = 128,
        reconstruct: Callable[[Pictures], Pictures] | None = None,
    ) -> "CoverReader":
        """Fit on the covers of `n` training albums, seen through `reconstruct` where one is given.

        Passing a VAE's encode and decode fits the reader to the pictures that this VAE can show.
        """
        albums = [draw_album(seed + k, "train") for k in range(n)]
        images = np.stack([paint(album.factors, album.seed, size) for album in albums])
        if reconstruct is not None:
            images = reconstruct(images)
        targets = np.stack([_target(album.factors) for album in albums])  # (N, targets)
        raw = _raw(images)
        mean, std = raw.mean(axis=0), raw.std(axis=0) + 1e-3
        weight = _ridge(_expand((raw - mean) / std, _mix(raw.shape[1], seed)), targets)
        return cls({"mean": mean, "std": std, "weight": weight, "seed": np.array(seed)})

    def features(self, images: Pictures) -> Floats:
        """Return (N, D) features of uint8 images (N, H, W, 3), for distances and retrieval."""
        return np.concatenate([describe(chunk) for chunk in _chunks(images)])

    def read(self, images: Pictures) -> Reading:
        """Return arrays (N,) named after the factors; hue in degrees, the others on the factors' scales.

        `density` is that of `Factors.density`: 0 at 60 BPM, 1 at 180. `genre_probability` is (N, genres).
        """
        scores = np.concatenate([self._scores(chunk) for chunk in _chunks(images)])
        genre, motif = scores[:, :_GENRE_END], scores[:, _GENRE_END:_MOTIF_END]
        cosine, sine, brightness, energy, density = scores[:, _MOTIF_END:].T
        sharp = np.exp(8 * (genre - genre.max(axis=1, keepdims=True)))
        return {
            "genre": np.array(GENRES)[genre.argmax(axis=1)],
            "genre_probability": sharp / sharp.sum(axis=1, keepdims=True),
            "motif": np.array(MOTIFS)[motif.argmax(axis=1)],
            "hue": np.degrees(np.arctan2(sine, cosine)) % 360,
            "brightness": brightness,
            "energy": energy,
            "density": density,
        }

    def save(self, path: Path | str) -> None:
        """Write the reader as an npz of some hundred kB; its random features grow from their seed again."""
        small = {name: np.asarray(self._arrays[name], np.float32) for name in ("mean", "std", "weight")}
        np.savez_compressed(path, allow_pickle=False, seed=self._arrays["seed"], **small)

    @classmethod
    def load(cls, path: Path | str) -> "CoverReader":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return cls({name: stored[name] for name in stored.files})

    def _scores(self, images: Pictures) -> Floats:
        raw = (_raw(images) - self._arrays["mean"]) / self._arrays["std"]
        scores: Floats = _expand(raw, self._mix) @ self._arrays["weight"]
        return scores


def _chunks(images: Pictures) -> list[Pictures]:
    return [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]


def _raw(images: Pictures) -> Floats:
    return np.concatenate(
        [np.concatenate([describe(c), describe_finely(c)], axis=1) for c in _chunks(images)]
    )


def _mix(width: int, seed: int) -> Floats:
    """Return the fixed random directions (D, random features) that a seed stands for."""
    drawn = np.random.default_rng(seed).standard_normal((width, _RANDOM)) / np.sqrt(width)
    directions: Floats = drawn.astype(np.float16).astype(np.float32)
    return directions


def _expand(standardised: Floats, mix: Floats) -> Floats:
    """Return (N, D + random + 1): the features, their random rectified mixtures and a constant."""
    random = np.maximum(standardised @ mix, 0)
    return np.concatenate([standardised, random, np.ones((len(random), 1), np.float32)], axis=1)


def _ridge(features: Floats, targets: Floats) -> Floats:
    """Return weights (D, targets), solved in whichever of D or N is smaller."""
    count, width = features.shape
    penalty = 0.02 * float((features**2).sum()) / count
    if count < width:
        gram = features @ features.T + penalty * np.eye(count, dtype=np.float32)
        weight: Floats = (features.T @ np.linalg.solve(gram, targets)).astype(np.float32)
        return weight
    gram = features.T @ features + penalty * np.eye(width, dtype=np.float32)
    return np.asarray(np.linalg.solve(gram, features.T @ targets), dtype=np.float32)


def _target(factors: Factors) -> Floats:
    genre = np.eye(len(GENRES), dtype=np.float32)[GENRES.index(factors.genre)]
    motif = np.eye(len(MOTIFS), dtype=np.float32)[MOTIFS.index(factors.motif)]
    return np.concatenate([genre, motif, factor_vector(factors)])
