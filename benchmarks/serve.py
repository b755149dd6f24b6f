"""Covers a second through the service under sixteen clients, against the painter alone in batches of eight.

`python -m benchmarks.serve [--quick] [--kills] [--haproxy]`: serve_config.yaml on a Ray of this machine, with
the tiny model, one painter with one thread and an uploaded song; the painter alone in a process of
its own, one thread too, before and after: processors change their pace within minutes. Beside the ratio: how full the batches were, what the way through the service costs
one idle request, what an overflow is answered, how soon painters stop for clients that vanish. `--kills`:
500 requests while the painter's process is killed after every hundred.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from benchmarks.outcome import Outcome
from covergen import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from covergen.serving.schema import CoverOrder
from covergen.serving.service import CoverService

CLIENTS: Final = 16
PAUSE: Final = (
    0.2  # seconds before each request of an idle service, and before each direct call: caches go cold
)
BASE: Final = "http://127.0.0.1:18800"
WORDS: Final[dict[str, Any]] = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "steps": 20}
WAITING: Final = 64  # covers that may wait, so that an overflow is soon there
SONG: Final = audio.encode_flac(synthesise(draw_album(3, "eval"), 12.0, 24_000), 24_000)
PICTURE: Final = {"Accept": "image/png"}


def main(*, quick: bool, kills: bool, haproxy: bool) -> None:
    """Measure all, print the ratio and the facts."""
    began, count = time.perf_counter(), 32 if quick else 96
    alone = [measured("bulk", count // 2)]
    if haproxy:
        os.environ["RAY_SERVE_ENABLE_HA_PROXY"] = "1"
    with served() as client:
        song = client.post("/v1/listen", files={"audio": SONG}, data={"artist": "a", "album": "b"}).json()[
            "song"
        ]
        wanted = {**WORDS, "song": song}
        for _ in range(4):
            client.post("/v1/covers", json=wanted, headers=PICTURE)
        before = figures(client)
        seconds, codes = crowd(
            count, lambda c, k: c.post("/v1/covers", json={**wanted, "seed": str(k)}, headers=PICTURE)
        )
        after = figures(client)
        fills = [
            after[f"covergen_batch_fill_ratio_{part}"] - before[f"covergen_batch_fill_ratio_{part}"]
            for part in ("sum", "count")
        ]
        facts: dict[str, Any] = {"answers": codes, "batch_fill": fills[0] / fills[1], "haproxy": haproxy}
        alone.append(measured("bulk", count // 2))
        facts["idle_overhead_ms"] = 1000 * (idle(client, wanted) - measured("idle", 20))
        facts["overflow"] = overflow(client, wanted)
        facts["vanished_s"] = vanished(client, wanted)
        if kills:
            facts["kills"] = killed(client, wanted)
    outcome = Outcome(
        "serve", count / seconds, statistics.mean(alone), count, "covers/s", time.perf_counter() - began
    )
    outcome.show(peer="Painter.paint", facts=facts)


@contextmanager
def served() -> Iterator[httpx2.Client]:
    """Deploy the repository's manifest on a Ray of this process; give a client that waits."""
    import ray
    from ray import serve
    from ray.serve.schema import ServeDeploySchema

    from covergen.config import RayCluster
    from jobs import entry
    from jobs.deploy import deploy

    manifest = yaml.safe_load((Path(__file__).parent.parent / "serve_config.yaml").read_text())
    manifest["http_options"]["port"] = int(BASE.rpartition(":")[2])
    manifest["applications"][0]["deployments"][2]["autoscaling_config"]["max_replicas"] = 1
    with tempfile.TemporaryDirectory() as root:
        manifest["applications"][0]["args"] |= {"root": root, "waiting": WAITING}
        entry.join(RayCluster(cpus=4))
        deploy(ServeDeploySchema.model_validate(manifest))
        with httpx2.Client(base_url=BASE, timeout=600) as client:
            client.get("/readyz").raise_for_status()
            yield client
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


def crowd(count: int, ask: Callable[[httpx2.Client, int], httpx2.Response]) -> tuple[float, Counter[int]]:
    """Let the clients ask so often in all; return the seconds and how often each status was answered."""
    left, lock, codes = iter(range(count)), threading.Lock(), Counter[int]()

    def one() -> None:
        with httpx2.Client(base_url=BASE, timeout=600) as client:
            while True:
                with lock:
                    number = next(left, None)
                if number is None:
                    return
                answer = ask(client, number)
                with lock:
                    codes[answer.status_code] += 1

    clients = [threading.Thread(target=one) for _ in range(CLIENTS)]
    began = time.perf_counter()
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return time.perf_counter() - began, codes


