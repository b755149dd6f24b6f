"""An audio encoder without weights: log-mel, chroma, energy, brightness and tempo, by numpy and scipy alone.

Absolute level is kept, since loudness is part of the music. Features are scaled by fixed numbers to about
unit size. B windows, N samples, T spectrogram frames, F token frames, K frequency bins.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from covergen.embeddings.windows import Windows, on_host
from covergen.errors import ConfigError

Floats = NDArray[np.float32]

VERSION: Final = 1  # raise it whenever a feature changes
MELS: Final = 64
PITCH_CLASSES: Final = 12
SHORTEST_LAG, LONGEST_LAG, LAGS = 0.25, 1.25, 51  # seconds between onsets: 240 down to 48 a minute
FAST_WINDOW, FAST_HOP = 1024, 240  # 43 ms every 10 ms: level, colour and onsets
SLOW_WINDOW, SLOW_HOP = 8192, 2400  # 341 ms every 100 ms: parts semitones down to 100 Hz
_LOWEST_PITCH, _HIGHEST_PITCH = 100.0, 2500.0  # Hz; below sound drums, above mostly partials
_FLOOR: Final = 1e-10


class LogMel:
    """Hears 64 mel bands, 12 pitch classes, energy, brightness and the period of the beat."""

    name = "logmel"
    sample_rate = 24_000
    segment_seconds = 5.0
    layers = 1
    width = MELS + PITCH_CLASSES + 2 + LAGS
    licence = "Apache-2.0"
    commercial = True

    def __init__(
        self,
        *,
        frame_rate: float = 2.0,
        layers: Sequence[int] | None = None,
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = True,
    ):
        del device, bf16, offline  # there is no model: always the CPU, always 32 bits
        if layers not in (None, (0,), [0]):
            raise ConfigError(f"logmel has one layer, 0; layers={list(layers or ())} cannot be kept")
        frames = frame_rate * self.segment_seconds
        if frames != round(frames) or not 1 <= frames <= 10 * self.segment_seconds:
            raise ConfigError(
                f"logmel cannot give {frame_rate:g} frames per second; take 0.2 to 10, such as 2"
            )
        self.frame_rate = frame_rate
        self.digest = hashlib.sha256(f"logmel:{VERSION}:{frame_rate:g}".encode()).hexdigest()

    def __call__(self, windows: Windows) -> Floats:
        """Return frames (B, 1, F, W) of windows (B, N)."""
        return np.stack([self._window(window) for window in on_host(windows)])

    def _window(self, waveform: Floats) -> Floats:
        fast = power_spectrogram(waveform, FAST_WINDOW, FAST_HOP)  # (T, K)
        slow = power_spectrogram(waveform, SLOW_WINDOW, SLOW_HOP)
        frames = round(self.frame_rate * self.segment_seconds)
        mel = fast @ self.mel_filters  # (T, 64)
        level = _decibels(fast.sum(axis=1))
        centre = fast @ self.octaves / np.maximum(fast.sum(axis=1), _FLOOR)
        tempo = np.broadcast_to(_onset_autocorrelation(mel), (frames, LAGS))
        parts: list[Floats] = [
            _scaled(_decibels(_pooled(mel, frames)), middle=-40, unit=20),
            _chroma(_pooled(np.sqrt(slow) @ self.pitch_filters, frames)),
            _scaled(_pooled(level[:, None], frames), middle=-20, unit=10),
            _pooled(centre[:, None], frames),
            tempo,
        ]
        return np.concatenate(parts, axis=1, dtype=np.float32)[None]  # (1, F, W)

    @cached_property
    def mel_filters(self) -> Floats:
        """Triangles (K, 64) between 40 Hz and 11 kHz on the mel scale (HTK), each summing to one."""
        low, high = 2595 * np.log10(1 + np.array([40.0, 11_000.0]) / 700)
        edges = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
        bins = fft.rfftfreq(FAST_WINDOW, 1 / self.sample_rate)[:, None]
        rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
        falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
        triangles = np.clip(np.minimum(rising, falling), 0, None)
        # The lowest triangles are narrower than a bin: they read the bin nearest to their middle.
        nearest = np.abs(bins - edges[1:-1]).argmin(axis=0)
        empty = triangles.sum(axis=0) == 0
        triangles[nearest[empty], np.flatnonzero(empty)] = 1
        filters: Floats = (triangles / triangles.sum(axis=0)).astype(np.float32)
        return filters

    @cached_property
    def octaves(self) -> Floats:
        """Each bin's distance (K,) from 1 kHz in octaves."""
        bins = fft.rfftfreq(FAST_WINDOW, 1 / self.sample_rate)
        octaves: Floats = np.log2(np.maximum(bins, 40.0) / 1000).astype(np.float32)
        return octaves

    @cached_property
    def pitch_filters(self) -> Floats:
        """How much each bin tells of each pitch class, C first: (K, 12)."""
        bins = fft.rfftfreq(SLOW_WINDOW, 1 / self.sample_rate)
        pitches = 12 * np.log2(np.maximum(bins, 1.0) / 440) + 69
        distance = (pitches[:, None] - np.arange(PITCH_CLASSES) + 6) % 12 - 6
        in_range = (bins > _LOWEST_PITCH) & (bins < _HIGHEST_PITCH)
        weights = np.exp(-0.5 * (distance / 0.35) ** 2) * in_range[:, None]
        # Low notes count most: what sounds above is mostly their partials.
        filters: Floats = (weights / np.sqrt(np.maximum(bins, 1.0))[:, None]).astype(np.float32)
        return filters


