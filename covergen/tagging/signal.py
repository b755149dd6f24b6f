"""A heuristic tagger without weights: tempo, key, mode, energy and brightness measured, mood guessed by rule.

Measured on 100 evaluation albums of the procedural world: see docs/registries.md. S songs, B windows a song,
N samples a window, T frames, M mel bands.
"""

import hashlib
import math
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from covergen.embeddings.logmel import (
    FAST_HOP,
    FAST_WINDOW,
    SLOW_HOP,
    SLOW_WINDOW,
    Floats,
    LogMel,
    power_spectrogram,
)
from covergen.tagging.harmony import Key, key, pitch_classes
from covergen.tagging.protocol import Tags, Words
from covergen.tagging.rhythm import tempo

VERSION: Final = 2  # raise it whenever an answer changes
_QUIET, _LOUD = -32.0, -6.0  # dB of full scale: energy 0 and 1
_DARK, _BRIGHT = -36.0, -3.0  # dB of the whole: brightness 0 and 1
_TREBLE: Final = 30  # the first mel band above 2 kHz
_SOFT: Final = 0.35  # energy that finished masters seldom fall below: the least aroused
_SLOW, _FAST = 60.0, 180.0  # beats per minute
_CLEAR, _DOUBT = 0.25, 0.15  # how far one mode fits better where there is no doubt, and where there is some
_LIVELY, _UNHURRIED, _SLOWISH = (
    90.0,
    130.0,
    105.0,
)  # beats per minute: happy from, relaxing, melancholic up to
_DULL: Final = 0.55  # brightness up to which a song may be melancholic
_STANDS_OUT: Final = 0.65


class SignalTagger:
    """Measures 5 s windows at 24 kHz and averages them; its mood words are a heuristic, no model's."""

    name = "signal"
    basis: Literal["heuristic", "model"] = "heuristic"
    sample_rate = LogMel.sample_rate
    segment_seconds = 5.0
    licence = "Apache-2.0"

    def __init__(self, *, clap: str = "", device: str = "cpu", bf16: bool = False, offline: bool = True):
        del clap, device, bf16, offline  # there is no model

    @property
    def digest(self) -> str:
        """Names the rules."""
        return hashlib.sha256(f"signal:{VERSION}".encode()).hexdigest()

    @cached_property
    def _front(self) -> LogMel:
        return LogMel()

    def __call__(self, songs: NDArray[np.float32]) -> list[Tags]:
        """Return tags of songs (S, B, N); genre and instrument are not judged."""
        return [self._song(song) for song in songs]

    def _song(self, windows: Floats) -> Tags:
        fast = np.stack([power_spectrogram(window, FAST_WINDOW, FAST_HOP) for window in windows])
        slow = np.stack([power_spectrogram(window, SLOW_WINDOW, SLOW_HOP) for window in windows])
        mel = fast @ self._front.mel_filters  # (B, T, M)
        beat, scale = tempo(mel), key(pitch_classes(slow))
        energy = _between(_decibels(float(fast.sum(axis=-1).mean())), _QUIET, _LOUD)
        brightness = _between(_treble(mel), _DARK, _BRIGHT)
        return Tags(
            mood=mood(beat, scale, energy=energy, brightness=brightness),
            tempo=beat,
            key=scale.tonic if scale else None,
            mode=scale.mode if scale else None,
            energy=energy,
            brightness=brightness,
        )


def mood(beat: float | None, scale: Key | None, *, energy: float, brightness: float) -> Words:
    """Return mood words with scores, the best first, by rule of thumb; empty where no score reaches 0.65.

    Loud and fast is aroused, major, fast and bright is pleasant (Gabrielsson and Lindstroem 2010, Handbook of
    Music and Emotion); the words lie on the circle of both (Russell 1980, doi:10.1037/h0077714): energetic or
    calm by arousal alone, the others between arousal and pleasantness. Those are said only where the mode is
    beyond doubt, happy of a song that is known to be lively, melancholic of one both slow and dull.
    """
    pace = 0.5 if beat is None else _between(beat, _SLOW, _FAST)
    majorness = 0.0 if scale is None else scale.majorness
    arousal = 0.7 * _between(energy, _SOFT, 1) + 0.3 * pace
    pleasant = 0.5 * _between(majorness, -_CLEAR, _CLEAR) + 0.25 * pace + 0.25 * brightness
    scores = {"energetic": arousal, "calm": 1 - arousal}
    if majorness >= _DOUBT and beat is not None and beat >= _LIVELY:
        scores["happy"] = math.sqrt(arousal * pleasant)
    if majorness >= _DOUBT and (beat is None or beat <= _UNHURRIED):
        scores["relaxing"] = math.sqrt((1 - arousal) * pleasant)
    if majorness <= -_DOUBT:
        scores["dramatic"] = math.sqrt(arousal * (1 - pleasant))
    # A beat of 60 may be every other one of 120: slow alone proves nothing.
    if majorness <= -_DOUBT and beat is not None and beat <= _SLOWISH and brightness <= _DULL:
        scores["melancholic"] = math.sqrt((1 - arousal) * (1 - pleasant))
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return {word: score for word, score in ranked if score >= _STANDS_OUT}


def _treble(mel: Floats) -> float:
    """Return the share of power above 2 kHz in decibels, each band at its median: a few hits do not count."""
    bands = np.median(mel, axis=(0, 1))  # (M,)
    return _decibels(float(bands[_TREBLE:].sum())) - _decibels(float(bands.sum()))


def _decibels(power: float) -> float:
    return 10 * math.log10(max(power, 1e-10))


def _between(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
