"""What the service is asked and what it answers, as plain values that refuse nonsense when they are made."""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from covergen.errors import ConfigError

MOST_COVERS: Final = 16
_RANGES: Final = {
    "n": (1, MOST_COVERS),
    "seed": (0, 2**64 - 1),
    "steps": (1, 1000),
    "guidance_scale": (0, 30),
    "audio_guidance_scale": (0, 30),
    "audio_scale": (0, 2),
    "noise_shift": (0, 1),
    "size": (16, 4096),
}


@dataclass(frozen=True, kw_only=True)
class CoverOrder:
    """An album's words, and how its covers are painted. ConfigError for a value out of range.

    `prompt` replaces what would be made of album, artist and genre; `tags` are words for its end, such as
    moods. Without `seed` the album itself decides; with one, variant k takes seed + k. `size` is the side of
    the delivered picture in pixels, the model's own by default.
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

    def __post_init__(self) -> None:
        for name in ("artist", "album"):
            if not getattr(self, name).strip():
                raise ConfigError(f"{name} is empty; tell the {name}'s name, it decides the cover's seed.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name}={value} is out of range; take {low} to {high}.")


@dataclass(frozen=True)
class Heard:
    """What a frozen encoder heard in a song: features (layers, frames, width), and simple facts."""

    frames: NDArray[np.float16]
    seconds: float  # of music heard, from the middle of the song
    song_seconds: float | None  # as the container claims
    loudness: float  # root mean square of what was heard, decibels of full scale
    sha256: str


@dataclass(frozen=True)
class FinishedCover:
    """One painted cover as PNG, with every parameter that paints it again."""

    png: bytes
    width: int
    height: int
    album_id: str
    variant: int
    prompt: str
    seed: int
    steps: int
    guidance_scale: float
    audio_guidance_scale: float | None
    audio_scale: float
    noise_shift: float
    noise_scheduler: str
    base_digest: str
    fusion_digest: str | None
    audio_sha256: str | None
    seconds: float

    def parameters(self) -> dict[str, Any]:
        """Return everything but the picture and its time, ready for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"png", "seconds"}}
