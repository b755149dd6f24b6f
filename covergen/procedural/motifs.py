"""Eight motifs as signed distances: negative inside, about one unit of radius, y downwards."""

from collections.abc import Callable
from typing import Final

import numpy as np

from covergen.procedural.colour import Floats

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
