"""The service on a port of this machine: connections that are cut when they stall, and an end that comes."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from types import FrameType
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from covergen.errors import ConfigError
from covergen.serving import maintenance
from covergen.serving.http.app import make_app
from covergen.serving.http.routes import Dependencies, Settings
from covergen.serving.listener import ListenerWorker
from covergen.serving.painter import PainterWorker
from covergen.serving.queue import RequestQueue
from covergen.serving.runner import RequestRunner
from covergen.serving.service import CoverService
from covergen.serving.store import Store

GRACE: Final = 10.0  # seconds that what is under way has once the service is to stop
HEAD_SECONDS: Final = 10.0  # for a request's line and headers
UNREAD_SECONDS: Final = 60.0  # for a client to take what it was answered
LONGEST_HEAD: Final = 2**16  # bytes
_P = ParamSpec("_P")
_T = TypeVar("_T")
_THREADS: Final = 5.0  # seconds more for what threads are amid, such as a song that is decoded
_IDS: Final = ("request_id", "request")  # of a log's line


class Connection(HttpToolsProtocol):
    """A connection of uvicorn's, which bounds no head and waits for ever for it, and for who does not read.

    Bodies are left to `bodies.py`, idle connections between requests to uvicorn.
    """

    _slow: Any = None  # timer until the next head is there
    _unread: Any = None  # timer until the client reads
    _head = 0  # bytes of the next head so far

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._slow = self.loop.call_later(HEAD_SECONDS, self._cut)

    def data_received(self, data: bytes) -> None:
        """Take what came, and cut who takes too long to say what is wanted."""
        beside = self._answering and not self.cycle.more_body  # comes while what was asked is answered
        super().data_received(data)
        if self._answering:
            self._head, self._slow = (self._head + len(data) if beside else 0), _cancelled(self._slow)
            if self._head > LONGEST_HEAD:
                self._cut()
            return
        if self._slow is None:
            self._slow = self.loop.call_later(HEAD_SECONDS, self._cut)
        rest_of_body = self.cycle is not None and self.cycle.more_body  # of a request that was refused early
        self._head += 0 if rest_of_body else len(data)
        if self._head > LONGEST_HEAD:
            self._cut()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Begin to count the next head."""
        self._head = 0
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, but not for ever."""
        super().pause_writing()
        self._unread = _cancelled(self._unread) or self.loop.call_later(UNREAD_SECONDS, self._abort)

    def resume_writing(self) -> None:
        """Go on with a client that reads."""
        super().resume_writing()
        self._unread = _cancelled(self._unread)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all timers."""
        self._slow, self._unread = _cancelled(self._slow), _cancelled(self._unread)
        super().connection_lost(exc)

    def _cut(self) -> None:
        if not self.transport.is_closing():
            self._leave()
            self.transport.close()

    def _abort(self) -> None:
        self._leave()
        self.transport.abort()  # close() would wait for what is unread

    def _leave(self) -> None:
        """Tell whoever answers that the client is gone: a transport that closes takes no more words."""
        if self._answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()


class Server(uvicorn.Server):
    """Ends with exit code 0 when it is told to, within `grace` seconds; told again, at once."""

    def __init__(self, app: FastAPI, config: uvicorn.Config, *, grace: float):
        super().__init__(config)
        self._app, self._grace = app, grace

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to stop; at the second signal stop as the system does. uvicorn would raise each again."""
        if self.should_exit:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(signal.Signals(sig))
        self.should_exit = True
        # A thread amid a song or a picture would be waited for.
        last = threading.Timer(self._grace + _THREADS, os._exit, [0])
        last.daemon = True
        last.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell who follows a request to come again, then wait for what is under way."""
        self._app.state.stopping.set()
        await super().shutdown(sockets)


def run(app: FastAPI, *, host: str, port: int, grace: float = GRACE) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises ConfigError where the address is taken."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"{host}:{port} cannot be listened on: {error.strerror}; choose another --port."
            ) from error
    logs = logging.getLogger("covergen")
    logs.addHandler(handler := logging.StreamHandler())
    handler.setFormatter(WithIds("%(asctime)s %(levelname)s %(message)s"))
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        http=Connection,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    try:
        Server(app, config, grace=grace).run()
    finally:
        logs.removeHandler(handler)


class WithIds(logging.Formatter):
    """A line with the ids that it was given beside its words, so that a request can be found."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        """Return the line."""
        ids = [f"{name}={getattr(record, name)}" for name in _IDS if hasattr(record, name)]
        return " ".join([super().formatMessage(record), *ids])


def _cancelled(timer: Any) -> Any:
    """Cancel a timer and return None, which stands for none."""
    if timer is not None:
        timer.cancel()
    return None


# The whole service in one process: what `covergen serve` runs, without a cluster.


class LocalQueue:
    """The queue in the same process."""

    def __init__(self, queue: RequestQueue):
        self.queue = queue

    async def call(
        self, method: Callable[Concatenate[RequestQueue, _P], _T], *arguments: _P.args, **named: _P.kwargs
    ) -> _T | None:
        """Call a method of the queue."""
        answer: _T = getattr(self.queue, method.__name__)(*arguments, **named)
        return answer


def local_app(root: str, service: CoverService, settings: Settings, *, waiting: int = 256) -> FastAPI:
    """Return the API over models of this process; requests and covers are kept in a root."""
    queue, painting = LocalQueue(RequestQueue(waiting=waiting)), PainterWorker(service)
    listening = ListenerWorker(service, catalogue=root)
    runner = RequestRunner(cache(lambda owner: Store(root, owner)), queue, listening, painting, name="alone")

    async def ready() -> None:
        await listening.warm()
        await painting.warm()

    async def metrics() -> bytes:
        return queue.queue.metrics_text()

    @asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(maintenance.run(runner, root, settings.api_keys.allowance_of, ready))
        yield
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    app = make_app(Dependencies(runner, ready, listening.tell, metrics), settings)
    app.router.lifespan_context = beside
    return app
