"""The words of pre-training: caption variants and a small tokenizer in CLIP's format."""

import json
from dataclasses import dataclass
from typing import Final

import numpy as np
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from covergen.procedural.factors import GENRES, HUE_NAMES, MOTIFS, Album, caption, descriptors, draw_album

POSITIONS: Final = 77
VOCABULARY: Final = 1000
_START: Final = "<|startoftext|>"
_END: Final = "<|endoftext|>"

SUBGENRES: Final = {
    "ambient": ("drone", "new age", "downtempo"),
    "classical": ("orchestral", "baroque", "piano", "chamber music"),
    "electronic": ("techno", "house", "electro", "dance"),
    "folk": ("country", "singer-songwriter", "acoustic", "bluegrass"),
    "hip hop": ("rap", "hip-hop", "trap"),
    "jazz": ("swing", "bebop", "blues"),
    "metal": ("heavy metal", "death metal", "hard rock"),
    "pop": ("indie pop", "synth-pop", "dream pop"),
    "rock": ("indie rock", "punk", "alternative rock", "garage"),
    "soul": ("r&b", "funk", "gospel", "disco"),
}


@dataclass(frozen=True)
class Caption:
    """A caption and the classes it names (0 where it names none): genre, motif, hue and three levels."""

    text: str
    classes: tuple[int, int, int, int, int, int]


CLASS_COUNTS: Final = (len(GENRES) + 1, len(MOTIFS) + 1, len(HUE_NAMES) + 1, 4, 4, 4)


def vary_caption(album: Album, rng: np.random.Generator, *, empty: float = 0.1) -> Caption:
    """Return one caption of an album: full, without title or without genre, half of them with descriptors."""
    if rng.uniform() < empty:
        return Caption("", (0, 0, 0, 0, 0, 0))
    factors = album.factors
    shape, coloured = int(rng.choice(5, p=[0.55, 0.1, 0.1, 0.15, 0.1])), bool(rng.uniform() < 0.5)
    names_genre, names_motif = shape != 3, shape in (0, 3, 4)
    genre = _genre_word(album.genre, rng)
    text = (
        caption(album).replace(f"is {album.genre}.", f"is {genre}."),
        f"Create an album cover. The genre is {genre}.",
        f"{genre} album cover",
        f"Create an album cover for the album '{album.title}'.",
        f"Album cover of '{album.title}' by {album.artist}, {genre}",
    )[shape]
    levels = [_level(v) if coloured else 0 for v in (factors.density, factors.brightness, factors.energy)]
    classes = (
        GENRES.index(album.genre) + 1 if names_genre else 0,
        MOTIFS.index(factors.motif) + 1 if names_motif else 0,
        factors.signature + 1 if coloured else 0,
        levels[0],
        levels[1],
        levels[2],
    )
    return Caption(f"{text} {descriptors(factors)}" if coloured else text, classes)


def train_tokenizer(captions: int = 20_000) -> CLIPTokenizer:
    """Return a byte-level tokenizer fitted to captions of training albums; no text is beyond it."""
    rng = np.random.default_rng(0)
    corpus = [vary_caption(draw_album(k, "train"), rng, empty=0).text for k in range(captions)]
    corpus += [word for words in SUBGENRES.values() for word in words] * 50
    probe = CLIPTokenizer(vocab={_START: 0, _END: 1}, merges=[])
    trained = probe.train_new_from_iterator(corpus, VOCABULARY)
    merges = [tuple(pair) for pair in json.loads(trained.backend_tokenizer.to_str())["model"]["merges"]]
    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    words = [*dict.fromkeys(pieces), _START, _END]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=POSITIONS)


def _genre_word(genre: str, rng: np.random.Generator) -> str:
    words = SUBGENRES[genre]
    return words[int(rng.integers(len(words)))] if rng.uniform() < 0.2 else genre


def _level(value: float) -> int:
    return min(int(value * 3), 2) + 1
