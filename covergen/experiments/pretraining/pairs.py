"""What the shipped fusion is trained and judged on: albums with their songs as jobs hear them, and covers.

N albums, L layers, F frames, W feature width, V prompt variants, T text tokens, D text width.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from covergen.catalog.prompts.protocol import VARIANTS, Facts, texts
from covergen.catalog.prompts.styles import album_genre
from covergen.embeddings.audio_stage import HearTracks
from covergen.errors import ModelError
from covergen.media import audio
from covergen.models import stable_diffusion
from covergen.models.stable_diffusion import StableDiffusion
from covergen.procedural.covers import paint
from covergen.procedural.factors import Album, Split, draw_album
from covergen.procedural.music import synthesise
from covergen.training.batches import spans
from covergen.training.examples import Examples

_CHUNK: Final = 50
_SONG_SECONDS: Final = 12.0  # as long as the procedural source's songs, of which 10 s are heard
_SAMPLE_RATE: Final = 24_000


class Pairs:
    """Albums `first` to `first + count` of a split; songs are heard once and kept in `work`."""

    def __init__(self, split: Split, count: int, *, work: Path, first: int = 0, workers: int = 1):
        self.split, self.first, self.count, self.work, self.workers = split, first, count, work, workers
        self.albums: list[Album] = [draw_album(first + k, split) for k in range(count)]

    @cached_property
    def covers(self) -> NDArray[np.uint8]:
        """The true covers (N, 128, 128, 3)."""
        return np.stack([paint(album.factors, album.seed) for album in self.albums])

    @cached_property
    def frames(self) -> NDArray[np.float16]:
        """What the embed job would store: frames (N, L, F, W)."""
        digest = hearing().encoder.digest[:12]
        path = self.work / f"frames-{self.split}-{self.first}-{self.count}-{digest}.npy"
        if not path.exists():
            starts = [range(span.start, span.stop) for span in spans(self.count, _CHUNK)]
            chunks = [[self.first + k for k in chunk] for chunk in starts]
            encoded = self._in_processes(chunks)
            self.work.mkdir(parents=True, exist_ok=True)
            np.save(path.with_suffix(".part.npy"), np.concatenate(encoded))
            path.with_suffix(".part.npy").replace(path)
        frames: NDArray[np.float16] = np.load(path)
        return frames

    def _in_processes(self, chunks: Sequence[Sequence[int]]) -> list[NDArray[np.float16]]:
        hear = partial(_hear, self.split)
        if self.workers == 1:
            return [hear(chunk) for chunk in chunks]
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            return list(pool.map(hear, chunks))

    def states(self, base: StableDiffusion) -> NDArray[np.float16]:
        """Return what the text encoder makes of the prompts' variants (N, V, T, D)."""
        said = [prompts(album) for album in self.albums]
        return np.stack([encode(base, [texts[variant] for texts in said]) for variant in VARIANTS], axis=1)

    def examples(self, base: StableDiffusion) -> Examples:
        """Return the albums as training examples, rounded to float16 as tables hold them."""
        means, stds = [], []
        for span in spans(self.count, _CHUNK):
            mean, std = stable_diffusion.encode_images(base.vae, self.covers[span])
            means.append(stable_diffusion.scale_latents(base.vae, mean.half().float()))
            stds.append(std.half().float() * base.vae.config.scaling_factor)
        return Examples(
            album_ids=tuple(f"{self.split}/{self.first + k}" for k in range(self.count)),
            latent_means=torch.cat(means),
            latent_stds=torch.cat(stds),
            states=torch.from_numpy(self.states(base)),
            frames=torch.from_numpy(self.frames),
            null_states=null_states(base),
        )


def hearing() -> HearTracks:
    """Return the listening stage with the settings that the demo embeds with."""
    return HearTracks("logmel", seconds=10.0, frame_rate=2.0)


def prompts(album: Album) -> dict[str, str]:
    """Return the prompts of an album by variant, as the clean job words them."""
    return texts(album_genre(Facts(album.title, album.genre)))


def encode(base: StableDiffusion, texts: Sequence[str]) -> NDArray[np.float16]:
    """Return the states (N, T, D) of texts as the text embeddings table rounds them."""
    parts = [
        stable_diffusion.encode_text(base.tokenizer, base.text_encoder, texts[span])[0].half().numpy()
        for span in spans(len(texts), _CHUNK)
    ]
    states: NDArray[np.float16] = np.concatenate(parts)
    return states


def null_states(base: StableDiffusion) -> Tensor:
    """Return what the text encoder makes of no words (T, D)."""
    return stable_diffusion.encode_text(base.tokenizer, base.text_encoder, [""])[0][0].float()


def _hear(split: Split, seeds: Sequence[int]) -> NDArray[Any]:
    """Return the frames (chunk, L, F, W) of albums, through FLAC and the very stage of the embed job."""
    stage = hearing()
    songs = [synthesise(draw_album(seed, split), _SONG_SECONDS, _SAMPLE_RATE) for seed in seeds]
    names = [f"{split}/{seed}" for seed in seeds]
    outcomes = stage(
        pa.table(
            {
                "track_id": names,
                "input_digest": names,
                "uri": [f"procedural:{name}/song.flac" for name in names],
                "bytes": [audio.encode_flac(song, _SAMPLE_RATE) for song in songs],
            }
        )
    )
    if outcomes["reject_reason"].null_count < len(outcomes):
        raise ModelError(f"a procedural song was refused: {outcomes['reject_reason'].drop_null()[0].as_py()}")
    shape = stage.shapes()["frames"]
    return np.stack([np.frombuffer(value, "<f2").reshape(shape) for value in outcomes["frames"].to_pylist()])
