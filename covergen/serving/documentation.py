"""What OpenAPI cannot read off the routes: bodies that are a form or JSON, and how answers look."""

from typing import Any, Final

from pydantic import BaseModel

from covergen.serving.orders import Failure, Order, Words
from covergen.serving.pictures import MIME

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


def _body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    schema = model.model_json_schema()
    form = {**schema, "properties": {**schema["properties"], "audio": _AUDIO}}
    content = {
        "multipart/form-data": {"schema": form, "example": example},
        "application/json": {"schema": schema, "example": example},
    }
    return {"requestBody": {"required": True, "content": content}}


_HEADERS: Final = [
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
COVERS: Final = {**_body(Order, _EXAMPLE), "parameters": _HEADERS}
LISTEN: Final = _body(Words, {"artist": "Mira", "album": "Moonlight"})
_PICTURE: Final = {"schema": {"type": "string", "format": "binary"}}
RECALL: Final = {"requestBody": {"required": True, "content": dict.fromkeys(MIME.values(), _PICTURE)}}


def responses(answer: type[BaseModel] | str | None, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route answers with: a model, a media type, or nothing; and its failures."""
    told: dict[int | str, dict[str, Any]] = {
        status: {"model": Failure, "description": words} for status, words in FAILURES.items()
    }
    for status in statuses or ((204,) if answer is None else (200,)):
        if answer is None:
            told[status] = {"description": "done"}
        elif isinstance(answer, str):
            told[status] = {"content": {answer: {}}, "description": "the answer"}
        else:
            told[status] = {"model": answer, "description": "the answer"}
    return told
