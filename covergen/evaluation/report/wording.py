"""How metrics are named and their values written, the same in HTML and in Markdown."""

from dataclasses import dataclass
from typing import Final

from covergen.evaluation.metrics.bootstrap import Interval
from covergen.evaluation.tables.table import Difference


@dataclass(frozen=True)
class Metric:
    """A metric's heading, what it means to a reader, and its decimals and unit."""

    label: str
    meaning: str
    decimals: int
    unit: str = ""


METRICS: Final = {
    "hue_error": Metric("Hue error", "angle between the painted and the true hue; 90 by chance", 1, "°"),
    "brightness_error": Metric("Brightness error", "mean absolute error on a scale of 0 to 1", 3),
    "recall": Metric("Song found again", "share of covers whose own song is among the nearest {k} of all", 3),
    "brightness_r": Metric("Brightness r", "correlation of painted and true brightness", 2),
    "energy_r": Metric("Energy r", "correlation of painted and true energy", 2),
    "density_r": Metric("Density r", "correlation of painted and true density", 2),
    "genre_accuracy": Metric("Genre read", "share of covers whose genre can be read from the picture", 3),
    "motif_accuracy": Metric("Motif read", "share of covers whose motif can be read from the picture", 3),
    "mse": Metric("Pixel MSE", "against the true cover; a constant grey does well, so it steers nothing", 4),
    "energy_error": Metric("Energy error", "mean absolute error on a scale of 0 to 1", 3),
    "density_error": Metric("Density error", "mean absolute error on a scale of 0 to 1", 3),
}
DISTANCES: Final = {
    "frechet": ("FD", "between the sets of painted and of true covers, on the evaluator's features"),
    "joint_frechet": ("Joint FD", "the same over picture and sound together: it sees whether they fit"),
    "kernel": ("KID", "kernel distance between the two sets, on the same features"),
}
SYSTEM_NAMES: Final = {
    "audio": "True audio",
    "shuffled": "Shuffled audio",
    "prompt_only": "Prompt only",
    "true covers": "True covers",
    "constant grey": "Constant grey",
}
HEADLINES: Final = ("hue_error", "brightness_error", "recall")


def label(metric: str, k: int) -> str:
    """Return a metric's heading; retrieval is R@k."""
    return f"R@{k}" if metric == "recall" else METRICS[metric].label


def number(metric: str, value: float, *, signed: bool = False) -> str:
    """Return a value with the metric's decimals and unit, and a true minus sign."""
    shape = METRICS[metric]
    rounded = round(value, shape.decimals) + 0.0  # turns a negative zero into zero
    text = f"{rounded:{'+' if signed else ''}.{shape.decimals}f}{shape.unit}"
    return text.replace("-", "−")


def span(metric: str, interval: Interval, *, signed: bool = False) -> str:
    """Return an interval as "low to high"."""
    return f"{number(metric, interval.low, signed=signed)} to {number(metric, interval.high, signed=signed)}"


def system_name(system: str) -> str:
    """Return a system's name for people."""
    return SYSTEM_NAMES.get(system, system.replace("_", " ").capitalize())


def conclusion(differences: tuple[Difference, ...]) -> str:
    """Say in a few words what the headline differences prove together."""
    verdicts = [d.verdict for d in differences if d.metric in HEADLINES]
    if verdicts and all(v == "better" for v in verdicts):
        return "The song shapes the picture"
    if "worse" in verdicts:
        return "The song does not help on every measure"
    if "better" in verdicts:
        return "The song shows on some measures"
    return "No effect of the song was seen"


def distance(value: float | None) -> str:
    """Return a distance between sets with three significant figures, or a dash where there is none."""
    return "–" if value is None else f"{value:#.3g}".rstrip(".").replace("-", "−")
