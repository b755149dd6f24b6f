"""Covers as files that carry their own settings, and the way back: from a picture to its order.

A PNG has them in its text, under "settings" (beside "prompt" and "seed", for those who look with other
programs); JPEG and WebP in the comment of their EXIF. All are one JSON object of ASCII characters.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from importlib.metadata import version
from types import NoneType
from typing import IO, Any, Final, get_args

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.media import images
from covergen.serving.domain import CoverOrder, ImageFormat
from covergen.serving.picture_text import read_text

_SOFTWARE: Final = f"covergen {version('covergen')}"
MIME: Final[Mapping[ImageFormat, str]] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def encode(pixels: images.Pixels, kind: ImageFormat, parameters: Mapping[str, Any]) -> bytes:
    """Return (H, W, 3) as a file of a kind, the parameters inside."""
    return _ENCODERS[kind](pixels, parameters)


def settings_in(picture: bytes | IO[bytes]) -> dict[str, Any]:
    """Return the parameters that a picture of covergen's carries, whatever its format; no pixel is decoded.

    Raises BadInput for what is no picture, and MISSING_FIELD for one without such settings.
    """
    text = read_text(io.BytesIO(picture) if isinstance(picture, bytes) else picture)
    try:
        settings = json.loads(text.get("settings") or text.get("comment") or "")
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict) or "noise_scheduler" not in settings:
        reason = "the picture carries no settings of covergen; a program that edited it may have dropped them"
        raise BadInput(RejectCode.MISSING_FIELD, reason)
    return {**{name: text[name] for name in ("prompt", "seed") if name in text}, **settings}


def order_of(parameters: Mapping[str, Any]) -> CoverOrder:
    """Return the order for one cover that paints the picture of these parameters again, given the same song.

    What is missing takes its default. ConfigError for values that no picture of covergen's has.
    """
    given = {**parameters, "prompt": _words(parameters), "n": 1, "first_variant": 0}
    chosen: dict[str, Any] = {}
    for field in fields(CoverOrder):
        value = given.get(field.name)
        if value is not None:
            chosen[field.name] = _read(field.name, value)
        elif field.default is MISSING:
            raise ConfigError(f"These settings name no {field.name}; tell the {field.name}'s name.")
        elif field.name in given and NoneType in get_args(field.type):
            chosen[field.name] = None  # such as one guidance for words and sound
    return CoverOrder(**chosen)


def _words(parameters: Mapping[str, Any]) -> Any:
    """Return the prompt without the tags at its end, which the order will put there again."""
    prompt, tags = parameters.get("prompt"), _read("tags", parameters.get("tags") or ())
    if not isinstance(prompt, str):
        return prompt
    return prompt.removesuffix(f" {', '.join(tags)}.")


def _read(name: str, value: Any) -> Any:
    reader: Callable[[Any], Any] = _READERS.get(name, _number)
    try:
        return reader(value)
    except (TypeError, ValueError, OverflowError) as error:
        setting = f"{name}={str(value)[:40]}"
        raise ConfigError(f"{setting} in these settings cannot be read; set it anew.") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return tuple(_text(each) for each in value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    """Return a whole number, also one that JSON carries as a string; 1.5 is none."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("artist", "album", "genre", "year", "prompt", "noise_scheduler", "format"), _text),
    **dict.fromkeys(("n", "seed", "steps", "size", "variation_seed", "first_variant"), _whole),
    **dict.fromkeys(("tags", "varied_before"), _texts),
}


def _png(pixels: images.Pixels, parameters: Mapping[str, Any]) -> bytes:
    text = {"Software": _SOFTWARE}
    text |= {name: str(parameters[name]) for name in ("prompt", "seed")}
    return images.encode_png(pixels, {**text, "settings": _json(parameters)})


def _json(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)


_ENCODERS: Final[Mapping[ImageFormat, Callable[[images.Pixels, Mapping[str, Any]], bytes]]] = {
    "png": _png,
    "jpeg": lambda pixels, parameters: images.encode_jpeg(pixels, comment=_json(parameters)),
    "webp": lambda pixels, parameters: images.encode_webp(pixels, comment=_json(parameters)),
}
