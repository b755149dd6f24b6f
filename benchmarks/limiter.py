"""The limiter with 8 workers and 50 requests in 5 s: the fullest 5 s, the budget's use, what a 429 stops.

`python -m benchmarks.limiter [SECONDS] [--quick]`: threads of one process first, then a process a worker
through the Ray actor, and as the peer a leaky bucket of the same numbers in threads. A request is 20 to 180
ms of sleep; after SECONDS (30) one worker sees a 429 every two seconds, and all rest for one. The clock is
the machine's.
"""

import json
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import ray
import typer

from benchmarks.outcome import Outcome
from covergen.config import Config
from covergen.sources.limiter.limiter import Limiter, LocalLimiter
from covergen.sources.web_source import RateLimit
from jobs.runtime.entry import start_ray
from jobs.runtime.limiter import limiter as limiter_of

RATE_LIMIT = RateLimit("benchmark", 50, 5.0, at_once=8)
WORKERS = 8
REFUSALS, EVERY, REST = 5, 2.0, 1.0  # how many 429, seconds between them, seconds that each asks for


class LeakyBucket:
    """The peer: one permit each `seconds / count`, up to `count` are saved up."""

    def __init__(self, rate_limit: RateLimit):
        self.rate, self.most = rate_limit.count / rate_limit.seconds, rate_limit.count
        self.saved, self.at, self.lock = float(rate_limit.count), time.monotonic(), threading.Lock()
        self.waited: Counter[str] = Counter()

    @contextmanager
    def turn(self, _: RateLimit, *, patience: float = 0) -> Iterator[None]:  # noqa: ARG002
        """Wait for a permit."""
        while not self._take():
            time.sleep(0.005)
        yield

    def rest(self, bucket: str, seconds: float) -> None:
        """A leaky bucket knows of no rest."""

    def spent(self, bucket: str) -> None:
        """Nor of days."""

    def close(self) -> None:
        """Nothing is held."""

    def _take(self) -> bool:
        with self.lock:
            now = time.monotonic()
            self.saved, self.at = min(self.most, self.saved + (now - self.at) * self.rate), now
            if self.saved < 1:
                return False
            self.saved -= 1
            return True


def work(limiter: Limiter, name: int, start: float, seconds: float) -> tuple[list[float], list[float]]:
    """Send from `start` on; return when requests were sent, and when this worker saw a 429."""
    chance, sends, seen = random.Random(name), [], []
    end = start + seconds
    refusals = [end + EVERY * place for place in range(REFUSALS)] if name == 0 else []
    time.sleep(max(0.0, start - time.monotonic()))
    while time.monotonic() < end + EVERY * REFUSALS:
        with limiter.turn(RATE_LIMIT):
            sends.append(time.monotonic())
            time.sleep(chance.uniform(0.02, 0.18))
            if refusals and time.monotonic() >= refusals[0]:
                refusals.pop(0)
                seen.append(time.monotonic())
                limiter.rest(RATE_LIMIT.bucket, REST)
    return sends, seen


class Worker:
    """One worker in a process of its own."""

    def __init__(self, root: str):
        self.limiter = limiter_of(root)

    def work(self, name: int, start: float, seconds: float) -> tuple[list[float], list[float], int]:
        """Send, and count the calls at the coordinator; all processes of a machine share the clock."""
        sends, seen = work(self.limiter, name, start, seconds)
        self.limiter.close()
        return sends, seen, self.limiter.calls


def in_threads(limiter: Limiter, seconds: float) -> dict[str, float]:
    """Let threads share a limiter."""
    start = time.monotonic() + 0.2
    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(pool.map(lambda name: work(limiter, name, start, seconds), range(WORKERS)))
    limiter.close()
    calls = getattr(limiter, "calls", 0)
    return told([at for sends, _ in done for at in sends], done[0][1], start, seconds, calls)


def through_ray(seconds: float) -> dict[str, float]:
    """Let processes lease from the actor."""
    with tempfile.TemporaryDirectory() as folder:
        sources = [{"name": "procedural", "train": 12, "evaluation": 6}]  # a config has some; none is read
        config = {"root": folder, "scrape": {"sources": sources}, "ray": {"cpus": WORKERS + 1}}
        start_ray(Config.model_validate(config))
        made: Any = ray.remote(num_cpus=1)(Worker)
        crew = [made.remote(f"{folder}/root") for _ in range(WORKERS)]
        ray.get([worker.__ray_ready__.remote() for worker in crew])
        start = time.monotonic() + 0.5
        done = ray.get([worker.work.remote(name, start, seconds) for name, worker in enumerate(crew)])
        ray.shutdown()
    calls = sum(one[2] for one in done)
    return told([at for one in done for at in one[0]], done[0][1], start, seconds, calls)


def told(
    sends: list[float], seen: list[float], start: float, seconds: float, calls: float
) -> dict[str, float]:
    """Return what the bars are about; the share is of the time before the first 429."""
    late = [at - refusal for refusal in seen for at in sends if 0 < at - refusal < REST * 0.9]
    before = [at for at in sends if at < start + seconds]
    return {
        "fullest": greatest(sends),
        "share": len(before) / (RATE_LIMIT.count * seconds / RATE_LIMIT.seconds),
        "per_second": len(before) / seconds,
        "late_ms": 1000 * max(late, default=0.0),
        "calls_per_request": calls / len(sends),
        "refusals": len(seen),
        "sent": len(sends),
    }


def greatest(sends: list[float]) -> int:
    """Return the most sends in any stretch of the window's length, its end not counted."""
    sends, first, most = sorted(sends), 0, 0
    for last, at in enumerate(sends):
        while sends[first] <= at - RATE_LIMIT.seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def main(seconds: float = 30.0, *, quick: bool = False) -> None:
    """Measure the three and print them; `--quick` gives each ten seconds."""
    began, seconds = time.perf_counter(), min(seconds, 10.0) if quick else seconds
    sides: dict[str, Callable[[], dict[str, float]]] = {
        "threads": lambda: in_threads(LocalLimiter(), seconds),
        "Ray actor": lambda: through_ray(seconds),
        "leaky bucket": lambda: in_threads(LeakyBucket(RATE_LIMIT), seconds),
    }
    print(f"{'':14} {'fullest 5 s':>12} {'share used':>11} {'ms after 429':>13} {'calls/request':>14}")
    found: dict[str, Any] = {}
    for name, side in sides.items():
        one = found[name] = side()
        line = f"{one['fullest']:12.0f} {one['share']:11.3f} {one['late_ms']:13.0f}"
        print(f"{name:14} {line} {one['calls_per_request']:14.2f}", flush=True)
    rates = found["Ray actor"]["per_second"], found["leaky bucket"]["per_second"]
    sent = int(found["Ray actor"]["sent"])
    outcome = Outcome("limiter", *rates, sent, "requests/s", time.perf_counter() - began)
    outcome.show(
        peer="leaky bucket", facts={"sides": json.loads(json.dumps(found)), "limit": RATE_LIMIT.count}
    )


if __name__ == "__main__":
    typer.run(main)
