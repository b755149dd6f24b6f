"""Listeners and painters of the cluster as the runner knows them: handles of Ray Serve in plain methods."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from covergen.errors import CovergenError
from covergen.serving.api_models import Words
from covergen.serving.audio_features import Lost
from covergen.serving.domain import CoverOrder, SongFeatures
from covergen.serving.painter import Painted, Progress
from covergen.serving.problems import Problem, come_again
from covergen.serving.queue import LONGEST_WAIT, RequestQueue

_SONGS_AT_ONCE: Final = 4  # that a listener hears: who was refused comes again after them
NAMESPACE: Final = "covergen"
_P = ParamSpec("_P")
_T = TypeVar("_T")


class RemoteListener:
    """The listeners of the cluster."""

    def __init__(self, handle: Any):
        self._handle = handle
        self._seconds = 5.0  # that it took to listen to the last song
        self._refused = 0  # since one was heard

    async def recipe(self) -> str:
        """Return what names the way of hearing."""
        return str(await _answer_of(self._handle.recipe.remote()))

    async def hear(self, song: bytes) -> SongFeatures:
        """Return what is heard in a song."""
        features: SongFeatures = await _answer_of(self._handle.hear.remote(song))
        return features

    async def track(self, track_id: str) -> SongFeatures:
        """Return what was heard in a track of the catalogue."""
        features: SongFeatures = await _answer_of(self._handle.track.remote(track_id))
        return features

    async def tell(self, song: bytes, words: Words) -> dict[str, Any]:
        """Return what is heard in a song, for people."""
        began = time.monotonic()
        try:
            facts: dict[str, Any] = await _answer_of(self._handle.tell.remote(song, words))
        except Lost as loss:
            if isinstance(loss.__cause__, BackPressureError):
                self._refused += 1
                seconds = min(LONGEST_WAIT, self._seconds * (1 + self._refused / _SONGS_AT_ONCE))
                message = "Too many songs wait to be heard."
                raise come_again("overloaded", message, seconds=seconds) from loss
            raise Problem(
                503, "unavailable", "Nobody can listen at present; try again in a minute."
            ) from loss
        self._seconds, self._refused = time.monotonic() - began, 0
        return facts

    async def warm(self) -> None:
        """Listen once."""
        await _answer_of(self._handle.warm.remote())


class RemotePainter:
    """The painters of the cluster."""

    def __init__(self, handle: Any):
        self._handle, self._streams = handle, handle.options(stream=True)

    async def paint(
        self, features: SongFeatures | None, order: CoverOrder, number: int, *, watched: bool
    ) -> AsyncIterator[Progress | Painted]:
        """Give the steps of a cover, at last the cover; who stops listening stops the painter."""
        pieces = self._streams.paint.remote(features, order, number, watched=watched)
        through = False
        try:
            while not through:
                try:
                    piece = await _answer_of(anext(pieces))
                except StopAsyncIteration:
                    return
                through = isinstance(piece, Painted)
                yield piece
        finally:
            if not through:
                pieces.cancel()

    async def warm(self) -> None:
        """Paint once."""
        await _answer_of(self._handle.warm.remote())


async def _answer_of(answer: Any) -> Any:
    """Return a replica's answer; raise what it raised, or Lost where it is not there any more, or full."""
    try:
        return await answer
    except CovergenError:
        raise
    except RayTaskError as error:
        if isinstance(error.cause, CovergenError):
            raise error.cause from None
        raise
    except (RayError, RayServeException) as error:
        raise Lost(type(error).__name__) from error


# The service's queue as one named actor of the cluster, and the way to it.


class QueueActor:
    """The queue, in an actor."""

    def __init__(self, waiting: int):
        self.queue = RequestQueue(waiting=waiting)

    async def call(self, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a method of the queue; all take microseconds."""
        return getattr(self.queue, method)(*arguments, **named)


class RemoteQueue:
    """The actor as the runner knows it. It is made by whoever comes first, and again should it die."""

    def __init__(self, root: str, waiting: int):
        self._name = f"covergen-queue-{hashlib.sha256(root.encode()).hexdigest()[:8]}"
        self._waiting = waiting
        self._actor: Any = None

    async def call(
        self, method: Callable[Concatenate[RequestQueue, _P], _T], *arguments: _P.args, **named: _P.kwargs
    ) -> _T | None:
        """Call a method of the queue; None where it cannot be reached at present."""
        try:
            if self._actor is None:
                self._actor = self._found()
                resize = RequestQueue.resize.__name__
                self._actor.call.remote(resize, (self._waiting,), {})  # it may be older than this setting
            answer: _T = await self._actor.call.remote(method.__name__, arguments, named)
        except RayError:
            self._actor = None
            return None
        return answer

    def _found(self) -> Any:
        name = {"name": self._name, "namespace": NAMESPACE, "get_if_exists": True, "lifetime": "detached"}
        options = {**name, "max_restarts": -1, "num_cpus": 0, "max_concurrency": 1000}
        return ray.remote(QueueActor).options(**options).remote(self._waiting)
