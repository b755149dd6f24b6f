"""Who may come in: API keys, of which only digests are known here, and how large an upload may be."""

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from covergen.serving.board import Allowance
from covergen.serving.problems import Problem

EVERYBODY: Final = "everybody"
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Key:
    """An API key by its SHA-256, whose it is and what it allows."""

    name: str
    sha256: str
    allowance: Allowance


class Doors:
    """Knows keys. Without any key everybody is let in, as one owner."""

    def __init__(self, keys: Iterable[Key] = (), *, everybody: Allowance | None = None):
        self._keys, self._everybody = list(keys), everybody or Allowance()

    def allowance_of(self, owner: str) -> Allowance:
        """Return what an owner may do; of one whose key is gone, what everybody may."""
        return next((key.allowance for key in self._keys if key.name == owner), self._everybody)

    def caller(self, headers: Mapping[str, str]) -> Key:
        """Return whose request it is by its headers. Raises Problem."""
        if not self._keys:
            return Key(EVERYBODY, "", self._everybody)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        digest = hashlib.sha256(given.encode()).hexdigest()
        # All are compared, each in constant time: how long it takes tells nothing.
        matches = [key for key in self._keys if hmac.compare_digest(key.sha256, digest)]
        if not given or not matches:
            reason = (
                "This API key is not known."
                if given
                else "An API key is needed, as 'Authorization: Bearer KEY'."
            )
            raise Problem(401, "unauthorized", reason, {"WWW-Authenticate": "Bearer"})
        return matches[0]


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LimitBody:
    """ASGI: refuses bodies that are larger than `max_bytes`, as soon as that is known."""

    def __init__(self, app: Any, max_bytes: int):
        self._app, self._max = app, max_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, its body counted while it comes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told, came = dict(scope["headers"]).get(b"content-length", b"0"), 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._max or (told.isdigit() and int(told) > self._max):
                raise Problem(413, "too_large", f"More than {self._max // 2**20} MB are not taken.")
            return message

        await self._app(scope, counted, send)
