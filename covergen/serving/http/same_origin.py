"""Which names the service answers to, and which sites' pages may call it.

A page of another site can have a browser send requests here, and a name of its own can be made to point here
(DNS rebinding) so that it reads the answers too. The first is known by Sec-Fetch-Site or Origin, which pages
cannot forge (https://www.w3.org/TR/fetch-metadata/, RFC 6454), the second by Host. Programs that are no
browser send none of the first two and come in. An address in figures cannot be rebound, so it is no name.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from covergen.serving.api_keys import Message, Receive, Send
from covergen.serving.problems import Problem

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")  # RFC 9110, 7.2
_OWN: Final = frozenset({"same-origin", "none"})  # none: an address typed, or a bookmark
_PORTS: Final = {"http": 80, "https": 443}
_LONGEST: Final = 100  # characters of a name that are told


class SameOrigin:
    """ASGI: refuses other names than `hosts`, loopback's and addresses, and other sites than `origins`.

    `hosts` are names, each with a port where only that one counts. Raises Problem with 421 or 403.
    """

    def __init__(self, app: Any, *, hosts: Iterable[str] = (), origins: Iterable[str] = ()):
        self._app = app
        self._hosts = frozenset(_plain(host) for host in hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on what comes by a known name from a known site."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            self._check_host(scope, headers.getlist("host"))
            self._check_site(scope, headers)
        await self._app(scope, receive, send)

    def _check_host(self, scope: Message, given: list[str]) -> None:
        if not given and scope.get("http_version") == "1.0":
            return  # no browser, and RFC 1945 knows no Host
        if len(given) != 1 or not (host := _HOST.fullmatch(given[0])):
            raise Problem(400, "bad_request", "A request names the service once, in its Host header.")
        name = _plain(host[1])
        if name == "localhost" or _is_address(name) or self._hosts & {name, f"{name}:{host[2]}"}:
            return
        raise Problem(
            421,
            "unknown_host",
            f"This service is not known as {name[:_LONGEST]}. Call it localhost or by its address, or let it "
            "be called so: covergen serve --host-name NAME, or args.hosts of serve_config.yaml.",
        )

    def _check_site(self, scope: Message, headers: Headers) -> None:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin", "").lower()
        if site in _OWN or origin in self._origins:
            return
        if site is None and (not origin or self._is_own(origin, headers.get("host", ""))):
            return
        if scope["method"] in {"GET", "HEAD"} and (
            headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        ):
            return  # a link that somebody followed: no page reads what comes of it
        raise Problem(
            403,
            "other_site",
            "Pages of other sites may not call this service; args.origins of serve_config.yaml names those "
            "that may.",
        )

    def _is_own(self, origin: str, host: str) -> bool:
        """Return whether an origin is this service: as Host has it or as a proxy before it is called."""
        try:
            place = urlsplit(origin)
            port = place.port or _PORTS.get(place.scheme)
        except ValueError:
            return False
        if not place.hostname:
            return False
        name, known = _plain(place.netloc), _plain(host)
        if name == known or f"{_plain(place.hostname)}:{port}" == known:
            return True
        usual = port == _PORTS.get(place.scheme)
        return bool(self._hosts & ({name, _plain(place.hostname)} if usual else {name}))


def _plain(name: str) -> str:
    """Return a name as it is compared: small letters, no dot of the root at its end."""
    return name.lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
