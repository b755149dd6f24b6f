"""Key and mode from pitch classes, after Krumhansl and Schmuckler (Krumhansl 1990, Cognitive Foundations)."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from covergen.embeddings.logmel import PITCH_CLASSES, Floats

TONICS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MODES: Final = ("major", "minor")
# How well each pitch class fits a key, the tonic first: ratings by listeners (Krumhansl and Kessler 1982).
_PROFILES: Final = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)


@dataclass(frozen=True)
class Key:
    """Tonic and mode; `majorness` says how far major fits better than minor, -1 to 1."""

    tonic: str
    mode: str
    majorness: float


def key(chroma: Floats) -> Key | None:
    """Return the key that correlates best with pitch classes (12,), C first; None if all are equal."""
    heard = chroma - chroma.mean()
    if not heard.any():
        return None
    keys = np.array([np.roll(profile, tonic) for profile in _PROFILES for tonic in range(PITCH_CLASSES)])
    keys -= keys.mean(axis=1, keepdims=True)
    fits = keys @ heard / (np.linalg.norm(keys, axis=1) * np.linalg.norm(heard))  # (24,), correlations
    mode, tonic = divmod(int(fits.argmax()), PITCH_CLASSES)
    majorness = float(fits[:PITCH_CLASSES].max() - fits[PITCH_CLASSES:].max())
    return Key(TONICS[tonic], MODES[mode], majorness)
