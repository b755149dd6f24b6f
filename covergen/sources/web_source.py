"""What a source on the web is: requests, an answer to each, and a pure parse of it.

A web source never touches the network: `http/fetch.py` does, at the rate that the source names. So every
parser is tested on text, and every answer can be parsed again without asking twice.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Protocol
from zoneinfo import ZoneInfo

from covergen.errors import BadInput, RejectCode
from covergen.sources.protocol import Found

_TITLE: Final = re.compile(rb"(?i)<title[^>]*>([^<]{1,200})")


@dataclass(frozen=True)
class RateLimit:
    """How often one bucket of a source may be asked, over the whole cluster.

    At most `count` requests are sent in any `seconds`, `at_once` are under way, and `daily` are sent between
    two midnights of `day_zone`. Requests with one `bucket` share all of it.
    """

    bucket: str
    count: int
    seconds: float
    at_once: int = 4
    daily: int | None = None
    day_zone: str = "UTC"


def seconds_to_midnight(now: datetime, day_zone: str) -> float:
    """Return the seconds until the day of a zone ends: 23 to 25 hours at most, as its clocks go."""
    zone = ZoneInfo(day_zone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    return midnight.timestamp() - now.timestamp()


@dataclass(frozen=True)
class Request:
    """One question: an address, which of the source's parsers reads the answer, and what that has to know."""

    source: str
    kind: str
    url: str
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """SHA-256 of all it says, hexadecimal."""
        said = json.dumps([self.source, self.kind, self.url, sorted(self.about.items())], ensure_ascii=False)
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    url: str  # after redirects
    status: int
    headers: Mapping[str, str]
    body: bytes
    fetched_at: datetime

    def json(self) -> Any:
        """Return the body as JSON. Raises BadInput."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BadInput(RejectCode.NEW_LAYOUT, f"{self.url} did not answer with JSON") from error


@dataclass(frozen=True)
class Refusal:
    """Why an answer is none. A `wait` in seconds rests the whole bucket; `again`: another try may succeed."""

    code: RejectCode
    reason: str
    wait: float | None = None
    again: bool = False

    @property
    def problem(self) -> BadInput:
        """The refusal as what stands in `rejects`."""
        return BadInput(self.code, self.reason, retriable=self.again or self.wait is not None)


def usual_refusal(answer: Answer) -> Refusal | None:
    """Return what a status means where a source means nothing else by it; None for 200.

    Retry-After is left to the one who fetches: it counts whatever the status.
    """
    status, reason = answer.status, f"{answer.url} answered {answer.status}"
    if status == 200:
        return None
    if status in {404, 410}:
        return Refusal(RejectCode.NOT_FOUND, reason)
    if status in {401, 403, 451}:
        return Refusal(RejectCode.FORBIDDEN, reason)
    if status == 429:
        return Refusal(RejectCode.RATE_LIMITED, reason, again=True)
    if status >= 500 or status == 408:
        return Refusal(RejectCode.SERVER_FAILED, reason, again=True)
    return Refusal(RejectCode.SOURCE_ERROR, reason)


def no_answer(answer: Answer, wanted: str) -> Refusal:
    """Return the refusal of what came with status 200 in place of `wanted`: a page of maintenance, nothing.

    The site may answer another time, so it is asked again; whatever it was, it is not kept.
    """
    title = _TITLE.search(answer.body[:4096])
    shown = " ".join(title[1].decode("utf-8", "replace").split())[:100] if title else ""
    seen = f"a page titled {shown!r}" if title else f"{len(answer.body):,} bytes of something else"
    reason = f"{answer.url} answered 200 with {seen if answer.body.strip() else 'nothing'}, not with {wanted}"
    return Refusal(RejectCode.SOURCE_ERROR, reason, again=True)


@dataclass(frozen=True)
class Wanted:
    """An album that is known already and of which a source may know more."""

    album_id: str
    artist: str
    title: str
    year: str | None = None
    upc: str | None = None
    tracks: tuple["WantedTrack", ...] = ()
    kind: str | None = None  # album, ep, ... where that is known


@dataclass(frozen=True)
class WantedTrack:
    """A song of such an album, and its ids elsewhere by the name of the place."""

    track_id: str
    title: str
    artist: str
    isrc: str | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parsed:
    """What an answer tells, and what has to be asked next."""

    found: Found = field(default_factory=Found)
    follow: tuple[Request, ...] = ()


class WebSource(Protocol):
    """Albums, or more about known ones, from a site or an API.

    Building one raises ConfigError where the user has not given or accepted what it needs.
    """

    name: ClassVar[str]
    turn: ClassVar[int]  # 0: lists albums itself; 1: tells of known albums; 2: tells of known songs
    follow_ups: ClassVar[float]  # requests that follow from a first one, on average: for plans
    answer_bytes: ClassVar[int]  # of an answer, on average: for plans
    is_api: ClassVar[bool]  # made for programs, under terms of its own: robots.txt speaks of pages

    @property
    def media_bytes(self) -> Mapping[str, int]:
        """Typical bytes of what it gives, of a `cover` and of the `audio` of a song: for plans."""
        ...

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        """Yield the first requests: of a source that lists albums itself, whatever is wanted."""
        ...

    def rate_limit(self, request: Request) -> RateLimit:
        """Return the bucket that a request is counted in."""
        ...

    def headers(self) -> dict[str, str]:
        """Return headers of a request, credentials among them: read where they are sent, never stored."""
        ...

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        """Return why an answer is none, a status of 200 with an error in it too; such answers are not kept.

        `usual_refusal` is right for most, `no_answer` says that a body is none of what the source gives.
        """
        ...

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return what an answer tells; a function of its two arguments alone. Raises BadInput."""
        ...
