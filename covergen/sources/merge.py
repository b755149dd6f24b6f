"""What several sources tell of one album, track or medium, in one row."""

from collections.abc import Mapping
from typing import Any, Final

from covergen.sources.fields import join_names

_TOLD_ANEW: Final = frozenset({"views", "views_at", "popularity", "preview_url", "cover_url"})
_JOINED: Final = frozenset({"source", "licence"})


def merged(known: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a known row with what is told of the same key now.

    The source that told all of it replaces it. Another one fills gaps and adds genres and ids: what is known
    stays, but for counts and addresses, which are as they were told last. Where several have told, the first
    of them may correct the row. Sources and licences are joined: the row is bound by all of them.
    """
    if known["source"] == told["source"]:
        return dict(told)
    row, corrects = dict(known), told["source"] == known["source"].split("; ")[0]
    for name, value in told.items():
        before = row.get(name)
        if _is_gap(value):
            continue
        if name in _JOINED:
            row[name] = join_names([*(before or "").split(";"), *value.split(";")])
        elif name == "genres":
            row[name] = list(dict.fromkeys([*(before or ()), *value]))
        elif name == "external_ids":
            row[name] = {**dict(value), **dict(before or {})}
        elif corrects or _is_gap(before) or name in _TOLD_ANEW:
            row[name] = value
    return row


def _is_gap(value: Any) -> bool:
    return value is None or value in ("", [], {})
