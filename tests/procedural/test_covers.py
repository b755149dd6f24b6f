"""Covers show their factors: tone, hue, lightness, contrast and shape."""

from dataclasses import replace

import numpy as np
import pytest

from covergen.procedural.colour import oklch_to_srgb, srgb_to_oklab
from covergen.procedural.covers import PAINTERS, SHAPES, Grid, paint, polygon
from covergen.procedural.factors import COMPOSITIONS, GENRES, MOTIFS, Factors

FACTORS = Factors("rock", "moon", 9, "major", 120.0, 0.5, 0.8)


def lab_of(factors, seed=0):
    return srgb_to_oklab(paint(factors, seed))


@pytest.mark.parametrize("genre", GENRES)
def test_every_genre_paints_at_any_size(genre):
    factors = replace(FACTORS, genre=genre)
    assert paint(factors, 1).shape == (128, 128, 3)
    assert paint(factors, 1, size=64).dtype == np.uint8
    assert np.array_equal(paint(factors, 1), paint(factors, 1))
    assert not np.array_equal(paint(factors, 1), paint(factors, 2))


@pytest.mark.parametrize("density", [0.0, 1.0])
@pytest.mark.parametrize("composition", PAINTERS)
def test_every_composition_is_a_map_of_tone(composition, density):
    tone = PAINTERS[composition](Grid.of(32), density, np.random.default_rng(0))
    assert tone.shape == (32, 32)
    assert tone.min() > -0.3
    assert tone.max() < 1.3


def test_each_genre_has_one_composition_and_each_motif_one_shape():
    assert set(COMPOSITIONS.values()) == set(PAINTERS)
    assert len(set(COMPOSITIONS.values())) == len(GENRES)
    assert set(MOTIFS) == set(SHAPES)


@pytest.mark.parametrize("signature", range(12))
def test_the_signature_decides_the_hue(signature):
    lab = lab_of(replace(FACTORS, signature=signature, genre="classical"))
    angle = np.degrees(np.arctan2(lab[..., 2].mean(), lab[..., 1].mean()))
    assert abs((angle - 30 * signature + 180) % 360 - 180) < 15


def test_brightness_decides_the_lightness():
    means = [lab_of(replace(FACTORS, brightness=b))[..., 0].mean() for b in (0.0, 0.3, 0.7, 1.0)]
    assert np.all(np.diff(means) > 0.03)


def test_energy_decides_contrast_and_chroma():
    calm, wild = (lab_of(replace(FACTORS, energy=e)) for e in (0.0, 1.0))
    assert wild[..., 0].std() > 1.3 * calm[..., 0].std()
    assert np.hypot(wild[..., 1], wild[..., 2]).mean() > 2 * np.hypot(calm[..., 1], calm[..., 2]).mean()


@pytest.mark.parametrize("genre", ["classical", "rock", "pop", "electronic", "hip hop", "jazz", "soul"])
def test_tempo_decides_the_number_of_elements(genre):
    def edges(tempo):
        lightness = lab_of(replace(FACTORS, genre=genre, tempo=tempo))[..., 0]
        return np.abs(np.diff(lightness, axis=1)).mean()

    assert edges(180.0) > 1.2 * edges(60.0)


@pytest.mark.parametrize("motif", MOTIFS)
def test_a_motif_is_solid_and_of_its_size(motif):
    grid = Grid.of(128)
    inside = SHAPES[motif](grid.x * 1.6, grid.y * 1.6) < 0
    assert 0.06 < inside.mean() < 0.4
    rows, columns = np.nonzero(inside)
    assert rows.max() - rows.min() < 100
    assert columns.max() - columns.min() < 100


def test_the_distance_to_a_square_is_exact():
    corners = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
    x, y = np.array([0.0, 2.0, 2.0], np.float32), np.array([0.5, 0.0, 2.0], np.float32)
    assert polygon(x, y, corners) == pytest.approx([-0.5, 1.0, np.sqrt(2)])


def test_colours_beyond_the_gamut_lose_chroma_but_keep_hue_and_lightness():
    lightness, hue = np.full(12, 0.6, np.float32), np.arange(0, 360, 30).astype(np.float32)
    rgb = oklch_to_srgb(lightness, np.full(12, 0.4, np.float32), hue)
    lab = srgb_to_oklab(np.rint(rgb * 255).astype(np.uint8))
    assert lab[:, 0] == pytest.approx(lightness, abs=0.01)
    found = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    assert np.abs((found - hue + 180) % 360 - 180).max() < 3
