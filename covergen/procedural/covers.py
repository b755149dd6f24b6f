"""Covers painted from factors: a composition in a palette, and one large motif."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from covergen.procedural.colour import Floats, oklch_to_srgb
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


# Ten compositions, one a genre, as maps of tone: 0 the darkest colour of the palette, 1 the lightest.
#
# Coordinates run from -1 to 1, x to the right and y downwards. Edges are antialiased by signed distance.


@dataclass(frozen=True)
class Grid:
    """Pixel centres x, y (size, size) and the width of one pixel in the same units."""

    x: Floats
    y: Floats
    pixel: float

    @classmethod
    def of(cls, size: int) -> "Grid":
        """Return the grid of a square picture."""
        line = ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1).astype(np.float32)
        x, y = np.meshgrid(line, line)
        return cls(x, y, 2 / size)

    def cover(self, distance: Floats) -> Floats:
        """Return how much of each pixel a shape covers, from its signed distance (negative inside)."""
        result: Floats = np.clip(0.5 - distance / self.pixel, 0, 1)
        return result


def _over(tone: Floats, mask: Floats, value: Floats | float) -> Floats:
    result: Floats = tone + mask * (value - tone)
    return result


def dunes(grid: Grid, density: float, rng: Generator) -> Floats:
    """Layers of slow waves under an open sky; more layers when denser."""
    layers = round(2 + 6 * density)
    tone = 0.98 - 0.22 * (grid.y + 1)
    for layer in range(layers):
        depth = (layer + 1) / layers
        base = 0.05 + 0.85 * layer / layers
        swell = np.sin(grid.x * rng.uniform(1.6, 2.6) + rng.uniform(0, 6.28)) * rng.uniform(0.07, 0.15)
        edge = base + swell + 0.04 * np.sin(grid.x * 5 + rng.uniform(0, 6.28))
        shade = 0.62 * (1 - depth) + 0.12 * np.clip(1 - (grid.y - edge) * 4, 0, 1)
        tone = _over(tone, grid.cover(edge - grid.y), shade)
    return tone


def rings(grid: Grid, density: float, rng: Generator) -> Floats:
    """Concentric rings around a point near the middle; more rings when denser."""
    count = 3 + 6 * density
    radius = np.hypot(grid.x - rng.uniform(-0.08, 0.08), grid.y - rng.uniform(-0.08, 0.08))
    band = _bands(grid, radius, count)
    result: Floats = (0.12 + 0.7 * band + 0.12 * np.clip(radius, 0, 1.4)).astype(np.float32)
    return result


def tiles(grid: Grid, density: float, rng: Generator) -> Floats:
    """A board of rounded squares in four tones; more squares when denser."""
    count = round(3 + 5 * density)
    tones = rng.choice([0.16, 0.4, 0.65, 0.95], size=(count, count)).astype(np.float32)
    u, v = (grid.x + 1) / 2 * count, (grid.y + 1) / 2 * count
    column, row = np.clip(u.astype(int), 0, count - 1), np.clip(v.astype(int), 0, count - 1)
    dx, dy = np.abs(u - column - 0.5) - 0.24, np.abs(v - row - 0.5) - 0.24
    distance = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) - 0.19
    return _over(np.zeros_like(grid.x), grid.cover(distance * 2 / count), tones[row, column])


def ridges(grid: Grid, density: float, rng: Generator) -> Floats:
    """Three ranges of peaks against the sky, each peak lit from one side; more peaks when denser."""
    tone = 0.95 - 0.12 * (grid.y + 1)
    for layer, base in enumerate((0.22, 0.5, 0.8)):
        peaks = (1.0 + 4.0 * density) * (0.8 + 0.2 * layer)
        phase = (grid.x * peaks + rng.uniform(0, 2)) % 2
        height = 1 - np.abs(phase - 1)
        edge = base + 0.14 - height * min(0.55, 0.2 + 0.7 / (1 + peaks))
        shade = 0.55 - 0.22 * layer + 0.2 * np.clip((phase - 1) / (peaks * grid.pixel) + 0.5, 0, 1)
        tone = _over(tone, grid.cover((edge - grid.y) * 0.8), shade)
    return tone


def halftone(grid: Grid, density: float, rng: Generator) -> Floats:
    """A screen of dots that grow across the picture; more dots when denser."""
    count = round(5 + 6 * density)
    angle = rng.choice([-1, 1]) * 0.785 + rng.choice([0, 3.1416]) + rng.uniform(-0.2, 0.2)
    u, v = (grid.x + 1) / 2 * count, (grid.y + 1) / 2 * count
    u = u + 0.5 * (v.astype(int) % 2)
    du, dv = u % 1 - 0.5, v % 1 - 0.5
    ramp = (grid.x - du * 2 / count) * np.cos(angle) + (grid.y - dv * 2 / count) * np.sin(angle)
    radius = np.clip(0.33 + 0.17 * ramp, 0.12, 0.5)
    distance = (np.hypot(du, dv) - radius) * 2 / count
    return _over((0.1 + 0.1 * (grid.y + 1)).astype(np.float32), grid.cover(distance), 0.9)


def bars(grid: Grid, density: float, rng: Generator) -> Floats:
    """Upright bars of uneven height, like keys or a meter; more bars when denser."""
    count = round(4 + 8 * density)
    heights = np.clip(0.38 + 0.3 * rng.standard_normal(count), 0.12, 0.8).astype(np.float32)
    u = (grid.x + 1) / 2 * count
    column = np.clip(u.astype(int), 0, count - 1)
    side = (np.abs(u - column - 0.5) - 0.39) * 2 / count
    top = (1 - 1.05 * heights[column]) - 0.25 - grid.y
    shade = np.where(column % 2 == 0, 0.92, 0.62) - 0.25 * np.clip(grid.y, 0, 1)
    return _over((0.06 + 0.13 * (grid.y + 1)).astype(np.float32), grid.cover(np.maximum(side, top)), shade)


def shards(grid: Grid, density: float, rng: Generator) -> Floats:
    """A plane broken into triangles of sharp tones; more triangles when denser."""
    count = round(2 + 4 * density)
    tones = rng.uniform(0, 1, size=(2, count, count)).astype(np.float32)
    skew = rng.uniform(0.15, 0.35) * rng.choice([-1, 1])
    u = (grid.x + skew * grid.y * 0.5 + 1) / 2 * count
    v = (grid.y + 1) / 2 * count
    column, row = np.floor(u).astype(int) % count, np.clip(v.astype(int), 0, count - 1)
    slope = (u % 1 + v % 1 - 1) * 2 / count * 0.7
    lower, upper = tones[0, row, column] * 0.5, 0.45 + tones[1, row, column] * 0.55
    return _over(upper, grid.cover(slope), lower)


def stripes(grid: Grid, density: float, rng: Generator) -> Floats:
    """Slanted stripes in three tones; more stripes when denser."""
    count = 3 + 7 * density
    angle = rng.choice([-1, 1]) * 0.785 + rng.uniform(-0.15, 0.15)
    along = grid.x * np.cos(angle) + grid.y * np.sin(angle)
    shifted = along + rng.uniform(0, 2)
    wide = _bands(grid, shifted, count * 0.75)
    thin = grid.cover((np.abs((shifted * count * 0.375) % 1 - 0.25) - 0.09) / (count * 0.375))
    return _over((0.14 + 0.5 * wide).astype(np.float32), thin, 0.97)


def rays(grid: Grid, density: float, rng: Generator) -> Floats:
    """A burst of rays from the middle; more rays when denser."""
    count = round(6 + 12 * density)
    dx, dy = grid.x - rng.uniform(-0.06, 0.06), grid.y - rng.uniform(-0.06, 0.06)
    radius = np.hypot(dx, dy)
    turn = (np.arctan2(dy, dx) / 6.2832 * count + rng.uniform(0, 1)) % 1
    distance = (np.abs(turn - 0.5) - 0.25) * 6.2832 / count * radius
    return _over((0.08 + 0.2 * radius).astype(np.float32), grid.cover(distance), 0.95 - 0.25 * radius)


def scales(grid: Grid, density: float, rng: Generator) -> Floats:
    """Rows of overlapping round scales with inner arcs; more scales when denser."""
    count = round(2 + 4 * density)
    pitch = 2 / count
    shift = rng.uniform(0, pitch)
    tone = np.full_like(grid.x, 0.3)
    rows = 2 * count + 3
    for row in range(-2, rows):
        centre_y = row * pitch / 2 - 1 + pitch / 2
        u = (grid.x + shift + (row % 2) * pitch / 2) % pitch - pitch / 2
        radius = np.hypot(u, grid.y - centre_y) / pitch
        soft = np.clip((0.42 - radius) * pitch / grid.pixel + 0.5, 0, 1)
        inner = np.clip((0.25 - radius) * pitch / grid.pixel + 0.5, 0, 1)
        arc = 0.08 + 0.82 * soft - 0.45 * inner
        tone = _over(tone, grid.cover((radius - 0.5) * pitch), arc)
    return tone


def _bands(grid: Grid, value: Floats, count: float) -> Floats:
    distance = (np.abs((value * count) % 2 - 1) - 0.5) / count
    return grid.cover(distance)


Composition = Callable[[Grid, float, Generator], Floats]


PAINTERS: Final[dict[str, Composition]] = {
    "dunes": dunes,
    "rings": rings,
    "tiles": tiles,
    "ridges": ridges,
    "halftone": halftone,
    "bars": bars,
    "shards": shards,
    "stripes": stripes,
    "rays": rays,
    "scales": scales,
}


# The cover of an album.


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


# Eight motifs as signed distances: negative inside, about one unit of radius, y downwards.


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
