"""A results page of YouTube, read: `ytInitialData` out of the HTML, and the videos it lists.

Views count only where the page tells them to the last one ("1,440,528 views"). Rounded ones ("1.4M views"),
those of another language and those nobody knows are refused, with the text in the reason: a row of `tracks`
has no place for a precision, and a rounded count beside exact ones would look exact.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from covergen.errors import BadInput, RejectCode

_ASSIGNED = re.compile(r"""\bytInitialData(?:["']\])?\s*=\s*(?=(.))""")
_CONSENT = re.compile(r"""<form[^>]+action=["'][^"']*(?:consent|/save\b)""")
_EXACT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+) views?", re.ASCII)
_ROUNDED = re.compile(r"\d+(?:\.\d+)?[KMB] views", re.ASCII)
_LIVE = re.compile(r"[\d.,]+[KMB]? (?:watching(?: now)?|waiting)", re.ASCII)
_LENGTH = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d\d)", re.ASCII)
_ADVERTS = {"adSlotRenderer", "searchPyvRenderer", "promotedVideoRenderer"}
_EMPTY = {"backgroundPromoRenderer", "messageRenderer"}


@dataclass(frozen=True)
class Video:
    """A video of a results page; its title may be empty.

    Where `views` is None, `problem` says why; a live one has none yet.
    """

    video_id: str
    title: str
    channel: str
    seconds: int | None = None
    views: int | None = None
    live: bool = False  # or still to come
    problem: BadInput | None = None


def read_results(html: str) -> list[Video]:
    """Return the videos of a results page, each once, in its order; adverts and what has no id are left out.

    Raises BadInput: NO_MATCH where the search found nothing, FORBIDDEN (retriable) for a consent page, and
    NEW_LAYOUT where the page is none that is known.
    """
    data = initial_data(html)
    renderers = list(under(data, "videoRenderer"))
    videos: dict[str, Video] = {}
    for renderer in renderers:
        if isinstance(video_id := renderer.get("videoId"), str):
            videos.setdefault(video_id, _video(video_id, renderer))
    if any(video.title for video in videos.values()):
        return list(videos.values())
    if renderers:
        seen = ", ".join(sorted(renderers[0])[:12])
        raise BadInput(RejectCode.NEW_LAYOUT, f"no videoRenderer has a 'videoId' and a 'title', but {seen}")
    kinds = sorted({kind for kind in _kinds(data) if kind.endswith(("Renderer", "ViewModel"))})
    if _EMPTY & set(kinds) or data.get("estimatedResults") == "0":
        raise BadInput(RejectCode.NO_MATCH, "the search found no videos")
    raise BadInput(RejectCode.NEW_LAYOUT, f"the page lists no videoRenderer, but {', '.join(kinds[:12])}")


def initial_data(html: str) -> Mapping[str, Any]:
    """Return what the page assigns to `ytInitialData`. Raises BadInput as `read_results` does."""
    for found in _ASSIGNED.finditer(html):
        if found[1] != "{":
            continue
        try:
            data: Mapping[str, Any] = json.JSONDecoder().raw_decode(html, found.end())[0]
        except (ValueError, RecursionError) as error:
            reason = f"ytInitialData is cut off or is not JSON: {str(error)[:100]}"
            raise BadInput(RejectCode.NEW_LAYOUT, reason, retriable=True) from error
        if data:
            return data
    if is_consent_page(html):
        raise BadInput(RejectCode.FORBIDDEN, "YouTube asks for consent instead of answering", retriable=True)
    title = re.search(r"<title[^>]*>([^<]{0,100})", html)
    seen = f"a page titled {title[1].strip()!r}" if title else "a page without a title"
    raise BadInput(RejectCode.NEW_LAYOUT, f"no ytInitialData in {seen} of {len(html):,} characters")


def is_consent_page(html: str) -> bool:
    """Tell whether this is the page that asks for cookies; the real ones also carry its words as a dialog."""
    return not _ASSIGNED.search(html) and _CONSENT.search(html) is not None


def count_views(text: str) -> int:
    """Return the views that a text tells exactly. Raises BadInput with the text in its reason."""
    if exact := _EXACT.fullmatch(text):
        return int(exact[1].replace(",", ""))
    if text == "No views":
        return 0
    if _ROUNDED.fullmatch(text):
        raise BadInput(RejectCode.MISSING_FIELD, f"its views are told rounded only: {text!r}")
    raise BadInput(RejectCode.NEW_LAYOUT, f"{text!r} is no count of views that is known here")


def read_text(node: Any) -> str:
    """Return {"simpleText": ...} or {"runs": [{"text": ...}]} as one line; empty for anything else."""
    if not isinstance(node, Mapping):
        return ""
    runs = node.get("runs")
    texts = [run.get("text") for run in runs if isinstance(run, Mapping)] if isinstance(runs, list) else []
    text = node.get("simpleText") or "".join(str(each or "") for each in texts)
    return " ".join(str(text).split())


def read_length(text: str) -> int | None:
    """Return the seconds of "7:29" or "1:00:36"; None for anything else."""
    found = _LENGTH.fullmatch(text)
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3]) if found else None


def under(data: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield what stands under a name, at any depth, in the order of the page."""
    waiting = [data]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get(name), dict):
                yield node[name]
            waiting += [node[key] for key in reversed(node) if key not in _ADVERTS]
        elif isinstance(node, list):
            waiting += reversed(node)


def _video(video_id: str, renderer: Mapping[str, Any]) -> Video:
    title = read_text(renderer.get("title"))
    channel = read_text(renderer.get("ownerText") or renderer.get("longBylineText"))
    seconds = read_length(read_text(renderer.get("lengthText")))
    view_count = read_text(renderer.get("viewCountText"))
    short_view_count = read_text(renderer.get("shortViewCountText"))
    if "upcomingEventData" in renderer or _LIVE.fullmatch(view_count or short_view_count):
        return Video(video_id, title, channel, seconds, live=True, problem=_no_views("it is live or to come"))
    if not (view_count or short_view_count):
        problem = _no_views("it tells no views")
        return Video(video_id, title, channel, seconds, problem=problem)
    try:
        return Video(video_id, title, channel, seconds, count_views(view_count or short_view_count))
    except BadInput as refused:
        return Video(video_id, title, channel, seconds, problem=refused)


def _no_views(reason: str) -> BadInput:
    return BadInput(RejectCode.MISSING_FIELD, reason)


def _kinds(data: Any) -> Iterator[str]:
    waiting = [data.get("contents")]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            yield from node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
