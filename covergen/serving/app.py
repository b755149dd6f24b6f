"""The HTTP API, version 1, as one ASGI application: routes, documentation, manners towards every client."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from covergen.errors import BadInput, ConfigError
from covergen.serving import page
from covergen.serving.documentation import COVERS, LISTEN, responses
from covergen.serving.doors import LimitBody
from covergen.serving.orders import History, State
from covergen.serving.problems import Problem, of_song
from covergen.serving.routes import Routes, Service, Settings

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
    for kind in (Problem, BadInput, ConfigError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _refuse)
    app.add_middleware(LimitBody, max_bytes=settings.max_upload)
    if settings.origins:
        origins, methods = list(settings.origins), ["GET", "POST", "PUT", "DELETE"]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=["*"])
    app.middleware("http")(_follow)
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
    add("/readyz", routes.ready, methods=["GET"], responses=responses(anything))
    add("/healthz", routes.healthy, methods=["GET"], responses=responses(anything))
    add("/metrics", routes.metrics, methods=["GET"], responses=responses(text))


async def _follow(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    """Give a request its id, and a line in the log when it is answered."""
    given, began = request.headers.get("x-request-id", ""), time.perf_counter()
    usable = given.isascii() and given.isprintable() and 0 < len(given) <= 100
    request.state.id = given if usable else secrets.token_hex(8)
    response = await call(request)
    response.headers["X-Request-Id"] = request.state.id
    facts = {"request_id": request.state.id, "method": request.method, "status": response.status_code}
    log.info(request.url.path, extra={**facts, "seconds": round(time.perf_counter() - began, 3)})
    return response


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
