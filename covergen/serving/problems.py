"""What the service says no with: a status, a code for programs and a sentence for people."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from covergen.errors import BadInput, RejectCode, RootError, RootFull, RootReadOnly


@dataclass
class Problem(Exception):
    """A request cannot be met. The message goes to the client as it is."""

    status: int  # of HTTP
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, dict[str, str]]:
        """Return the answer's body."""
        return {"error": {"code": self.code, "message": self.message, "request_id": request_id}}


def of_song(refusal: BadInput) -> Problem:
    """Return what is said of a song that cannot be used."""
    status = {RejectCode.TOO_LARGE: 413, RejectCode.UNSUPPORTED_FORMAT: 415, RejectCode.NOT_FOUND: 404}
    return Problem(
        status.get(refusal.code, 422), str(refusal.code), f"The song cannot be used: {refusal.reason}."
    )


def come_again(code: str, message: str, *, seconds: float) -> Problem:
    """Return what is said where too much is under way: come again in so many seconds, or in a few more.

    Clients that were refused together would come again together, so each gets up to half more. A rate is told
    as it is: at its end there is room for whoever reached it.
    """
    spread = 1.0 if code == "rate_limited" else random.uniform(1.0, 1.5)
    pause = str(math.ceil(seconds * spread))
    return Problem(429, code, f"{message} Try again in {pause} s.", {"Retry-After": pause})


def of_root(error: RootError) -> Problem:
    """Return what is said where requests cannot be kept or read: never a place of this machine."""
    again = {"Retry-After": "60"}
    match error:
        case RootFull():
            message = "There is no room left where requests are kept; come again when there is."
            return Problem(507, "no_room", message, again)
        case RootReadOnly():
            message = "Nothing can be written where requests are kept; come again when that is mended."
            return Problem(503, "read_only", message, again)
    message = "What is kept here cannot be reached at present; try again in a minute."
    return Problem(503, "unavailable", message, again)


def no_song() -> Problem:
    """Return what is said of an upload that is not there."""
    return Problem(404, "no_such_song", "No song with this SHA-256 is kept here; send the file as audio.")


def no_such(what: str) -> Problem:
    """Return what is said of something that is not there, or is somebody else's."""
    return Problem(404, "not_found", f"There is no {what} under this address.")
