"""The limiter's one place: who holds which slots, who is under way, who has to rest. It never waits.

What it is asked and what it tells holds delays and ages in seconds, never times of a clock: it may stand on
another machine than those who ask.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from covergen.sources.limiter.quota import DailyQuota
from covergen.sources.limiter.sliding_window import PACE, SlidingWindow, Slot
from covergen.sources.web_source import RateLimit

ALL: Final = "*"  # in a notice: every bucket
LEASE_SECONDS: Final = (
    60.0  # seconds after its last slot in which a worker that says nothing is taken for dead
)
SOON: Final = 0.02  # seconds, the least after which it pays to ask again
LATER: Final = 1.0  # and the most, where requests are not farther apart


@dataclass(frozen=True)
class Report:
    """What became of a lease: by slot, how many seconds ago it was used. The other slots go back."""

    lease: int = 0
    ages: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Grant:
    """Slots to send at, one request at a time; their times are delays from the instant of the grant."""

    lease: int
    slots: tuple[Slot, ...]
    notice: int  # the last before it


@dataclass(frozen=True)
class Wait:
    """No slot now; ask again after so many seconds."""

    seconds: float
    why: Literal["busy", "rest", "spent"]


@dataclass(frozen=True)
class Notice:
    """Buckets of which nothing that was leased before may be used any more; `number` grows."""

    number: int
    buckets: frozenset[str]


class RateLimitCoordinator(Protocol):
    """The coordinator as its clients see it, near or far."""

    def ask(self, worker: str, rate_limit: RateLimit, report: Report) -> Grant | Wait:
        """Take a report and give the next slots."""
        ...

    def tell(self, worker: str, bucket: str, report: Report | None) -> None:
        """Take a report of one who asks for no more; None: still under way."""
        ...

    def rest(self, bucket: str, seconds: float) -> None:
        """Let a bucket rest."""
        ...

    def spent(self, bucket: str) -> None:
        """Close a bucket until midnight."""
        ...

    def changed(self, since: int, *, timeout: float) -> Notice | None:
        """Wait up to `timeout` seconds for a notice whose number is above `since`."""
        ...


@dataclass
class _Leased:
    """A worker's lease: it may have one request under way."""

    lease: int
    slots: Mapping[int, Slot]
    day: str
    until: float


class _Bucket:
    """One bucket's window and leases."""

    def __init__(self, rate_limit: RateLimit, since: float):
        self.rate_limit = rate_limit
        self.window = SlidingWindow(rate_limit.count, rate_limit.seconds, since=since)
        self.leases: dict[str, _Leased] = {}
        self.sizes: dict[str, int] = {}  # of the next lease, by worker


