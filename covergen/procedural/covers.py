"""Covers painted from factors: a composition in a palette, and one large motif."""

from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from covergen.procedural.colour import Floats, oklch_to_srgb
from covergen.procedural.compositions import PAINTERS, Grid
from covergen.procedural.factors import COMPOSITIONS, Factors

_STEPS: Final = 48
_OPEN_SKY: Final = {"dunes": -0.42, "ridges": -0.42, "bars": -0.40}
_STAR: Final = tuple(
    (float(r * np.sin(k * np.pi / 5)), float(-r * np.cos(k * np.pi / 5)))
    for k, r in enumerate((1.08, 0.46) * 5)
)
_BOLT: Final = ((0.2, -1.1), (-0.62, 0.16), (-0.08, 0.16), (-0.28, 1.1), (0.64, -0.3), (0.08, -0.3))
_TREE: Final = (
    (0.0, -1.1), (0.5, -0.42), (0.26, -0.42), (0.72, 0.2), (0.38, 0.2), (0.88, 0.72), (0.17, 0.72),
    (0.17, 1.08), (-0.17, 1.08), (-0.17, 0.72), (-0.88, 0.72), (-0.38, 0.2),
    (-0.72, 0.2), (-0.26, -0.42), (-0.5, -0.42),
)  # fmt: skip
_HULL: Final = ((-1.0, 0.45), (1.0, 0.45), (0.62, 0.98), (-0.62, 0.98))
_SAIL: Final = ((0.06, -1.08), (0.88, 0.28), (0.06, 0.28))
_JIB: Final = ((-0.1, -0.72), (-0.1, 0.28), (-0.76, 0.28))


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


def moon(x: Floats, y: Floats) -> Floats:
    """A crescent: a disc less a shifted disc."""
    result: Floats = np.maximum(np.hypot(x, y) - 1.0, 0.82 - np.hypot(x - 0.46, y + 0.16))
    return result


def star(x: Floats, y: Floats) -> Floats:
    """A star of five points."""
    return polygon(x, y, _STAR)


def heart(x: Floats, y: Floats) -> Floats:
    """A heart (Quilez, "2D distance functions"), scaled and stood upright."""
    scale = 1.85
    side, up = np.abs(x) / scale, (0.98 - y) / scale
    lobe = np.hypot(side - 0.25, up - 0.75) - np.sqrt(2) / 4
    middle = np.maximum(side + up, 0) / 2
    squared = np.minimum(side**2 + (up - 1) ** 2, (side - middle) ** 2 + (up - middle) ** 2)
    wedge = np.sqrt(squared) * np.sign(side - up)
    return np.where(side + up > 1, lobe, wedge).astype(np.float32) * scale


def eye(x: Floats, y: Floats) -> Floats:
    """An almond with an iris and a pupil."""
    almond = np.hypot(x, np.abs(y) + 0.62) - 1.24
    radius = np.hypot(x, y)
    return np.maximum(almond, -(np.abs(radius - 0.31) - 0.11))


def flower(x: Floats, y: Floats) -> Floats:
    """Six petals around an open middle."""
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    turn = (angle + np.pi / 6) % (np.pi / 3) - np.pi / 6
    petal = np.hypot(radius * np.cos(turn) - 0.68, radius * np.sin(turn)) - 0.335
    result: Floats = np.maximum(np.minimum(petal, radius - 0.6), 0.24 - radius)
    return result


def bolt(x: Floats, y: Floats) -> Floats:
    """A flash of lightning."""
    return polygon(x, y, _BOLT)


def tree(x: Floats, y: Floats) -> Floats:
    """A fir of three tiers."""
    return polygon(x, y, _TREE)


def ship(x: Floats, y: Floats) -> Floats:
    """A boat with two sails."""
    sails = np.minimum(polygon(x, y, _SAIL), polygon(x, y, _JIB))
    return np.minimum(sails, polygon(x, y, _HULL))


def polygon(x: Floats, y: Floats, corners: tuple[tuple[float, float], ...]) -> Floats:
    """Return the signed distance to a closed polygon (Quilez, "2D distance functions")."""
    nearest = np.full_like(x, np.inf)
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, (*corners[-1:], *corners[:-1]), strict=True):
        ex, ey = bx - ax, by - ay
        wx, wy = x - ax, y - ay
        along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (wx - ex * along) ** 2 + (wy - ey * along) ** 2)
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ex * wy / ey + ax)
    distance: Floats = np.where(inside, -1, 1).astype(np.float32) * np.sqrt(nearest)
    return distance


SHAPES: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "moon": moon,
    "star": star,
    "heart": heart,
    "eye": eye,
    "flower": flower,
    "bolt": bolt,
    "tree": tree,
    "ship": ship,
}
