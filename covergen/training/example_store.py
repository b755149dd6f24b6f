"""Training examples as files on the local disk: streamed there out of tables, then mapped into memory.

A catalogue larger than a worker's memory can be trained on, and the workers of one machine share its pages.
Letters as in `examples.py`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from covergen.errors import ConfigError
from covergen.storage import rows
from covergen.training.examples import Examples

VARIANTS: Final = ("full", "untitled", "genre")
_ARRAYS: Final = ("latent_means", "latent_stds", "states", "frames")
_FACTS: Final = "examples.json"


@dataclass(frozen=True)
class Parts:
    """The tables that examples are made of; pieces come as they are read, in any order."""

    latents: Iterable[pa.Table]  # album_id, mean, std
    text_embeddings: Iterable[pa.Table]  # album_id, variant, states
    audio_embeddings: Iterable[pa.Table]  # track_id, frames


@dataclass(frozen=True)
class Layout:
    """Which row of the files each row of the tables fills. Rows are in the order of `album_ids`."""

    album_ids: tuple[str, ...]
    albums: Mapping[str, int]
    tracks: Mapping[str, Sequence[int]]
    words: Mapping[tuple[str, str], Sequence[tuple[int, int]]]  # album and variant to row and place


def lay_out(
    catalog: pa.Table,
    *,
    latents: Iterable[str],
    audio: Iterable[str],
    words: Iterable[tuple[str, str]],
    variants: Sequence[str] = VARIANTS,
) -> Layout:
    """Return the layout of the albums in `catalog` (album_id, track_id) that lack no part.

    An album without one of the `variants` says its first one instead. Raises ConfigError where none is whole.
    """
    encoded, embedded, said = set(latents), set(audio), dict[str, set[str]]()
    for album, variant in words:
        said.setdefault(album, set()).add(variant)
    wanted = list(zip(catalog["album_id"].to_pylist(), catalog["track_id"].to_pylist(), strict=True))
    whole = [
        (album, track) for album, track in wanted if album in encoded and track in embedded and album in said
    ]
    if not whole:
        raise ConfigError(
            f"none of {len(wanted)} albums has latents, words and music: run the embed and encode jobs, "
            "and check that the albums have covers"
        )
    tracks, places = dict[str, list[int]](), dict[tuple[str, str], list[tuple[int, int]]]()
    for row, (album, track) in enumerate(whole):
        tracks.setdefault(track, []).append(row)
        own = said[album]
        first = next((variant for variant in variants if variant in own), min(own))
        for place, variant in enumerate(variants):
            key = (album, variant if variant in own else first)
            places.setdefault(key, []).append((row, place))
    ids = tuple(album for album, _ in whole)
    return Layout(ids, {album: row for row, album in enumerate(ids)}, tracks, places)


def write(
    folder: Path,
    layout: Layout,
    parts: Parts,
    *,
    scaling_factor: float,
    shift_factor: float = 0.0,
    facts: Mapping[str, Any] | None = None,
    variants: int = len(VARIANTS),
) -> None:
    """Write the files of the laid out rows; latents become (raw - shift_factor) * scaling_factor, in fp32."""
    files = _Files(folder, len(layout.album_ids))
    for piece in parts.latents:
        found = [
            (i, layout.albums[a]) for i, a in enumerate(piece["album_id"].to_pylist()) if a in layout.albums
        ]
        means, stds = (
            torch.from_numpy(rows.read_tensor(piece, n).astype(np.float32)) for n in ("mean", "std")
        )
        files.fill("latent_means", ((means - shift_factor) * scaling_factor).numpy(), found)
        files.fill("latent_stds", (stds * scaling_factor).numpy(), found)
    for piece in parts.audio_embeddings:
        keys = enumerate(piece["track_id"].to_pylist())
        found = [(i, row) for i, key in keys for row in layout.tracks.get(key, ())]
        files.fill("frames", rows.read_tensor(piece, "frames"), found)
    for piece in parts.text_embeddings:
        keys = enumerate(zip(piece["album_id"].to_pylist(), piece["variant"].to_pylist(), strict=True))
        places = [(i, row * variants + place) for i, key in keys for row, place in layout.words.get(key, ())]
        files.fill("states", rows.read_tensor(piece, "states"), places, times=variants)
    files.close()
    content = {**(facts or {}), "album_ids": layout.album_ids}
    (folder / _FACTS).write_text(json.dumps(content), encoding="utf-8")


class _Files:
    """Arrays on disk, made when the first piece tells their shape."""

    def __init__(self, folder: Path, count: int):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._count = folder, count
        self._open: dict[str, np.memmap[Any, Any]] = {}

    def fill(
        self, name: str, values: np.ndarray[Any, Any], found: Sequence[tuple[int, int]], *, times: int = 1
    ) -> None:
        """Put row i of `values` at row j of the file, for each (i, j) found."""
        if not found:
            return
        if name not in self._open:
            shape = (self._count * times, *values.shape[1:])
            path = self._folder / f"{name}.npy"
            self._open[name] = np.lib.format.open_memmap(path, mode="w+", dtype=values.dtype, shape=shape)
        taken, rows_ = zip(*found, strict=True)
        self._open[name][list(rows_)] = values[list(taken)]

    def close(self) -> None:
        """Write out what is held back."""
        for array in self._open.values():
            array.flush()


def read(
    folder: Path, *, null_states: Tensor, variants: int = len(VARIANTS)
) -> tuple[Examples, dict[str, Any]]:
    """Return the examples in a folder, mapped and not read, and the facts they were written with."""
    facts: dict[str, Any] = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    # copy on write: torch wants arrays that may be written to, the files must stay as they are
    arrays = {name: torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c")) for name in _ARRAYS}
    words = arrays["states"]
    arrays["states"] = words.view(-1, variants, *words.shape[1:])
    return Examples(tuple(facts.pop("album_ids")), **arrays, null_states=null_states.float()), facts
