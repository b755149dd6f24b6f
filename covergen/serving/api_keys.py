"""Who may come in: API keys, of which only digests are known here, and how often one may be guessed."""

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from covergen.serving.problems import Problem, come_again
from covergen.serving.queue import Allowance

EVERYBODY: Final = "everybody"
GUESSES: Final = 20  # unknown keys that one address may give in so many seconds
GUESSES_SECONDS: Final = 60.0
_ADDRESSES: Final = 10_000  # that are remembered; the longest silent one is forgotten
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Key:
    """An API key by its SHA-256, whose it is and what it allows."""

    name: str
    sha256: str
    allowance: Allowance


@dataclass
class _Address:
    """What came from one address: when unknown keys did, and which known ones."""

    wrong: deque[float] = field(default_factory=deque)
    right: set[str] = field(default_factory=set)


class ApiKeys:
    """Knows keys. Without any key everybody is let in, as one owner."""

    def __init__(
        self,
        keys: Iterable[Key] = (),
        *,
        everybody: Allowance | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._keys, self._everybody, self._clock = list(keys), everybody or Allowance(), clock
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def allowance_of(self, owner: str) -> Allowance:
        """Return what an owner may do; of one whose key is gone, what everybody may."""
        return next((key.allowance for key in self._keys if key.name == owner), self._everybody)

    def caller(self, headers: Mapping[str, str], *, address: str = "") -> Key:
        """Return whose request it is, by its headers and the address it came from. Raises Problem.

        From an address that guesses, only keys that came from there before are let in: who shares a proxy
        with a guesser goes on, and the guesser learns nothing.
        """
        if not self._keys:
            return Key(EVERYBODY, "", self._everybody)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        if not given:
            raise _unknown("An API key is needed, as 'Authorization: Bearer KEY'.")
        digest = hashlib.sha256(given.encode()).hexdigest()
        # All are compared, each in constant time: how long it takes tells nothing.
        matches = [key for key in self._keys if hmac.compare_digest(key.sha256, digest)]
        known, now = self._address(address), self._clock()
        while known.wrong and now - known.wrong[0] > GUESSES_SECONDS:
            known.wrong.popleft()
        if len(known.wrong) >= GUESSES and digest not in known.right:
            seconds = known.wrong[0] + GUESSES_SECONDS - now
            message = "Too many unknown API keys came from your address."
            raise come_again("rate_limited", message, seconds=seconds)
        if not matches:
            known.wrong.append(now)
            raise _unknown("This API key is not known.")
        known.right.add(digest)
        return matches[0]

    def _address(self, address: str) -> _Address:
        """Return what is known of an address; those of one network of IPv6 count as one."""
        try:
            place = ipaddress.ip_address(address)
            name = str(ipaddress.ip_network((place, 64), strict=False)) if place.version == 6 else address
        except ValueError:
            name = address
        known = self._addresses.setdefault(name, _Address())
        self._addresses.move_to_end(name)
        if len(self._addresses) > _ADDRESSES:
            self._addresses.popitem(last=False)
        return known


def _unknown(reason: str) -> Problem:
    return Problem(401, "unauthorized", reason, {"WWW-Authenticate": "Bearer"})


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
