"""The stage `covers -> latents`: each cover through the frozen VAE's encoder, once and for all trainings.

Encoding is two operators, so that decoding (CPU) and the model (GPU) have actors of their own: CropCovers,
then Encode. Which albums have a cover, and where results go, is left to the job.
"""

from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from covergen.errors import ConfigError
from covergen.latents.crops import CropCovers, through_model
from covergen.media import images
from covergen.media.images import Pixels
from covergen.models import stable_diffusion
from covergen.models.weights import use_threads
from covergen.storage import rows
from covergen.storage.tables import LATENTS

VERSION: Final = 1  # raise it whenever latents change
_PARTS: Final = ("vae",)


class EncodeCovers:
    """Both operators of encoding, and what names and shapes their rows; calling it runs them in turn.

    `name` is a Stable Diffusion preset or folder; `size` the side in pixels that covers are fitted to, None
    takes the preset's own.
    """

    def __init__(
        self,
        name: str,
        *,
        size: int | None = None,
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = False,
        threads: int | None = None,
        batch_size: int = 16,
    ):
        self.name, self.device, self.bf16, self.offline = name, device, bf16, offline
        self.threads, self.batch_size = threads, batch_size
        self.size = size or stable_diffusion.size(name, offline=offline)
        if self.size % self._factor:
            raise ConfigError(f"size={self.size} is not a multiple of the VAE's {self._factor} pixels a cell")

    @cached_property
    def _config(self) -> dict[str, Any]:
        return stable_diffusion.read_config(self.name, "vae", offline=self.offline)

    @property
    def _factor(self) -> int:
        return 1 << (len(self._config["block_out_channels"]) - 1)

    def recipe(self) -> dict[str, Any]:
        """Return everything that shapes a row; its digest names the generation."""
        return {
            "stage": "encode",
            "version": VERSION,
            "stable_diffusion": self.name,
            "vae_digest": stable_diffusion.digest(self.name, _PARTS),
            "size": self.size,
            "bf16": self.bf16,
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor column: mean and std [channels, height, width]."""
        side = self.size // self._factor
        shape = (int(self._config["latent_channels"]), side, side)
        return {"mean": shape, "std": shape}

    def crop(self) -> CropCovers:
        """Return the first operator, for CPUs."""
        return CropCovers(images.fit_square, self.size)

    def encode(self) -> "Encode":
        """Return the second operator; it pickles small and loads the model where its first batch is."""
        return Encode(
            self.name,
            self.size,
            self.shapes()["mean"],
            device=self.device,
            bf16=self.bf16,
            offline=self.offline,
            threads=self.threads,
            batch_size=self.batch_size,
        )

    @cached_property
    def _operators(self) -> "tuple[CropCovers, Encode]":
        return self.crop(), self.encode()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes of `latents` for rows of album_id, input_digest, uri and bytes, in order."""
        crop, encode = self._operators
        return encode(crop(batch))


class Encode:
    """Runs the VAE's encoder over many covers at once; `shape` is that of one cover's mean (C, h, w)."""

    key: Final = LATENTS.key
    outcome: Final = rows.outcome_schema(LATENTS)

    def __init__(
        self,
        name: str,
        size: int,
        shape: tuple[int, ...],
        *,
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = False,
        threads: int | None = None,
        batch_size: int = 16,
    ):
        self.name, self.size, self.shape, self.offline = name, size, tuple(shape), offline
        self.device, self.bf16, self.threads, self.batch_size = device, bf16, threads, batch_size

    @cached_property
    def vae(self) -> Any:
        """The VAE, loaded in the process that runs it."""
        use_threads(self.threads)
        return stable_diffusion.load_vae(self.name, device=self.device, offline=self.offline)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes of `latents` for outcomes of CROPS, refused rows included, in order."""
        size, whose = self.size, self._whose
        return through_model(batch, LATENTS, self._encode, size=size, batch_size=self.batch_size, whose=whose)

    def _encode(self, pictures: Pixels) -> dict[str, NDArray[np.float32]]:
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            mean, std = stable_diffusion.encode_images(self.vae, pictures)
        latents = {"mean": mean.float().cpu().numpy(), "std": std.float().cpu().numpy()}
        for values in latents.values():
            rows.check_shape(values, (len(pictures), *self.shape), whose=self._whose)
        return latents

    @property
    def _whose(self) -> str:
        return f"VAE of {self.name}"
