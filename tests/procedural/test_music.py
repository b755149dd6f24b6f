"""Songs carry their factors: pitch classes, onsets, spectral tilt and level."""

from dataclasses import replace

import numpy as np
import pytest

from covergen.procedural.factors import EVAL_PATCHES, TRAIN_PATCHES, draw_album
from covergen.procedural.music import synthesise

ALBUM = draw_album(5, "train")
RATE = 24_000


def song_of(patch="keys", **factors):
    album = replace(ALBUM, patch=patch, factors=replace(ALBUM.factors, **factors))
    return synthesise(album)


def chroma(song):
    """Power (12,) of pitch classes between 200 and 1000 Hz, C first."""
    power = np.abs(np.fft.rfft(song * np.hanning(len(song)))) ** 2
    frequencies = np.fft.rfftfreq(len(song), 1 / RATE)
    heard = (frequencies > 200) & (frequencies < 1000)
    classes = np.rint(12 * np.log2(frequencies[heard] / 440) + 9).astype(int) % 12
    return np.bincount(classes, power[heard], minlength=12)


def test_a_song_is_mono_of_its_length_and_the_same_every_time():
    song = synthesise(ALBUM, seconds=3.0, sample_rate=16_000)
    assert song.shape == (48_000,)
    assert song.dtype == np.float32
    assert np.array_equal(song, synthesise(ALBUM, seconds=3.0, sample_rate=16_000))


@pytest.mark.parametrize("patch", [*TRAIN_PATCHES, *EVAL_PATCHES])
def test_no_patch_clips_or_is_silent(patch):
    song = song_of(patch, energy=1.0)
    assert np.isfinite(song).all()
    assert 0.1 < np.sqrt(np.mean(song**2)) < 0.9
    assert np.abs(song).max() <= 1.0


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("signature", [0, 1, 6, 9])
def test_the_signature_decides_the_pitch_classes_in_either_mode(signature, mode):
    scale = (np.array([0, 2, 4, 5, 7, 9, 11]) + 7 * signature) % 12
    power = chroma(song_of("organ", signature=signature, mode=mode, brightness=0.2))
    assert power[scale].sum() > 0.85 * power.sum()


@pytest.mark.parametrize("tempo", [70.0, 110.0, 160.0])
def test_the_tempo_decides_the_onsets(tempo):
    song = song_of("pluck", tempo=tempo, energy=0.9)
    level = np.sqrt((song[: len(song) // 240 * 240].reshape(-1, 240) ** 2).mean(axis=1))  # 100 a second
    onsets = np.maximum(np.diff(np.log(level + 1e-3)), 0)
    onsets -= onsets.mean()
    similarity = np.array([onsets[lag:] @ onsets[:-lag] for lag in range(1, 130)])
    beat = 6000 / tempo  # in hundredths of a second
    near = similarity[int(beat) - 3 : int(beat) + 3].max()
    assert near > 3 * np.median(np.abs(similarity))


def test_brightness_decides_the_tilt_of_the_spectrum():
    def centroid(song):
        power = np.abs(np.fft.rfft(song)) ** 2
        return (power * np.fft.rfftfreq(len(song), 1 / RATE)).sum() / power.sum()

    found = [centroid(song_of(brightness=b, energy=0.3)) for b in (0.0, 0.5, 1.0)]
    assert found[0] < 0.9 * found[1] < 0.81 * found[2]


def test_energy_decides_the_absolute_level():
    levels = [20 * np.log10(song_of(energy=e).std()) for e in (0.0, 0.5, 1.0)]
    assert np.all(np.diff(levels) > 7)
