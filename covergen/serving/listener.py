"""What a listener does for the service: a song to what the painter hears, and to what people read of it."""

import asyncio
import hashlib
import math
from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from covergen.catalog.genres import genre_note
from covergen.embeddings.audio_stage import heard_with
from covergen.errors import BadInput, RejectCode
from covergen.media import audio
from covergen.media.audio import AudioLimits
from covergen.serving.api_models import Words
from covergen.serving.domain import CoverOrder, SongFeatures
from covergen.serving.service import CoverService, prompt_of
from covergen.storage.delta import Generation
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS
from covergen.tagging.stage import TagTracks
from covergen.training.checkpoint import heard_otherwise

PEAKS: Final = 200  # of a waveform
_PEAK_RATE: Final = 4000  # Hz: enough to see a song's shape
_LISTS: Final = {"moods": "mood", "genres": "genre", "instruments": "instrument"}
_MEASURES: Final = ("tempo", "key", "mode", "energy", "brightness")
_WORDS: Final = 5  # of each list


class ListenerWorker:
    """Hears songs. `catalogue`: the root whose embedded tracks can be painted for; None has none."""

    def __init__(
        self,
        service: CoverService,
        *,
        tagger: str = "signal",
        catalogue: str | None = None,
        max_seconds: float = 1800.0,
    ):
        self._service, self._tagger, self._catalogue = service, tagger, catalogue
        self._limits = AudioLimits(max_seconds=max_seconds)
        self._table: Generation | None = None  # for one thread at a time
        self._reading = Lock()

    async def recipe(self) -> str:
        """Return what names the way of hearing."""
        return self._service.hearing_name

    async def hear(self, song: bytes) -> SongFeatures:
        """Return what the encoder hears in a song. Raises BadInput."""
        return await asyncio.to_thread(self._hear, song)

    async def track(self, track_id: str) -> SongFeatures:
        """Return what the embed job heard in a track of the catalogue. Raises BadInput."""
        return await asyncio.to_thread(self._find, track_id)

    async def tell(self, song: bytes, words: Words) -> dict[str, Any]:
        """Return what is heard in a song, ready for JSON. Raises BadInput."""
        return await asyncio.to_thread(self._tell, song, words)

    async def warm(self) -> None:
        """Load everything and listen once."""
        beat = np.sin(np.linspace(0, 12 * 440 * math.tau, 12 * _PEAK_RATE)).astype(np.float32)
        await self.hear(audio.encode_flac(beat, _PEAK_RATE))

    def _hear(self, song: bytes) -> SongFeatures:
        self._check(song)
        return self._service.listen(song)

    def _check(self, song: bytes) -> None:
        """Refuse a song that is too long before it is decoded."""
        claimed = audio.probe(song, self._limits).container_seconds
        if claimed is not None and claimed > self._limits.max_seconds:
            reason = f"it lasts {claimed:.0f} s, and at most {self._limits.max_seconds:.0f} s are heard"
            raise BadInput(RejectCode.TOO_LONG, reason)

    def _tell(self, song: bytes, words: Words) -> dict[str, Any]:
        features = self._hear(song)
        tags = self._tags(song)
        facts: dict[str, Any] = {
            "song": features.sha256,
            "seconds": features.seconds,
            "song_seconds": features.song_seconds,
            "loudness": round(features.loudness, 1),
            **{name: tags.get(name) for name in _MEASURES},
            "basis": tags.get("basis"),
            "waveform": [round(float(peak), 3) for peak in peaks(audio.decode(song, _PEAK_RATE).waveform)],
        }
        for plural, name in _LISTS.items():
            facts[plural] = [{"word": w, "score": round(s, 3)} for w, s in (tags.get(name) or [])[:_WORDS]]
        order = CoverOrder(**words.model_dump(exclude={"song", "tags"}), tags=tuple(words.tags))
        note = None if order.prompt else genre_note(order.genre)
        return {**facts, "prompt": prompt_of(order), "genre_note": note}

    def _tags(self, song: bytes) -> Mapping[str, Any]:
        digest = hashlib.sha256(song).hexdigest()
        row = {"track_id": digest, "input_digest": digest, "uri": None, "bytes": song}
        schema = pa.schema(
            [(name, pa.string()) for name in ("track_id", "input_digest", "uri")] + [("bytes", pa.binary())]
        )
        (answer,) = self._tagging(pa.Table.from_pylist([row], schema=schema)).to_pylist()
        if answer["reject_code"]:
            raise BadInput(RejectCode(answer["reject_code"]), answer["reject_reason"])
        tags: Mapping[str, Any] = answer
        return tags

    @cached_property
    def _tagging(self) -> TagTracks:
        return TagTracks(self._tagger, device=self._service.device, offline=self._service.offline)

    def _find(self, track_id: str) -> SongFeatures:
        with self._reading:
            table = self._embedded()
            found = None
            if table is not None and "'" not in track_id:
                found = table.read(["frames", "seconds"], where=f"track_id = '{track_id}'")
        if not found:
            raise BadInput(RejectCode.NOT_FOUND, f"no track {track_id!r} is embedded here")
        (row,) = found.slice(length=1).to_pylist()
        frames = np.frombuffer(row["frames"], "<f2").reshape(self._service.feature_shape)
        digest = hashlib.sha256(row["frames"]).hexdigest()
        return SongFeatures(frames, row["seconds"], None, float("nan"), digest)

    def _embedded(self) -> Generation | None:
        """Return what the embed job heard, or None. Raises BadInput where it listened in another way."""
        if self._catalogue is None or not Root(self._catalogue).has(AUDIO_EMBEDDINGS):
            return None
        root = Root.open(self._catalogue)
        if key := heard_otherwise(there := heard_with(root), ours := self._service.hearing):
            reason = (
                f"tracks were heard with {key}={there.get(key)!r}, and this service has {ours.get(key)!r}"
            )
            raise BadInput(RejectCode.NO_AUDIO_EMBEDDING, reason)
        table = root.current(AUDIO_EMBEDDINGS)
        if self._table is None or self._table.uri != table.uri:
            self._table = table  # kept, so that only what is new in its log is read
        return self._table


def peaks(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return PEAKS levels of a mono waveform (N,), the loudest of each part, 1 for the loudest of all."""
    parts = np.array_split(np.abs(waveform), min(PEAKS, max(1, waveform.size)))
    found = np.array([part.max(initial=0.0) for part in parts], np.float32)
    return found / max(float(found.max(initial=0.0)), 1e-6)
