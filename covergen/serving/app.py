"""The HTTP API, version 1, as one ASGI application: routes, documentation, manners towards every client."""

import logging
import secrets
import time
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from covergen.errors import BadInput, ConfigError, RootError
from covergen.serving import page
from covergen.serving.documentation import COVERS, LISTEN, RECALL, responses
from covergen.serving.doors import LimitBody, Message, Receive, Send
from covergen.serving.orders import History, State, Uploads
from covergen.serving.problems import Problem, of_root, of_song
from covergen.serving.routes import Routes, Service, Settings

_LONGEST_ID: Final = 100  # characters

log = logging.getLogger("covergen.serving")


def make_app(service: Service, settings: Settings) -> FastAPI:
    """Return the application of one replica."""
    docs = "/docs" if settings.documentation else None
    app = FastAPI(
        title="covergen",
        version=version("covergen"),
        summary="Album covers from music.",
        docs_url=docs,
        redoc_url=None,
    )
    _add_routes(app, Routes(service, settings))
    page.add_to(app)
    for kind in (Problem, BadInput, ConfigError, RootError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _refuse)
    app.add_middleware(LimitBody, max_bytes=settings.max_upload)
    if settings.origins:
        origins, methods = list(settings.origins), ["GET", "POST", "PUT", "DELETE"]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=["*"])
    app.add_middleware(Followed, named=settings.named)
    return app


def _add_routes(app: FastAPI, routes: Routes) -> None:
    one, add = "/v1/covers/{number}", app.add_api_route
    image, text, anything = f"{one}/images/{{cover}}", "text/plain", "application/json"
    ordered = responses(State, 200, 202)
    add("/v1/covers", routes.order_covers, methods=["POST"], openapi_extra=COVERS, responses=ordered)
    add("/v1/covers", routes.covers, methods=["GET"], responses=responses(History))
    add(one, routes.state, methods=["GET"], responses=responses(State))
    add(one, routes.cancel, methods=["DELETE"], responses=responses(State))
    add(f"{one}/events", routes.events, methods=["GET"], responses=responses("text/event-stream"))
    add(image, routes.image, methods=["GET"], responses=responses("image/png"))
    marked = responses(None)
    add(f"{image}/favourite", routes.favour, methods=["PUT"], status_code=204, responses=marked)
    add(f"{image}/favourite", routes.disfavour, methods=["DELETE"], status_code=204, responses=marked)
    add("/v1/listen", routes.listen, methods=["POST"], openapi_extra=LISTEN, responses=responses(anything))
    add("/v1/uploads", routes.uploads, methods=["GET"], responses=responses(Uploads))
    forgotten = responses(None)
    add("/v1/uploads/{song}", routes.forget, methods=["DELETE"], status_code=204, responses=forgotten)
    add("/v1/recall", routes.recall, methods=["POST"], openapi_extra=RECALL, responses=responses(anything))
    add("/readyz", routes.ready, methods=["GET"], responses=responses(anything))
    add("/healthz", routes.healthy, methods=["GET"], responses=responses(anything))
    add("/metrics", routes.metrics, methods=["GET"], responses=responses(text))


class Followed:
    """ASGI: gives every request its id, an answer whatever breaks, and a line in the log."""

    def __init__(self, app: Any, *, named: bool):
        self._app, self._named = app, named

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

        async def told(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                if not self._named:
                    message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode())]
                facts = {"request_id": name, "method": scope["method"], "status": message["status"]}
                seconds = round(time.perf_counter() - began, 3)
                log.info("%s %s", scope["method"], scope["path"], extra={**facts, "seconds": seconds})
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as error:
            if begun:
                raise
            await (await _refuse(Request(scope), error))(scope, receive, told)


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    """Answer an error: what people can use of it, and its id in the logs."""
    name = getattr(request.state, "id", "")
    problem = _problem(error)
    if problem.status == 500:
        log.error("a request broke", exc_info=error, extra={"request_id": name})
    return JSONResponse(problem.told(name), problem.status, dict(problem.headers))


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
            told = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors()[:5])
            return Problem(422, "invalid", told)
        case HTTPException():
            words = {404: "There is nothing under this address.", 405: "This address knows other methods."}
            code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
            message = words.get(error.status_code, str(error.detail))
            return Problem(error.status_code, code, message, error.headers or {})
        case _:
            return Problem(
                500, "internal", "Something broke on our side; the logs know this request by its id."
            )
