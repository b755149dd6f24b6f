"""The page, as it comes with the package: it loads nothing from anywhere else, and may not."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

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


def add_to(app: FastAPI) -> None:
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
