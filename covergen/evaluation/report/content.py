"""What a report shows, as plain values. Rendering is left to `report.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from covergen.evaluation.metrics.memorization import Nearness
from covergen.evaluation.tables.predecessor import ComparedRow
from covergen.evaluation.tables.real_table import RealTable
from covergen.evaluation.tables.table import SystemsTable

Picture = NDArray[np.uint8] | bytes
"""A picture as pixels (H, W, 3) or as an encoded file."""


@dataclass(frozen=True)
class CoverPair:
    """A painted cover, the album's true one where it is known, and what was heard in words."""

    artist: str
    title: str
    genre: str
    painted: Picture
    truth: Picture | None = None
    moods: str = ""


@dataclass(frozen=True)
class Song:
    """One song of a strip; `difference` is to the strip's first picture, on pixels of 0 to 1."""

    name: str
    picture: Picture
    difference: float | None = None


@dataclass(frozen=True)
class SongStrip:
    """Several songs under one prompt and one seed; `floor` is the rounding floor of `difference`."""

    prompt: str
    seed: str
    songs: tuple[Song, ...]
    floor: float


@dataclass(frozen=True)
class Curve:
    """One line of a loss chart."""

    name: str
    steps: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class LossChart:
    """Curves that share both axes, such as the validation loss of true, shuffled and silent audio."""

    title: str
    curves: tuple[Curve, ...]
    note: str = ""


@dataclass(frozen=True)
class RejectedFile:
    """A file or row that could not be used."""

    name: str
    code: str
    reason: str


@dataclass(frozen=True)
class Missing:
    """A metric that was not computed, and what it needs."""

    metric: str
    needs: str


@dataclass(frozen=True)
class Neighbour:
    """A painted cover and the training cover nearest to it; `distance` is that of `Nearness`."""

    painted: Picture
    painted_name: str
    training: Picture
    training_name: str
    distance: float


@dataclass(frozen=True)
class MemoryCheck:
    """Whether covers were painted from memory: distances in `space`, in words, and the nearest pairs."""

    space: str
    nearness: Nearness
    pairs: tuple[Neighbour, ...]


@dataclass(frozen=True)
class SystemSheet:
    """The same albums as each system painted them: `names` of albums, pictures in their order by system."""

    names: tuple[str, ...]
    pictures: Mapping[str, tuple[Picture, ...]]


@dataclass(frozen=True)
class ReportContent:
    """Everything a report shows; an empty part leaves its section out.

    `summary` is one sentence under the title, `notes` say what was left out and why. `numbers` stand large
    beside them, value by label. `genres` counts albums, `stages` gives seconds, `facts` holds names and
    values by group: configs, digests, generations and versions of tables, the weights the fusion started
    from. Covers beyond the first `shown` are folded away.
    """

    title: str
    summary: str
    covers: tuple[CoverPair, ...]
    notes: tuple[str, ...] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)
    table: SystemsTable | None = None
    real: RealTable | None = None
    sheet: SystemSheet | None = None
    memory: MemoryCheck | None = None
    predecessor: tuple[ComparedRow, ...] = ()
    strip: SongStrip | None = None
    genres: Mapping[str, int] = field(default_factory=dict)
    losses: tuple[LossChart, ...] = ()
    rejects: tuple[RejectedFile, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    shown: int = 60
