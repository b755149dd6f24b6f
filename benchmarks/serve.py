"""Covers a second through the service under sixteen clients, against the painter alone in batches of eight.

`python -m benchmarks.serve [--quick] [--kills] [--haproxy]`: serve_config.yaml on a Ray of this machine, with
the tiny model, one painter with one thread and tracks of a catalogue; the painter alone in a process of its
own, one thread too, in turns with the service, for processors change their pace within a minute. Beside
the ratio: how full the batches were, what the way through the service costs one request that comes alone (in
turns with direct calls), what an overflow is answered, how soon painters stop for clients that vanish.
`--kills`: 500 requests while the painter's process is killed after every hundred.
"""

import os
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx2
import typer

from benchmarks.outcome import Outcome
from benchmarks.serve_sides import (
    BASE,
    CLIENTS,
    FEW,
    PICTURE,
    WORDS,
    Alone,
    crowd,
    figures,
    seconds_of,
    served,
    track,
)

PAUSE: Final = 0.2  # seconds before a request or a call that comes alone
IDLE: Final = 40  # of each
TURN: Final = 32  # covers
FILL: Final = "covergen_batch_fill_ratio"
WAITING: Final = 64  # covers that may wait, so that an overflow is soon there


def main(*, quick: bool = False, kills: bool = False, haproxy: bool = False) -> None:
    """Measure all, print the ratio and the facts."""
    began, turns = time.perf_counter(), 2 if quick else 5
    if haproxy:
        os.environ["RAY_SERVE_ENABLE_HA_PROXY"] = "1"
    alone = Alone()
    with served({"max_replicas": 1}, waiting=WAITING) as client:
        wanted = {**WORDS, "track": track(0)}
        crowd(CLIENTS, _paint)
        alone.paint(1)
        ours, peer, codes, fill = in_turns(client, alone, turns)
        facts: dict[str, Any] = {"answers": codes, "batch_fill": fill, "haproxy": haproxy}
        facts["idle"] = idle(client, alone, wanted)
        alone.close()
        facts["overflow"] = overflow(client, wanted)
        facts["vanished_s"] = vanished(client, wanted)
        if kills:
            facts["kills"] = killed(client, wanted)
    count = turns * TURN
    outcome = Outcome("serve", count / ours, count / peer, count, "covers/s", time.perf_counter() - began)
    outcome.show(peer="Painter.paint", facts=facts)


def in_turns(client: httpx2.Client, alone: Alone, turns: int) -> tuple[float, float, Counter[int], float]:
    """Return the seconds of the service and of the painter alone, what was answered, how full batches were.

    Each turn is TURN covers through the service between two halves of as many by the painter.
    """
    ours = peer = fill = rounds = 0.0
    answers = Counter[int]()
    for _ in range(turns):
        peer += alone.paint(TURN // 16)
        before = figures(client)
        seconds, codes = crowd(TURN, _paint)
        after = figures(client)
        peer += alone.paint(TURN // 16)
        ours, answers = ours + seconds, answers + codes
        fill += after[f"{FILL}_sum"] - before[f"{FILL}_sum"]
        rounds += after[f"{FILL}_count"] - before[f"{FILL}_count"]
    return ours, peer, answers, fill / rounds


def _paint(client: httpx2.Client, number: int) -> httpx2.Response:
    return client.post("/v1/covers", json={**WORDS, "track": track(number)}, headers=PICTURE)


def idle(client: httpx2.Client, alone: Alone, wanted: dict[str, Any]) -> dict[str, float]:
    """Return the median milliseconds of a picture that is asked for alone, and of a direct call.

    `new_track_ms`: of a track that was not asked for in the last minute; the others are of one that was.
    """
    asked, told = {**wanted, "steps": FEW}, dict[str, list[float]]()

    def picture(name: str, order: dict[str, Any]) -> None:
        time.sleep(PAUSE)
        seconds = seconds_of(lambda: client.post("/v1/covers", json=order, headers=PICTURE))
        told.setdefault(name, []).append(1000 * seconds)

    picture("first", asked)
    for k in range(IDLE):
        picture("request_ms", asked)
        picture("new_track_ms", {**asked, "track": track(500 + k)})
        time.sleep(PAUSE)
        told.setdefault("call_ms", []).append(1000 * alone.paint(0))
    median = {name: statistics.median(values) for name, values in told.items() if name != "first"}
    return {**median, "overhead_ms": median["request_ms"] - median["call_ms"]}


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


if __name__ == "__main__":
    typer.run(main)
