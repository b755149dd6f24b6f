"""Reading JSON that others write: any field may be missing, null or of another type."""

from collections.abc import Iterable, Mapping
from typing import Any

from covergen.errors import BadInput, RejectCode
from covergen.sources.field_parsing import clean_text
from covergen.sources.http.addresses import is_web
from covergen.sources.web_source import Answer, Refusal, no_answer


def object_in(answer: Answer) -> Mapping[str, Any]:
    """Return the object that an answer is. Raises BadInput where it is none."""
    document = answer.json()
    if not isinstance(document, Mapping):
        raise BadInput(RejectCode.NEW_LAYOUT, f"{answer.url} did not answer with a JSON object")
    return document


def shapeless(answer: Answer, *, lists: Iterable[str] = (), texts: Iterable[str] = ()) -> Refusal | None:
    """Return why an answer of status 200 is none of its API's: no object, or one without what all have."""
    try:
        fields = object_in(answer)
    except BadInput:
        return no_answer(answer, "a JSON object")
    missing = [name for name in lists if not isinstance(fields.get(name), list)]
    missing += [name for name in texts if not words(fields, name)]
    return no_answer(answer, f"a JSON object that has {' and '.join(missing)}") if missing else None


def items_in(fields: Mapping[str, Any], name: str, answer: Answer) -> list[Mapping[str, Any]]:
    """Return the objects of a list that has to be there; nulls in it are left out. Raises BadInput."""
    if not isinstance(fields.get(name), list):
        raise BadInput(RejectCode.NEW_LAYOUT, f"{answer.url} answered without the list {name!r}")
    return objects(fields, name)


def objects(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list; none where there is no list."""
    values = fields.get(name)
    return [each for each in values if isinstance(each, Mapping)] if isinstance(values, list) else []


def part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object under a name, an empty one where there is none."""
    value = fields.get(name)
    return value if isinstance(value, Mapping) else {}


def words(fields: Mapping[str, Any], name: str) -> str:
    """Return a text or a number as text; empty where there is none."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return clean_text(value) if isinstance(value, str) else ""


def whole(fields: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number above 0 that a table's column can hold; None for anything else."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**31:
        return None
    return int(value) or None


def address(fields: Mapping[str, Any], name: str) -> str | None:
    """Return what means to be a web address; None for anything else."""
    value = words(fields, name)
    return value if is_web(value) else None


def error_in(answer: Answer, name: str) -> str | None:
    """Return the error that an answer holds though its status is 200; what is no object, `parse` refuses."""
    try:
        return words(object_in(answer), name)
    except BadInput:
        return None
