"""How a site answers: JSON, HTML or bytes with an ETag, 304 to whoever holds it already."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


def host(request: Request) -> str:
    """Return where the server is, such as http://127.0.0.1:8000, as the client called it."""
    return f"{request.url.scheme}://{request.url.netloc}"


def answer(
    request: Request, body: bytes | str, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return 200 with an ETag, or 304 where the client named that ETag."""
    body = body.encode() if isinstance(body, str) else body
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    told = {"ETag": tag, **(headers or {})}
    held = {name.strip().removeprefix("W/") for name in request.headers.get("if-none-match", "").split(",")}
    if held & {tag, "*"}:
        return Response(status_code=304, headers=told)
    return Response(body, headers=told, media_type=media_type)


def answer_json(request: Request, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON with an ETag."""
    return answer(request, json.dumps(value, ensure_ascii=False), JSON, headers)


def plain_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON that is not to be kept: errors, signed addresses, tokens."""
    return Response(json.dumps(value, ensure_ascii=False), status, dict(headers or {}), JSON)


def whole(text: str | None, default: int) -> int:
    """Return a number from a query; `default` where there is none."""
    try:
        return int(text or default)
    except ValueError:
        return -1