class LocalCoordinator:
    """The coordinator itself. Safe for threads."""

    def __init__(self, quota: DailyQuota | None = None, *, clock: Callable[[], float] = time.monotonic):
        self.quota, self.clock = quota or DailyQuota(), clock
        self._buckets: dict[str, _Bucket] = {}
        self._leases = 0
        self._news, self._writing = threading.Condition(), threading.Lock()
        self._number = time.time_ns()  # so that one which starts anew is ahead of the one before
        self._changes: dict[str, int] = {ALL: self._number}

    def ask(self, worker: str, rate_limit: RateLimit, report: Report) -> Grant | Wait:
        """Take a report and give the next slots. Raises RootError where the state cannot be written."""
        while True:
            with self._news:
                answer = self._answer(worker, rate_limit, report)
            if answer is not None:
                return answer
            self._write()

    def tell(self, worker: str, bucket: str, report: Report | None) -> None:
        """Take a report of one who asks for no more; None: still under way."""
        with self._news:
            known, now = self._buckets.get(bucket), self.clock()
            if known is None or worker not in known.leases:
                return
            if report is None:
                known.leases[worker].until = now
            else:
                self._settle(known, worker, report, now)

    def rest(self, bucket: str, seconds: float) -> None:
        """Let a bucket rest: no slot of it begins before, and those that are out are taken away."""
        with self._news:
            if bucket in self._buckets:
                self._buckets[bucket].window.rest(self.clock() + seconds)
            self._change(bucket)
            self.quota.rest(bucket, seconds)
        self._write()

    def spent(self, bucket: str) -> None:
        """Close a bucket until midnight."""
        with self._news:
            self._change(bucket)
            known = self._buckets.get(bucket)
            self.quota.spend(known.rate_limit if known else RateLimit(bucket, 1, 1.0))
        self._write()

    def changed(self, since: int, *, timeout: float) -> Notice | None:
        """Wait up to `timeout` seconds for a notice whose number is above `since`."""
        with self._news:
            if self._number <= since and timeout > 0:
                self._news.wait(timeout)
            if self._number <= since:
                return None
            names = frozenset(name for name, number in self._changes.items() if number > since)
            return Notice(self._number, names)

    def close(self) -> None:
        """Write the state as it is."""
        with self._news:
            self.quota.end()
        self._write()

    def _answer(self, worker: str, rate_limit: RateLimit, report: Report) -> Grant | Wait | None:
        """Return the answer to who asks; None if the quota has to be written first."""
        now = self.clock()
        bucket = self._bucket(rate_limit, now)
        self._settle(bucket, worker, report, now)
        bucket.leases.pop(worker, None)  # who asks has nothing under way
        if (rest := self.quota.rest_left(rate_limit.bucket)) > 0:
            return Wait(rest, "rest")
        if (left := self.quota.left(rate_limit)) <= 0:
            return Wait(self.quota.midnight(rate_limit), "spent")
        bucket.leases = {
            name: leased for name, leased in bucket.leases.items() if leased.until + LEASE_SECONDS > now
        }
        if len(bucket.leases) >= rate_limit.at_once:
            soonest = min(leased.until for leased in bucket.leases.values()) - now
            period = bucket.window.period
            return Wait(min(max(soonest, period, SOON), max(period, LATER)), "busy")
        return self._grant(bucket, worker, left, now)

    def _write(self) -> None:
        """Write the quota if it says anything new; nobody but other writers waits for it."""
        with self._writing:
            with self._news:
                text = self.quota.text() if self.quota.dirty else None
            if text is not None and self.quota.save is not None:
                self.quota.save(text)
                with self._news:
                    self.quota.saved(text)

    def _grant(self, bucket: _Bucket, worker: str, left: int, now: float) -> Grant | Wait | None:
        rate_limit, window = bucket.rate_limit, bucket.window
        sharers = min(len(bucket.leases) + 1, rate_limit.at_once)
        stride = (sharers - 0.5) * PACE * window.period  # every so many slots, and those between to others
        size = min(bucket.sizes.get(worker, 1), 1 + int(window.ahead / stride), left)
        if not self.quota.ready(rate_limit, size, seconds=window.ahead + window.width + rate_limit.seconds):
            return None
        latest = now + self.quota.midnight(rate_limit) if rate_limit.daily is not None else float("inf")
        slots = window.take(now, size, stride=stride, latest=latest)
        if not slots:
            pause = window.next_start(now) - now - window.ahead
            soon = max(SOON, min(window.ahead / 2, LATER))  # in time all the same
            return Wait(min(max(pause, soon), max(LATER, rate_limit.seconds / 2)), "busy")
        self._leases += 1
        day = self.quota.charge(rate_limit, len(slots))
        held = {slot.number: slot for slot in slots}
        bucket.leases[worker] = _Leased(self._leases, held, day, slots[-1].end)
        delays = tuple(Slot(slot.number, slot.start - now, slot.end - now) for slot in slots)
        return Grant(self._leases, delays, self._number)

    def _settle(self, bucket: _Bucket, worker: str, report: Report, now: float) -> None:
        leased = bucket.leases.get(worker)
        if leased is None or leased.lease != report.lease:
            return  # one that was taken for dead: what it may have sent is counted as sent at the latest
        del bucket.leases[worker]
        for number, slot in leased.slots.items():
            if number in report.ages:
                bucket.window.used(number, min(now - report.ages[number], slot.end))
            else:
                bucket.window.unused(slot, now)
        unused = len(leased.slots) - len(report.ages)
        self.quota.give_back(bucket.rate_limit, unused, day=leased.day)
        bucket.sizes[worker] = max(1, len(leased.slots) if unused else 2 * len(leased.slots))

    def _bucket(self, rate_limit: RateLimit, now: float) -> _Bucket:
        known = self._buckets.get(rate_limit.bucket)
        if known is None or known.rate_limit != rate_limit:
            since = float("-inf")
            fresh = SlidingWindow(rate_limit.count, rate_limit.seconds)
            ahead = fresh.ahead + fresh.width  # the latest that a slot may end
            wall, active = self.quota.wall(), self.quota.active_until(rate_limit.bucket)
            if known is not None:  # what was leased under the other limits counts under these
                since = now + ahead + rate_limit.seconds
            elif active and active + rate_limit.seconds > wall:  # another process may still send
                since = now + min(active - wall, ahead) + rate_limit.seconds
            known = self._buckets[rate_limit.bucket] = _Bucket(rate_limit, since)
        return known

    def _change(self, bucket: str) -> None:
        self._number += 1
        self._changes[bucket] = self._number
        self._news.notify_all()
