"""Covers painted from factors: a composition in a palette, and one large motif."""

from functools import cache
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from covergen.procedural.colour import Floats, oklch_to_srgb
from covergen.procedural.compositions import PAINTERS, Grid
from covergen.procedural.factors import COMPOSITIONS, Factors
from covergen.procedural.motifs import SHAPES

_STEPS: Final = 48
_OPEN_SKY: Final = {"dunes": -0.42, "ridges": -0.42, "bars": -0.40}


def paint(factors: Factors, seed: int, size: int = 128) -> NDArray[np.uint8]:
    """Return the cover (size, size, 3); the seed moves details, never a factor."""
    rng = np.random.default_rng(seed)
    grid = _grid(size)
    composition = COMPOSITIONS[factors.genre]
    tone = PAINTERS[composition](grid, factors.density, rng)  # (size, size)
    palette = _palette(factors)
    positions = np.clip(tone, 0, 1) * (_STEPS - 1)
    steps = np.arange(_STEPS, dtype=np.float32)
    picture: Floats = np.stack([np.interp(positions, steps, palette[:, c]) for c in range(3)], axis=-1)
    picture = _add_motif(picture, grid, factors, palette, rng)
    return np.asarray(np.rint(picture * 255), dtype=np.uint8)


@cache
def _grid(size: int) -> Grid:
    return Grid.of(size)


def _lightness(factors: Factors) -> tuple[float, float]:
    """Return the middle of the palette's lightness and its half range."""
    return 0.28 + 0.44 * factors.brightness, 0.09 + 0.19 * factors.energy


def _palette(factors: Factors) -> Floats:
    """Return sRGB (steps, 3) from the darkest to the lightest tone."""
    middle, reach = _lightness(factors)
    tone = np.linspace(-1, 1, _STEPS, dtype=np.float32)
    lightness = np.clip(middle + reach * tone, 0.07, 0.97)
    chroma = (0.045 + 0.125 * factors.energy) * (1 - 0.25 * tone**2)
    return oklch_to_srgb(lightness, chroma.astype(np.float32), (factors.hue + 16 * tone).astype(np.float32))


def _add_motif(picture: Floats, grid: Grid, factors: Factors, palette: Floats, rng: Generator) -> Floats:
    """Lay the motif over the picture: bare in an open sky, else upon a plain disc."""
    composition = COMPOSITIONS[factors.genre]
    radius = rng.uniform(0.35, 0.40)
    left = rng.uniform(-0.06, 0.06)
    top = _OPEN_SKY.get(composition, 0.0) + rng.uniform(-0.05, 0.05)
    x, y = (grid.x - left) / radius, (grid.y - top) / radius
    colour, ground = _motif_colours(factors, palette)
    if composition not in _OPEN_SKY:
        disc = grid.cover((np.hypot(x, y) - 1.38) * radius)
        picture = picture + disc[..., None] * (ground - picture)
    distance = SHAPES[factors.motif](x, y) * radius
    rim = grid.cover(distance - 0.05)
    picture = picture + rim[..., None] * (ground - picture)
    mask = grid.cover(distance)
    return (picture + mask[..., None] * (colour - picture)).astype(np.float32)


def _motif_colours(factors: Factors, palette: Floats) -> tuple[Floats, Floats]:
    """Return the motif's colour and the plain ground around it: light on dark covers, dark on light ones."""
    middle, _ = _lightness(factors)
    light_motif = middle < 0.55
    lightness = np.array([0.93 if light_motif else 0.24], dtype=np.float32)
    chroma = np.array([0.03 + 0.06 * factors.energy], dtype=np.float32)
    hue = np.array([factors.hue + 180], dtype=np.float32)
    return oklch_to_srgb(lightness, chroma, hue)[0], palette[0] if light_motif else palette[-1]
