"""Albums of the controlled world, drawn from known factors.

Text alone tells genre and motif; sound alone tells signature, tempo, brightness and energy. Train and
evaluation albums share no seed, no synthesiser patch and no artist.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Split = Literal["train", "eval"]
Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

COMPOSITIONS: Final = {
    "ambient": "dunes",
    "classical": "rings",
    "electronic": "tiles",
    "folk": "ridges",
    "hip hop": "halftone",
    "jazz": "bars",
    "metal": "shards",
    "pop": "stripes",
    "rock": "rays",
    "soul": "scales",
}
GENRES: Final = tuple(COMPOSITIONS)

MOTIF_WORDS: Final = {
    "moon": ("Moon", "Crescent", "Lunar", "Moonlight"),
    "star": ("Star", "Starlight", "Stellar", "Constellation"),
    "heart": ("Heart", "Heartbeat", "Beloved", "Hearts"),
    "eye": ("Eye", "Eyes", "Gaze", "Vision"),
    "flower": ("Flower", "Bloom", "Blossom", "Petals"),
    "bolt": ("Lightning", "Thunder", "Storm", "Voltage"),
    "tree": ("Tree", "Forest", "Pines", "Woods"),
    "ship": ("Ship", "Sail", "Harbour", "Voyage"),
}
MOTIFS: Final = tuple(MOTIF_WORDS)

TITLE_SHAPES: Final = (
    "{motif} of the {filler}",
    "The {motif} {filler}",
    "{filler} {motif}",
    "{motif} and {filler}",
    "{motif}",
    "No {filler} without {motif}",
)
TITLE_FILLERS: Final = (
    "Letters", "Seasons", "Machines", "Stories", "Paper", "Strangers", "Hours", "Corners", "Memory",
    "Windows", "Return", "Distance", "Chapters", "Rooms", "Monday", "Numbers", "Answers", "Wires",
)  # fmt: skip

TRAIN_PATCHES: Final = ("organ", "reed", "glass", "strings", "pluck", "keys")
EVAL_PATCHES: Final = ("brass", "choir", "bell")

_ARTIST_FIRST: Final = {
    "train": (
        "Alder", "Bruno", "Cora", "Dario", "Edda", "Falk", "Greta", "Hollis", "Ines", "Jonas", "Kaya",
        "Lorne",
    ),
    "eval": ("Mira", "Nils", "Odile", "Pavel", "Quinn", "Rosa", "Soren", "Tilda"),
}  # fmt: skip
_ARTIST_LAST: Final = {
    "train": (
        "Arden", "Berg", "Castell", "Drummond", "Eriksen", "Faro", "Galt", "Hayes", "Ito", "Jansen", "Kerr",
    ),
    "eval": ("Lindqvist", "Moreau", "Novak", "Okafor", "Petrov", "Reyes", "Sato", "Tanaka"),
}  # fmt: skip
_SEEDS_PER_SPLIT: Final = 2**31
_FIRST_SEED: Final = {"train": 0, "eval": _SEEDS_PER_SPLIT}

TEMPO_RANGE: Final = (60.0, 180.0)
HUE_NAMES: Final = (
    "pink", "red", "orange", "golden", "lime", "green", "teal", "cyan", "azure", "blue", "violet", "magenta",
)  # fmt: skip
_DENSITY_WORDS: Final = ("sparse", "balanced", "dense")
_BRIGHTNESS_WORDS: Final = ("dark", "dusky", "bright")
_ENERGY_WORDS: Final = ("muted", "clear", "vivid")


@dataclass(frozen=True)
class Factors:
    """Everything an album of the controlled world is made from.

    `signature` counts fifths upwards from C major (0..11), so neighbours share six of seven pitch classes;
    `mode` is "major" or its relative "minor" with the same pitches; `tempo` is in BPM; `brightness` and
    `energy` run from 0 to 1.
    """

    genre: str
    motif: str
    signature: int
    mode: str
    tempo: float
    brightness: float
    energy: float

    @property
    def hue(self) -> float:
        """Hue of the cover in degrees of OKLCH: 30 a step on the circle of fifths."""
        return 30.0 * self.signature

    @property
    def density(self) -> float:
        """Element density of the cover, 0 at 60 BPM to 1 at 180 BPM."""
        low, high = TEMPO_RANGE
        return (self.tempo - low) / (high - low)


@dataclass(frozen=True)
class Album:
    """One album: its words, its factors, the synthesiser patch of its music and the seed of its details."""

    album_id_seed: int
    artist: str
    title: str
    genre: str
    factors: Factors
    patch: str
    seed: int


def draw_album(seed: int, split: Split) -> Album:
    """Return album number `seed` (0 to 2**31 - 1) of a split, always the same one."""
    if not 0 <= seed < _SEEDS_PER_SPLIT:
        raise ValueError(f"seed must be within 0..{_SEEDS_PER_SPLIT - 1}, got {seed}")
    album_seed = _FIRST_SEED[split] + seed
    rng = np.random.default_rng(album_seed)
    factors = _draw_factors(rng)
    patches = TRAIN_PATCHES if split == "train" else EVAL_PATCHES
    return Album(
        album_id_seed=album_seed,
        artist=f"{_pick(rng, _ARTIST_FIRST[split])} {_pick(rng, _ARTIST_LAST[split])}",
        title=_draw_title(rng, factors.motif),
        genre=factors.genre,
        factors=factors,
        patch=_pick(rng, patches),
        seed=int(rng.integers(2**31)),
    )


def descriptors(factors: Factors) -> str:
    """Name the audio-only factors in words, such as "vivid blue, dense, bright"."""
    energy = _third(factors.energy, _ENERGY_WORDS)
    density = _third(factors.density, _DENSITY_WORDS)
    brightness = _third(factors.brightness, _BRIGHTNESS_WORDS)
    return f"{energy} {HUE_NAMES[factors.signature]}, {density}, {brightness}"


def caption(album: Album, *, with_descriptors: bool = False) -> str:
    """Return the benchmark's prompt, which names no audio-only factor, or the same with descriptors."""
    prompt = f"Create an album cover for the album '{album.title}'. The genre is {album.genre}."
    return f"{prompt} {descriptors(album.factors)}" if with_descriptors else prompt


def factor_vector(factors: Factors) -> Vector:
    """Return the audio-only factors as (5,): cos hue, sin hue, brightness, energy, density."""
    angle = math.radians(factors.hue)
    values = [math.cos(angle), math.sin(angle), factors.brightness, factors.energy, factors.density]
    return np.array(values, dtype=np.float32)


def _draw_factors(rng: np.random.Generator) -> Factors:
    return Factors(
        genre=_pick(rng, GENRES),
        motif=_pick(rng, MOTIFS),
        signature=int(rng.integers(12)),
        mode=_pick(rng, ("major", "minor")),
        tempo=float(rng.uniform(*TEMPO_RANGE)),
        brightness=float(rng.uniform()),
        energy=float(rng.uniform()),
    )


def _draw_title(rng: np.random.Generator, motif: str) -> str:
    shape = _pick(rng, TITLE_SHAPES)
    return shape.format(motif=_pick(rng, MOTIF_WORDS[motif]), filler=_pick(rng, TITLE_FILLERS))


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _third(value: float, words: tuple[str, ...]) -> str:
    return words[min(int(value * 3), 2)]
