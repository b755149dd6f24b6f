"""Measures painted covers of the controlled world: a value for each album, and distances to the true covers.

N albums in one order for all systems, the gallery of retrieval; pictures are uint8 (N, H, W, 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics.frechet import frechet_distance, joint_frechet_distance
from covergen.evaluation.metrics.kernel_distance import kernel_inception_distance
from covergen.evaluation.metrics.paired import grey_mse, paired_mse, paired_scores
from covergen.evaluation.metrics.retrieval import hits_at, ranks, read_vectors, true_vectors
from covergen.evaluation.tables.gather import reader_of, shipped_reader
from covergen.evaluation.tables.table import FOLLOWED, Reader
from covergen.models import stable_diffusion
from covergen.models.weights import files_digest
from covergen.procedural.covers import paint
from covergen.procedural.factor_reader import READER
from covergen.procedural.factors import Album, draw_album

Pictures = NDArray[np.uint8]

K: Final = 10
TRUE: Final = "true_"  # before a factor's name: what the album's own factors say
_METRICS: Final = {"genre_hit": "genre_accuracy", "motif_hit": "motif_accuracy"}
_OTHERS_FIRST: Final = 500_000  # evaluation albums far from those that are painted: the floor of distances


@dataclass(frozen=True)
class Scores:
    """Values by name, one an album, and distances between sets."""

    values: Mapping[str, tuple[float, ...]]
    distances: Mapping[str, float]


class Judge:
    """Knows the albums' factors and true covers, seen through the VAE that paints, and reads pictures.

    `reader` and `reconstruct` are loaded with the base where they are not given.
    """

    def __init__(
        self,
        albums: Sequence[Album],
        *,
        base: str,
        offline: bool = True,
        reader_covers: int = 2000,
        reader: Reader | None = None,
        reconstruct: Any = None,
    ):
        self._albums, self._truth = albums, [album.factors for album in albums]
        self._base, self._offline, self._reader_covers = base, offline, reader_covers
        self._given = (reader, reconstruct)

    def judge(self, pictures: Pictures) -> Scores:
        """Return the scores of one system's pictures, in the order of the albums."""
        if len(pictures) != len(self._albums):
            raise ValueError(f"{len(pictures)} covers were painted for {len(self._albums)} albums")
        return Scores(self._values(pictures), self._distances(pictures, self._vectors))

    def truth(self) -> Scores:
        """Return what the true covers score, and how far those of other albums are: the floor of each."""
        others = [draw_album(_OTHERS_FIRST + k, "eval") for k in range(len(self._albums))]
        vectors = true_vectors([album.factors for album in others])
        return Scores(self._values(self._covers), self._distances(self._seen(others), vectors))

    def grey(self) -> Scores:
        """Return what a constant grey scores: its pixel error, and nothing else."""
        return Scores({"mse": _tuple(grey_mse(self._covers))}, {})

    @cached_property
    def reader(self) -> Reader:
        """The reader that ships with the base, else one that is fitted on training albums of the world."""
        if self._given[0] is not None:
            return self._given[0]
        return reader_of(
            self._base,
            offline=self._offline,
            reader_covers=self._reader_covers,
            reconstruct=self._reconstruct,
        )

    def _values(self, pictures: Pictures) -> dict[str, tuple[float, ...]]:
        reading = self.reader.read(pictures)
        scored = asdict(paired_scores(reading, self._truth))
        scores = {_METRICS.get(name, name): _tuple(column) for name, column in scored.items()}
        true = {TRUE + name: _tuple([getattr(f, name) for f in self._truth]) for name in FOLLOWED}
        found = hits_at(ranks(read_vectors(reading), self._vectors), K)
        return {**scores, **true, "recall": _tuple(found), "mse": _tuple(paired_mse(pictures, self._covers))}

    def _distances(self, pictures: Pictures, vectors: NDArray[np.float64]) -> dict[str, float]:
        features = self.reader.features(pictures)
        return {
            "frechet": frechet_distance(features, self._features),
            "joint_frechet": joint_frechet_distance(features, self._features, vectors, self._vectors),
            "kernel": kernel_inception_distance(features, self._features).mean,
        }

    @cached_property
    def _vectors(self) -> NDArray[np.float64]:
        return true_vectors(self._truth)

    @cached_property
    def _covers(self) -> Pictures:
        return self._seen(self._albums)

    @cached_property
    def _features(self) -> NDArray[np.floating]:
        return self.reader.features(self._covers)

    @cached_property
    def _size(self) -> int:
        return stable_diffusion.size(self._base, offline=self._offline)

    @cached_property
    def _reconstruct(self) -> Any:
        if self._given[1] is not None:
            return self._given[1]
        vae = stable_diffusion.load_vae(self._base, offline=self._offline)
        return partial(stable_diffusion.reconstruct, vae)

    def _seen(self, albums: Sequence[Album]) -> Pictures:
        covers = np.stack([paint(album.factors, album.seed, self._size) for album in albums])
        seen: Pictures = self._reconstruct(covers)
        return seen


def reader_digest(base: str, *, offline: bool, reader_covers: int) -> str:
    """Return what names the reader: of the shipped one its file, else how many covers it is fitted on."""
    shipped = shipped_reader(base, offline=offline)
    return f"fitted on {reader_covers}" if shipped is None else files_digest([(READER, shipped)])


def _tuple(values: Any) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in np.asarray(values))
