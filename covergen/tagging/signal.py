"""A heuristic tagger without weights: tempo, key, mode, energy and brightness measured, mood guessed by rule.

Measured on 100 evaluation albums of the procedural world: see docs/registries.md. S songs, B windows a song,
N samples a window, T frames, M mel bands.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from covergen.embeddings.logmel import (
    FAST_HOP,
    FAST_WINDOW,
    PITCH_CLASSES,
    SLOW_HOP,
    SLOW_WINDOW,
    Floats,
    LogMel,
    autocorrelation,
    onset_envelope,
    power_spectrogram,
)
from covergen.tagging.protocol import Tags, Words

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
SLOWEST, FASTEST = 40.0, 220.0  # beats per minute
_FRAMES_PER_MINUTE: Final = 60 * LogMel.sample_rate / FAST_HOP
_CANDIDATES: Final = 600
_USUAL, _OCTAVES = 120.0, 1.0  # what is tapped most often, and how far tempi spread around it
_BEATS: Final = (1, 2, 3, 4)  # later ones count less
_BETWEEN: Final = 0.3
_FAINTEST_BEAT: Final = 0.15  # white noise stays below 0.12
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


# Key and mode from pitch classes, after Krumhansl and Schmuckler (Krumhansl 1990, Cognitive Foundations).
#
# B windows of a song, T frames, K frequency bins, P peaks.


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
    average = classes.mean(axis=0)
    fits = _fits(average)
    if fits is None or fits.max() * average.std() < _FLATTEST * average.mean():
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
    strengths = magnitudes @ _filters(round(tuning(magnitudes), 2))
    lower = np.roll(strengths, _TWELFTH, axis=1)
    classes: Floats = np.maximum(strengths - _SHARE * lower, 0).astype(np.float32)
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
    in_range = (bins > _LOWEST) & (bins < _HIGHEST)
    weights = np.exp(-0.5 * (distance / _WIDTH) ** 2) * in_range[:, None]
    # Low notes count most: what sounds above is mostly their partials.
    filters: Floats = (weights / np.sqrt(np.maximum(bins, 1.0))[:, None]).astype(np.float32)
    return filters


def _fits(classes: Floats) -> Floats | None:
    """Return how pitch classes (12,) correlate with major, then minor keys (24,); None if all are equal."""
    centred = classes - classes.mean()
    if not centred.any():
        return None
    keys = np.array([np.roll(profile, tonic) for profile in _PROFILES for tonic in range(PITCH_CLASSES)])
    keys -= keys.mean(axis=1, keepdims=True)
    fits: Floats = keys @ centred / (np.linalg.norm(keys, axis=1) * np.linalg.norm(centred))
    return fits


# Tempo from how onsets repeat. B windows, T mel frames, M mel bands, P candidate periods.


def tempo(mel: Floats) -> float | None:
    """Return the beats per minute of one song's mel frames (B, T, M), or None where onsets do not repeat.

    A period counts by the autocorrelation of the onsets after one, two, three and four beats, less that after
    one and a half: high there means that the beat is half or twice as long. A log-normal preference for
    moderate tempi (van Noorden and Moelants 1999, doi:10.1076/jnmr.28.1.43.3122) settles what is left.
    """
    correlation = np.mean([autocorrelation(onset_envelope(window)) for window in mel], axis=0)
    lags, longest = np.arange(len(correlation)), 0.6 * len(correlation)

    def repeats(periods: Floats) -> Floats:
        values: Floats = np.interp(periods, lags, correlation).astype(np.float32)
        return values

    candidates = np.geomspace(SLOWEST, FASTEST, _CANDIDATES).astype(np.float32)
    periods = np.float32(_FRAMES_PER_MINUTE) / candidates  # (P,)
    weights = np.array([(periods * beat < longest) / beat for beat in _BEATS])  # (4, P)
    comb = np.array([repeats(periods * beat) for beat in _BEATS])
    score = (weights * comb).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-9)
    score = np.maximum(score - _BETWEEN * repeats(1.5 * periods), 0)
    best = (score * np.exp(-0.5 * (np.log2(candidates / _USUAL) / _OCTAVES) ** 2)).argmax()
    return float(candidates[best]) if repeats(periods)[best] > _FAINTEST_BEAT else None


# The tagger.


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
