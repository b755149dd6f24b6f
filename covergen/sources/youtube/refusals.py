"""What the errors of Google's APIs mean: a spent day, too many at once, a key that will not do."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from covergen.errors import BadInput, RejectCode
from covergen.sources.request import Answer, Refusal, no_answer, usual_refusal

_SPENT = {"quotaexceeded", "dailylimitexceeded", "dailylimitexceededunreg"}
_FAST = {"ratelimitexceeded", "userratelimitexceeded", "servinglimitexceeded"}
_KEY = "the key in YOUTUBE_API_KEY is no valid one; copy it anew from the console's page of credentials"
_OFF = "switch on 'YouTube Data API v3' for the key's project in the console, and allow the key to call it"
_REMEDIES = {
    "keyinvalid": _KEY,
    "keyexpired": _KEY,
    "apikeyinvalid": _KEY,
    "forbidden": _OFF,
    "accessnotconfigured": _OFF,
    "servicedisabled": _OFF,
    "apikeyserviceblocked": _OFF,
    "iprefererblocked": "the key is bound to other addresses; loosen its restriction in the console",
    "apikeyipaddressblocked": "the key is bound to other addresses; loosen its restriction in the console",
}


def youtube_refusal(answer: Answer, bucket: str, day_zone: str) -> Refusal | None:
    """Return what an error of the API means, by its reasons first and by its status where it gives none.

    A spent day rests the bucket until the next midnight of `day_zone`, counted from the answer's time.
    """
    error = _error(answer)
    if error is None:
        return usual_refusal(answer) or _shapeless(answer)
    reasons = list(_reasons(error))
    told = f"{answer.url.partition('?')[0]} answered {answer.status}: {_message(error)}"
    if _SPENT & set(reasons) or _is_daily(error):
        wait = seconds_to_midnight(answer.fetched_at, day_zone)
        reason = f"{told} ({bucket} is spent until midnight in {day_zone})"
        return Refusal(RejectCode.QUOTA_SPENT, reason, wait=wait)
    if _FAST & set(reasons):
        return Refusal(RejectCode.RATE_LIMITED, told, again=True)
    remedies = [_REMEDIES[reason] for reason in reasons if reason in _REMEDIES]
    if "api key not valid" in told.lower():  # under the reason "badRequest"
        remedies.append(_KEY)
    if remedies:
        return Refusal(RejectCode.FORBIDDEN, f"{told}; {remedies[0]}")
    usual = usual_refusal(answer) or Refusal(RejectCode.SOURCE_ERROR, told)
    return replace(usual, reason=told)


def seconds_to_midnight(now: datetime, day_zone: str) -> float:
    """Return the seconds until the day of a zone ends: 23 to 25 hours at most, as its clocks go."""
    zone = ZoneInfo(day_zone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    return midnight.timestamp() - now.timestamp()


def _error(answer: Answer) -> Mapping[str, Any] | None:
    try:
        data = answer.json()
    except BadInput:
        return None
    error = data.get("error") if isinstance(data, dict) else None
    return error if isinstance(error, dict) else None


def _shapeless(answer: Answer) -> Refusal | None:
    """Return why an answer without an error is none; `fields` leaves {} of one that lists nothing."""
    try:
        data = answer.json()
    except BadInput:
        return no_answer(answer, "a JSON object")
    is_list = isinstance(data, dict) and isinstance(data.get("items"), list)
    return None if is_list or data == {} else no_answer(answer, "a JSON object with a list of items")


def _reasons(error: Mapping[str, Any]) -> Iterator[str]:
    """Yield the reasons in lower case without underscores: "keyInvalid" of old, "API_KEY_INVALID" of late."""
    for place in ("errors", "details"):
        for each in error.get(place) or ():
            if isinstance(each, dict) and each.get("reason"):
                yield str(each["reason"]).replace("_", "").lower()


def _is_daily(error: Mapping[str, Any]) -> bool:
    """Tell whether the limit that was met is one of the day: the newer errors name it."""
    return any(
        "perday" in str((each.get("metadata") or {}).get("quota_limit", "")).lower()
        for each in error.get("details") or ()
        if isinstance(each, dict)
    )


def _message(error: Mapping[str, Any]) -> str:
    return " ".join(str(error.get("message") or "an error").split())[:200]
