"""The table of systems on the controlled benchmark: same albums, prompts and seeds, only the sound differs.

Two rows need no painter: the true covers (what the reader itself loses, the best that can be scored) and a
constant grey (what MSE alone would reward). N albums; pictures are uint8 (N, H, W, 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics import bootstrap
from covergen.evaluation.metrics.bootstrap import RESAMPLES, Interval
from covergen.evaluation.metrics.frechet import frechet_distance, joint_frechet_distance
from covergen.evaluation.metrics.kernel_distance import kernel_inception_distance
from covergen.evaluation.metrics.paired import PairedScores, grey_mse, paired_mse, paired_scores
from covergen.evaluation.metrics.retrieval import hits_at, ranks, read_vectors, true_vectors
from covergen.procedural.factors import Factors

Pictures = NDArray[np.uint8]
Values = NDArray[np.float64]

SYSTEMS: Final = ("audio", "shuffled", "prompt_only")
TRUE_COVERS: Final = "true covers"
GREY: Final = "constant grey"

LOWER_IS_BETTER: Final = ("hue_error", "brightness_error", "energy_error", "density_error", "mse")
HIGHER_IS_BETTER: Final = (
    "recall", "brightness_r", "energy_r", "density_r", "genre_accuracy", "motif_accuracy",
)  # fmt: skip
_MEANS: Final = {
    "hue_error": "hue_error",
    "brightness_error": "brightness_error",
    "energy_error": "energy_error",
    "density_error": "density_error",
    "genre_accuracy": "genre_hit",
    "motif_accuracy": "motif_hit",
}
FOLLOWED: Final = ("brightness", "energy", "density")


class Reader(Protocol):
    """What the table needs of a `CoverReader`."""

    def read(self, images: Pictures) -> dict[str, NDArray[np.generic]]:
        """Return what each picture shows, arrays (N,) by factor."""
        ...

    def features(self, images: Pictures) -> NDArray[np.floating]:
        """Return features (N, D) for distances between sets."""
        ...


@dataclass(frozen=True)
class SystemRow:
    """One system: intervals by metric name, and its distances to the set of true covers.

    The grey row has `mse` alone. The row of true covers gives the floor of `frechet` and `kernel`: what other
    true covers score; distances are None where there is nothing to compare.
    """

    system: str
    n: int
    metrics: Mapping[str, Interval]
    frechet: float | None = None
    joint_frechet: float | None = None
    kernel: float | None = None


@dataclass(frozen=True)
class Difference:
    """True audio minus another system on one metric; `verdict` is better, worse or "no difference seen"."""

    metric: str
    other: str
    interval: Interval
    verdict: str


@dataclass(frozen=True)
class SystemsTable:
    """Rows and differences from `n` albums; the `recall` metric is R@`k`."""

    n: int
    k: int
    rows: tuple[SystemRow, ...]
    differences: tuple[Difference, ...]

    def row(self, system: str) -> SystemRow:
        """Return a system's row; KeyError where it was not measured."""
        return {row.system: row for row in self.rows}[system]


@dataclass(frozen=True)
class _Measured:
    scores: PairedScores
    hits: Values
    mse: Values
    features: NDArray[np.floating]


def systems_table(
    truth: Sequence[Factors],
    true_covers: Pictures,
    *,
    painted: Mapping[str, Pictures],
    reader: Reader,
    other_covers: Pictures | None = None,
    k: int = 10,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> SystemsTable:
    """Return the table of `painted` systems, each N pictures in the order of `truth`.

    `other_covers` are N true covers of other albums: the floor of the distances between sets.

    Differences are those of the system `audio` minus each other one. Pass `true_covers` through the VAE that
    painted, so that all pictures lie in the domain it can show.
    """
    for system, pictures in painted.items():
        if len(pictures) != len(truth):
            raise ValueError(f"{system} painted {len(pictures)} covers for {len(truth)} albums")
    measured = {
        system: _measure(truth, true_covers, pictures=pictures, reader=reader, k=k)
        for system, pictures in {**painted, TRUE_COVERS: true_covers}.items()
    }
    true_features, vectors = measured[TRUE_COVERS].features, true_vectors(truth)
    floor = None if other_covers is None else reader.features(other_covers)
    rows = []
    for system, values in measured.items():
        row = SystemRow(system, len(truth), _metrics(values, truth=truth, seed=seed, resamples=resamples))
        features = values.features if system in painted else floor
        if features is not None:
            kernel = kernel_inception_distance(features, true_features).mean
            row = replace(row, frechet=frechet_distance(features, true_features), kernel=kernel)
        if system in painted:
            joint = joint_frechet_distance(values.features, true_features, vectors, vectors)
            row = replace(row, joint_frechet=joint)
        rows.append(row)
    grey = bootstrap.mean(grey_mse(true_covers), seed=seed, resamples=resamples)
    rows.append(SystemRow(GREY, len(truth), {"mse": grey}))
    others = [system for system in painted if system != "audio"] if "audio" in painted else []
    differences = [
        difference
        for other in others
        for difference in _differences(measured, other, truth=truth, seed=seed, resamples=resamples)
    ]
    return SystemsTable(len(truth), k, tuple(rows), tuple(differences))


def _measure(
    truth: Sequence[Factors], true_covers: Pictures, *, pictures: Pictures, reader: Reader, k: int
) -> _Measured:
    reading = reader.read(pictures)
    return _Measured(
        scores=paired_scores(reading, truth),
        hits=hits_at(ranks(read_vectors(reading), true_vectors(truth)), k),
        mse=paired_mse(pictures, true_covers),
        features=reader.features(pictures),
    )


def _per_album(measured: _Measured) -> dict[str, Values]:
    """Return the metrics that are means over albums, by name."""
    means: dict[str, Values] = {name: getattr(measured.scores, field) for name, field in _MEANS.items()}
    return {**means, "recall": measured.hits, "mse": measured.mse}


def _metrics(
    measured: _Measured, *, truth: Sequence[Factors], seed: int, resamples: int
) -> dict[str, Interval]:
    metrics = {
        name: bootstrap.mean(values, seed=seed, resamples=resamples)
        for name, values in _per_album(measured).items()
    }
    for factor in FOLLOWED:
        read, true = getattr(measured.scores, factor), [getattr(f, factor) for f in truth]
        metrics[f"{factor}_r"] = bootstrap.correlation(read, true, seed=seed, resamples=resamples)
    return metrics


def _differences(
    measured: Mapping[str, _Measured], other: str, *, truth: Sequence[Factors], seed: int, resamples: int
) -> list[Difference]:
    ours, theirs = measured["audio"], measured[other]
    intervals = {
        name: bootstrap.difference_of_means(values, _per_album(theirs)[name], seed=seed, resamples=resamples)
        for name, values in _per_album(ours).items()
    }
    for factor in FOLLOWED:
        intervals[f"{factor}_r"] = bootstrap.difference_of_correlations(
            getattr(ours.scores, factor),
            getattr(theirs.scores, factor),
            [getattr(f, factor) for f in truth],
            seed=seed,
            resamples=resamples,
        )
    return [Difference(name, other, value, verdict(name, value)) for name, value in intervals.items()]


def verdict(metric: str, interval: Interval) -> str:
    """Say what an interval of differences proves: better, worse, or no difference seen."""
    return interval.verdict(lower_is_better=metric in LOWER_IS_BETTER)
