"""A site whose answers a test writes, a source of it, and the polite client between them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import httpx2
import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.http.fetch import Fetcher
from covergen.sources.limiter.limiter import LocalLimiter
from covergen.sources.limiter.quota import DailyQuota
from covergen.sources.web_source import Answer, Parsed, RateLimit, Refusal, Request, Wanted, usual_refusal
from tests.sources.limited import Clock

AGENT = "covergen/0.1 (https://example.org; ops@example.org)"
SECRET = "sk-0123456789abcdef"
Site = Callable[[httpx2.Request], httpx2.Response]


class Plain:
    """A source with a token, whose errors may come with status 200."""

    name: ClassVar[str] = "plain"
    is_api: ClassVar[bool] = False

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        yield from ()

    def rate_limit(self, request: Request) -> RateLimit:
        return RateLimit("plain", 100, 10.0)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {SECRET}"}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        if answer.status == 429 and b"QUOTA" in answer.body:
            return Refusal(RejectCode.QUOTA_SPENT, "the day's quota is spent", again=True)
        if answer.status == 403 and not answer.body:
            return Refusal(RejectCode.RATE_LIMITED, "asked too often", wait=60.0)
        if answer.status == 200 and b"error" in answer.body:
            return Refusal(RejectCode.SOURCE_ERROR, f"{answer.url} says {answer.body.decode()}")
        return usual_refusal(answer)

    def parse(self, request: Request, answer: Answer) -> Parsed:
        return Parsed()


@dataclass
class Place:
    """A site, a fetcher of it, and the clock both go by."""

    site: Site
    cache: Path | None = None
    robots_exempt: frozenset[str] = frozenset({"plain", "media"})
    clock: Clock = field(default_factory=Clock)
    seen: list[httpx2.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.limiter = LocalLimiter(
            DailyQuota(wall=self.clock), clock=self.clock, sleep=self.clock.sleep, background=False
        )
        self.fetcher = self.new()

    def new(self) -> Fetcher:
        return Fetcher(
            AGENT,
            self.limiter,
            cache=self.cache,
            robots_exempt=self.robots_exempt,
            transport=httpx2.MockTransport(self._answer),
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def fetch(self, url: str = "https://a.org/x") -> Answer:
        return self.fetcher.fetch(Request("plain", "page", url), Plain())

    def download(self, url: str = "https://a.org/x.jpg", max_bytes: int = 1000) -> Answer:
        return self.fetcher.download(url, RateLimit("media", 100, 10.0), max_bytes=max_bytes, source="media")

    def refused(self, code: RejectCode, *, retriable: bool, download: bool = False) -> str:
        with pytest.raises(BadInput) as refused:
            self.download() if download else self.fetch()
        assert (refused.value.code, refused.value.retriable) == (code, retriable), refused.value.reason
        assert SECRET not in refused.value.reason
        return refused.value.reason

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        return self.site(request)


def say(*answers: httpx2.Response | Exception) -> Site:
    """Give one answer after another, the last one for ever."""
    left = list(answers)

    def site(request: httpx2.Request) -> httpx2.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return site
