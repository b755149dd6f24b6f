"""CLIPScore (Hessel et al. 2021, arXiv:2104.08718): whether a picture shows what its prompt says.

The text is the prompt as it was painted, without the paper's "A photo depicts" before it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]
Values = NDArray[np.float64]

_WEIGHT: Final = 2.5


def clip_scores(pictures: Vectors, texts: Vectors) -> Values:
    """Return 2.5 max(cos, 0) of each picture's and its text's embedding, both (N, W), as (N,)."""
    if pictures.shape != texts.shape:
        raise ValueError(f"pictures {pictures.shape} and texts {texts.shape} differ in shape")
    a, b = pictures.astype(np.float64), texts.astype(np.float64)
    cosine = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return np.asarray(_WEIGHT * np.maximum(cosine, 0), dtype=np.float64)
