"""Key and mode from pitch classes, after Krumhansl and Schmuckler (Krumhansl 1990, Cognitive Foundations).

B windows of a song, T frames, K frequency bins, P peaks.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy import fft

from covergen.embeddings.logmel import PITCH_CLASSES, SLOW_WINDOW, Floats, LogMel

TONICS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MODES: Final = ("major", "minor")
# How often each pitch class sounds in a key, the tonic first: 490 movements of Western classical music
# (Albrecht and Shanahan 2013, Music Perception 31(1), doi:10.1525/mp.2013.31.1.59).
_PROFILES: Final = (
    (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
)
_LOWEST, _HIGHEST = 80.0, 2500.0  # Hz; below a semitone is narrower than a bin, above are mostly partials
_WIDTH: Final = 0.35  # semitones: how far from a pitch class a bin still tells of it
_TWELFTH, _SHARE = 7, 0.1  # semitones, octaves aside, up to a note's third partial, and how loud that is
_FAINTEST: Final = 0.05  # of the loudest peak: what tells of the tuning
# How far a key's notes stand out, of the mean: up to 0.059 of noise, clicks and clusters by chance alone; of
# 132 real songs one has less than 0.06, 0.039, and the next 0.064.
_FLATTEST: Final = 0.06
_APART: Final = 0.2  # by how much a half of the song may fit another key better


@dataclass(frozen=True)
class Key:
    """Tonic and mode, each None where the halves of the song disagree about it.

    `majorness` says how far major fits better than minor, -1 to 1; it is 0 where the mode is in doubt.
    """

    tonic: str | None
    mode: str | None
    majorness: float


def key(classes: Floats) -> Key | None:
    """Return the key that correlates best with pitch classes (B, 12), C first; None where all sound alike.

    That is so of noise, where what is left of a key is chance.
    It is in doubt where one half of the windows fits another key much better; its mode too, unless the best
    keys of both halves have it.
    """
    heard = classes.mean(axis=0)
    fits = _fits(heard)
    if fits is None or fits.max() * heard.std() < _FLATTEST * heard.mean():
        return None
    best = int(fits.argmax())
    mode, tonic = divmod(best, PITCH_CLASSES)
    middle = max(1, len(classes) // 2)
    parts = [_fits(part.mean(axis=0)) for part in (classes[:middle], classes[-middle:])]
    halves = [part for part in parts if part is not None]
    bears = all(half.max() - half[best] <= _APART for half in halves)
    has_mode = bears or all(half.argmax() // PITCH_CLASSES == mode for half in halves)
    majorness = float(fits[:PITCH_CLASSES].max() - fits[PITCH_CLASSES:].max())
    return Key(
        TONICS[tonic] if bears else None, MODES[mode] if has_mode else None, majorness if has_mode else 0.0
    )


def pitch_classes(spectra: Floats) -> Floats:
    """Return pitch classes (B, 12), C first, of power spectra (B, T, K) of SLOW_WINDOW samples each.

    They follow the song's own tuning; what a note's third partial adds to the fifth above it is taken off.
    """
    magnitudes = np.sqrt(spectra).mean(axis=1)  # (B, K)
    heard = magnitudes @ _filters(round(tuning(magnitudes), 2))
    lower = np.roll(heard, _TWELFTH, axis=1)
    classes: Floats = np.maximum(heard - _SHARE * lower, 0).astype(np.float32)
    return classes


def tuning(magnitudes: Floats) -> float:
    """Return how far notes lie from 440 Hz's, in semitones, -0.5 to 0.5, by the peaks of spectra (B, K)."""
    left, middle, right = (
        np.log(np.maximum(magnitudes[:, first : magnitudes.shape[1] - 2 + first], 1e-9)) for first in range(3)
    )
    curve = left - 2 * middle + right
    is_peak = (middle > left) & (middle >= right) & (curve < 0)
    offset = np.where(is_peak, 0.5 * (left - right) / np.minimum(curve, -1e-9), 0)  # of a parabola's top
    bins = (np.arange(1, magnitudes.shape[1] - 1) + offset) * (LogMel.sample_rate / SLOW_WINDOW)
    loud = magnitudes[:, 1:-1]
    is_peak &= (bins > _LOWEST) & (bins < _HIGHEST) & (loud > _FAINTEST * loud.max(axis=1, keepdims=True))
    turns = 2j * np.pi * _semitones(bins[is_peak])  # (P,)
    return float(np.angle((loud[is_peak] * np.exp(turns)).sum()) / (2 * np.pi))


def _semitones(frequencies: Floats) -> Floats:
    """Return how far frequencies in Hz lie above 440 Hz."""
    semitones: Floats = 12 * np.log2(np.maximum(frequencies, 1.0) / 440)
    return semitones


@cache
def _filters(shift: float) -> Floats:
    """Return how much each bin tells of each pitch class (K, 12), notes being `shift` semitones too high."""
    bins = fft.rfftfreq(SLOW_WINDOW, 1 / LogMel.sample_rate)
    pitches = _semitones(bins) + 69 - shift
    distance = (pitches[:, None] - np.arange(PITCH_CLASSES) + 6) % 12 - 6
    is_heard = (bins > _LOWEST) & (bins < _HIGHEST)
    weights = np.exp(-0.5 * (distance / _WIDTH) ** 2) * is_heard[:, None]
    # Low notes count most: what sounds above is mostly their partials.
    filters: Floats = (weights / np.sqrt(np.maximum(bins, 1.0))[:, None]).astype(np.float32)
    return filters


def _fits(classes: Floats) -> Floats | None:
    """Return how pitch classes (12,) correlate with major, then minor keys (24,); None if all are equal."""
    heard = classes - classes.mean()
    if not heard.any():
        return None
    keys = np.array([np.roll(profile, tonic) for profile in _PROFILES for tonic in range(PITCH_CLASSES)])
    keys -= keys.mean(axis=1, keepdims=True)
    fits: Floats = keys @ heard / (np.linalg.norm(keys, axis=1) * np.linalg.norm(heard))
    return fits
