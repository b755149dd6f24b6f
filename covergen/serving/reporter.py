"""How a runner tells the queue: news in bundles, and twice a second how far all is that it carries.

A call to an actor costs milliseconds on both sides, and a cover is news several times a second.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from covergen.serving.queue import News, Report, RequestQueue

_P = ParamSpec("_P")
_T = TypeVar("_T")

PAUSE: Final = 0.5  # seconds between reports
BUNDLE: Final = 0.05  # seconds for which news wait for each other


def detached(work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """Begin what goes on though the request that begins it ends.

    In a context of its own: Ray Serve knows by the context which calls belong to a request, and cancels them
    all when its client goes away.
    """
    return asyncio.create_task(work, context=Context())


class QueueHandle(Protocol):
    """The way to the queue; a queue that cannot be reached answers None."""

    async def call(
        self, method: Callable[Concatenate[RequestQueue, _P], _T], *arguments: _P.args, **named: _P.kwargs
    ) -> _T | None:
        """Call a method of the queue, wherever it is; whoever implements it looks it up by its name."""


class Carried(Protocol):
    """A request that is being carried."""

    @property
    def report(self) -> Report:
        """Its owner, and which covers wait and which are painted, where that is known yet."""

    def give_up(self) -> None:
        """Stop carrying it."""


class Reporter:
    """Tells the queue of all that `carried` holds. `name` tells who carries it."""

    def __init__(self, queue: QueueHandle, name: str, carried: Mapping[str, Carried]):
        self._queue, self._name, self._carried = queue, name, carried
        self._news: list[News] = []
        self._due: asyncio.TimerHandle | None = None
        self._calls: set[asyncio.Task[Any]] = set()
        self._reporting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Report until nothing is carried any more."""
        if self._reporting is None or self._reporting.done():
            self._reporting = detached(self._report())

    def tell(
        self, method: Callable[Concatenate[RequestQueue, _P], None], *arguments: _P.args, **named: _P.kwargs
    ) -> None:
        """Call a method of the queue soon, in order, without waiting for it."""
        self._news.append((method.__name__, arguments, named))
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(BUNDLE, self.flush)

    def flush(self) -> None:
        """Send now what there is to tell, so that the queue knows it before whatever it is asked next."""
        if self._due is not None:
            self._due.cancel()
        news, self._news, self._due = self._news, [], None
        if news:
            call = detached(self._queue.call(RequestQueue.take, news))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            if not self._carried:
                return
            reports = {number: work.report for number, work in self._carried.items()}
            for number in await self._queue.call(RequestQueue.reports, self._name, reports) or ():
                if number in self._carried:
                    self._carried[number].give_up()
