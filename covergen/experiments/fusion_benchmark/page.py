"""The controlled benchmark as Markdown and as JSON."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from covergen.evaluation.report import wording
from covergen.evaluation.report.markdown import markdown_table
from covergen.experiments.fusion_benchmark.measure import K
from covergen.experiments.fusion_benchmark.table import Compared, Line, Spread, compared, rival

SHOWN: Final = ("hue_error", "brightness_r", "energy_r", "density_r", "recall", "mse", "genre_accuracy")


# What the controlled benchmark asks of a fusion, and whether it was reached.


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


# The page: one table, as Markdown and as JSON.


def differences(lines: Sequence[Line], *, resamples: int) -> list[Compared]:
    """Return every row's true audio minus the same under shuffled audio, and minus words alone."""
    return [
        difference
        for line in lines
        if line.system == "audio"
        for system in ("shuffled", "prompt_only")
        if (other := rival(lines, line, system)) is not None
        for difference in compared(line, other, resamples=resamples)
    ]


def markdown(lines: Sequence[Line], found: Sequence[Compared], *, judging: str) -> str:
    """Return the page: the table, what true audio changes, and the targets for the row named `judging`."""
    count = max((line.n for line in lines), default=0)
    parts = [
        "# The controlled benchmark",
        f"N = {count} held-out albums, the gallery of R@{K} (by chance {min(1, K / max(count, 1)):.3f}). "
        "95% intervals over albums and seeds; distances between sets as the mean over seeds, of several with "
        "the range. Shift: how far the first noise leans to what the sound promises.",
        _table(lines),
    ]
    if found:
        parts += [
            "## What the sound changes",
            "True audio minus the other, paired by album and seed.",
            _found(found),
        ]
    if collapse := predecessors(found, lines):
        parts += ["## As the predecessor trained", *collapse]
    for line in lines:
        if line.system == "audio" and line.name == judging:
            parts += [f"## Targets: {_title(line)}", _targets(judged(lines, line))]
    return "\n\n".join(parts) + "\n"


def predecessors(found: Sequence[Compared], lines: Sequence[Line]) -> list[str]:
    """Say of each row that the predecessor's objective trained whether its covers still show their genre."""
    names = {line.name for line in lines if line.recipe.get("train", {}).get("objective") == "predecessor"}
    phrases = {"worse": "collapsed: the words are lost", "better": "better than the words alone"}
    return [
        f"- {_title(each)}: genre read {wording.number(each.metric, each.interval.estimate, signed=True)} "
        f"({wording.span(each.metric, each.interval, signed=True)}) against prompt only, "
        f"{phrases.get(each.verdict, 'no collapse seen')}."
        for each in found
        if each.name in names and each.metric == "genre_accuracy" and each.other == "prompt_only"
    ]


def tree(lines: Sequence[Line], found: Sequence[Compared], *, judging: str) -> dict[str, Any]:
    """Return the page's figures for machines."""
    return {
        "k": K,
        "lines": [
            {
                "name": line.name,
                "system": line.system,
                "noise_shift": line.noise_shift,
                "n": line.n,
                "seeds": list(line.seeds),
                "metrics": {name: asdict(interval) for name, interval in line.metrics.items()},
                "distances": {name: asdict(spread) for name, spread in line.distances.items()},
                "seconds": dict(line.seconds),
                "recipe": dict(line.recipe),
                "measurements": [row.digest for row in line.measurements],
            }
            for line in lines
        ],
        "differences": [asdict(each) for each in found],
        "targets": [
            {
                "name": line.name,
                "noise_shift": line.noise_shift,
                "target": each.target.label,
                "wanted": each.target.wanted,
                "gate": each.target.gate,
                "figure": each.figure,
                "verdict": each.verdict,
            }
            for line in lines
            if line.system == "audio" and line.name == judging
            for each in judged(lines, line)
        ],
    }


def _table(lines: Sequence[Line]) -> str:
    metrics = [wording.label(name, K) for name in wording.METRICS]
    distances = [label for label, _ in wording.DISTANCES.values()]
    heading = (
        "row",
        "sound",
        "shift",
        "steps",
        "N",
        "seeds",
        *metrics,
        *distances,
        "training s",
        "s a cover",
    )
    return markdown_table(heading, [tuple(_cells(line)) for line in lines])


def _cells(line: Line) -> Iterator[str]:
    floor = line.name == line.system
    yield wording.system_name(line.name) if floor else line.name
    yield "–" if floor else wording.system_name(line.system)
    yield "–" if floor else f"{line.noise_shift:g}"
    yield str(line.recipe.get("train", {}).get("steps", "–"))
    yield str(line.n)
    yield "–" if floor else ", ".join(map(str, line.seeds))
    for name in wording.METRICS:
        interval = line.metrics.get(name)
        yield (
            "–"
            if interval is None
            else f"{wording.number(name, interval.estimate)} ({wording.span(name, interval)})"
        )
    for name in wording.DISTANCES:
        yield _spread(line.distances.get(name), several=len(line.seeds) > 1)
    yield f"{line.seconds['train']:.0f}" if "train" in line.seconds else "–"
    yield f"{line.seconds['paint']:.3f}" if "paint" in line.seconds else "–"


def _spread(spread: Spread | None, *, several: bool) -> str:
    if spread is None:
        return "–"
    mean = wording.distance(spread.mean)
    return f"{mean} ({wording.distance(spread.low)} to {wording.distance(spread.high)})" if several else mean


def _found(found: Sequence[Compared]) -> str:
    lines = [
        (
            _title(each),
            wording.system_name(each.other),
            wording.label(each.metric, K),
            wording.number(each.metric, each.interval.estimate, signed=True),
            wording.span(each.metric, each.interval, signed=True),
            each.verdict,
        )
        for each in found
        if each.metric in SHOWN
    ]
    return markdown_table(("row", "against", "measure", "difference", "interval", "verdict"), lines)


def _targets(targets: Sequence[Judged]) -> str:
    lines = [
        (
            each.target.label,
            each.target.wanted,
            "–" if each.figure is None else f"{each.figure:.3f}".replace("-", "−"),
            each.verdict,
        )
        for each in targets
    ]
    return markdown_table(("target", "wanted", "figure", "verdict"), lines)


def _title(row: Line | Compared) -> str:
    return f"{row.name}, noise shift {row.noise_shift:g}" if row.noise_shift else row.name
