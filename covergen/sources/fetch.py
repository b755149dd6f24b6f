"""The polite client: one question to the web, with limits, retries, robots.txt and a cache on disk."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from covergen.sources.limits import Limiter
from covergen.sources.web import Answer, Manners, Request, WebSource


class Fetcher:
    """Asks the web. One a process or thread pool; safe for threads. Close it, or use it as a context.

    `cache`: a folder for answers that may be kept; None keeps none. `unruled`: names of sources for which
    robots.txt and X-Robots-Tag are not asked; the caller records that. `transport`: httpx2's, for tests.
    """

    def __init__(
        self,
        user_agent: str,
        limiter: Limiter,
        *,
        cache: Path | None = None,
        unruled: frozenset[str] = frozenset(),
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None: ...

    def fetch(self, request: Request, source: WebSource) -> Answer:
        """Return the answer to a request. Raises BadInput with what the source says the refusal is."""
        ...

    def download(self, url: str, manners: Manners, *, max_bytes: int, source: str = "") -> Answer:
        """Return a file whole. Raises BadInput: TOO_LARGE before more than `max_bytes` are read."""
        ...

    def close(self) -> None:
        """Close its connections."""
