"""The stage `covers -> image_embeddings`: each cover through the frozen image encoder.

Seeing is two operators, so that decoding (CPU) and the model (GPU) have actors of their own: CropCovers,
then See. Which albums have a cover, and where results go, is left to the job.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from covergen.embeddings.clip_image import ClipImage, crop
from covergen.latents.crops import CropCovers, through_model
from covergen.media.images import Pixels
from covergen.models.weights import use_threads
from covergen.storage import rows
from covergen.storage.tables import IMAGE_EMBEDDINGS

VERSION: Final = 1  # of seeing: raise it whenever crops are cut differently


class SeeCovers:
    """Both operators of seeing, and what names and shapes their rows; calling it runs them in turn."""

    def __init__(
        self,
        image_encoder: str,
        *,
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = False,
        threads: int | None = None,
        batch_size: int = 16,
    ):
        self.options: dict[str, Any] = {
            "name": image_encoder,
            "device": device,
            "bf16": bf16,
            "offline": offline,
        }
        self.threads, self.batch_size = threads, batch_size
        self.encoder = ClipImage(**self.options)  # refuses at once what cannot be done; no weights yet

    def recipe(self) -> dict[str, Any]:
        """Return everything that shapes a row; its digest names the generation."""
        return {
            "stage": "see",
            "version": VERSION,
            "image_encoder": self.encoder.name,
            "encoder_digest": self.encoder.digest,
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor column: pooled [width]."""
        return {"pooled": (self.encoder.width,)}

    def crop(self) -> "CropCovers":
        """Return the first operator, for CPUs."""
        return CropCovers(crop, self.encoder.size)

    def see(self) -> "See":
        """Return the second operator; it pickles small and loads the model where its first batch is."""
        return See(self.options, threads=self.threads, batch_size=self.batch_size)

    @cached_property
    def _operators(self) -> "tuple[CropCovers, See]":
        return self.crop(), self.see()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes of `image_embeddings` for rows of album_id, input_digest, uri and bytes."""
        crop_covers, see = self._operators
        return see(crop_covers(batch))


class See:
    """Runs the encoder over many covers at once."""

    key: Final = IMAGE_EMBEDDINGS.key
    outcome: Final = rows.outcome_schema(IMAGE_EMBEDDINGS)

    def __init__(self, options: Mapping[str, Any], *, threads: int | None = None, batch_size: int = 16):
        self.options, self.threads, self.batch_size = dict(options), threads, batch_size

    @cached_property
    def encoder(self) -> ClipImage:
        """The encoder, built in the process that runs it."""
        use_threads(self.threads)
        return ClipImage(**self.options)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes of `image_embeddings` for outcomes of CROPS, refused rows included, in order."""
        size, batch_size = self.encoder.size, self.batch_size
        whose = f"image encoder {self.encoder.name}"

        def see(pictures: Pixels) -> dict[str, NDArray[np.float32]]:
            vectors = self.encoder(pictures)
            rows.check_shape(vectors, (len(pictures), self.encoder.width), whose=whose)
            return {"pooled": vectors}

        return through_model(batch, IMAGE_EMBEDDINGS, see, size=size, batch_size=batch_size, whose=whose)
