"""What is under way in the service: who waits, who is painted, what just happened, and how long it will take.

One queue serves all replicas. It holds nothing that cannot be lost: requests and covers lie in the store, and
whoever carries a request reports to the queue again and again, so that a new queue soon knows what the old
one knew. Times are seconds of a clock that only goes forward.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

Event = Mapping[str, Any]
Places = dict[int, int]  # how many covers are ahead of each that waits
Report = tuple[str, list[int] | None, list[int] | None]  # owner, which covers wait, which are painted
News = tuple[str, tuple[Any, ...], Mapping[str, Any]]  # a method of the queue, and what it is called with
WINDOW: Final = 60.0  # seconds over which covers and requests are counted
FIRST_GUESS: Final = 5.0  # seconds a cover, before any was painted
LONGEST_WAIT: Final = 600  # seconds that a client is asked to wait, at most
SILENCE: Final = 10.0  # seconds without a report after which a request is nobody's
GRACE: Final = 2.0  # seconds in which a new queue hears from all who carry requests
HEARING: Final = 600.0  # seconds after which a song that is heard is not counted any more
TAKEN_AT_ONCE: Final = 32  # requests of the store that are given away before their first report
REMEMBERED: Final = 60.0  # seconds for which the end of a request can be listened to
LAST_EVENTS: Final = 256  # of a request; who comes later is told the state first
_SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_FILL = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1)


@dataclass(frozen=True)
class Allowance:
    """What one owner may do and keep. None: as much as they like."""

    per_minute: int | None = None  # requests, songs to be heard too
    at_once: int | None = None  # covers that wait or are painted, and songs that are heard
    upload_bytes: int | None = 2 * 2**30  # of songs and what was heard in them; the oldest make room
    upload_days: float | None = 30.0  # for which an upload is kept
    cover_days: float | None = None  # for which a request is kept with its covers; favourites stay


@dataclass(frozen=True)
class Refused:
    """Why a request is not taken now, and after how many seconds it is worth another try."""

    code: str
    message: str
    seconds: int


@dataclass
class _Request:
    owner: str
    waiting: list[int]  # numbers of covers, in order
    seen: float  # when its carrier reported last
    began: float = 0.0
    painting: set[int] = field(default_factory=set)
    carrier: str = ""
    cancelled: bool = False
    ended: float | None = None
    unkept: dict[str, Any] | None = None  # how it ended, where that could not be kept: it is tried again
    events: deque[tuple[int, Event]] = field(default_factory=lambda: deque(maxlen=LAST_EVENTS))
    version: int = 0

    @property
    def open(self) -> int:
        """How many covers are still to come."""
        return 0 if self.ended is not None else len(self.waiting) + len(self.painting)


class RequestQueue:
    """Admits requests, orders the queue, passes events on. `waiting`: covers that may wait at once."""

    def __init__(self, *, waiting: int = 256, clock: Callable[[], float] = time.monotonic):
        self._most, self._clock, self._began = waiting, clock, clock()
        self._requests: dict[str, _Request] = {}  # in the order of their admission
        self._recent: dict[str, deque[float]] = {}
        self._songs: dict[str, tuple[str, float]] = {}  # songs: whose, and since when
        self._turns: dict[str, float] = {}
        self._finished: deque[tuple[float, float]] = deque()  # (when, seconds of painting)
        self._later: deque[tuple[float, int]] = deque()  # (when they come again, covers), of who was refused
        self.metrics = Metrics()

    def resize(self, waiting: int) -> None:
        """Let so many covers wait from now on."""
        self._most = waiting

    def admit(self, number: str, owner: str, covers: int, allowance: Allowance) -> Refused | None:
        """Take a request into the queue, or say why not."""
        now = self._clock()
        self._forget(now)
        if number in self._requests:
            return None
        refused = self._refusal(owner, covers, allowance, now)
        if refused is not None:
            self.metrics.refused.labels(refused.code).inc()
            return refused
        self._recent.setdefault(owner, deque()).append(now)
        self._requests[number] = _Request(owner, list(range(covers)), now, now)
        return None

    def admit_song(self, number: str, owner: str, allowance: Allowance) -> Refused | None:
        """Take a song that is to be heard, or say why not; `song_heard` ends it."""
        now = self._clock()
        self._forget(now)
        refused = self._over_allowance(owner, 1, allowance, now)
        if refused is not None:
            self.metrics.refused.labels(refused.code).inc()
            return refused
        self._recent.setdefault(owner, deque()).append(now)
        self._songs[number] = (owner, now)
        return None

    def song_heard(self, number: str) -> None:
        """Count a song no more among those that are heard."""
        self._songs.pop(number, None)

    def turn(self, work: str, seconds: float) -> bool:
        """Return whether it is time for some work of all replicas: true for one of them, every so often."""
        now, last = self._clock(), self._turns.get(work)
        if last is not None and now - last < seconds:
            return False
        self._turns[work] = now
        return True

    def report(
        self,
        number: str,
        owner: str,
        carrier: str,
        *,
        waiting: list[int] | None = None,
        painting: list[int] | None = None,
    ) -> bool:
        """Take a carrier's regular report; return whether the request is to be given up."""
        now = self._clock()
        known = self._requests.setdefault(number, _Request(owner, [], now, now))
        known.seen, known.carrier = now, carrier
        if waiting is not None and known.ended is None:
            known.waiting, known.painting = waiting, set(painting or ())
        return known.cancelled

    def reports(self, carrier: str, reports: Mapping[str, Report]) -> list[str]:
        """Take a carrier's reports of all it carries, by number; return which to give up."""
        return [
            number
            for number, (owner, waiting, painting) in reports.items()
            if self.report(number, owner, carrier, waiting=waiting, painting=painting)
        ]

    def take(self, news: Iterable[News]) -> None:
        """Call some methods in order."""
        for method, arguments, named in news:
            getattr(self, method)(*arguments, **named)

    def tell(self, number: str, event: Event) -> None:
        """Pass an event on to whoever listens."""
        known = self._requests.get(number)
        if known is None:
            return
        known.version += 1
        known.events.append((known.version, event))
        if event["event"] == "end":
            known.ended, known.unkept = self._clock(), event.get("unkept")
            self._count(known, event)
            known.waiting, known.painting = [], set()

    def painted(self, seconds: float, fill: float) -> None:
        """Count a finished cover: seconds it was painted for, and how full its painter's batches were."""
        self._finished.append((self._clock(), seconds))
        self.metrics.covers.inc()
        self.metrics.paint.observe(seconds)
        self.metrics.fill.observe(fill)

    def listened(self, seconds: float) -> None:
        """Count a song that was listened to."""
        self.metrics.listen.observe(seconds)

    def lost(self) -> None:
        """Count a cover that is begun again."""
        self.metrics.retries.inc()

    def metrics_text(self) -> bytes:
        """Return what Prometheus reads."""
        load = self.load()
        self.metrics.waiting.set(load["waiting"])
        self.metrics.painting.set(load["painting"])
        return self.metrics.text()

    def cancel(self, number: str, owner: str) -> None:
        """Ask for a request to be given up. One that nobody carries is soon somebody's, who will end it."""
        nobodys = _Request(owner, [], seen=-math.inf, began=self._clock())
        self._requests.setdefault(number, nobodys).cancelled = True

    def news(self, number: str, since: int) -> tuple[int, list[Event], Places] | None:
        """Return version, events after `since` and places; None for a request that is not under way."""
        known = self._requests.get(number)
        if known is None:
            return None
        events = [event for version, event in known.events if version > since]
        return known.version, events, self.places(number)

    def places(self, number: str) -> Places:
        """Return how many covers are ahead of each of a request's covers that wait."""
        ahead = 0
        for other, known in self._requests.items():
            if other == number:
                return {cover: ahead + place for place, cover in enumerate(known.waiting)}
            ahead += len(known.waiting)
        return {}

    def under_way(self, number: str) -> tuple[Places, set[int], dict[str, Any] | None]:
        """Return the places of covers that wait, which are painted, and an end that could not be kept."""
        known = self._requests.get(number)
        return self.places(number), set() if known is None else set(known.painting), self.unkept(number)

    def unkept(self, number: str) -> dict[str, Any] | None:
        """Return how a request ended a moment ago where that could not be kept, or None."""
        known = self._requests.get(number)
        lately = known is not None and self._clock() - (known.ended or 0.0) <= REMEMBERED
        return known.unkept if known is not None and lately else None

    def orphans(self, carrier: str) -> list[tuple[str, str]]:
        """Give requests whose carrier fell silent to another, as (owner, number)."""
        now, found = self._clock(), []
        for number, known in self._requests.items():
            if known.ended is None and now - known.seen > SILENCE:
                known.seen, known.carrier = now, carrier
                found.append((known.owner, number))
        return found

    def adopt(self, number: str, owner: str, carrier: str) -> bool:
        """Give one request to a carrier unless another carries it; return whether it was given."""
        now, known = self._clock(), self._requests.get(number)
        if known is not None and known.unkept is not None and now - (known.ended or now) > REMEMBERED:
            known = self._requests[number] = _Request(owner, [], -math.inf, now, cancelled=known.cancelled)
        if known is not None and (known.ended is not None or now - known.seen <= SILENCE):
            return False
        if known is None:
            if now - self._began < GRACE:
                return False
            known = self._requests[number] = _Request(owner, [], now, now)
        known.seen, known.carrier = now, carrier
        return True

    def take_up(self, carrier: str, left: Iterable[tuple[str, str]]) -> list[tuple[str, str]] | None:
        """Give a carrier what nobody carries of the (owner, number) that the store has open, in their order.

        Not all at once where that is more than may wait. None while it cannot be known yet.
        """
        if self._clock() - self._began < GRACE:
            return None
        given: list[tuple[str, str]] = []
        unreported = sum(known.ended is None and not known.open for known in self._requests.values())
        for owner, number in left:
            if unreported + len(given) >= TAKEN_AT_ONCE or self.load()["waiting"] >= self._most:
                break
            if self.adopt(number, owner, carrier):
                given.append((owner, number))
        return given

    def load(self) -> dict[str, float]:
        """Return covers that wait and that are painted, and the seconds until a new one would begin."""
        waiting = sum(len(known.waiting) for known in self._requests.values())
        painting = sum(len(known.painting) for known in self._requests.values())
        return {"waiting": waiting, "painting": painting, "seconds": self._seconds_for(waiting)}

    def _count(self, ended: _Request, event: Event) -> None:
        self.metrics.requests.labels(event["status"]).inc()
        self.metrics.request.observe((ended.ended or 0) - ended.began)
        if event.get("code"):
            self.metrics.rejected.labels(event["code"]).inc()

    def _refusal(self, owner: str, covers: int, allowance: Allowance, now: float) -> Refused | None:
        if refused := self._over_allowance(owner, covers, allowance, now):
            return refused
        waiting = sum(len(known.waiting) for known in self._requests.values())
        if waiting and waiting + covers > self._most:
            seconds = self._bounded(waiting + covers - self._most + self._ahead(now))
            self._later.append((now + seconds, covers))
            return Refused("overloaded", f"{waiting} covers wait already.", seconds)
        return None

    def _over_allowance(self, owner: str, covers: int, allowance: Allowance, now: float) -> Refused | None:
        recent = self._recent.get(owner, deque())
        if allowance.per_minute is not None and len(recent) >= allowance.per_minute:
            seconds = max(1, math.ceil(recent[0] + WINDOW - now))
            return Refused("rate_limited", f"{allowance.per_minute} requests a minute are allowed.", seconds)
        own = sum(known.open for known in self._requests.values() if known.owner == owner)
        own += sum(whose == owner for whose, _ in self._songs.values())
        if allowance.at_once is not None and own and own + covers > allowance.at_once:
            message = f"{own} covers and songs of yours are under way, and {allowance.at_once} are allowed."
            return Refused("too_many_at_once", message, self._bounded(own + covers - allowance.at_once))
        return None

    def _ahead(self, now: float) -> int:
        """Return how many covers will be asked for again by those who were refused before."""
        self._later = deque(each for each in self._later if each[0] > now)
        return sum(covers for _, covers in self._later)

    def _bounded(self, covers: int) -> int:
        return min(LONGEST_WAIT, max(1, math.ceil(self._seconds_for(covers))))

    def _seconds_for(self, covers: int) -> float:
        """Return after how many seconds so many covers will have been finished, by what was measured."""
        now = self._clock()
        while self._finished and now - self._finished[0][0] > WINDOW:
            self._finished.popleft()
        if len(self._finished) < 2:
            return covers * FIRST_GUESS
        began = self._finished[0][0] - self._finished[0][1]
        return covers * max(now - began, 0.001) / len(self._finished)

    def _forget(self, now: float) -> None:
        for recent in self._recent.values():
            while recent and now - recent[0] > WINDOW:
                recent.popleft()
        self._recent = {owner: recent for owner, recent in self._recent.items() if recent}
        self._songs = {n: song for n, song in self._songs.items() if now - song[1] < HEARING}
        over = [
            number
            for number, known in self._requests.items()
            if known.ended is not None
            and now - known.ended > REMEMBERED
            and not (known.cancelled and known.unkept)  # whoever takes it up is to end it
        ]
        for number in over:
            del self._requests[number]


