"""The whole cluster's limiter: `sources/limiter/coordinator.py` as a named actor, and the way there.

It outlives the driver that made it, so that two scrapes share it. Its state lies in the root of the first: so
budgets and rests survive the cluster.
"""

import asyncio
import time
from functools import cache
from typing import Any, Final

import ray
from ray.exceptions import RayError

from covergen.sources.limiter.coordinator import ALL, Grant, LocalCoordinator, Notice, Report, Wait
from covergen.sources.limiter.limiter import LeasedLimiter
from covergen.sources.limiter.quota import DailyQuota
from covergen.sources.web_source import RateLimit
from covergen.storage.root import Root

NAME: Final = "covergen-rate-limiter"
STATE: Final = "limits/state.json"
LISTEN: Final = 0.02  # seconds between looks for a notice, at the actor
LISTENED: Final = 5.0  # seconds after which a worker listens anew


class CoordinatorActor:
    """The coordinator. Writes of its state hold up neither notices nor those who ask for what is reserved."""

    def __init__(self, root: str):
        self.files = Root(root)
        self.coordinator = LocalCoordinator(DailyQuota(self._load, self._save))

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the coordinator."""
        return await asyncio.to_thread(getattr(self.coordinator, method), *arguments)

    async def changed(self, since: int) -> Notice | None:
        """Wait some seconds for a notice; of one that waits in the event loop, there may be thousands."""
        until = time.monotonic() + LISTENED
        while (notice := self.coordinator.changed(since, timeout=0)) is None and time.monotonic() < until:
            await asyncio.sleep(LISTEN)
        return notice

    def _load(self) -> str | None:
        return self.files.read(STATE).decode() if self.files.exists(STATE) else None

    def _save(self, text: str) -> None:
        self.files.write(STATE, text.encode())


class RemoteCoordinator:
    """The actor as a `RateLimitCoordinator`."""

    def __init__(self, actor: Any):
        self.actor = actor
        self._pending: Any = None

    def ask(self, worker: str, rate_limit: RateLimit, report: Report) -> Grant | Wait:
        """Take a report and give the next slots. Raises RootError where the state cannot be written."""
        answer: Grant | Wait = ray.get(self.actor.call.remote("ask", worker, rate_limit, report))
        return answer

    def tell(self, worker: str, bucket: str, report: Report | None) -> None:
        """Take a report, without waiting: one that is lost is waited out there."""
        self.actor.call.remote("tell", worker, bucket, report)

    def rest(self, bucket: str, seconds: float) -> None:
        """Let a bucket rest."""
        ray.get(self.actor.call.remote("rest", bucket, seconds))

    def spent(self, bucket: str) -> None:
        """Close a bucket until midnight."""
        ray.get(self.actor.call.remote("spent", bucket))

    def changed(self, since: int, *, timeout: float) -> Notice | None:
        """Wait for a notice. While the actor cannot be heard, nothing that was leased may be used."""
        try:
            if self._pending is None:
                self._pending = self.actor.changed.remote(since)
            done, _ = ray.wait([self._pending], timeout=timeout)
            if not done:
                return None
            pending, self._pending = self._pending, None
            notice: Notice | None = ray.get(pending)
            return notice
        except RayError:
            self._pending = None
            time.sleep(timeout)
            return Notice(since, frozenset({ALL}))


def coordinator(root: str) -> Any:
    """Return the actor, which whoever comes first makes."""
    name = {"name": NAME, "namespace": NAME, "get_if_exists": True, "lifetime": "detached"}
    options = {**name, "max_restarts": -1, "max_task_retries": -1, "num_cpus": 0}
    return ray.remote(CoordinatorActor).options(**options).remote(root)


@cache
def limiter(root: str) -> LeasedLimiter:
    """Return this process's limiter of a root; it leases from the cluster's coordinator."""
    return LeasedLimiter(RemoteCoordinator(coordinator(root)))


def settle(root: str) -> None:
    """Write down what a run really used of the daily budgets; a run that is killed leaves a little unused."""
    if ray.is_initialized():
        ray.get(coordinator(root).call.remote("close"))
