"""The table of the controlled benchmark: a line for each fusion, sound and first noise, from measurements.

Measurements that differ only in their seed make one line; all its figures have intervals over albums and
seeds. Differences are paired: same albums, same seeds. S seeds, N albums.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics.bootstrap import Interval, pearson
from covergen.evaluation.tables.table import FOLLOWED, HIGHER_IS_BETTER, LOWER_IS_BETTER, SYSTEMS, verdict
from covergen.experiments.fusion_benchmark.measure import TRUE
from covergen.experiments.fusion_benchmark.rows import Measurement

Values = NDArray[np.float64]
METRICS: Final = (*LOWER_IS_BETTER, *HIGHER_IS_BETTER)
_ORDER: Final = (*SYSTEMS, "true covers", "constant grey")
Rows = NDArray[np.int64]
Statistic = Callable[[Rows, Rows], Values]
"""From drawn seeds (C, S) and drawn albums (C, N) to one figure a resample (C,)."""
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Spread:
    """A distance between sets: its mean over seeds, the least and the greatest."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """One line: its measurements, one a seed, on the same albums."""

    measurements: tuple[Measurement, ...]
    metrics: Mapping[str, Interval]
    distances: Mapping[str, Spread]
    seconds: Mapping[str, float]

    @property
    def name(self) -> str:
        """The name of the row in the config."""
        return self.measurements[0].name

    @property
    def system(self) -> str:
        """Whose sound was heard."""
        return self.measurements[0].system

    @property
    def noise_shift(self) -> float:
        """How far the first noise leans to what the sound promises."""
        return self.measurements[0].noise_shift

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What made it, seeds apart."""
        return self.measurements[0].recipe

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of training and painting."""
        return tuple(row.seed for row in self.measurements)

    @property
    def n(self) -> int:
        """Albums, for each seed."""
        return len(self.measurements[0].albums)


@dataclass(frozen=True)
class Compared:
    """True audio of a row minus another line on one metric."""

    name: str
    noise_shift: float
    other: str
    metric: str
    interval: Interval
    verdict: str


def table_lines(
    measurements: Sequence[Measurement], *, resamples: int, names: Sequence[str] = ()
) -> list[Line]:
    """Return the lines; rows in the order of `names`, those of earlier runs after them, the floors last."""
    ordered = sorted(measurements, key=lambda row: (row.group, row.seed))
    lines = [_line(tuple(rows), resamples) for _, rows in groupby(ordered, key=lambda row: row.group)]
    return sorted(lines, key=lambda line: _place(line, list(names)))


def compared(line: Line, other: Line, *, resamples: int) -> list[Compared]:
    """Return line minus other on every metric of both, over the albums and seeds that they share."""
    seeds = sorted(set(line.seeds) & set(other.seeds))
    if not seeds or line.measurements[0].albums != other.measurements[0].albums:
        return []
    found = []
    for metric in METRICS:
        if metric not in line.metrics or metric not in other.metrics:
            continue
        statistic = difference(_statistic(line, metric, seeds), _statistic(other, metric, seeds))
        interval = pigeonhole_interval(statistic, seeds=len(seeds), albums=line.n, resamples=resamples)
        found.append(
            Compared(line.name, line.noise_shift, other.system, metric, interval, verdict(metric, interval))
        )
    return found


def rival(lines: Sequence[Line], line: Line, system: str) -> Line | None:
    """Return what a line of true audio is held against: the same row under other sound, or the words alone.

    Words alone are painted by a row that hears nothing; one with the line's own painter's settings, if any.
    """
    if system != "prompt_only":
        same = (line.name, line.recipe)
        return next((o for o in lines if o.system == system and (o.name, o.recipe) == same), None)
    words = [other for other in lines if other.system == system]
    alike = [other for other in words if _painter(other) == _painter(line)]
    return next(iter([*alike, *words]), None)


def _line(rows: tuple[Measurement, ...], resamples: int) -> Line:
    line = Line(rows, {}, {}, {})
    seeds = sorted(line.seeds)
    names = [name for name in METRICS if _has(rows[0], name)]
    metrics = {
        name: pigeonhole_interval(
            _statistic(line, name, seeds), seeds=len(seeds), albums=line.n, resamples=resamples
        )
        for name in names
    }
    distances = {
        name: Spread(float(np.mean(found)), min(found), max(found))
        for name in rows[0].distances
        if (found := [row.distances[name] for row in rows])
    }
    seconds = {name: float(np.mean([row.seconds[name] for row in rows])) for name in rows[0].seconds}
    return Line(rows, metrics, distances, seconds)


def _has(row: Measurement, metric: str) -> bool:
    return metric.removesuffix("_r") in row.values


def _statistic(line: Line, metric: str, seeds: Sequence[int]) -> Statistic:
    rows = {row.seed: row for row in line.measurements}
    factor = metric.removesuffix("_r")
    if metric.endswith("_r") and factor in FOLLOWED:
        truth = np.array(line.measurements[0].values[TRUE + factor])  # (N,)
        return correlation(_matrix(rows, factor, seeds), truth)
    return mean(_matrix(rows, metric, seeds))


def _matrix(rows: Mapping[int, Measurement], name: str, seeds: Sequence[int]) -> Values:
    return np.array([rows[seed].values[name] for seed in seeds], dtype=np.float64)  # (S, N)


def _painter(line: Line) -> Any:
    """Return the painter's settings that matter to words alone."""
    settings = line.recipe.get("generate", {})
    return {name: settings.get(name) for name in ("noise_scheduler", "steps", "guidance_scale")}