# What the service counts, for Prometheus.
#
# The queue sees everything that happens, on whatever replica, so it holds the one set of figures. Names:
# https://prometheus.io/docs/practices/naming/


class Metrics:
    """All figures of the service. Labels have few values: codes and outcomes, never ids or words."""

    def __init__(self) -> None:
        self.registry = of = CollectorRegistry()
        self.requests = Counter("covergen_requests", "Requests by how they ended", ["outcome"], registry=of)
        self.covers = Counter("covergen_covers", "Covers that were painted", registry=of)
        self.refused = Counter("covergen_refused", "Requests not taken, by code", ["code"], registry=of)
        self.rejected = Counter("covergen_rejected", "Requests that failed, by code", ["code"], registry=of)
        self.retries = Counter("covergen_retries", "Covers begun again: a painter was lost", registry=of)
        self.waiting = Gauge("covergen_covers_waiting", "Covers that wait", registry=of)
        self.painting = Gauge("covergen_covers_painting", "Covers that are being painted", registry=of)
        self.paint = Histogram(
            "covergen_paint_seconds", "Seconds a cover was painted for, its share of the batches",
            buckets=_SECONDS, registry=of,
        )  # fmt: skip
        self.request = Histogram(
            "covergen_request_seconds", "Seconds from a request to its end", buckets=_SECONDS, registry=of
        )
        self.listen = Histogram(
            "covergen_listen_seconds", "Seconds to hear a song", buckets=_SECONDS, registry=of
        )
        self.fill = Histogram(
            "covergen_batch_fill_ratio", "Places of a painter's batch that were taken, at each cover's end",
            buckets=_FILL, registry=of,
        )  # fmt: skip

    def text(self) -> bytes:
        """Return the figures as Prometheus reads them."""
        return generate_latest(self.registry)
