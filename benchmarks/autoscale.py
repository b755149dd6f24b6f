"""How the painters of the service come and go with the load: none, one, two, one, none, one.

`python -m benchmarks.autoscale [PLOT.png] [--quick]`: serve_config.yaml on this machine's Ray with the tiny
model, none to two painters, short delays; clients come and go, and the plot shows painters, covers and pace.
"""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import typer

from benchmarks.outcome import device
from benchmarks.serve_sides import BASE, PICTURE, WORDS, figures, served, track

# clients, and the seconds for which they ask; with none it takes until the painters are gone
PHASES: Final = ((0, 60), (1, 30), (16, 75), (1, 60), (0, 60), (1, 30))
SCALING: Final = {
    "min_replicas": 0,
    "max_replicas": 2,
    "upscale_delay_s": 3,
    "downscale_delay_s": 15,
    "downscale_to_zero_delay_s": 15,
}
EVERY: Final = 0.5  # seconds between samples
PACE: Final = 15.0  # seconds over which the pace is counted


@dataclass
class Record:
    """What was seen, by seconds from the start."""

    began: float = field(default_factory=time.monotonic)
    samples: list[dict[str, float]] = field(default_factory=list)
    phases: list[tuple[float, int]] = field(default_factory=list)
    ended: Counter[int] = field(default_factory=Counter)
    first: list[float] = field(default_factory=list)  # seconds of the first cover of each phase

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def painters(self) -> list[int]:
        """Return the numbers of painters one after the other, as they changed."""
        found: list[int] = []
        for sample in self.samples:
            if not found or found[-1] != sample["running"]:
                found.append(int(sample["running"]))
        return found


def main(plot: Path = Path("autoscale.png"), *, quick: bool = False) -> None:
    """Let clients come and go, write the plot, print what was seen; `--quick` halves the seconds."""
    with served(SCALING):
        record, over = Record(), threading.Event()
        wanted = {**WORDS, "track": track(0)}
        watching = threading.Thread(target=_watch, args=(record, over))
        watching.start()
        for clients, seconds in PHASES:
            record.phases.append((record.now, clients))
            _phase(record, wanted, clients, record.now + (seconds / 2 if quick else seconds))
        record.phases.append((record.now, 0))
        over.set()
        watching.join()
    draw(record, plot)
    told: dict[str, Any] = {"name": "autoscale", "painters": record.painters(), "answers": record.ended}
    told |= {"first_cover_s": [round(s, 2) for s in record.first], "device": device(), "plot": str(plot)}
    print(json.dumps(told, sort_keys=True))


def _phase(record: Record, wanted: dict[str, Any], clients: int, until: float) -> None:
    def ask() -> None:
        with httpx2.Client(base_url=BASE, timeout=600) as client:
            while record.now < until:
                began = time.monotonic()
                answer = client.post("/v1/covers", json=wanted, headers=PICTURE)
                seconds.append(time.monotonic() - began)
                record.ended[answer.status_code] += 1

    seconds = list[float]()
    asking = [threading.Thread(target=ask) for _ in range(clients)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    record.first += seconds[:1]
    while not clients and record.now < until:
        time.sleep(EVERY)
        if record.samples and not record.samples[-1]["running"]:
            return


def _watch(record: Record, over: threading.Event) -> None:
    from ray import serve

    with httpx2.Client(base_url=BASE, timeout=60) as client:
        while not over.is_set():
            states = serve.status().applications["covergen"].deployments["Painter"].replica_states
            told, now = figures(client), record.now
            by_name = {str(getattr(state, "value", state)): count for state, count in states.items()}
            sample = {name: float(by_name.get(name.upper(), 0)) for name in ("running", "starting")}
            sample |= {name: told[f"covergen_covers_{name}"] for name in ("waiting", "painting", "total")}
            record.samples.append({"seconds": now, **sample})
            over.wait(EVERY)


def draw(record: Record, plot: Path) -> None:
    """Draw painters, covers and pace over the seconds."""
    from matplotlib.figure import Figure

    seconds = [sample["seconds"] for sample in record.samples]

    def column(name: str) -> list[float]:
        return [sample[name] for sample in record.samples]

    figure = Figure(figsize=(11, 6.2), dpi=120, layout="constrained")
    painters, covers, pace = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 2))
    running = column("running")
    there = [a + b for a, b in zip(running, column("starting"), strict=True)]
    painters.fill_between(seconds, there, step="post", color="#f2c078", label="starting", linewidth=0)
    painters.fill_between(seconds, running, step="post", color="#3d6b8e", label="running", linewidth=0)
    painters.set(ylabel="painters", ylim=(0, 2.6), yticks=(0, 1, 2))
    parts = column("painting"), column("waiting")
    labels = ("being painted", "waiting")
    covers.stackplot(seconds, *parts, labels=labels, colors=("#3d6b8e", "#c9d6e2"), linewidth=0)
    covers.set(ylabel="covers", ylim=(0, 21))
    pace.plot(seconds, _pace(seconds, column("total")), color="#3d6b8e", linewidth=1.8)
    pace.set(ylabel=f"covers a second\n(last {PACE:.0f} s)", xlabel="seconds", ylim=(0, None))
    for axes in (painters, covers, pace):
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0)
        for begin, _ in record.phases[1:-1]:
            axes.axvline(begin, color="#999", linewidth=0.8, linestyle=(0, (3, 3)))
    for (begin, clients), (end, _) in zip(record.phases, record.phases[1:], strict=False):
        words = "nobody" if not clients else f"{clients} client{'s' if clients > 1 else ''}"
        painters.text((begin + end) / 2, 2.33, words, ha="center", color="#333")
    painters.legend(loc="center left", frameon=False)
    covers.legend(loc="upper left", frameon=False)
    figure.savefig(plot)


def _pace(seconds: list[float], totals: list[float]) -> list[float]:
    """Return covers a second over the last seconds of each sample."""
    told, first = [], 0
    for now, total in zip(seconds, totals, strict=True):
        while now - seconds[first] > PACE:
            first += 1
        told.append((total - totals[first]) / max(PACE, now - seconds[first]))
    return told


if __name__ == "__main__":
    typer.run(main)
