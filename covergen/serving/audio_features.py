"""Hearing for the runner: uploads once for all, tracks of the catalogue, again where a listener died."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from covergen.errors import BadInput
from covergen.serving.domain import SongFeatures
from covergen.serving.problems import Problem, no_song
from covergen.serving.queue import RequestQueue
from covergen.serving.reporter import Reporter
from covergen.serving.store import Store

ATTEMPTS: Final = 8  # at a song or a cover whose replica dies or is full
PAUSE: Final = 0.5  # seconds before another attempt, doubled each time
FRESH: Final = 60.0  # seconds for which what was heard is known
KNOWN: Final = 32  # songs and tracks at once; a megabyte each with MERT


class Lost(Exception):
    """Who painted or listened is gone, or could not take it: worth another attempt."""


class Listener(Protocol):
    """Whoever hears songs. All raise BadInput, or Lost."""

    async def recipe(self) -> str:
        """Return what names the way of hearing."""

    async def hear(self, song: bytes) -> SongFeatures:
        """Return what is heard in a song."""

    async def track(self, track_id: str) -> SongFeatures:
        """Return what was heard in a track of the catalogue."""


class AudioFeatures:
    """Hears uploads and tracks. The last ones are still known: many orders vary an earlier one."""

    def __init__(self, stores: Callable[[str], Store], listener: Listener, reporter: Reporter):
        self._stores, self._listener, self._reporter = stores, listener, reporter
        self._recipe: str | None = None  # of all listeners
        self._recent: dict[tuple[str, str, str], tuple[float, SongFeatures]] = {}  # and when it was heard

    async def of(self, owner: str, *, song: str | None, track: str | None) -> SongFeatures | None:
        """Return what is heard in an upload or in a track of the catalogue. Raises BadInput."""
        if song is None and track is None:
            return None
        now, key = time.monotonic(), (owner, song or "", track or "")
        self._recent = {one: entry for one, entry in self._recent.items() if now - entry[0] < FRESH}
        if key in self._recent:
            return self._recent[key][1]
        features = await self._upload(owner, song) if song is not None else await self._track(track or "")
        while len(self._recent) >= KNOWN:
            del self._recent[next(iter(self._recent))]
        self._recent[key] = now, features
        return features

    async def _track(self, track: str) -> SongFeatures:
        found: SongFeatures = await self._again(lambda: self._listener.track(track))
        return found

    async def _upload(self, owner: str, song: str) -> SongFeatures:
        if self._recipe is None:
            self._recipe = await self._again(self._listener.recipe)
        store, recipe = self._stores(owner), self._recipe
        known: SongFeatures | None = await asyncio.to_thread(store.song_features, song, recipe)
        if known is None:
            content, began = await asyncio.to_thread(store.song, song), time.monotonic()
            if content is None:
                raise no_song()
            try:
                known = await self._again(lambda: self._listener.hear(content))
            except BadInput:
                await asyncio.to_thread(store.forget_song, song)  # nobody will ever hear it
                raise
            self._reporter.tell(RequestQueue.listened, time.monotonic() - began)
            await asyncio.to_thread(store.keep_song_features, known, recipe)
        return known

    async def _again(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return await ask()
            except Lost:
                await asyncio.sleep(PAUSE * 2**attempt)
        raise Problem(503, "unavailable", "Nobody can listen at present; try again in a minute.")