def figures(client: httpx2.Client) -> dict[str, float]:
    """Return the service's figures that have no label."""
    found = re.findall(r"^(covergen_\w+) ([-0-9.e+]+)$", client.get("/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def idle(client: httpx2.Client, wanted: dict[str, Any]) -> float:
    """Return the median seconds of one picture when nobody else asks."""
    seconds = []
    for k in range(20):
        time.sleep(PAUSE)
        began = time.perf_counter()
        client.post(
            "/v1/covers", json={**wanted, "steps": 4, "seed": str(k)}, headers=PICTURE
        ).raise_for_status()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def overflow(client: httpx2.Client, wanted: dict[str, Any]) -> dict[str, Any]:
    """Ask for far more than may wait; return the answers, and how the accepted ones ended."""
    accepted: list[str] = []

    def ask(asking: httpx2.Client, number: int) -> httpx2.Response:
        answer = asking.post("/v1/covers", json={**wanted, "steps": 2, "n": 8, "seed": str(number)})
        if answer.status_code == 202:
            accepted.append(answer.json()["id"])
        return answer

    _, codes = crowd(64, ask)
    ended = Counter(finished(client, number)["status"] for number in accepted)
    return {"answers": codes, "accepted_ended": ended}


def vanished(client: httpx2.Client, wanted: dict[str, Any]) -> float:
    """Return the seconds from the moment clients vanish until nothing is painted any more."""

    def vanish() -> None:
        with httpx2.Client(base_url=BASE, timeout=2) as asking, suppress(httpx2.ReadTimeout):
            asking.post("/v1/covers", json={**wanted, "steps": 100}, headers=PICTURE)

    gone = [threading.Thread(target=vanish) for _ in range(4)]
    for each in gone:
        each.start()
    for each in gone:
        each.join()
    began = time.perf_counter()
    while (told := figures(client))["covergen_covers_painting"] + told["covergen_covers_waiting"] > 0:
        time.sleep(0.05)
    return time.perf_counter() - began


def killed(client: httpx2.Client, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return how 500 requests ended while the painter was killed after every hundred."""
    done, seconds = Counter[str](), []

    def ask(asking: httpx2.Client, number: int) -> httpx2.Response:
        began = time.perf_counter()
        answer = asking.post("/v1/covers", json={**wanted, "steps": 2, "seed": str(number)}, headers=PICTURE)
        seconds.append(time.perf_counter() - began)
        done[answer.headers.get("x-covergen-id", f"lost {number}")] += 1
        if len(seconds) % 100 == 0:
            os.kill(_painter(), signal.SIGKILL)
        return answer

    _, codes = crowd(500, ask)
    ids = [state["id"] for state in history(client)]
    twice = [number for number, times in done.items() if times > 1 or ids.count(number) != 1]
    p99 = statistics.quantiles(seconds, n=100)[98]
    return {
        "answers": codes,
        "twice_or_missing": len(twice),
        "p99_s": p99,
        "retries": figures(client)["covergen_retries_total"],
    }


def history(client: httpx2.Client) -> Iterator[dict[str, Any]]:
    """Give all requests so far."""
    before: str | None = None
    while True:
        asked: dict[str, str | int] = {"limit": 200} | ({"before": before} if before else {})
        page = client.get("/v1/covers", params=asked).json()
        yield from page["covers"]
        before = page["next"]
        if before is None:
            return


def finished(client: httpx2.Client, number: str) -> dict[str, Any]:
    """Return a request's state once it has ended."""
    while True:
        state: dict[str, Any] = client.get(f"/v1/covers/{number}").json()
        if state["finished"]:
            return state
        time.sleep(0.1)


def _painter() -> int:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        if entry.read_bytes().startswith(b"ray::ServeReplica:covergen:Painter"):
            return int(entry.parent.name)
    raise ProcessLookupError("no painter runs")


def measured(what: str, count: int) -> float:
    """Return what the core alone takes, in a process of its own with one thread."""
    command = [sys.executable, "-m", "benchmarks.serve", what, str(count)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def core(what: str, count: int) -> float:
    """Return covers a second in batches of eight, or the median seconds of one cover."""
    import torch

    torch.set_num_threads(1)
    service = CoverService()
    heard = service.listen(SONG)
    if what == "idle":
        order = CoverOrder(**{**WORDS, "steps": 4})
        service.cover(heard, order)
        return statistics.median(_seconds(lambda: service.cover(heard, order), PAUSE) for _ in range(count))
    batch = CoverOrder(**WORDS, n=8)
    service.cover(heard, batch)
    return count / _seconds(lambda: [service.cover(heard, batch) for _ in range(count // 8)])


def _seconds(work: Callable[[], object], pause: float = 0.0) -> float:
    time.sleep(pause)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("bulk" | "idle") as side, number]:
            print(json.dumps(core(side, int(number))))
        case given:
            main(quick="--quick" in given, kills="--kills" in given, haproxy="--haproxy" in given)
