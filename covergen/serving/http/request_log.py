"""What every request gets, whatever becomes of it: an id, an answer and a line in the log."""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from covergen.errors import BadInput, ConfigError, RootError
from covergen.serving.api_keys import Message, Receive, Send
from covergen.serving.problems import Problem, of_root, of_song

REFUSALS: Final = (Problem, BadInput, ConfigError, RootError, HTTPException, RequestValidationError)
_LONGEST_ID: Final = 100  # characters
_GONE: Final = 499  # nobody is there any more to be answered; nginx's number
_GUARDS: Final = {b"x-content-type-options": b"nosniff", b"cache-control": b"no-store"}

log = logging.getLogger("covergen.serving")


class RequestLog:
    """ASGI: gives every request its id, an answer whatever breaks, and a line in the log."""

    def __init__(self, app: Any, *, named: bool, stopping: asyncio.Event):
        self._app, self._named, self._stopping = app, named, stopping

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on; its id is the client's own where that is usable."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given, began = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1"), time.perf_counter()
        usable = given.isascii() and given.isprintable() and 0 < len(given) <= _LONGEST_ID
        name = given if usable else secrets.token_hex(8)
        scope.setdefault("state", {})["id"] = name
        begun = False

        def tell(status: int) -> None:
            facts = {"request_id": name, "method": scope["method"], "status": status}
            seconds = round(time.perf_counter() - began, 3)
            log.info("%s %s %d", scope["method"], scope["path"], status, extra={**facts, "seconds": seconds})

        async def respond(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                message["headers"] = self._headers(message.get("headers", ()), name)
                tell(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, respond)
        except ClientDisconnect:
            tell(_GONE)
        except asyncio.CancelledError:
            if not self._stopping.is_set():  # Ray Serve cancels whose client went away
                tell(_GONE)
                raise
            if not begun:
                stops = Problem(503, "unavailable", "The service stops; send it again.", {"Retry-After": "5"})
                await (await refuse(Request(scope), stops))(scope, receive, respond)
        except Exception as error:
            if begun:
                raise
            await (await refuse(Request(scope), error))(scope, receive, respond)

    def _headers(self, given: Iterable[tuple[bytes, bytes]], name: str) -> list[tuple[bytes, bytes]]:
        """Return an answer's headers with its id, and with what keeps browsers from guessing and keeping."""
        names = {each.lower() for each, _ in given}
        more = [pair for pair in _GUARDS.items() if pair[0] not in names]
        return [*given, *more, *([] if self._named else [(b"x-request-id", name.encode())])]


async def refuse(request: Request, error: Exception) -> JSONResponse:
    """Answer an error: what people can use of it, and its id in the logs."""
    name = getattr(request.state, "id", "")
    problem = _problem(error)
    if problem.status == 500:
        line = f"{request.method} {request.url.path}"
        log.error("%s broke", line, exc_info=error, extra={"request_id": name})
    return JSONResponse(problem.body(name), problem.status, dict(problem.headers))


def _problem(error: Any) -> Problem:
    match error:
        case Problem():
            return error
        case BadInput():
            return of_song(error)
        case RootError():
            log.error("the store cannot be used: %s", error)
            return of_root(error)
        case ConfigError():
            return Problem(422, "invalid", str(error))
        case RequestValidationError():
            reasons = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors()[:5])
            return Problem(422, "invalid", reasons)
        case HTTPException():
            words = {404: "There is nothing under this address.", 405: "This address knows other methods."}
            code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
            message = words.get(error.status_code, str(error.detail))
            return Problem(error.status_code, code, message, error.headers or {})
        case _:
            return Problem(
                500, "internal", "Something broke on our side; the logs know this request by its id."
            )
