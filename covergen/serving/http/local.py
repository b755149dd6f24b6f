"""The whole service in one process: what `covergen serve` runs, without a cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

from fastapi import FastAPI

from covergen.serving import background
from covergen.serving.http.app import make_app
from covergen.serving.http.routes import Service, Settings
from covergen.serving.listener import Listening
from covergen.serving.painter import Painting
from covergen.serving.queue import RequestQueue
from covergen.serving.runner import RequestRunner
from covergen.serving.service import CoverService
from covergen.serving.store import Store


class LocalQueue:
    """The queue in the same process."""

    def __init__(self, queue: RequestQueue):
        self.queue = queue

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Call a method of the queue."""
        return getattr(self.queue, method)(*arguments, **named)


def local_app(root: str, service: CoverService, settings: Settings, *, waiting: int = 256) -> FastAPI:
    """Return the API over models of this process; requests and covers are kept in a root."""
    queue, painting = LocalQueue(RequestQueue(waiting=waiting)), Painting(service)
    listening = Listening(service, catalogue=root)
    runner = RequestRunner(cache(lambda owner: Store(root, owner)), queue, listening, painting, name="alone")

    async def ready() -> None:
        await listening.warm()
        await painting.warm()

    async def metrics() -> bytes:
        return queue.queue.metrics_text()

    @asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(background.run(runner, root, settings.api_keys.allowance_of, ready))
        yield
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    app = make_app(Service(runner, ready, listening.tell, metrics), settings)
    app.router.lifespan_context = beside
    return app
