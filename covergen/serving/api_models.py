"""What comes in over HTTP, as JSON or as a form, and what goes out: the models of the API.

Seeds have 64 bits, more than a number in JSON can hold in many programs: they are text there.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from covergen.errors import ConfigError
from covergen.serving.domain import (
    LISTS,
    LONGEST,
    LONGEST_TAG,
    MOST_TAGS,
    MOST_VARIATIONS,
    RANGES,
    VARIED,
    CoverOrder,
    ImageFormat,
)
from covergen.serving.problems import Problem

Status = Literal["queued", "listening", "painting", "done", "failed", "cancelled"]


def _whole(value: Any) -> Any:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) <= 20:
        return int(value)
    return value


Seed = Annotated[
    int,
    BeforeValidator(_whole, json_schema_input_type=str | int),
    Field(ge=0, lt=2**64, examples=["1234"]),
    PlainSerializer(str),
]
_MUSIC = "the sound: give a file as `audio`, or one of `song` and `track`; with none the words alone decide"


def _words(name: str, default: Any = ..., *, at_least: int | None = None, **more: Any) -> Any:
    return Field(default, min_length=at_least, max_length=LONGEST[name], **more)


def _number(name: str, description: str) -> Any:
    low, high = RANGES[name]
    return Field(CoverOrder.__dataclass_fields__[name].default, ge=low, le=high, description=description)


class Words(BaseModel):
    """An album's words."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    artist: str = _words("artist", at_least=1, examples=["Mira"])
    album: str = _words("album", at_least=1, examples=["Moonlight"])
    genre: str = _words("genre", "unknown", examples=["jazz"])
    year: str | None = _words("year", None, examples=["1994"])
    tags: list[Annotated[str, Field(max_length=LONGEST_TAG)]] = Field(
        [], max_length=MOST_TAGS, examples=[["calm"]]
    )
    prompt: str | None = _words("prompt", None, description="words instead of the usual prompt")
    song: str | None = Field(None, pattern="^[0-9a-f]{64}$", description=f"SHA-256 of an upload; {_MUSIC}")


class Order(Words):
    """A request for covers."""

    track: str | None = Field(None, max_length=200, description=f"a track that was embedded before; {_MUSIC}")
    n: int = _number("n", "how many covers")
    seed: Seed | None = Field(None, description="by default the album decides; cover k takes seed + k")
    steps: int = _number("steps", "sampler steps")
    guidance_scale: float = _number("guidance_scale", "guidance by the words")
    audio_guidance_scale: float | None = _number("audio_guidance_scale", "guidance by the sound")
    audio_scale: float = _number("audio_scale", "weight of the sound")
    noise_shift: float = _number("noise_shift", "how far the first noise leans to the sound")
    noise_scheduler: Literal["ddim", "pndm", "ddpm", "dpm++"] = "ddim"
    size: int | None = _number("size", "side in pixels; the model's own by default")
    format: ImageFormat = "png"
    variation_seed: Seed | None = Field(None, description="of the noise that a variation leans to")
    variation_strength: float = _number("variation_strength", "about .25 varies subtly, .6 strongly")
    varied_before: list[Annotated[str, Field(pattern=f"^{VARIED}$")]] = Field(
        [],
        max_length=MOST_VARIATIONS,
        description="variations of the cover that is varied, in order, as SEED:STRENGTH",
    )
    first_variant: int = _number("first_variant", "number of the first cover")

    def order(self) -> CoverOrder:
        """Return the order. Raises Problem for one that cannot be met."""
        given = self.model_dump(exclude={"song", "track"})
        numbers = {name: getattr(self, name) for name in ("seed", "variation_seed")}
        try:
            return CoverOrder(**{**given, **numbers, **{name: tuple(getattr(self, name)) for name in LISTS}})
        except ConfigError as error:
            raise Problem(422, "invalid", str(error)) from error


class Reason(BaseModel):
    """Why something failed."""

    code: str = Field(examples=["unreadable"])
    message: str


class Failure(BaseModel):
    """The body of every answer that is no success."""

    class Error(Reason):
        """Reason, and the request's name in the logs."""

        request_id: str

    error: Error


class CoverState(BaseModel):
    """One cover of a request."""

    number: int
    status: Status
    place: int | None = Field(None, description="covers ahead of it while it waits")
    image: str | None = Field(None, description="path of the picture, once it is done")
    favourite: bool = False
    seconds: float | None = Field(None, description="seconds it was painted for")
    parameters: dict[str, Any] | None = Field(None, description="everything that paints it again")
    error: Reason | None = None


class State(BaseModel):
    """A request and its covers."""

    id: str
    status: Status
    created: str = Field(examples=["2026-11-26T12:00:00Z"])
    finished: str | None = None
    order: dict[str, Any]
    song: str | None = None
    track: str | None = None
    prompt: str | None = None
    covers: list[CoverState]
    error: Reason | None = None
    links: dict[str, str]


class Upload(BaseModel):
    """A song that is kept."""

    song: str = Field(description="SHA-256")
    bytes: int = Field(description="of the file, and of what was heard in it")
    uploaded: str = Field(examples=["2026-11-26T12:00:00Z"])
    expires: str | None = Field(None, description="when it is removed, unless it is sent again")


class Uploads(BaseModel):
    """The songs that are kept, the newest first."""

    uploads: list[Upload]
    bytes: int = Field(description="of all")
    allowed: int | None = Field(None, description="bytes that may be kept; the oldest make room")


class History(BaseModel):
    """Requests, the newest first."""

    covers: list[State]
    next: str | None = Field(None, description="`before` of the next page")


def read_json(body: bytes, model: type[Words]) -> Any:
    """Return the model of a JSON body. Raises Problem."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad_request", "The body is not JSON.") from error
    if not isinstance(given, dict):
        raise Problem(422, "invalid", "The body is not a JSON object.")
    return validated(given, model)


def read_form(fields: Iterable[tuple[str, str]], model: type[Words]) -> Any:
    """Return the model of a form's fields; empty ones are left out, lists come repeated or with commas."""
    given: dict[str, Any] = {}
    for name, value in fields:
        if name in LISTS:
            given.setdefault(name, []).extend(part.strip() for part in value.split(",") if part.strip())
        elif name in given:
            raise Problem(422, "invalid", f"{name} is given twice.")
        elif value.strip():
            given[name] = value
    return validated(given, model)


def validated(given: dict[str, Any], model: type[BaseModel]) -> Any:
    """Return the model of some values. Raises Problem with a sentence a value."""
    if len(given) > (most := len(model.model_fields)):  # each of thousands would be refused one by one
        raise Problem(422, "invalid", f"{len(given)} fields are given, and {most} are known.")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        reasons = [f"{'.'.join(map(str, e['loc']))[:100] or 'order'}: {e['msg']}" for e in error.errors()[:5]]
        raise Problem(422, "invalid", "; ".join(reasons)) from error
