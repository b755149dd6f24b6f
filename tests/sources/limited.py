"""A clock that is set by hand, and workers that ask one desk by it: minutes of requests in milliseconds."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from covergen.sources.limiter.coordinator import LocalCoordinator, Report, Wait
from covergen.sources.limiter.sliding_window import Slot
from covergen.sources.web_source import RateLimit


class Clock:
    """Seconds that pass only in a sleep."""

    def __init__(self, now: float = 0.0):
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Run:
    """What the workers did."""

    sends: list[float] = field(default_factory=list)
    under_way: int = 0  # at most, at one time
    calls: int = 0


@dataclass
class _Worker:
    lease: int = 0
    slots: list[Slot] = field(default_factory=list)
    used: dict[int, float] = field(default_factory=dict)


def greatest(sends: list[float], seconds: float) -> int:
    """Return the most sends in any half-open stretch."""
    sends, first, most = sorted(sends), 0, 0
    for last, at in enumerate(sends):
        while sends[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def simulate(
    rate_limit: RateLimit,
    *,
    workers: int,
    latency: Callable[[random.Random], float],
    length: float,
    seed: int = 0,
) -> Run:
    """Let workers ask and send as fast as they may; each wakes a little late, as threads do."""
    chance, clock, run = random.Random(seed), Clock(), Run()
    coordinator, under_way = LocalCoordinator(clock=clock), 0
    crew = [_Worker() for _ in range(workers)]
    events = [(chance.random() / 10, name, "ask") for name in range(workers)]
    heapq.heapify(events)
    while events and events[0][0] < length:
        clock.now, name, what = heapq.heappop(events)
        now, worker = clock.now, crew[name]
        if what == "send":
            slot = worker.slots.pop(0)
            if slot.start <= now < slot.end:
                worker.used[slot.number] = now
                run.sends.append(now)
                under_way += 1
                run.under_way = max(run.under_way, under_way)
                heapq.heappush(events, (now + latency(chance), name, "answer"))
                continue
        elif what == "answer":
            under_way -= 1
        worker.slots = [slot for slot in worker.slots if slot.end > now]
        if worker.slots:
            at = max(now, worker.slots[0].start) + chance.random() / 200
            heapq.heappush(events, (at, name, "send"))
            continue
        run.calls += 1
        report = Report(worker.lease, {number: now - at for number, at in worker.used.items()})
        answer = coordinator.ask(str(name), rate_limit, report)
        if isinstance(answer, Wait):
            crew[name] = _Worker()
            heapq.heappush(events, (now + answer.seconds, name, "ask"))
        else:
            slots = [Slot(slot.number, now + slot.start, now + slot.end) for slot in answer.slots]
            crew[name] = _Worker(answer.lease, slots)
            heapq.heappush(events, (now, name, "ready"))
    return run
