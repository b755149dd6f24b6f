"""Addresses of the web as others write them: parsed here and nowhere else, or refused.

What is sent is what was parsed: httpx2 reads an address once, so no two parsers disagree about its host.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from covergen.errors import BadInput, RejectCode, one_line

SECRET: Final = re.compile(
    r"(?i)([?&;](?:api_?key|key|access_token|refresh_token|token|client_secret|secret|password|sig|signature)=)"
    r"[^&#;\s]+"
)
_LOGIN: Final = re.compile(r"(?i)(https?://)[^/@\s]+@")
_WEB: Final = re.compile(r"(?i)https?://")
_NAME: Final = re.compile(
    rb"(?!.{254})(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?", re.ASCII
)  # RFC 1035, and underscores
_SIGNING: Final = frozenset({"exp", "expires", "hdnea", "sig", "signature", "token"})  # in a signed address
_PORTS: Final = range(1, 65_536)
_SHOWN: Final = 300  # characters of an address in a sentence


def masked(text: str) -> str:
    """Return an address, or a text with addresses, with the values of secrets in it replaced by stars."""
    return _LOGIN.sub(r"\1***@", SECRET.sub(r"\1***", text))


def is_web(address: str | None) -> bool:
    """Say whether a text means to be an address of the web; `web_address` tells whether it is one."""
    return _WEB.match(address or "") is not None


def web_address(text: str) -> httpx2.URL:
    """Return an address of http or https, its text in ASCII. Raises BadInput with BAD_ADDRESS."""
    try:
        url = httpx2.URL(text)
        problem = _problem(url)
    except (httpx2.InvalidURL, ValueError) as error:
        problem = masked(one_line(error))
    if problem:
        reason = f"{masked(text)[:_SHOWN]!r} is no address of the web: {problem}"
        raise BadInput(RejectCode.BAD_ADDRESS, reason)
    return url


def redirected(url: httpx2.URL, location: str) -> httpx2.URL:
    """Return where an answer of `url` redirects to. Raises BadInput where that is no address of the web."""
    try:
        return web_address(str(url.join(location)))
    except (httpx2.InvalidURL, ValueError, BadInput):
        reason = (
            f"{masked(str(url))} redirects to {masked(location)[:_SHOWN]!r}, which is no address of the web"
        )
        raise BadInput(RejectCode.SOURCE_ERROR, reason) from None


def unsigned(address: str) -> str:
    """Return an address without what signs it: the same file is signed anew each time it is told of."""
    try:
        parts = urlsplit(address)
        kept = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in _SIGNING]
        return parts._replace(query=urlencode(kept)).geturl()
    except ValueError:
        return address  # it cannot be asked, and here has only to be told from others


def query_of(address: str) -> dict[str, str]:
    """Return the parameters of an address, of each its last value; none where they cannot be read."""
    try:
        return dict(parse_qsl(urlsplit(address).query))
    except ValueError:
        return {}


def host_of(url: httpx2.URL) -> str:
    """Return the host and, where it is another than the scheme's own, the port; no user, no password."""
    return url.netloc.decode("ascii")


def _problem(url: httpx2.URL) -> str | None:
    """Return what stands in the way of asking it; what resolvers and sockets would choke on is told here."""
    if url.scheme not in {"http", "https"}:
        return f"it begins with {url.scheme!r}" if url.scheme else "it begins with neither http nor https"
    if not url.host:
        return "it names no host"
    if ":" not in url.host and not _NAME.fullmatch(url.raw_host):
        return f"{url.host[:_SHOWN]!r} is no name of a host"
    return None if url.port is None or url.port in _PORTS else f"there is no port {url.port}"
