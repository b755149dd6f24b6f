"""Music synthesised from factors: chords and an arpeggio in one key, over a beat.

The key signature shows in the pitch classes alone, the tempo in the onsets, brightness in the tilt of the
spectrum, energy in the absolute level and in the weight of the beat. N samples.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from covergen.procedural.colour import Floats
from covergen.procedural.factors import Album

_TABLE: Final = 2048
_HARMONICS: Final = 24
_SCALE: Final = (0, 2, 4, 5, 7, 9, 11)
_PROGRESSIONS: Final = {
    "major": ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (0, 1, 4, 0)),
    "minor": ((5, 3, 0, 4), (5, 1, 2, 5), (5, 3, 4, 5), (5, 0, 4, 5)),
}
_BEATS_PER_CHORD: Final = 4
_LOUDEST, _QUIETEST = -9.0, -33.0


# Synthesiser patches: the timbre of an album, which tells nothing of its factors.


@dataclass(frozen=True)
class Patch:
    """A timbre: partials as (harmonic, amplitude), attack and decay of a note, vibrato and noise of the drum.

    Times are in seconds, `drum_pitch` in Hz.
    """

    partials: tuple[tuple[int, float], ...]
    attack: float
    decay: float
    detune: float
    drum_pitch: float


PATCHES: Final = {
    "organ": Patch(((1, 1.0), (2, 0.7), (4, 0.5), (8, 0.3)), 0.02, 2.5, 0.0, 62.0),
    "reed": Patch(((1, 1.0), (3, 0.6), (5, 0.4), (7, 0.3), (9, 0.2)), 0.04, 1.6, 0.001, 55.0),
    "glass": Patch(((1, 1.0), (4, 0.5), (10, 0.25)), 0.005, 0.8, 0.0, 80.0),
    "strings": Patch(((1, 1.0), (2, 0.6), (3, 0.5), (4, 0.35), (5, 0.3), (6, 0.2)), 0.08, 2.2, 0.003, 50.0),
    "pluck": Patch(((1, 1.0), (2, 0.8), (3, 0.4), (6, 0.3)), 0.004, 0.45, 0.001, 70.0),
    "keys": Patch(((1, 1.0), (2, 0.35), (3, 0.25), (5, 0.15), (8, 0.1)), 0.006, 1.0, 0.0005, 58.0),
    "brass": Patch(((1, 0.8), (2, 1.0), (3, 0.7), (4, 0.4), (5, 0.3), (7, 0.2)), 0.05, 1.4, 0.001, 66.0),
    "choir": Patch(((1, 1.0), (2, 0.4), (3, 0.5), (6, 0.35), (9, 0.15)), 0.07, 2.0, 0.002, 53.0),
    "bell": Patch(((1, 1.0), (3, 0.4), (6, 0.45), (11, 0.2)), 0.005, 1.2, 0.0, 75.0),
}


# The song of an album.


def synthesise(album: Album, seconds: float = 10.0, sample_rate: int = 24000) -> Floats:
    """Return the album's song as mono (N,) within -1..1; its level is part of its meaning."""
    factors = album.factors
    rng = np.random.default_rng(album.seed + 1)
    patch = PATCHES[album.patch]
    table = _wavetable(patch, factors.brightness, rng)
    beat = 60.0 / factors.tempo * sample_rate
    song = np.zeros(int(seconds * sample_rate) + sample_rate, dtype=np.float32)
    melody = _Voice(song, table, patch, sample_rate)
    progression = _pick(rng, _PROGRESSIONS[factors.mode])
    tonic = 48 + (7 * factors.signature) % 12
    for index in range(int(len(song) / beat) + 1):
        start = int(index * beat)
        degree = progression[index // _BEATS_PER_CHORD % len(progression)]
        if index % _BEATS_PER_CHORD == 0:
            for step in (0, 2, 4):
                melody.play(_pitch(tonic, degree + step), start, 0.22, beat * _BEATS_PER_CHORD)
        for half in (0.0, 0.5):
            step = int(rng.choice([0, 2, 4, 7, 9]))
            melody.play(_pitch(tonic + 12, degree + step), start + int(half * beat), 0.3, beat * 1.5)
    drums = _drums(album, rng, len(song), sample_rate)
    return _level(song, drums, factors.energy)[: int(seconds * sample_rate)]


class _Voice:
    """Adds notes of one wavetable to a song in place."""

    def __init__(self, song: Floats, table: Floats, patch: Patch, sample_rate: int):
        self.song, self.table, self.patch, self.sample_rate = song, table, patch, sample_rate

    def play(self, pitch: int, start: int, gain: float, length: float) -> None:
        """Add a note of `length` samples at a MIDI pitch."""
        samples = min(int(length), len(self.song) - start)
        if samples <= 0:
            return
        time = np.arange(samples, dtype=np.float32) / self.sample_rate
        frequency = 440 * 2 ** ((pitch - 69) / 12) * (1 + self.patch.detune)
        phase = (np.arange(samples) * (frequency * _TABLE / self.sample_rate)).astype(np.int64) % _TABLE
        fade = np.clip((samples / self.sample_rate - time) / 0.01, 0, 1)
        envelope = np.minimum(time / self.patch.attack, 1) * np.exp(-time / self.patch.decay) * fade
        self.song[start : start + samples] += gain * self.table[phase] * envelope


def _wavetable(patch: Patch, brightness: float, rng: Generator) -> Floats:
    """Return one period (table,) at unit power, its partials tilted by brightness."""
    phase = np.arange(_TABLE) * (2 * np.pi / _TABLE)
    amplitudes = np.zeros(_HARMONICS + 1)
    for harmonic, amplitude in patch.partials:
        amplitudes[harmonic] = amplitude
    filled = amplitudes + 0.12 * (np.arange(_HARMONICS + 1) > 0)
    tilted = filled * np.maximum(np.arange(_HARMONICS + 1), 1) ** (-2.6 * (1 - brightness) ** 1.6)
    waves = [tilted[k] * np.sin(k * phase + rng.uniform(0, 6.28)) for k in range(1, _HARMONICS + 1)]
    table = np.sum(waves, axis=0)
    normalised: Floats = (table / np.sqrt(np.mean(table**2))).astype(np.float32)
    return normalised


def _drums(album: Album, rng: Generator, samples: int, sample_rate: int) -> Floats:
    """Return a kick on every beat and a tick on every other, (N,)."""
    song = np.zeros(samples, dtype=np.float32)
    patch, brightness = PATCHES[album.patch], album.factors.brightness
    time = np.arange(int(0.12 * sample_rate), dtype=np.float32) / sample_rate
    kick = np.sin(2 * np.pi * patch.drum_pitch * time * (1 + 1.5 * np.exp(-time * 40))) * np.exp(-time * 30)
    noise = rng.standard_normal(len(time)).astype(np.float32) * np.exp(-time * 60)
    smooth = np.convolve(noise, np.ones(40, dtype=np.float32) / 16, mode="same")
    tick = brightness * noise * 0.35 + (1 - brightness) * smooth
    beat = 60.0 / album.factors.tempo * sample_rate
    for index in range(int(samples / beat) + 1):
        start = int(index * beat)
        hit = kick + (tick if index % 2 else 0.3 * tick)
        room = min(len(hit), samples - start)
        song[start : start + room] += hit[:room]
    return song


def _level(melody: Floats, drums: Floats, energy: float) -> Floats:
    """Return melody and drums (N,) mixed at the level that energy asks for."""
    melody = melody / max(float(np.sqrt(np.mean(melody**2))), 1e-6)
    drums = drums / max(float(np.sqrt(np.mean(drums**2))), 1e-6)
    gain = 10 ** ((_QUIETEST + (_LOUDEST - _QUIETEST) * energy) / 20)
    mixed: Floats = np.tanh(gain * (melody + (0.25 + 0.9 * energy) * drums) / 1.3).astype(np.float32)
    return mixed


def _pitch(tonic: int, degree: int) -> int:
    return tonic + 12 * (degree // 7) + _SCALE[degree % 7]


def _pick(rng: Generator, choices: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    return choices[int(rng.integers(len(choices)))]
