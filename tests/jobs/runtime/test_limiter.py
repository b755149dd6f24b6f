"""The desk as an actor: processes lease from it, a rest reaches them all, and its state is in the root."""

import json
import time
from pathlib import Path

import pytest
import ray

from covergen.errors import BadInput, RejectCode
from covergen.sources.web_source import RateLimit
from jobs.runtime.limiter import NAME, coordinator, limiter
from tests.sources.limited import greatest

pytestmark = pytest.mark.ray
RATE_LIMIT = RateLimit("cluster", 20, 1.0, at_once=4, daily=1000)


class Asker:
    """A worker in a process of its own."""

    def __init__(self, root: str):
        self.limiter = limiter(root)

    def send(self, seconds: float) -> tuple[list[float], int]:
        until, sends = time.monotonic() + seconds, []
        try:
            while time.monotonic() < until:
                with self.limiter.turn(RATE_LIMIT, patience=5):
                    sends.append(time.monotonic())
        except BadInput as problem:
            assert problem.code is RejectCode.RATE_LIMITED
        return sends, self.limiter.calls

    def refused(self) -> float:
        seen = time.monotonic()
        self.limiter.rest(RATE_LIMIT.bucket, 600)
        return seen


def forget_the_coordinator() -> None:
    """End the cluster's desk, whichever test made it: its state lies in the root of the first."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            ray.kill(ray.get_actor(NAME, namespace=NAME))
        except ValueError:
            return
        time.sleep(0.1)


def test_processes_share_one_limit_and_its_rests(ray_session: None, tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    forget_the_coordinator()
    try:
        first, second, third = [ray.remote(num_cpus=0)(Asker).remote(root) for _ in range(3)]
        ray.get([asker.__ray_ready__.remote() for asker in (first, second, third)])
        runs = [asker.send.remote(6) for asker in (first, second)]
        time.sleep(3)
        seen = ray.get(third.refused.remote())
        done = ray.get(runs)
        sends = [at for sends, _ in done for at in sends]
        assert greatest(sends, 1.0) <= 20
        assert len(sends) >= 20
        assert max(sends) <= seen + 0.2
        assert sum(calls for _, calls in done) < len(sends)
        page = json.loads((tmp_path / "root" / "limits" / "state.json").read_text())["cluster"]
        assert page["rest"] > time.time() + 500 and len(sends) <= page["reserved"] <= len(sends) + 150
        ray.kill(coordinator(root), no_restart=False)  # a node is lost: the actor starts anew from the root
        assert ray.get(first.send.remote(1))[0] == []
    finally:
        forget_the_coordinator()
