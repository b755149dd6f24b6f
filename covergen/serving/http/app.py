"""The HTTP API, version 1, as one ASGI application: routes, documentation, manners towards every client."""

from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from covergen.serving.api_models import History, State, Uploads
from covergen.serving.http import page
from covergen.serving.http.bodies import Bodies
from covergen.serving.http.documentation import COVERS, LISTEN, RECALL, responses
from covergen.serving.http.followed import REFUSALS, Followed, refuse
from covergen.serving.http.routes import Routes, Service, Settings
from covergen.serving.http.same_origin import SameOrigin


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
    routes = Routes(service, settings)
    app.state.stopping = routes.stopping  # whoever runs this sets it
    _add_routes(app, routes)
    page.add_to(app)
    for kind in REFUSALS:
        app.add_exception_handler(kind, refuse)
    app.add_middleware(Bodies, max_bytes=settings.max_upload)
    if settings.origins:
        origins, methods = list(settings.origins), ["GET", "POST", "PUT", "DELETE"]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=["*"])
    app.add_middleware(SameOrigin, hosts=settings.hosts, origins=settings.origins)
    app.add_middleware(Followed, named=settings.named, stopping=routes.stopping)
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
