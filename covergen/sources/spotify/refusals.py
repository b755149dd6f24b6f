"""What Spotify means by an answer that is none: five failures that must not be taken for one another."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.fields import clean_text
from covergen.sources.request import Answer, Refusal, Request, no_answer, usual_refusal

BATCHES: Final = frozenset({"albums", "songs", "artists"})
_SHAPES: Final = {  # what the answers of each kind have: an id, or a list
    "search_upc": "albums",
    "search_words": "albums",
    "search_isrc": "tracks",
    "album": "id",
    "albums": "albums",
    "page": "items",
    "songs": "tracks",
    "artists": "artists",
}
_PAUSE: Final = 30.0  # seconds that Spotify counts over, where it does not say how long to wait
_LONGEST: Final = 160


@dataclass(frozen=True)
class Refused:
    """A refusal; `unauthorised`: the token was not taken."""

    refusal: Refusal
    unauthorised: bool = False


def refusal_of(request: Request, answer: Answer) -> Refused | None:
    """Return why an answer is none. Looks into the body: of a 429 for the quota, of a 200 for an error."""
    body = _body(answer)
    error = body.get("error") if isinstance(body, Mapping) else None
    status = answer.status
    if status == 200:
        if not isinstance(body, Mapping):
            reason = f"{answer.url} answered 200 without a JSON object"
            return Refused(Refusal(RejectCode.SOURCE_ERROR, reason, again=True))
        if error is None:
            return (
                None if _has_shape(request.kind, body) else Refused(no_answer(answer, _SHAPES[request.kind]))
            )
        status = _status(error)
    asked = _sentence(answer, error)
    if status == 429:
        return Refused(_too_many(answer, body, asked))
    if status == 401:
        reason = f"{asked}; the token has expired or was withdrawn"
        # not FORBIDDEN, which nobody tries again: a new token may well be taken
        return Refused(Refusal(RejectCode.SOURCE_ERROR, reason, again=True), unauthorised=True)
    if status == 403 and request.kind in BATCHES:
        reason = f"{asked}; batches are refused, so the app is in development mode: set surface=development"
        return Refused(Refusal(RejectCode.FORBIDDEN, reason))
    usual = usual_refusal(replace(answer, status=status))
    return (
        Refused(replace(usual, reason=asked)) if usual else Refused(Refusal(RejectCode.SOURCE_ERROR, asked))
    )


def _too_many(answer: Answer, body: Any, asked: str) -> Refusal:
    """Return the refusal of a 429: for the day where the quota is the reason, else as Retry-After says."""
    if _reason(body) == "QUOTA_EXCEEDED":
        wait = _until_midnight(answer.fetched_at)
        return Refusal(RejectCode.QUOTA_SPENT, f"{asked}; the app's quota is spent for the day", wait=wait)
    wait_for = None if "retry-after" in answer.headers else _PAUSE
    return Refusal(RejectCode.RATE_LIMITED, asked, wait=wait_for, again=True)


def _until_midnight(moment: datetime) -> float:
    """Return the seconds to the next midnight UTC: when Spotify's day ends is not published."""
    here = moment.astimezone(UTC)
    midnight = datetime.combine(here.date() + timedelta(days=1), time(tzinfo=UTC))
    return (midnight - here).total_seconds()


def _body(answer: Answer) -> Any:
    try:
        return answer.json()
    except BadInput:
        return None


def _has_shape(kind: str, body: Mapping[str, Any]) -> bool:
    """Say whether an answer has what all of its kind have."""
    name = _SHAPES.get(kind)
    if name is None:
        return True
    value = body.get(name)
    return isinstance(value, (str, list)) or (isinstance(value, Mapping) and "items" in value)


def _reason(body: Any) -> str | None:
    """Return the reason that stands in the error, or beside it."""
    places = (body.get("error"), body) if isinstance(body, Mapping) else ()
    for place in places:
        if isinstance(place, Mapping) and isinstance(reason := place.get("reason"), str):
            return reason.upper()
    return None


def _status(error: Any) -> int:
    status = error.get("status") if isinstance(error, Mapping) else None
    return status if isinstance(status, int) else 0


def _sentence(answer: Answer, error: Any) -> str:
    message = error.get("message") if isinstance(error, Mapping) else error
    said = f": {clean_text(message)[:_LONGEST]}" if isinstance(message, str) and message else ""
    return f"{answer.url} answered {answer.status}{said}"
