"""The table of systems on real albums, where no true factors are known: from features to intervals.

Every system paints the same N held-out albums. The row of true covers is the floor of each distance between
sets, at equal N, and the ceiling of retrieval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics import bootstrap
from covergen.evaluation.metrics.bootstrap import RESAMPLES, Interval
from covergen.evaluation.metrics.frechet import frechet_distance
from covergen.evaluation.metrics.kernel_distance import cmmd, kernel_inception_distance
from covergen.evaluation.metrics.retrieval import clip_scores, hits_at
from covergen.evaluation.metrics.song_to_cover import AT, SongScorer
from covergen.evaluation.metrics.split_half import Distance, HalfDistances, half_distances, spread
from covergen.evaluation.tables.table import GREY, TRUE_COVERS

Features = NDArray[np.floating]
Values = NDArray[np.float64]
BySpace = Mapping[str, Features]


@dataclass(frozen=True)
class Measure:
    """A metric's heading, what it means to a reader, its decimals, and which way is good."""

    label: str
    meaning: str
    decimals: int
    lower_is_better: bool = True


DESCRIPTORS: Final = "descriptors"
SPACES: Final = {
    "clip": "CLIP's features",
    "dinov2": "DINOv2's features",
    DESCRIPTORS: "descriptors of colour, shape and texture, which need no weights",
}
HALVES: Final = "painted half against the other half's true covers"
MEASURES: Final = {
    "cmmd": Measure("CMMD", f"{HALVES}, Gaussian kernel on CLIP's features", 3),
    "kid": Measure("KID", f"{HALVES}, cubic kernel on Inception's features", 5),
    "fd_dinov2": Measure("FD-DINOv2", f"{HALVES}, Frechet distance on DINOv2's features", 1),
    "fid": Measure("FID", f"{HALVES}, Frechet distance on Inception's features", 1),
    "clip_score": Measure("CLIPScore", "how well the picture shows its prompt; 2.5 times a cosine", 4, False),
    "recall_1": Measure("R@1", "songs whose own cover a scorer of other albums ranks first", 3, False),
    "recall_5": Measure("R@5", "songs whose own cover is among its first 5", 3, False),
    "recall_10": Measure("R@10", "songs whose own cover is among its first 10", 3, False),
    "mse": Measure("Pixel MSE", "against the true cover; a constant grey does well, so it steers nothing", 4),
}


@dataclass(frozen=True)
class Line:
    """One metric: intervals by system, what all N score where halves stand first, and true audio's lead.

    `leads` are intervals of true audio minus another system.
    """

    metric: str
    values: Mapping[str, Interval]
    whole: Mapping[str, float] = field(default_factory=dict)
    leads: Mapping[str, Interval] = field(default_factory=dict)

    def verdict(self, system: str) -> str:
        """Say what true audio is against another system: better, worse, no difference seen; "" for others."""
        lead = self.leads.get(system)
        lower_is_better = MEASURES[self.metric].lower_is_better
        return "" if lead is None else lead.verdict(lower_is_better=lower_is_better)


@dataclass(frozen=True)
class RealTable:
    """Lines over `n` albums by `systems`; retrieval was fitted on `fitted` training albums in `space`."""

    n: int
    rows: int
    systems: tuple[str, ...]
    lines: tuple[Line, ...]
    space: str = ""
    fitted: int = 0

    def line(self, metric: str) -> Line:
        """Return a metric's line; KeyError where it was not measured."""
        return {line.metric: line for line in self.lines}[metric]


@dataclass(frozen=True)
class Songs:
    """What retrieval needs: music of the held-out and of the training albums, and the latters' covers."""

    space: str
    music: Features
    training_music: Features
    training_covers: Features


SET_DISTANCES: Final[dict[str, tuple[str, Distance]]] = {
    "cmmd": ("clip", cmmd),
    "kid": ("inception", lambda a, b: kernel_inception_distance(a, b).mean),
    "fd_dinov2": ("dinov2", frechet_distance),
    "fid": ("inception", frechet_distance),
}


def real_table(
    painted: Mapping[str, BySpace],
    truth: BySpace,
    *,
    errors: Mapping[str, Values],
    texts: Features | None = None,
    songs: Songs | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> RealTable:
    """Return the table of `painted` features by system and space, beside the true covers'.

    `errors` are pixel errors (N,) by system, the grey row's among them; `texts` the prompts' CLIP vectors.
    """
    count = len(next(iter(truth.values())))
    lines, rows = [], 0
    for metric, (space, distance) in SET_DISTANCES.items():
        if space in truth:
            sets = {system: features[space] for system, features in painted.items()}
            halves = half_distances(sets, truth[space], distance=distance, seed=seed)
            rows = halves.rows
            lines.append(_of_sets(metric, halves))
    means: dict[str, dict[str, Values]] = {}
    if texts is not None:
        seen = {**painted, TRUE_COVERS: truth}
        means["clip_score"] = {system: clip_scores(f["clip"], texts) for system, f in seen.items()}
    if songs is not None:
        means.update(_recall(painted, truth, songs))
    means["mse"] = dict(errors)
    lines += [_of_albums(metric, values, resamples=resamples, seed=seed) for metric, values in means.items()]
    ordered = sorted(lines, key=lambda line: list(MEASURES).index(line.metric))
    return RealTable(
        n=count,
        rows=rows,
        systems=(*painted, TRUE_COVERS, GREY),
        lines=tuple(ordered),
        space=songs.space if songs else "",
        fitted=len(songs.training_music) if songs else 0,
    )


def _of_sets(metric: str, halves: HalfDistances) -> Line:
    values = {system: spread(found, halves.rows) for system, found in halves.values.items()}
    audio = halves.values.get("audio")
    leads = {
        system: spread(audio - found, halves.rows)
        for system, found in halves.values.items()
        if audio is not None and system != "audio"
    }
    return Line(metric, {**values, TRUE_COVERS: spread(halves.floor, halves.rows)}, halves.whole, leads)


def _of_albums(metric: str, values: Mapping[str, Values], *, resamples: int, seed: int) -> Line:
    intervals = {s: bootstrap.mean(v, resamples=resamples, seed=seed) for s, v in values.items()}
    others: Sequence[str] = [s for s in values if s not in {"audio", TRUE_COVERS, GREY} and "audio" in values]
    leads = {
        s: bootstrap.difference_of_means(values["audio"], values[s], resamples=resamples, seed=seed)
        for s in others
    }
    return Line(metric, intervals, {}, leads)


def _recall(painted: Mapping[str, BySpace], truth: BySpace, songs: Songs) -> dict[str, dict[str, Values]]:
    scorer = SongScorer.fit(songs.training_music, songs.training_covers)
    ranks = {
        system: scorer.ranks(songs.music, features[songs.space])
        for system, features in {**painted, TRUE_COVERS: truth}.items()
    }
    return {f"recall_{k}": {system: hits_at(rank, k) for system, rank in ranks.items()} for k in AT}
