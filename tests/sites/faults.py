"""Faults that are switched on per prefix, drawn by seed and by the number of the request."""

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.responses import Response

from tests.sites.answers import plain_json

KINDS = (
    "429-seconds", "429-date", "503", "reset", "slow-body", "truncate", "expired-token", "200-error", "quota",
)  # fmt: skip
ON_THE_WIRE = ("reset", "slow-body", "truncate")  # what no answer can do; door.py does it


@dataclass
class Fault:
    """One kind of failure under a prefix: on a share of its requests, `count` times at most."""

    prefix: str
    kind: str
    share: float = 1.0
    seed: int = 0
    count: int | None = None
    retry_after: float | None = 2
    seconds: float = 2.0  # how long a slow body takes
    asked: int = 0
    done: int = 0

    def strikes(self) -> bool:
        """Count a request and draw whether it fails."""
        self.asked += 1
        drawn = hashlib.sha256(f"{self.seed}/{self.asked}".encode()).digest()
        hit = int.from_bytes(drawn[:8], "big") / 2**64 < self.share
        if not hit or (self.count is not None and self.done >= self.count):
            return False
        self.done += 1
        return True


class Faults:
    """The faults that are on; where several fit a request, the first that strikes counts."""

    def __init__(self) -> None:
        self.on: list[Fault] = []

    def add(self, values: dict[str, Any]) -> Fault:
        """Switch one on. Raises ValueError for what is not known."""
        known = {f.name for f in fields(Fault)} - {"asked", "done"}
        if not {"prefix", "kind"} <= set(values) <= known or values["kind"] not in KINDS:
            raise ValueError(f"a fault has prefix, kind (one of {KINDS}) and of {sorted(known)} what differs")
        fault = Fault(**values)
        self.on.append(fault)
        return fault

    def striking(self, path: str) -> Fault | None:
        """Return the fault of a request to a path; every fault of its prefix counts the request."""
        struck = [fault for fault in self.on if under(path, fault.prefix) and fault.strikes()]
        return struck[0] if struck else None


def under(path: str, prefix: str) -> bool:
    """Whether a path lies under a prefix; /spotify is no prefix of /spotify-dev."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def failed(fault: Fault, prefix: str) -> Response:
    """Return the answer of a fault as the service of that prefix words it."""
    if fault.kind in {"429-seconds", "429-date", "503"}:
        status = int(fault.kind[:3])
        return _worded(prefix, status, _later(fault))
    return _TOLD[fault.kind](prefix, fault)


def too_many(prefix: str) -> Response:
    """Return what a service answers above its rate."""
    if prefix == "/itunes":
        return Response(b"", 403)
    if prefix == "/deezer":
        return plain_json(_DEEZER_QUOTA)
    if prefix == "/musicbrainz":
        return _worded(prefix, 503, {"Retry-After": "1"})
    return _worded(prefix, 429, {"Retry-After": "1"})


_DEEZER_QUOTA = {"error": {"type": "Exception", "message": "Quota limit exceeded", "code": 4}}
_MUSICBRAINZ_LIMIT = "Your requests are exceeding the allowable rate limit. Please see the documentation."


def _later(fault: Fault) -> dict[str, str]:
    if fault.retry_after is None:
        return {}
    if fault.kind == "429-date":
        until = datetime.now(UTC) + timedelta(seconds=fault.retry_after)
        return {"Retry-After": format_datetime(until, usegmt=True)}
    return {"Retry-After": f"{fault.retry_after:g}"}


def _worded(prefix: str, status: int, headers: dict[str, str]) -> Response:
    said = "API rate limit exceeded" if status == 429 else "Service unavailable"
    if prefix.startswith("/spotify"):
        return plain_json({"error": {"status": status, "message": said}}, status, headers)
    if prefix == "/youtube-api":
        reason = "rateLimitExceeded" if status == 429 else "backendError"
        return youtube_error(status, reason, said, headers=headers)
    if prefix == "/musicbrainz":
        return plain_json({"error": _MUSICBRAINZ_LIMIT}, status, headers)
    return Response(f"<html><body><h1>{status} {said}</h1></body></html>", status, headers, "text/html")


def youtube_error(
    status: int, reason: str, message: str, *, domain: str = "usageLimits", headers: Any = None
) -> Response:
    """Return an error in the shape of the Data API."""
    errors = [{"domain": domain, "reason": reason, "message": message}]
    return plain_json({"error": {"errors": errors, "code": status, "message": message}}, status, headers)


def _expired(prefix: str, fault: Fault) -> Response:
    if prefix == "/media":
        return Response("Access Denied", 403, media_type="text/plain")
    if prefix == "/youtube-api":
        return youtube_error(401, "authError", "Invalid Credentials", domain="global")
    headers = {"WWW-Authenticate": 'Bearer realm="spotify", error="invalid_token"'}
    return plain_json({"error": {"status": 401, "message": "The access token expired"}}, 401, headers)


def _quota(prefix: str, fault: Fault) -> Response:
    if prefix.startswith("/spotify"):
        error = {"status": 429, "message": "Quota exceeded", "reason": "QUOTA_EXCEEDED"}
        return plain_json({"error": error}, 429, _later(fault))
    if prefix == "/youtube-api":
        message = "The request cannot be completed because you have exceeded your quota."
        return youtube_error(403, "quotaExceeded", message, domain="youtube.quota")
    return too_many(prefix)


def _error_in_200(prefix: str, fault: Fault) -> Response:
    if prefix == "/deezer":
        return plain_json(_DEEZER_QUOTA)
    if prefix in {"/wikipedia", "/youtube"}:
        page = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Error</h1></body></html>"
        return Response(page, media_type="text/html")
    if prefix == "/itunes":
        return Response(json.dumps({"errorMessage": "Invalid value(s) for key(s): [term]"}))
    if prefix in {"/media", "/coverart"}:
        return Response("<html><body>Not here</body></html>", media_type="text/html")
    return plain_json({"error": {"code": 500, "status": 500, "message": "Internal error"}})


_TOLD = {"expired-token": _expired, "quota": _quota, "200-error": _error_in_200}
