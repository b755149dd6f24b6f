"""How often the web is asked, by the whole cluster: what the client of a limiter is, and one for one process.

A worker leases a few slots at a time from the coordinator (`coordinator.py`), so that it does not pay a call
a request. Slots are told as delays, not as times of day: the coordinator's clock and a worker's need not
agree. A background thread hears from the coordinator when a bucket has to rest, and takes away what is leased
of it; a request looks just before it is sent.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import uuid4

from covergen.errors import BadInput, RejectCode
from covergen.sources.limiter.coordinator import ALL, LocalCoordinator, RateLimitCoordinator, Report, Wait
from covergen.sources.limiter.quota import DailyQuota
from covergen.sources.limiter.sliding_window import Slot
from covergen.sources.web_source import RateLimit

LOOK: Final = 0.1  # seconds between looks at what is leased and idle
IDLE: Final = 0.5  # seconds after which a worker that sends nothing gives its lease back
ALIVE: Final = 20.0  # seconds after which one whose request takes long says that it lives
ASK: Final = 10.0  # seconds, the longest sleep before the coordinator is asked again
PATIENCE: Final = 180.0  # seconds that a row waits for a bucket that rests; for longer, it is parked


class Limiter(Protocol):
    """What asks before each request is sent, and hears what the answer says about the next."""

    waited: Counter[str]  # milliseconds before requests, by bucket

    def turn(self, rate_limit: RateLimit, *, patience: float = PATIENCE) -> AbstractContextManager[None]:
        """Wait until a request of the bucket may be sent; it is under way until the context ends.

        Raises BadInput: RATE_LIMITED where the bucket rests for longer than `patience` seconds, QUOTA_SPENT
        where there is no more of it today. Both can be tried again later.
        """
        ...

    def rest(self, bucket: str, seconds: float) -> None:
        """Let nobody send a request of the bucket for so long."""
        ...

    def spent(self, bucket: str) -> None:
        """Let nobody send a request of the bucket before the next midnight of its day."""
        ...

    def close(self) -> None:
        """Give back what is leased."""
        ...


@dataclass
class _Lease:
    """Slots of one thread, in its own clock."""

    number: int
    rate_limit: RateLimit
    slots: deque[Slot]
    notice: int  # the last that the coordinator knew of when it gave them
    used: dict[int, float] = field(default_factory=dict)
    busy: bool = True  # its thread waits to send, or a request is under way
    revoked: bool = False
    last_seen: float = 0.0  # when the coordinator or its thread last heard of it

    def next(self, now: float) -> Slot | None:
        """Take the next slot that can still be used."""
        while self.slots:
            slot = self.slots.popleft()
            if slot.end > now and not self.revoked:
                return slot
        return None

    def report(self, now: float) -> Report:
        """Return what became of it."""
        return Report(self.number, {number: now - at for number, at in self.used.items()})


class LeasedLimiter:
    """A limiter that leases from a coordinator, near or far. Safe for threads; each has leases of its own."""

    def __init__(
        self,
        coordinator: RateLimitCoordinator,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        background: bool = True,
    ):
        self.coordinator, self.clock, self.sleep = coordinator, clock, sleep
        self.calls = 0  # at the coordinator, to ask and to tell
        self.waited: Counter[str] = Counter()  # milliseconds before requests, by bucket, over all threads
        self._name = uuid4().hex
        self._lock = threading.Lock()
        self._leases: dict[tuple[int, str], _Lease] = {}
        self._last_notice: dict[str, int] = {}  # the last notice by bucket
        self._since = 0
        self._closed = threading.Event()
        self._background = background
        self._watcher: threading.Thread | None = None

    @contextmanager
    def turn(self, rate_limit: RateLimit, *, patience: float = PATIENCE) -> Iterator[None]:
        """Wait until a request may be sent; see `Limiter`."""
        began = self.clock()
        lease = self._wait(rate_limit, patience)
        with self._lock:
            self.waited[rate_limit.bucket] += round(1000 * (self.clock() - began))
        try:
            yield
        finally:
            with self._lock:
                lease.busy, lease.last_seen = False, self.clock()

    def rest(self, bucket: str, seconds: float) -> None:
        """Let nobody send a request of the bucket for so long."""
        self._revoke(frozenset({bucket}))
        self.coordinator.rest(bucket, seconds)

    def spent(self, bucket: str) -> None:
        """Let nobody send a request of the bucket before the next midnight of its day."""
        self._revoke(frozenset({bucket}))
        self.coordinator.spent(bucket)

    def close(self) -> None:
        """Give back what is leased. It can be used on."""
        self._closed.set()
        if self._watcher is not None:
            self._watcher.join()
        self._closed.clear()
        self._give_back(idle=0.0)

    def tend(self, timeout: float = LOOK) -> None:
        """Hear what is new, waiting so long for it, and give back what lies idle; the watcher does so."""
        notice = self.coordinator.changed(self._since, timeout=timeout)
        if notice is not None:
            before = notice.number if notice.number > self._since else float("inf")  # else it is lost
            self._since = notice.number
            with self._lock:
                self._last_notice |= dict.fromkeys(notice.buckets, notice.number)
            self._revoke(notice.buckets, before=before)
        self._give_back(idle=IDLE)

    def _wait(self, rate_limit: RateLimit, patience: float) -> _Lease:
        key = threading.get_ident(), rate_limit.bucket
        while True:
            with self._lock:
                lease = self._leases.get(key)
                slot = lease.next(self.clock()) if lease is not None else None
                if lease is not None:
                    lease.busy = True
                if slot is None:
                    self._leases.pop(key, None)
            if lease is not None and slot is not None:
                if (pause := slot.start - self.clock()) > 0:
                    self.sleep(pause)
                if self._use(lease, slot):
                    return lease
                continue
            wait = self._ask(key, rate_limit, lease)
            if wait is not None:
                self.sleep(min(_worth_waiting(wait, rate_limit.bucket, patience), ASK))

    def _use(self, lease: _Lease, slot: Slot) -> bool:
        with self._lock:
            now = self.clock()
            if lease.revoked or not slot.start <= now < slot.end:
                return False
            lease.used[slot.number] = lease.last_seen = now
            return True

    def _ask(self, key: tuple[int, str], rate_limit: RateLimit, before: _Lease | None) -> Wait | None:
        """Ask for the next lease and note it; return what to wait for instead."""
        self._ensure_watched()
        sent_at = self.clock()
        report = before.report(sent_at) if before is not None else Report()
        answer = self.coordinator.ask(f"{self._name}/{key[0]}", rate_limit, report)
        received_at, self.calls = self.clock(), self.calls + 1
        if isinstance(answer, Wait):
            return answer
        # the coordinator spoke some time between the two: a slot begins late, and ends early
        slots = (Slot(slot.number, received_at + slot.start, sent_at + slot.end) for slot in answer.slots)
        with self._lock:
            last = max(self._last_notice.get(rate_limit.bucket, 0), self._last_notice.get(ALL, 0))
            self._leases[key] = _Lease(
                answer.lease,
                rate_limit,
                deque(slots),
                answer.notice,
                revoked=answer.notice < last,
                last_seen=received_at,
            )
        return None

    def _revoke(self, buckets: frozenset[str], *, before: float = float("inf")) -> None:
        """Take away what is leased, but for what the coordinator gave after it gave notice."""
        with self._lock:
            for (_, bucket), lease in self._leases.items():
                if (bucket in buckets or ALL in buckets) and lease.notice < before:
                    lease.revoked = True

    def _give_back(self, *, idle: float) -> None:
        """Tell the coordinator of leases that nobody uses, and of those whose request takes long."""
        with self._lock:
            now = self.clock()
            long = [
                (k, lease)
                for k, lease in self._leases.items()
                if lease.busy and now - lease.last_seen > ALIVE
            ]
            over = [
                (k, lease)
                for k, lease in self._leases.items()
                if not lease.busy and (now - lease.last_seen >= idle or not lease.slots or lease.revoked)
            ]
            for key, _ in over:
                del self._leases[key]
            for _, lease in long:
                lease.last_seen = now
        for (thread, bucket), lease in [*over, *long]:
            self.calls += 1
            self.coordinator.tell(
                f"{self._name}/{thread}", bucket, None if lease.busy else lease.report(self.clock())
            )

    def _ensure_watched(self) -> None:
        with self._lock:
            if self._background and (self._watcher is None or not self._watcher.is_alive()):
                self._watcher = threading.Thread(target=self._watch, daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        while not self._closed.is_set():
            self.tend()


class LocalLimiter(LeasedLimiter):
    """The limiter of a single process, with a coordinator of its own."""

    def __init__(
        self,
        quota: DailyQuota | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        background: bool = True,
    ):
        self._own = LocalCoordinator(quota, clock=clock)
        super().__init__(self._own, clock=clock, sleep=sleep, background=background)

    def close(self) -> None:
        """Give back what is leased, and write what was used."""
        super().close()
        self._own.close()


def _worth_waiting(wait: Wait, bucket: str, patience: float) -> float:
    """Return the seconds to sleep. Raises BadInput where that is beyond patience."""
    if wait.why == "spent":
        hours = wait.seconds / 3600
        reason = f"the requests to {bucket} are spent for today; they begin anew in {hours:.1f} hours"
        raise BadInput(RejectCode.QUOTA_SPENT, reason, retriable=True)
    if wait.why == "rest" and wait.seconds > patience:
        reason = f"{bucket} asked to be left alone for {wait.seconds:.0f} s; run again after that"
        raise BadInput(RejectCode.RATE_LIMITED, reason, retriable=True)
    return wait.seconds