def power_spectrogram(waveform: Floats, window: int, hop: int) -> Floats:
    """Return the power spectrogram (T, K), a sine of full scale summing to about one."""
    padded = np.pad(waveform, window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:-1:hop]
    taper = np.hanning(window).astype(np.float32)
    spectrum = fft.rfft(frames * taper, axis=1)
    powers: Floats = np.square(spectrum.real) + np.square(spectrum.imag)
    scale = np.float32(4 / np.square(taper).sum() / window)
    return np.multiply(powers, scale, dtype=np.float32)


def _decibels(power: Floats) -> Floats:
    decibels: Floats = 10 * np.log10(np.maximum(power, np.float32(_FLOOR)))
    return decibels


def _scaled(values: Floats, *, middle: float, unit: float) -> Floats:
    scaled: Floats = ((values - middle) / unit).astype(np.float32)
    return scaled


def _pooled(values: Floats, frames: int) -> Floats:
    """Return (F, ...) averages over equal stretches of values (T, ...)."""
    edges = np.linspace(0, len(values), frames + 1).round().astype(int)
    sums: Floats = np.add.reduceat(values, edges[:-1], axis=0)
    return np.divide(sums, np.diff(edges)[:, None], dtype=np.float32)


def _chroma(energies: Floats) -> Floats:
    """Return pitch classes (F, 12) as shares of their norm, centred; zero where nothing sounds."""
    shares = energies / np.maximum(np.linalg.norm(energies, axis=1, keepdims=True), 1e-4)
    centred: Floats = 3 * (shares - shares.mean(axis=1, keepdims=True))
    return centred


def onset_envelope(mel: Floats) -> Floats:
    """Return how much the mel bands (T, K) rise at each frame (T,), less what is usual around it."""
    loudness = np.log10(mel + 1e-6)
    rises = np.maximum(np.diff(loudness, axis=0, prepend=loudness[:1]), 0).mean(axis=1)  # (T,)
    # A beat's period is seldom a whole number of frames: smooth peaks can be read between them.
    smooth: Floats = ndimage.gaussian_filter1d(rises - ndimage.uniform_filter1d(rises, 100), 2.0)
    return smooth


def autocorrelation(onsets: Floats) -> Floats:
    """Return how well onsets (T,) repeat after each lag (T,), 1 at lag 0, whatever of them overlaps."""
    size = 2 * len(onsets)
    products = fft.irfft(np.abs(fft.rfft(onsets, size)) ** 2, size)[: len(onsets)]
    overlaps = len(onsets) / (len(onsets) - np.arange(len(onsets)))
    correlation: Floats = products * overlaps / max(float(products[0]), _FLOOR)
    return correlation


def _onset_autocorrelation(mel: Floats) -> Floats:
    """Return how well the onsets (51,) repeat after each lag, -1 to 1; a peak lies at the beat's period."""
    correlation = autocorrelation(onset_envelope(mel))
    lags = np.linspace(SHORTEST_LAG, LONGEST_LAG, LAGS) * (LogMel.sample_rate / FAST_HOP)
    at_lags: Floats = np.interp(lags, np.arange(len(correlation)), correlation).astype(np.float32)
    return at_lags
