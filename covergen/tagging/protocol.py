"""What every tagger offers, and what it says of a song.

S songs, B windows a song, N samples a window.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from covergen.embeddings.protocol import WindowModel

Words = Mapping[str, float]


@dataclass(frozen=True)
class Tags:
    """What one tagger says of one song: words with scores 0 to 1, the best first, and measures.

    None means that the tagger does not judge this; empty words mean that it is unsure. `tempo` is in beats
    per minute, `key` the tonic, `mode` major or minor, `energy` and `brightness` lie within 0 to 1.
    """

    mood: Words | None = None
    genre: Words | None = None
    instrument: Words | None = None
    tempo: float | None = None
    key: str | None = None
    mode: str | None = None
    energy: float | None = None
    brightness: float | None = None


class Tagger(WindowModel, Protocol):
    """Something that listens and tells."""

    @property
    def basis(self) -> Literal["heuristic", "model"]:
        """What stands behind its words: rules of thumb over measurements, or a trained model."""

    def __call__(self, songs: NDArray[np.float32]) -> list[Tags]:
        """Return one answer for each of the songs (S, B, N), in order."""
