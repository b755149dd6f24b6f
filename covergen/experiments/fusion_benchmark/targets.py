"""What the controlled benchmark asks of a fusion, and whether it was reached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from covergen.experiments.fusion_benchmark.table import Line, rival


@dataclass(frozen=True)
class Target:
    """A figure's bound; `gate` is false for one that is aimed at and holds nothing up."""

    label: str
    bound: float
    at_most: bool
    gate: bool = True

    @property
    def wanted(self) -> str:
        """The bound in words."""
        return f"{'at most' if self.at_most else 'at least'} {self.bound:g}"


@dataclass(frozen=True)
class Judged:
    """A target beside the figure that was reached; nothing where a line it needs was not measured."""

    target: Target
    figure: float | None

    @property
    def verdict(self) -> str:
        """Say whether it was met."""
        if self.figure is None:
            return "not measured"
        met = self.figure <= self.target.bound if self.target.at_most else self.figure >= self.target.bound
        return "met" if met else "missed"


Figure = Callable[[Line, Line | None, Line | None], float | None]
"""From a line of true audio, the same row under shuffled audio, and words alone."""


def judged(lines: Sequence[Line], line: Line) -> list[Judged]:
    """Return every target for a line of true audio, held against the other lines."""
    shuffled, words = (rival(lines, line, system) for system in ("shuffled", "prompt_only"))
    return [Judged(target, figure(line, shuffled, words)) for target, figure in TARGETS]


def _own(metric: str) -> Figure:
    return lambda line, _shuffled, _words: _metric(line, metric)


def _ratio(first: float | None, second: float | None) -> float | None:
    return None if first is None or not second else first / second


def _mse_ratio(line: Line, _shuffled: Line | None, words: Line | None) -> float | None:
    return _ratio(_metric(line, "mse"), _metric(words, "mse"))


def _distance_ratio(name: str) -> Figure:
    def figure(line: Line, _shuffled: Line | None, words: Line | None) -> float | None:
        if words is None or words.n != line.n:  # distances between sets compare at equal N only
            return None
        return _ratio(line.distances[name].mean, words.distances[name].mean)

    return figure


def _shuffled_recall(_line: Line, shuffled: Line | None, _words: Line | None) -> float | None:
    return _metric(shuffled, "recall")


def _genre_kept(line: Line, _shuffled: Line | None, words: Line | None) -> float | None:
    ours, theirs = _metric(line, "genre_accuracy"), _metric(words, "genre_accuracy")
    return None if ours is None or theirs is None else round(ours - theirs, 9)


def _metric(line: Line | None, name: str) -> float | None:
    return None if line is None else line.metrics[name].estimate


TARGETS: Final[tuple[tuple[Target, Figure], ...]] = (
    (Target("hue error in degrees", 30, at_most=True), _own("hue_error")),
    (Target("brightness r", 0.7, at_most=False), _own("brightness_r")),
    (Target("energy r", 0.6, at_most=False), _own("energy_r")),
    (Target("density r (aimed at, no gate)", 0.4, at_most=False, gate=False), _own("density_r")),
    (Target("R@10", 0.35, at_most=False), _own("recall")),
    (Target("R@10 under shuffled audio", 0.08, at_most=True), _shuffled_recall),
    (Target("pixel MSE over that of prompt only", 0.65, at_most=True), _mse_ratio),
    (Target("joint FD over that of prompt only", 0.9, at_most=True), _distance_ratio("joint_frechet")),
    (Target("FD over that of prompt only", 1.05, at_most=True), _distance_ratio("frechet")),
    (Target("genre accuracy minus that of prompt only", -0.05, at_most=False), _genre_kept),
)
