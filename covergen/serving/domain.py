"""What the service is asked and what it answers, as plain values that refuse nonsense when they are made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from covergen.errors import ConfigError

MOST_COVERS: Final = 16
MOST_STEPS: Final = 1000  # for whoever paints: command, API and page, so that each repeats the others' covers
ImageFormat = Literal["png", "jpeg", "webp"]
FORMATS: Final[Mapping[str, ImageFormat]] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
}  # by the suffix of a file
RANGES: Final = {
    "n": (1, MOST_COVERS),
    "seed": (0, 2**64 - 1),
    "steps": (1, MOST_STEPS),
    "guidance_scale": (0, 30),
    "audio_guidance_scale": (0, 30),
    "audio_scale": (0, 2),
    "noise_shift": (0, 1),
    "size": (16, 4096),
    "variation_seed": (0, 2**64 - 1),
    "variation_strength": (0, 1),
    "first_variant": (0, 2**31 - 1),
}
# In characters: the longest titles of albums have 900, and all together fits into the 64 kB of an EXIF.
LONGEST: Final = {"artist": 500, "album": 1000, "genre": 100, "year": 30, "prompt": 1200}
MOST_TAGS, LONGEST_TAG = 16, 60
_SEEDS: Final = ("seed", "variation_seed")
LISTS: Final = ("tags", "varied_before")
_UNTOLD: Final = frozenset({"image", "order", "seconds", "n", "first_variant"})  # of a cover's parameters
MOST_VARIATIONS: Final = 64
VARIED: Final = r"\d{1,20}:0?\.\d{1,20}"  # SEED:STRENGTH


@dataclass(frozen=True, kw_only=True)
class CoverOrder:
    """An album's words, and how its covers are painted. ConfigError for a value out of range.

    `prompt` replaces what would be made of album, artist and genre; `tags` are words for its end, such as
    moods. Without `seed` the album itself decides; with one, variant k takes seed + k. Variants are counted
    from `first_variant`. `size` is the side of the delivered picture in pixels, the model's own by default.

    A `variation_strength` above 0 varies one cover (about .25 subtly, .6 strongly; 1 is another cover): every
    variant then begins at `seed`, or the album's own first one, and leans by that much to a noise of its own:
    that of variation_seed + k, or again one that the album decides. Where that cover was varied itself,
    `varied_before` holds its own variations in order, each as "SEED:STRENGTH", such as "17:.25".
    """

    artist: str
    album: str
    genre: str = "unknown"
    year: str | None = None
    tags: tuple[str, ...] = ()
    prompt: str | None = None
    n: int = 1
    seed: int | None = None
    steps: int = 20
    guidance_scale: float = 2.5
    audio_guidance_scale: float | None = 3.0
    audio_scale: float = 1.0
    noise_shift: float = 0.0
    noise_scheduler: str = "ddim"
    size: int | None = None
    format: ImageFormat = "png"
    variation_seed: int | None = None
    variation_strength: float = 0.0
    varied_before: tuple[str, ...] = ()
    first_variant: int = 0

    def __post_init__(self) -> None:
        self._check_words()
        if self.format not in FORMATS.values():
            formats = ", ".join(dict.fromkeys(FORMATS.values()))
            raise ConfigError(f"format={self.format} is unknown; choose one of {formats}.")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name}={value} is out of range; take {low} to {high}.")
        if len(self.varied_before) > MOST_VARIATIONS:
            raise ConfigError(f"varied_before holds more than {MOST_VARIATIONS} variations; begin anew.")
        for variation in self.varied_before:
            if not re.fullmatch(VARIED, variation) or int(variation.partition(":")[0]) >= 2**64:
                raise ConfigError(f"varied_before={variation[:40]} is not SEED:STRENGTH, such as 17:0.25.")

    def variations(self) -> tuple[tuple[int, float], ...]:
        """Return `varied_before` as seeds and strengths."""
        parts = [variation.partition(":") for variation in self.varied_before]
        return tuple((int(seed), float(strength)) for seed, _, strength in parts)

    def _check_words(self) -> None:
        for name in ("artist", "album"):
            if not getattr(self, name).strip():
                raise ConfigError(f"{name} is empty; tell the {name}'s name, it decides the cover's seed.")
        for name, longest in LONGEST.items():
            if len(getattr(self, name) or "") > longest:
                raise ConfigError(f"{name} is longer than {longest} characters; shorten it.")
            if _is_half(getattr(self, name) or ""):
                raise ConfigError(
                    f"{name} holds halves of characters, which no file can keep; write it anew."
                )
        if _is_half("".join(self.tags)):
            raise ConfigError("tags hold halves of characters, which no file can keep; write them anew.")
        if len(self.tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in self.tags):
            raise ConfigError(
                f"tags are at most {MOST_TAGS} words of {LONGEST_TAG} characters; leave some out."
            )


def _is_half(text: str) -> bool:
    """Return whether a text has surrogates alone, as JSON's escapes can bring in."""
    return any("\ud800" <= character <= "\udfff" for character in text)


@dataclass(frozen=True)
class SongFeatures:
    """What a frozen encoder heard in a song: features (layers, frames, width), and simple facts."""

    frames: NDArray[np.float16]
    seconds: float  # of music heard, spread over the song
    song_seconds: float | None  # as the container claims
    loudness: float  # root mean square of what was heard, decibels of full scale
    sha256: str


@dataclass(frozen=True, kw_only=True)
class FinishedCover:
    """One painted cover as a file, with every parameter that paints it again; the file carries them."""

    image: bytes
    width: int
    height: int
    order: CoverOrder  # for this cover alone
    album_id: str
    prompt: str  # all of it, tags included
    seed: int
    variation_seed: int | None
    base_digest: str
    fusion_digest: str | None
    audio_sha256: str | None
    seconds: float

    def parameters(self) -> dict[str, Any]:
        """Return everything but the picture and its time, ready for JSON.

        Seeds are strings of digits: JSON's readers in browsers round numbers of 64 bits.
        """
        order = {f.name: getattr(self.order, f.name) for f in fields(self.order)}
        made = {f.name: getattr(self, f.name) for f in fields(self)}
        values = {**order, **made, "variant": self.order.first_variant}
        seeds = {name: None if made[name] is None else str(made[name]) for name in _SEEDS}
        lists = {name: list(order[name]) for name in LISTS}
        return {name: value for name, value in {**values, **seeds, **lists}.items() if name not in _UNTOLD}
