"""The operator before any model that sees covers: read, decode, cut the square that the model takes.

It runs on CPUs of its own, so that no model waits for a file. What a square looks like is left to the model.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from covergen.errors import BadInput
from covergen.media.images import Pixels
from covergen.sources.media import read_picture
from covergen.storage import rows
from covergen.storage.columns import Column, Table, text
from covergen.storage.tables import INPUT_DIGEST

CROPS: Final = Table(
    "crops",
    ("album_id",),
    "What CropCovers hands on, beside the code and reason of a refusal.",
    (
        text("album_id", "the album"),
        Column("pixels", pa.binary(), "RGB as the model sees it [size, size, 3]", tensor="|u1"),
        INPUT_DIGEST,
    ),
)


class CropCovers:
    """Reads and decodes covers; `crop` makes of a picture (H, W, 3) and `size` the square (size, size, 3)."""

    key: Final = CROPS.key
    outcome: Final = rows.outcome_schema(CROPS)

    def __init__(self, crop: Callable[[Pixels, int], Pixels], size: int):
        self.crop, self.size = crop, size

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes of CROPS for rows of album_id, input_digest, uri and bytes, in order."""
        results: list[dict[str, Any] | BadInput] = []
        for row in batch.select(["uri", "bytes"]).to_pylist():
            try:
                results.append({"pixels": self.crop(read_picture(row), self.size)})
            except BadInput as refusal:
                results.append(refusal)
        return rows.outcomes(CROPS, batch, results)


def through_model(
    crops: pa.Table,
    table: Table,
    model: Callable[[Pixels], Mapping[str, NDArray[Any]]],
    *,
    size: int,
    batch_size: int,
    whose: str,
) -> pa.Table:
    """Return outcomes of `table` for outcomes of CROPS, refused rows included, in order.

    `model` answers squares (B, size, size, 3) with the tensor columns, of B rows each.
    """
    results = rows.refusals(crops)
    seen = [index for index, result in enumerate(results) if not isinstance(result, BadInput)]
    for start in range(0, len(seen), batch_size):
        chosen = seen[start : start + batch_size]
        answers = model(_squares(crops, chosen, size))
        stored = rows.storable(answers, whose=whose, probe=lambda: model(_plain_square(size)))
        for index, result in zip(chosen, stored, strict=True):
            results[index] = result
    return rows.outcomes(table, crops, results)


def _squares(crops: pa.Table, chosen: Sequence[int], size: int) -> Pixels:
    """Return the squares (B, size, size, 3) of the chosen rows of CROPS."""
    pixels = [np.frombuffer(crops["pixels"][index].as_buffer(), np.uint8) for index in chosen]
    return np.stack(pixels).reshape(len(chosen), size, size, 3)


def _plain_square(size: int) -> Pixels:
    """Return one square (1, size, size, 3) of soft noise, to ask a model whether it works at all."""
    return np.random.default_rng(0).integers(96, 160, (1, size, size, 3), dtype=np.uint8)
