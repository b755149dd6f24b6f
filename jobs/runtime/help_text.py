"""What `--help` tells of a job: what it does, its flags, and each key that it reads."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from covergen.config import Config
from covergen.config.sources import Section
from covergen.errors import RejectCode

COMMON: Final = ("root", "ray", "retry")  # what every job reads
_BOUNDS: Final = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_KINDS: Final = {str: "text", bool: "true | false", int: "integer", float: "number", NoneType: "none"}
_INDENT, _KEY = 2, 34


def job_usage(name: str, document: str, reads: Sequence[str], *, plans: bool) -> str:
    """Return the help of a job: its module's name and docstring, and the sections that it reads."""
    flags = {"--retry CODE": f"take up again what was refused with CODE; repeatable: {', '.join(RejectCode)}"}
    if plans:
        flags["--dry-run"] = "say what it will take, and do nothing"
    parts = [
        f"Usage: python -m {name} CONFIG [section.key=value ...] [--retry CODE ...]"
        + (" [--dry-run]" if plans else ""),
        document.strip(),
        _flowing("CONFIG is a YAML file such as configs/music.yaml; section.key=value goes over it."),
        "\n".join(["Flags", *(_entry(flag, text) for flag, text in flags.items())]),
    ]
    parts += ["\n".join(_section(section)) for section in (*reads, *COMMON)]
    parts.append(_flowing("It ends with 0 where all is done, with 2 and a sentence where it could not be."))
    return "\n\n".join(parts)


def service_usage(name: str, usage: str, document: str, args: type[Section]) -> str:
    """Return the help of what takes its settings from a service's manifest."""
    keys = "\n".join(["args of an application in serve_config.yaml", *keys_of(args)])
    return "\n\n".join([f"Usage: python -m {name}{usage}", document.strip(), keys])


def keys_of(model: type[Section], prefix: str = "") -> Iterator[str]:
    """Yield an entry for each key of a section: name, type and default, then what it means."""
    for name, field in model.model_fields.items():
        inner = [one for one in sections_in(field.annotation) if one is not model]
        yield _entry(f"{prefix}{name}", _described(field, several=bool(inner)))
        for one in inner:
            title = title_of(one)
            yield from (
                textwrap.indent(entry, " " * _INDENT)
                for entry in keys_of(one, f"{title}: " if title else f"{name}: ")
                if not (title and entry.strip().startswith(f"{title}: name "))
            )


def _section(name: str) -> Iterator[str]:
    field = Config.model_fields[name]
    (model,) = [*sections_in(field.annotation), None][:1]
    if model is None:
        yield _entry(name, _described(field))
        return
    yield f"{name}: {(model.__doc__ or '').strip().splitlines()[0]}"
    yield from keys_of(model, f"{name}.")


def sections_in(annotation: Any) -> list[type[Section]]:
    """Return the sections that an annotation names, such as the kinds of a source."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [found for inner in get_args(annotation) for found in sections_in(inner)]


def _described(field: FieldInfo, *, several: bool = False) -> str:
    kind, default = parts_of(field, several=several)
    return f"{kind}, {default if field.is_required() else f'default {default}'}" + (
        f": {field.description}" if field.description else ""
    )


def parts_of(field: FieldInfo, *, several: bool = False) -> tuple[str, str]:
    """Return a key's type with its bounds, and its default or "required"; `several`: a list of sections."""
    kind = "list of the following" if several else _type(field.annotation)
    bounds = [
        f" {sign} {getattr(one, name)}"
        for one in field.metadata
        for name, sign in _BOUNDS.items()
        if hasattr(one, name)
    ]
    return f"{kind}{''.join(bounds)}", "required" if field.is_required() else _value(field.default)


def title_of(model: type[Section]) -> str:
    """Return the `name` that a kind of section is told by, such as a source's; "" where it has none."""
    mark = model.model_fields.get("name")
    return get_args(mark.annotation)[0] if mark and get_origin(mark.annotation) is Literal else ""


def _type(annotation: Any) -> str:
    """Return a type as people write it in YAML."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(inner[0])
    if origin is Literal:
        return " | ".join(map(str, inner))
    if origin in {Union, UnionType}:
        return " or ".join(map(_type, inner))
    if origin is tuple:
        kinds = dict.fromkeys(_type(one) for one in inner if one is not Ellipsis)
        return f"list of {', '.join(kinds)}"
    return str(_KINDS.get(annotation, "section"))


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entry(key: str, text: str) -> str:
    """Return a key and its words side by side, wrapped to the terminal."""
    lines = textwrap.wrap(text, max(40, _width() - _KEY)) or [""]
    head = f"{' ' * _INDENT}{key}"
    first = [f"{head:<{_KEY}}{lines[0]}"] if len(head) < _KEY else [head, " " * _KEY + lines[0]]
    return "\n".join([*first, *(" " * _KEY + line for line in lines[1:])])


def _flowing(text: str) -> str:
    return textwrap.fill(text, _width())


def _width() -> int:
    return min(120, shutil.get_terminal_size((100, 24)).columns)
