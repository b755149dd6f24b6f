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
from covergen.serving.queue import Board
from covergen.serving.runner import Studio
from covergen.serving.service import CoverService
from covergen.serving.store import Store


class LocalBoard:
    """The board in the same process."""

    def __init__(self, board: Board):
        self.board = board

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Call a method of the board."""
        return getattr(self.board, method)(*arguments, **named)


def local_app(root: str, service: CoverService, settings: Settings, *, waiting: int = 256) -> FastAPI:
    """Return the API over models of this process; requests and covers are kept in a root."""
    board, painting = LocalBoard(Board(waiting=waiting)), Painting(service)
    listening = Listening(service, catalogue=root)
    studio = Studio(cache(lambda owner: Store(root, owner)), board, listening, painting, name="alone")

    async def ready() -> None:
        await listening.warm()
        await painting.warm()

    async def metrics() -> bytes:
        return board.board.metrics_text()

    @asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(background.run(studio, root, settings.doors.allowance_of, ready))
        yield
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    app = make_app(Service(studio, ready, listening.tell, metrics), settings)
    app.router.lifespan_context = beside
    return app