def _place(line: Line, names: list[str]) -> tuple[Any, ...]:
    known = names.index(line.name) if line.name in names else len(names)
    system = _ORDER.index(line.system)
    floor = 0 if line.system in SYSTEMS else system
    return (floor, known, line.name, line.noise_shift, line.measurements[0].group, system)


# 95% bootstrap intervals over albums and seeds: both are drawn with replacement, and rows share the draw.
#
# A training is repeated with several seeds on the same albums, so a figure varies with either. Drawing whole
# seeds and whole albums (the pigeonhole bootstrap, Owen 2007) lets both show; with one seed it is the
# bootstrap over albums. Few seeds draw coarsely: an interval over three is a rough one.
# S seeds, N albums, C resamples.


def pigeonhole_interval(
    statistic: Statistic, *, seeds: int, albums: int, resamples: int, seed: int = 0
) -> Interval:
    """Return the statistic over all rows, with its interval."""
    rng = np.random.default_rng(seed)
    sizes = [min(_AT_ONCE, resamples - start) for start in range(0, resamples, _AT_ONCE)]
    drawn = [
        statistic(rng.integers(seeds, size=(size, seeds)), rng.integers(albums, size=(size, albums)))
        for size in sizes
    ]
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    (estimate,) = statistic(np.arange(seeds)[None], np.arange(albums)[None])
    return Interval(float(estimate), float(low), float(high), albums)


def mean(values: Values) -> Statistic:
    """Return the statistic that is the mean of `values` (S, N)."""
    return lambda seeds, albums: _drawn(values, seeds, albums).mean(axis=(1, 2))


def correlation(values: Values, truth: Values) -> Statistic:
    """Return the statistic that is Pearson's r of `values` (S, N) with `truth` (N,), averaged over seeds."""

    def statistic(seeds: Rows, albums: Rows) -> Values:
        drawn = _drawn(values, seeds, albums)  # (C, S, N)
        true = np.broadcast_to(truth[albums][:, None], drawn.shape)
        count = drawn.shape[2]
        r: Values = pearson(drawn.reshape(-1, count), true.reshape(-1, count))
        means: Values = r.reshape(drawn.shape[:2]).mean(axis=1)
        return means

    return statistic


def difference(first: Statistic, second: Statistic) -> Statistic:
    """Return first minus second on the same draws, so what seeds and albums have in common cancels."""
    return lambda seeds, albums: first(seeds, albums) - second(seeds, albums)


def _drawn(values: Values, seeds: Rows, albums: Rows) -> Values:
    drawn: Values = values[seeds[:, :, None], albums[:, None, :]]  # (C, S, N)
    return drawn
