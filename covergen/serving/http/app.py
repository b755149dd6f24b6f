"""The HTTP API, version 1, as one ASGI application: routes, documentation, manners towards every client."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel
from starlette.staticfiles import StaticFiles

from covergen.serving.api_models import Failure, History, Order, State, Uploads, Words
from covergen.serving.http.bodies import Bodies
from covergen.serving.http.request_log import REFUSALS, RequestLog, refuse
from covergen.serving.http.routes import Dependencies, Routes, Settings
from covergen.serving.http.same_origin import SameOrigin
from covergen.serving.pictures import MIME
from covergen.serving.problems import no_such

FOLDER: Final = Path(__file__).parent.parent / "web"
_POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_AUDIO: Final = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "description": "mp3, ogg, opus, m4a, flac or wav",
}
FAILURES: Final = {
    400: "the request cannot be read",
    401: "an API key is missing, or not known",
    403: "a page of another site asks, which args.origins does not name",
    404: "it is not there, or somebody else's",
    408: "the body came too slowly",
    409: "the Idempotency-Key stands for another order, or what shall go is in use",
    413: "the song is too large, or the JSON",
    415: "the form of the body, or of the song, is not known",
    421: "the service is not known by this Host",
    422: "a value, or the song, cannot be used",
    429: "too much at once; Retry-After says when to come again",
    503: "the service cannot paint, or keep what it paints, at present",
    507: "there is no room left where requests are kept",
}
_EXAMPLE: Final = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "n": 2, "seed": "7"}


def make_app(service: Dependencies, settings: Settings) -> FastAPI:
    """Return the application of one replica."""
    docs = "/docs" if settings.documentation else None
    app = FastAPI(
        title="covergen",
        version=version("covergen"),
        summary="Album covers from music.",
        docs_url=docs,
        redoc_url=None,
    )
    routes = Routes(service, settings)
    app.state.stopping = routes.stopping  # whoever runs this sets it
    _add_routes(app, routes)
    add_page(app)
    for kind in REFUSALS:
        app.add_exception_handler(kind, refuse)
    app.add_middleware(Bodies, max_bytes=settings.max_upload)
    if settings.origins:
        origins, methods = list(settings.origins), ["GET", "POST", "PUT", "DELETE"]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=["*"])
    app.add_middleware(SameOrigin, hosts=settings.hosts, origins=settings.origins)
    app.add_middleware(RequestLog, named=settings.named, stopping=routes.stopping)
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


# The page, as it comes with the package: it loads nothing from anywhere else, and may not.


def add_page(app: FastAPI) -> None:
    """Serve the page at / and its files under /web."""

    async def index() -> Response:
        if not (FOLDER / "index.html").is_file():
            raise no_such("page")
        return FileResponse(FOLDER / "index.html", headers={**HEADERS, "Cache-Control": "no-cache"})

    app.add_api_route("/", index, methods=["GET"], include_in_schema=False)
    app.mount("/web", _Files(directory=FOLDER, check_dir=False), name="web")


class _Files(StaticFiles):
    def file_response(self, *arguments: object, **named: object) -> Response:
        """Add what keeps a browser from guessing."""
        response = super().file_response(*arguments, **named)  # type: ignore[arg-type]
        response.headers.update({**HEADERS, "Cache-Control": "no-cache"})
        return response


# What OpenAPI cannot read off the routes: bodies that are a form or JSON, and how answers look.


def _body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    schema = model.model_json_schema()
    form = {**schema, "properties": {**schema["properties"], "audio": _AUDIO}}
    content = {
        "multipart/form-data": {"schema": form, "example": example},
        "application/json": {"schema": schema, "example": example},
    }
    return {"requestBody": {"required": True, "content": content}}


_PARAMETERS: Final = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": "the same key stands for the same request: sent again, nothing is painted twice",
    },
    {
        "name": "Prefer",
        "in": "header",
        "schema": {"type": "string"},
        "description": "wait=SECONDS: answer when all is done, or after so long",
    },
]


COVERS: Final = {**_body(Order, _EXAMPLE), "parameters": _PARAMETERS}


LISTEN: Final = _body(Words, {"artist": "Mira", "album": "Moonlight"})


_PICTURE: Final = {"schema": {"type": "string", "format": "binary"}}


RECALL: Final = {"requestBody": {"required": True, "content": dict.fromkeys(MIME.values(), _PICTURE)}}


def responses(answer: type[BaseModel] | str | None, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route answers with: a model, a media type, or nothing; and its failures."""
    described: dict[int | str, dict[str, Any]] = {
        status: {"model": Failure, "description": words} for status, words in FAILURES.items()
    }
    for status in statuses or ((204,) if answer is None else (200,)):
        if answer is None:
            described[status] = {"description": "done"}
        elif isinstance(answer, str):
            described[status] = {"content": {answer: {}}, "description": "the answer"}
        else:
            described[status] = {"model": answer, "description": "the answer"}
    return described
