"""What pre-training reads: covers painted once and latents encoded once, as memory-mapped arrays.

N covers, S side of a cover, s side of a latent, C latent channels.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from covergen.procedural.covers import paint
from covergen.procedural.factors import draw_album

SIZE: Final = 128
_CHUNK: Final = 250


def painted_covers(path: Path, count: int, *, workers: int = 2) -> NDArray[np.uint8]:
    """Return covers of training albums 0..count-1 as (N, S, S, 3), painted on the first call."""
    if not path.exists():
        partial_path = path.with_suffix(".partial.npy")
        covers = _create(partial_path, (count, SIZE, SIZE, 3), np.uint8)
        with ProcessPoolExecutor(workers) as pool:
            for chunk, start in pool.map(_paint_chunk, range(0, count, _CHUNK)):
                covers[start : start + _CHUNK] = chunk[: count - start]
        covers.flush()
        partial_path.replace(path)
    stored: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return stored


def encoded_latents(path: Path, covers: NDArray[np.uint8], vae: AutoencoderKL, *, workers: int = 2) -> None:
    """Write the latent means of all covers, unscaled, as float16 (N, C, s, s)."""
    starts = range(0, len(covers), _CHUNK)
    probe = _encode_chunk(vae, covers[:1])
    partial_path = path.with_suffix(".partial.npy")
    latents = _create(partial_path, (len(covers), *probe.shape[1:]), np.float16)
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        chunks = (np.asarray(covers[start : start + _CHUNK]) for start in starts)
        for start, chunk in zip(starts, pool.map(partial(_encode_chunk, vae), chunks), strict=True):
            latents[start : start + _CHUNK] = chunk
    latents.flush()
    partial_path.replace(path)


def to_pixels(covers: NDArray[np.uint8]) -> Tensor:
    """Return uint8 covers (N, S, S, 3) as float32 (N, 3, S, S) in -1..1, channels last in memory."""
    pixels = torch.from_numpy(np.array(covers)).permute(0, 3, 1, 2)
    return pixels.float().div_(127.5).sub_(1)


def to_covers(pixels: Tensor) -> NDArray[np.uint8]:
    """Return pixels (N, 3, S, S) in -1..1 as uint8 covers (N, S, S, 3)."""
    levels = pixels.float().add(1).mul(127.5).round().clamp(0, 255).byte()
    return levels.permute(0, 2, 3, 1).contiguous().numpy()


def _paint_chunk(start: int) -> tuple[NDArray[np.uint8], int]:
    albums = [draw_album(start + k, "train") for k in range(_CHUNK)]
    return np.stack([paint(album.factors, album.seed, SIZE) for album in albums]), start


@torch.inference_mode()
def _encode_chunk(vae: AutoencoderKL, covers: NDArray[np.uint8]) -> NDArray[np.float16]:
    vae = vae.to(memory_format=torch.channels_last)
    parts = (to_pixels(covers[start : start + 25]) for start in range(0, len(covers), 25))
    with torch.autocast("cpu", torch.bfloat16):
        means = [vae.encode(pixels).latent_dist.mean.half() for pixels in parts]
    return torch.cat(means).numpy()


def _create(path: Path, shape: tuple[int, ...], dtype: Any) -> np.memmap[Any, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
