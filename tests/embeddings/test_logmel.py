"""The encoder without weights: shapes, scale, and that every audio factor can be read from it linearly."""

import numpy as np
import pytest

from covergen.embeddings.logmel import LAGS, MELS, PITCH_CLASSES, LogMel
from covergen.errors import ConfigError
from covergen.procedural.factors import draw_album, factor_vector
from covergen.procedural.music import synthesise

RATE = LogMel.sample_rate
WINDOW = round(RATE * LogMel.segment_seconds)
CHROMA = slice(MELS, MELS + PITCH_CLASSES)
ENERGY, BRIGHTNESS = MELS + PITCH_CLASSES, MELS + PITCH_CLASSES + 1


def _tone(frequency: float, level: float = 0.1) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(WINDOW) / RATE)).astype(np.float32)


def test_shape_and_type():
    frames = LogMel()(np.zeros((3, WINDOW), np.float32))
    assert frames.shape == (3, 1, 10, LogMel.width)
    assert frames.dtype == np.float32


@pytest.mark.parametrize("frame_rate", [0.2, 1.0, 4.0])
def test_frame_rate_is_a_choice(frame_rate):
    assert LogMel(frame_rate=frame_rate)(np.zeros((1, WINDOW), np.float32)).shape[2] == frame_rate * 5


def test_silence_and_full_scale_noise_stay_finite():
    noise = np.random.default_rng(0).uniform(-1, 1, (1, WINDOW)).astype(np.float32)
    frames = LogMel()(np.concatenate([np.zeros((1, WINDOW), np.float32), noise]))
    assert np.isfinite(frames).all()
    assert np.abs(frames).max() < 10


def test_rows_do_not_see_their_neighbours():
    windows = np.random.default_rng(0).normal(0, 0.1, (3, WINDOW)).astype(np.float32)
    assert np.array_equal(LogMel()(windows)[1:2], LogMel()(windows[1:2]))


@pytest.mark.parametrize("pitch_class", range(PITCH_CLASSES))
def test_chroma_names_the_pitch_class(pitch_class):
    frequency = 440 * 2 ** ((60 + pitch_class - 69) / 12)
    chroma = LogMel()(_tone(frequency)[None])[0, 0, :, CHROMA]
    assert set(chroma.argmax(axis=1)) == {pitch_class}


def test_ten_decibels_are_one_unit_of_energy():
    loud, quiet = LogMel()(np.stack([_tone(440, 0.5), _tone(440, 0.5 * 10**-0.5)]))[:, 0, 5, ENERGY]
    assert loud - quiet == pytest.approx(1.0, abs=0.01)


def test_brightness_counts_octaves():
    high, low = LogMel()(np.stack([_tone(4000), _tone(1000)]))[:, 0, 5, BRIGHTNESS]
    assert high - low == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("tempo", [60, 90, 120, 173])
def test_clicks_peak_at_their_period(tempo):
    period = 60 / tempo
    clicks = np.zeros(WINDOW, np.float32)
    for start in np.arange(0.1, 4.9, period):
        burst = np.random.default_rng(int(start * 1000)).normal(0, 0.2, 800)
        clicks[int(start * RATE) : int(start * RATE) + 800] = burst
    correlation = LogMel()(clicks[None])[0, 0, 0, -LAGS:]
    lags = np.linspace(0.25, 1.25, LAGS)
    near = correlation[np.abs(lags - period) < 0.03].max()
    assert near > 0.6
    assert near > correlation[np.abs(lags - period * 0.75).argmin()] + 0.4


def test_a_linear_probe_reads_every_audio_factor_from_patches_it_never_heard():
    """Ridge on 130 albums, read on 50 of the other split: hue (cosine, sine), brightness, energy, density."""
    features, factors = _heard("train", 130)
    unseen, truth = _heard("eval", 50)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    design = _with_one((features - mean) / deviation)
    weights = np.linalg.solve(design.T @ design + 2 * np.eye(design.shape[1]), design.T @ factors)
    read = _with_one((unseen - mean) / deviation) @ weights
    r2 = 1 - np.square(read - truth).sum(axis=0) / np.square(truth - truth.mean(axis=0)).sum(axis=0)
    assert (r2 > 0.85).all(), dict(zip(["cos", "sin", "brightness", "energy", "density"], r2, strict=True))


def _heard(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    encoder, albums = LogMel(), [draw_album(seed, split) for seed in range(count)]
    songs = [synthesise(album, 10.0, RATE).astype(np.float32).reshape(2, WINDOW) for album in albums]
    features = np.stack([encoder(song).mean(axis=(0, 1, 2)) for song in songs])
    return features, np.stack([factor_vector(album.factors) for album in albums])


def _with_one(features: np.ndarray) -> np.ndarray:
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)


def test_the_digest_follows_the_frame_rate():
    assert LogMel().digest == LogMel(frame_rate=2.0).digest != LogMel(frame_rate=1.0).digest


@pytest.mark.parametrize("arguments", [{"frame_rate": 3.3}, {"frame_rate": 50}, {"layers": (0, 1)}])
def test_what_it_cannot_do_is_refused(arguments):
    with pytest.raises(ConfigError, match="logmel"):
        LogMel(**arguments)
