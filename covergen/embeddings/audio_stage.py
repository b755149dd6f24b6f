"""The stage `media -> audio_embeddings`: each song through the frozen audio encoder.

Listening is two operators, so that decoding (CPU) and the model (GPU) have actors of their own: CutWindows,
then Hear. Which rows there are to do, and where results go, is left to the job.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from covergen.embeddings import resample
from covergen.embeddings.protocol import AudioEncoder, frames_per_window
from covergen.embeddings.registry import build_encoder
from covergen.embeddings.windows import Windows, count_windows, cut_windows, window_starts
from covergen.errors import BadInput
from covergen.media.excerpts import Excerpts, excerpts
from covergen.models.weights import use_threads
from covergen.sources.local.file_urls import shown
from covergen.sources.media import media_source
from covergen.storage import rows
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS

VERSION: Final = 2  # of listening: raise it whenever windows are cut or joined differently
_MARGIN: Final = 0.04  # seconds around what is to be resampled on the device, which would hear the cut

CUTS: Final = pa.schema(
    [
        ("track_id", pa.string()),
        ("input_digest", pa.string()),
        ("windows", pa.binary()),  # little-endian float32 (windows, samples)
        ("clip", pa.binary()),  # or what they are yet to be cut from (pieces x samples,), and its rate in Hz
        ("pieces", pa.int32()),  # equal, a window in the middle of each; or one that holds all
        ("sample_rate", pa.int32()),
        ("seconds", pa.float64()),
        *rows.REJECT_COLUMNS,
    ]
)
"""What CutWindows hands to Hear: windows, a clip to be resampled, or the code and reason of a refusal."""


class HearTracks:
    """Both operators of listening, and what names and shapes their rows; calling it runs them in turn.

    With `resample_on_device` the first only decodes, and songs are resampled where the model is; ConfigError
    where torchaudio cannot be loaded.
    """

    def __init__(
        self,
        encoder: str,
        *,
        seconds: float = 10.0,
        frame_rate: float = 2.0,
        layers: Sequence[int] | None = None,
        allow_noncommercial: bool = False,
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = False,
        threads: int | None = None,
        batch_size: int = 16,
        resample_on_device: bool = False,
    ):
        if resample_on_device:
            resample.check()
        self.options: dict[str, Any] = {
            "encoder": encoder,
            "frame_rate": frame_rate,
            "layers": None if layers is None else tuple(layers),
            "allow_noncommercial": allow_noncommercial,
            "device": device,
            "bf16": bf16,
            "offline": offline,
        }
        self.seconds, self.threads, self.batch_size = seconds, threads, batch_size
        self.resample_on_device = resample_on_device
        self.encoder = _encoder(self.options)  # refuses at once what cannot be done; no weights yet
        self.count = count_windows(seconds, self.encoder.segment_seconds)

    def recipe(self) -> dict[str, Any]:
        """Return everything that shapes a row; its digest names the generation."""
        recipe = {
            "stage": "hear",
            "version": VERSION,
            "encoder": self.options["encoder"],
            "encoder_digest": self.encoder.digest,
            "seconds": self.seconds,
        }
        return recipe | {"resampler": resample.NAME} if self.resample_on_device else recipe

    def facts(self) -> dict[str, Any]:
        """Return what it takes, beside the recipe, to hear so again: a fusion's checkpoint keeps both.

        Precision is a part of the digest that names rows. `fp32_digest` names the encoder without it: what
        is heard in bfloat16 and in float32 differs by rounding alone.
        """
        layers, bf16 = self.options["layers"], self.options["bf16"]
        exact = _encoder({**self.options, "bf16": False}) if bf16 else self.encoder
        return {
            "frame_rate": float(self.encoder.frame_rate),
            "layers": None if layers is None else list(layers),
            "dtype": "bfloat16" if bf16 else "float32",
            "fp32_digest": exact.digest,
        }

    @classmethod
    def again(
        cls,
        heard_with: Mapping[str, Any],
        shape: Sequence[int],
        *,
        encoder: str | None = None,
        **options: Any,
    ) -> "HearTracks":
        """Return what hears as a checkpoint says, whose frames have a shape (L, F, W).

        `encoder` is where the weights lie here, if elsewhere. Checkpoints of older versions tell neither
        rate nor precision: the one follows from the shape, the other from the digest.
        """
        seconds, layers = float(heard_with.get("seconds", 10.0)), heard_with.get("layers")
        options |= {"seconds": seconds, "frame_rate": heard_with.get("frame_rate", shape[1] / seconds)}
        options["layers"] = None if layers is None else tuple(layers)
        name = encoder or str(heard_with.get("encoder", "logmel"))
        if "dtype" in heard_with:
            return cls(name, bf16=heard_with["dtype"] == "bfloat16", **options)
        exact, rounded = (cls(name, bf16=bf16, **options) for bf16 in (False, True))
        wanted = heard_with.get("encoder_digest")
        return rounded if rounded.encoder.digest == wanted != exact.encoder.digest else exact

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor column: frames [layers, frames, width]."""
        frames = self.count * frames_per_window(self.encoder)
        return {"frames": (self.encoder.layers, frames, self.encoder.width)}

    def cut(self) -> "CutWindows":
        """Return the first operator, for CPUs; it pickles small."""
        return CutWindows(
            sample_rate=self.encoder.sample_rate,
            segment_seconds=self.encoder.segment_seconds,
            count=self.count,
            keep_rate=self.resample_on_device,
        )

    def hear(self) -> "Hear":
        """Return the second operator; it pickles small and loads the model where its first batch is."""
        return Hear(self.options, count=self.count, threads=self.threads, batch_size=self.batch_size)

    @cached_property
    def _operators(self) -> "tuple[CutWindows, Hear]":
        return self.cut(), self.hear()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes for rows of track_id, input_digest, uri and bytes."""
        cut, hear = self._operators
        return hear(cut(batch))


class CutWindows:
    """Reads and decodes songs, and cuts equal windows that are spread over the length of each.

    In a song shorter than all windows together they overlap evenly; one shorter than a single window is
    refused as too short. With `keep_rate` it hands on what is to be heard at the file's own rate, to be
    resampled and cut on the device.
    """

    key: Final = AUDIO_EMBEDDINGS.key
    outcome: Final = CUTS

    def __init__(self, *, sample_rate: int, segment_seconds: float, count: int, keep_rate: bool = False):
        self.sample_rate, self.segment_seconds, self.count = sample_rate, segment_seconds, count
        self.keep_rate = keep_rate

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return CUTS for rows of track_id, input_digest, uri and bytes, in order."""
        records = []
        for row in batch.select(["track_id", "input_digest", "uri", "bytes"]).to_pylist():
            record = {"track_id": row["track_id"], "input_digest": row["input_digest"]}
            try:
                record |= self._clip(row) if self.keep_rate else self._cut(row)
            except BadInput as refusal:
                record |= rows.reject_columns(refusal.at(shown(row["uri"]) if row["uri"] else ""))
            records.append(record)
        return pa.Table.from_pylist(records, schema=CUTS)

    def _cut(self, row: Mapping[str, Any]) -> dict[str, Any]:
        song = self._excerpts(row, self.sample_rate)
        each = self.count // len(song.pieces)
        windows = np.concatenate([cut_windows(piece, each, self._samples) for piece in song.pieces])
        return {"windows": windows.astype("<f4").tobytes(), "seconds": song.seconds}

    def _clip(self, row: Mapping[str, Any]) -> dict[str, Any]:
        song = self._excerpts(row, None)
        if not resample.is_fit(song.sample_rate, self.sample_rate):
            song = self._excerpts(row, self.sample_rate)
        count, rate = len(song.pieces), song.sample_rate
        size = resample.resampled_size(song.pieces[0].size, rate, self.sample_rate)
        window_starts(size, self.count // count, self._samples)  # refuses what will be too short
        clip = np.concatenate(song.pieces).astype("<f4").tobytes()
        return {"clip": clip, "pieces": count, "sample_rate": rate, "seconds": song.seconds}

    def _excerpts(self, row: Mapping[str, Any], sample_rate: int | None) -> Excerpts:
        margin = _MARGIN if sample_rate is None else 0.0
        seconds = self.segment_seconds
        return excerpts(media_source(row), sample_rate, count=self.count, seconds=seconds, margin=margin)

    @property
    def _samples(self) -> int:
        return round(self.segment_seconds * self.sample_rate)


class Hear:
    """Runs the encoder over the windows of many songs at once and joins each song's frames in time."""

    key: Final = AUDIO_EMBEDDINGS.key
    outcome: Final = rows.outcome_schema(AUDIO_EMBEDDINGS)

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        count: int,
        threads: int | None = None,
        batch_size: int = 16,
    ):
        self.options, self.count, self.threads, self.batch_size = dict(options), count, threads, batch_size

    @cached_property
    def encoder(self) -> AudioEncoder:
        """The encoder, built in the process that runs it."""
        use_threads(self.threads)
        return _encoder(self.options)

    @cached_property
    def resampler(self) -> resample.Resampler:
        """What resamples beside the encoder."""
        return resample.Resampler(self.encoder.sample_rate, self.options["device"])

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes of `audio_embeddings` for CUTS, refused rows included, in order."""
        results = rows.refusals(batch)
        usable = [index for index, result in enumerate(results) if not isinstance(result, BadInput)]
        if usable:
            frames = self._listen(self._windows(batch, usable))
            stored = rows.storable({"frames": frames}, whose=self._whose, probe=self._probe)
            for index, result in zip(usable, stored, strict=True):
                results[index] = result
        return rows.outcomes(AUDIO_EMBEDDINGS, batch.drop_columns(rows.REJECT_COLUMNS.names), results)

    def _windows(self, batch: pa.Table, usable: Sequence[int]) -> Windows:
        """Return windows (rows x windows, samples) of rows of CUTS, resampled on the device if need be."""
        if batch["windows"][usable[0]].is_valid:
            cuts = [_floats(batch["windows"][index]) for index in usable]
            return np.stack(cuts).reshape(len(usable) * self.count, -1)
        samples = round(self.encoder.segment_seconds * self.encoder.sample_rate)
        clips = [
            _floats(batch["clip"][index]).reshape(batch["pieces"][index].as_py(), -1) for index in usable
        ]
        rates = [batch["sample_rate"][index].as_py() for index in usable]
        return self.resampler.windows(clips, rates, count=self.count, samples=samples)

    def _listen(self, windows: Windows) -> NDArray[Any]:
        """Return frames (rows, layers, windows x frames, width) for windows (rows x windows, samples)."""
        parts = []
        for start in range(0, len(windows), self.batch_size):
            chosen = windows[start : start + self.batch_size]
            parts.append(self.encoder(chosen))
            rows.check_shape(parts[-1], (len(chosen), *self._window_shape), whose=self._whose)
        frames = np.concatenate(parts)  # (rows x windows, layers, frames, width)
        grouped = frames.reshape(-1, self.count, *frames.shape[1:]).swapaxes(1, 2)
        layers, width = frames.shape[1], frames.shape[3]
        return grouped.reshape(len(grouped), layers, -1, width)

    def _probe(self) -> dict[str, NDArray[Any]]:
        """Return the answer to a window of soft noise."""
        samples = round(self.encoder.segment_seconds * self.encoder.sample_rate)
        noise = np.random.default_rng(0).normal(0, 0.1, (1, samples)).astype(np.float32)
        return {"frames": self.encoder(noise)}

    @property
    def _window_shape(self) -> tuple[int, ...]:
        return self.encoder.layers, frames_per_window(self.encoder), self.encoder.width

    @property
    def _whose(self) -> str:
        return f"audio encoder {self.encoder.name}"


def heard_with(root: Root) -> dict[str, Any]:
    """Return how the songs of a root were heard: the recipe of their rows, and the facts beside it."""
    return {**root.recipe(AUDIO_EMBEDDINGS), **root.facts(AUDIO_EMBEDDINGS)}


def _encoder(options: Mapping[str, Any]) -> AudioEncoder:
    chosen = dict(options)
    return build_encoder(chosen.pop("encoder"), **chosen)


def _floats(value: pa.Scalar) -> NDArray[np.float32]:
    return np.frombuffer(value.as_buffer(), "<f4")
