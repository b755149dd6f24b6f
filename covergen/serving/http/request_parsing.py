"""What a request asks for: its body as JSON or a form, its song, and the headers that say how to answer."""

import asyncio
import contextlib
import hashlib
import re
from typing import IO, Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from covergen.errors import BadInput
from covergen.media import audio
from covergen.serving.api_models import Order, Words, read_form, read_json, validated
from covergen.serving.domain import LISTS, ImageFormat
from covergen.serving.http.bodies import small_body
from covergen.serving.pictures import MIME, order_of, settings_in
from covergen.serving.problems import Problem, no_song
from covergen.serving.store import Store

_PICTURES: Final = {mime: kind for kind, mime in MIME.items()}
_LONGEST_WAIT: Final = 600.0  # seconds, of Prefer: wait
_LONGEST_FIELD: Final = 2**16  # bytes
_MOST_FIELDS: Final = 64
_OF_REQUESTS: Final = frozenset({"song", "track", "n", "first_variant"})  # and of no picture
_LONGEST_KEY: Final = 200  # characters
_Model = TypeVar("_Model", bound=Words)
_Digest = Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]
_Side = Annotated[int, Field(ge=1, le=2**16)]


async def read_body(request: Request, store: Store, model: type[_Model]) -> tuple[_Model, bytes | None]:
    """Return what a body asks for, and the song that came with it, which is named in it and not kept yet.

    Raises Problem, BadInput for a file that is no music.
    """
    song: bytes | None = None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    words: _Model
    if kind == "application/json":
        words = read_json(await small_body(request), model)
    elif kind == "application/x-www-form-urlencoded":
        words = read_form(_fields(await small_body(request)), model)
    elif kind == "multipart/form-data":
        words, song = await _read_form(request, model)
    else:
        raise Problem(415, "unsupported_media_type", "Send a form (multipart/form-data) or JSON.")
    if words.song and getattr(words, "track", None):
        raise Problem(422, "invalid", "Give a song or a track, not both.")
    if song is None and words.song and not await asyncio.to_thread(store.has_song, words.song):
        raise no_song()
    return words, song


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Problem(400, "bad_request", f"The form holds more than {_MOST_FIELDS} fields.") from error


async def _read_form(request: Request, model: type[_Model]) -> tuple[Any, bytes | None]:
    try:
        form = await request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD)
    except HTTPException as error:
        raise Problem(400, "bad_request", f"The form cannot be read: {error.detail}") from error
    except OSError as error:  # what is large lies in the temporary folder while it comes
        message = "There is no room left to take a file; come again when there is."
        raise Problem(507, "no_room", message, {"Retry-After": "60"}) from error
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(form.close)
        fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
        words = read_form(fields, model)  # refuses before anything is kept
        if files.keys() - {"audio"}:
            raise Problem(422, "invalid", "The song's file belongs in the field audio.")
        if "audio" not in files:
            return words, None
        if words.song:
            raise Problem(422, "invalid", "Give the song as audio or by its SHA-256, not both.")
        song = await files["audio"].read()
        if not song:
            raise Problem(422, "empty_file", "The song's file is empty.")
        return words.model_copy(update={"song": await asyncio.to_thread(_proven, song)}), song


def _proven(song: bytes) -> str:
    """Return the SHA-256 of a file that is music. Raises BadInput."""
    audio.probe(song)
    return hashlib.sha256(song).hexdigest()


def idempotency_key(request: Request) -> str | None:
    """Return the key that stands for this request, or None. Raises Problem for one that names nothing."""
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key.strip()) <= _LONGEST_KEY:
        reason = f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters; leave it out otherwise."
        raise Problem(422, "invalid", reason)
    return key


def picture_wanted(request: Request) -> ImageFormat | None:
    """Return the format of the picture that Accept asks for, or None for JSON."""
    for accepted in request.headers.get("accept", "").split(","):
        mime = accepted.partition(";")[0].strip().lower()
        if mime in _PICTURES:
            return _PICTURES[mime]
        if mime == "image/*":
            return "png"
    return None


def patience(request: Request) -> float:
    """Return the seconds that a client prefers to wait for the end: Prefer, RFC 7240."""
    preferred = re.search(r"(?:^|[,;\s])wait=(\d{1,6})", request.headers.get("prefer", ""))
    return min(_LONGEST_WAIT, float(preferred[1])) if preferred else 0.0


# From a picture's settings back to what a client is handed: nothing that an order would not take.


class PictureFacts(BaseModel):
    """What a picture tells of itself beside the order that paints it again."""

    model_config = ConfigDict(strict=True)

    width: _Side | None = None
    height: _Side | None = None
    album_id: Annotated[str, Field(max_length=100)] | None = None
    variant: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    base_digest: _Digest | None = None
    fusion_digest: _Digest | None = None
    audio_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


def recalled(picture: IO[bytes]) -> dict[str, Any]:
    """Return the parameters of a picture's cover, each as an order takes it, seeds as text.

    Raises Problem or ConfigError, with the name of what no picture of covergen's has.
    """
    try:
        settings = settings_in(picture)
    except BadInput as refusal:
        reason = f"The picture cannot be used: {refusal.reason}."
        raise Problem(422, str(refusal.code), reason) from refusal
    wanted = {name: value for name, value in vars(order_of(settings)).items() if name in Order.model_fields}
    lists = {name: list(wanted[name]) for name in LISTS}
    order = validated({**wanted, **lists}, Order).model_dump(mode="json")
    facts = validated(
        {name: settings[name] for name in PictureFacts.model_fields if name in settings}, PictureFacts
    )
    known = {**order, **facts.model_dump()}
    if "prompt" in settings:  # in the picture it ends with the tags
        known["prompt"] = settings["prompt"]
    names = (settings.keys() & known.keys()) - _OF_REQUESTS
    return {name: known[name] for name in sorted(names)}
