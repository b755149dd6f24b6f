"""Cover-to-song retrieval: how often a painted cover points at the album whose music was heard.

The query is what a reader finds in the painted cover, the gallery holds the true audio-only factors of all N
albums. By chance R@k is k / N. F factors.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from covergen.procedural.factors import Factors, factor_vector

Values = NDArray[np.float64]
Ranks = NDArray[np.int64]
Vectors = NDArray[np.floating]
_WEIGHT: Final = 2.5


def read_vectors(reading: Mapping[str, NDArray[Any]]) -> Values:
    """Return a reading as vectors (N, 5) in the order of `factor_vector`."""
    angle = np.radians(np.asarray(reading["hue"], np.float64))
    columns = [np.cos(angle), np.sin(angle), reading["brightness"], reading["energy"], reading["density"]]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def true_vectors(truth: Sequence[Factors]) -> Values:
    """Return the albums' audio-only factors (N, 5)."""
    return np.stack([factor_vector(factors) for factors in truth]).astype(np.float64)


def ranks(queries: Values, gallery: Values) -> Ranks:
    """Return the rank (N,) from 1 of each query's own gallery row, both (N, F).

    Distances are Euclidean with each factor in units of its spread in the gallery. A tie counts against the
    query, so equal albums never help it.
    """
    if queries.shape != gallery.shape:
        raise ValueError(f"queries {queries.shape} and gallery {gallery.shape} differ in shape")
    spread = gallery.std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    distances = cdist(queries / scale, gallery / scale, "sqeuclidean")  # (N, N)
    own = np.diagonal(distances)[:, None]
    return np.asarray((distances <= own).sum(axis=1), dtype=np.int64)


def hits_at(rank: Ranks, k: int) -> Values:
    """Return 1 where the own album is among the nearest `k`, else 0; the mean is R@k."""
    return (rank <= k).astype(np.float64)


# CLIPScore (Hessel et al. 2021, arXiv:2104.08718): whether a picture shows what its prompt says.
#
# The text is the prompt as it was painted, without the paper's "A photo depicts" before it.


def clip_scores(pictures: Vectors, texts: Vectors) -> Values:
    """Return 2.5 max(cos, 0) of each picture's and its text's embedding, both (N, W), as (N,)."""
    if pictures.shape != texts.shape:
        raise ValueError(f"pictures {pictures.shape} and texts {texts.shape} differ in shape")
    a, b = pictures.astype(np.float64), texts.astype(np.float64)
    cosine = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return np.asarray(_WEIGHT * np.maximum(cosine, 0), dtype=np.float64)
