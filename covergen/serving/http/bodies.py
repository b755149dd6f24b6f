"""Bodies as they come in: how large they may be, and how slowly they may come.

Without an end to slowness half a request holds a connection and a place for ever (slowloris). A body has a
time to begin with and more of it for all that came, as Apache's mod_reqtimeout gives it; heads: `server.py`.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Final

from fastapi import Request

from covergen.serving.api_keys import Message, Receive, Send
from covergen.serving.problems import Problem

LONGEST_JSON: Final = 2**16  # bytes of a JSON body, or of a form without a file: they are parsed at once
BODY_SECONDS: Final = 20.0  # for the first bytes of a body, more for what came, and never as long for nothing
LEAST_RATE: Final = 2000.0  # bytes a second that a body must come with, after that
_CLOSE: Final = {"Connection": "close"}  # what is left of the body is not waited for


class Bodies:
    """ASGI: refuses bodies that are larger than `max_bytes` or come too slowly, as soon as that is known."""

    def __init__(
        self,
        app: Any,
        max_bytes: int,
        *,
        seconds: float = BODY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._app, self._max, self._seconds, self._clock = app, max_bytes, seconds, clock

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, its body counted while it comes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length, came, began = dict(scope["headers"]).get(b"content-length", b"0"), 0, self._clock()
        whole, answered = False, asyncio.Event()  # then only the client's end is waited for, however long

        async def counted() -> Message:
            nonlocal came, whole
            if whole or answered.is_set():
                return await receive()
            if length.isdigit() and int(length) > self._max:
                raise too_large(self._max)
            left = min(self._seconds, began + self._seconds + came / LEAST_RATE - self._clock())
            try:
                async with asyncio.timeout(left):
                    message = await receive()
            except TimeoutError:
                left = 0
            if answered.is_set():
                return await receive() if left == 0 else message
            if left <= 0:
                raise Problem(408, "too_slow", "The body came too slowly; send it again.", _CLOSE)
            came += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if came > self._max:
                raise too_large(self._max)
            return message

        async def answer(message: Message) -> None:
            answered.set()
            await send(message)

        await self._app(scope, counted, answer)


async def small_body(request: Request, most: int = LONGEST_JSON) -> bytes:
    """Return a body that is parsed at once. Raises Problem for a larger one before it has come."""
    length, body = request.headers.get("content-length", ""), bytearray()
    if length.isdigit() and int(length) > most:
        raise too_large(most)
    async with aclosing(request.stream()) as stream:
        async for part in stream:
            body += part
            if len(body) > most:
                raise too_large(most)
    return bytes(body)


def too_large(most: int) -> Problem:
    """Return what is said of a body of more than so many bytes."""
    size = f"{most // 2**20} MB" if most >= 2**20 else f"{most // 2**10} kB"
    return Problem(413, "too_large", f"More than {size} are not taken here.", _CLOSE)
