"""Distances between sets with their floor at equal N: painted halves against the other half's true covers.

An album's true cover never stands on the other side of its painted one, and true covers against true covers
go the same way: what they score is the floor. N albums, D features, m rows a side, S splits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics.bootstrap import Interval

Features = NDArray[np.floating]
Values = NDArray[np.float64]
Distance = Callable[[Features, Features], float]

SPLITS: Final = 20
LARGEST: Final = 1000  # rows a side; beyond it nothing but time is added
LEAST: Final = 8  # albums below which halves say nothing
_NORMAL_95: Final = 1.96


@dataclass(frozen=True)
class HalfDistances:
    """Distances (S,) by system over the same splits, the floor's among them, with `rows` on each side.

    `whole` is the customary number, all painted against all true covers, where there is one.
    """

    rows: int
    values: Mapping[str, Values]
    floor: Values
    whole: Mapping[str, float]


def half_distances(
    painted: Mapping[str, Features],
    truth: Features,
    *,
    distance: Distance,
    splits: int = SPLITS,
    largest: int = LARGEST,
    seed: int = 0,
) -> HalfDistances:
    """Return the distances of each painted set (N, D) to true features (N, D); row i is the same album."""
    count = len(truth)
    if count < LEAST:
        raise ValueError(f"halves of {count} albums say nothing; at least {LEAST} are needed")
    if any(len(features) != count for features in painted.values()):
        raise ValueError(f"every system needs the same {count} albums")
    rows = min(count // 2, largest)
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {system: [] for system in painted}
    floor = []
    for _ in range(splits):
        order = rng.permutation(count)
        here, there = order[:rows], order[rows : 2 * rows]
        floor.append(distance(truth[here], truth[there]))
        for system, features in painted.items():
            found[system].append(distance(features[here], truth[there]))
    return HalfDistances(
        rows=rows,
        values={system: np.array(values) for system, values in found.items()},
        floor=np.array(floor),
        whole={system: distance(features, truth) for system, features in painted.items()},
    )


def spread(values: Values, rows: int) -> Interval:
    """Return the mean over splits with its 95% interval.

    The deviation between random halves is that of the estimate from all N (delete-half jackknife: Shao and Wu
    1989, Annals of Statistics 17). A bootstrap would draw rows twice, which these distances take for a
    difference.
    """
    middle, reach = float(values.mean()), _NORMAL_95 * float(values.std(ddof=1))
    return Interval(middle, middle - reach, middle + reach, rows)
