"""Progress of long work: a bar on a terminal, plain lines in a log, and an end to stalls."""

import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cache
from types import TracebackType
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.progress import BarColumn, Progress, TextColumn

from covergen.errors import CovergenError

EVERY = 5.0  # seconds between plain lines
LOOK = 0.5  # seconds between looks at the board
BOARD = "covergen-board"
STALLED = signal.SIGUSR1  # to the main thread, which waits for Ray; an interrupt is ignored in the background


@dataclass
class Tally:
    """What the workers of one stage did so far; `seconds` are theirs, added up."""

    rows: int = 0
    rejects: int = 0
    seconds: float = 0.0
    bytes: int = 0  # of the batches they made
    codes: dict[str, int] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)  # what a stage counts besides


class ProgressBoard:
    """An actor where workers tell what they did, and the driver reads it. One a driver, found by its name."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self.begun: Counter[tuple[str, str]] = Counter()

    def begin(self, stage: str, key: str) -> int:
        """Note that work on a key begins, and return how often it began before and never ended."""
        before = self.begun[stage, key]
        self.begun[stage, key] += 1
        return before

    def end(self, stage: str, key: str) -> None:
        """Note that work on a key ended, well or not."""
        self.begun.pop((stage, key), None)

    def add(
        self,
        stage: str,
        rows: int,
        codes: dict[str, int],
        seconds: float,
        size: int,
        facts: dict[str, int] | None = None,
    ) -> None:
        """Count one batch: rows that are good, rejects by code, the seconds it took, the bytes it has."""
        tally = self.tallies.setdefault(stage, Tally())
        tally.rows += rows
        tally.rejects += sum(codes.values())
        tally.seconds += seconds
        tally.bytes += size
        for code, count in codes.items():
            tally.codes[code] = tally.codes.get(code, 0) + count
        for fact, count in (facts or {}).items():
            tally.facts[fact] = tally.facts.get(fact, 0) + count

    def reach(self, stage: str, rows: int) -> None:
        """Say that a stage has come to `rows`: what is done again after a failure counts once."""
        tally = self.tallies.setdefault(stage, Tally())
        tally.rows = max(tally.rows, rows)

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the tallies by stage."""
        return {stage: asdict(tally) for stage, tally in self.tallies.items()}

    def clear(self) -> None:
        """Begin anew."""
        self.tallies, self.begun = {}, Counter()


@cache
def progress_board() -> Any:
    """Return this driver's board, which the driver makes where it runs and its workers find."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    options = {"name": BOARD, "get_if_exists": True, "max_restarts": -1, "scheduling_strategy": here}
    return ray.remote(num_cpus=0)(ProgressBoard).options(**options).remote()


class Meter:
    """Shows how far a job is: `stage` of the board while it runs, what was committed at its end.

    A job in which nothing moves for `patience` seconds is stopped with a sentence.
    """

    def __init__(
        self, name: str, total: int, *, stage: str, unit: str = "rows", patience: float = float("inf")
    ):
        self.name, self.total, self.stage, self.unit, self.patience = name, total, stage, unit, patience
        self.rows = self.rejects = 0
        self.stages: dict[str, dict[str, Any]] = {}
        self._start = self._first = self._moved = self._spoke = time.monotonic()
        self._patient = EVERY  # seconds to the next line while nothing is done; "starting" is said seldom
        self._before = 0  # rows and rejects at the first sign of life, from which the rate is reckoned
        self._done = threading.Event()
        self._bar: Progress | None = None

    def __enter__(self) -> "Meter":
        ray.get(progress_board().clear.remote())
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}")
            )
            self._bar.start()
            self._task = self._bar.add_task(self.name, total=self.total, text="")
        self._before_us = signal.signal(STALLED, _stalled)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._watcher.join()
        signal.signal(STALLED, self._before_us)
        if self._bar is not None:
            self._bar.stop()
        if kind is _Stalled:
            raise CovergenError(
                f"{self.name}: nothing moved for {self.patience:.0f} s at {self._counts()}; stopped. Look at "
                "the cluster, then run the same command again: it goes on from what is committed."
            ) from None
        if kind is None:
            self.stages = ray.get(progress_board().read.remote())
            rate = f"{self.rows / max(self.seconds, 1e-9):.1f} {self.unit}/s"
            say(f"{self.name}: {self._counts()} in {self.seconds:.1f} s, {rate}")

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def summary(self) -> dict[str, Any]:
        """Return what the run did, for its record: rows, rejects, seconds, and each stage's share."""
        return {
            "rows": self.rows,
            "rejects": self.rejects,
            "seconds": self.seconds,
            "stages": self.stages,
        }

    def show(self, rows: int, rejects: int) -> None:
        """Show how far it is; what a retry counted twice counts once."""
        rows, rejects = min(rows, self.total), min(rejects, self.total)
        now = time.monotonic()
        if rows + rejects > self.rows + self.rejects:
            if not self.rows + self.rejects:
                self._first, self._before = now, rows + rejects
            self.rows, self.rejects = rows, rejects
        if self._bar is not None:
            self._bar.update(self._task, completed=self.rows + self.rejects, text=self._line(now))
        elif now - self._spoke >= (EVERY if self.rows + self.rejects else self._patient):
            self._spoke, self._patient = now, 6 * EVERY
            say(f"{self.name}: {self._line(now)}")

    def _watch(self) -> None:
        before: dict[str, Any] = {}
        while not self._done.wait(LOOK):
            try:
                tally = ray.get(progress_board().read.remote()).get(self.stage, {"rows": 0, "rejects": 0})
            except ray.exceptions.RayError:
                continue  # the board is starting anew, or Ray is ending: what is committed tells in the end
            if tally != before:  # also where rows are done again after a failure, and so none is new
                before, self._moved = tally, time.monotonic()
            self.show(tally["rows"], tally["rejects"])
            if time.monotonic() - self._moved > self.patience:
                signal.pthread_kill(threading.main_thread().ident or 0, STALLED)
                return

    def _counts(self) -> str:
        rejects = f", {self.rejects} rejects" if self.unit == "rows" else ""
        return f"{self.rows} of {self.total} {self.unit}{rejects}"

    def _line(self, now: float) -> str:
        done = self.rows + self.rejects
        rate = (done - self._before) / max(now - self._first, 1e-9)
        if not done:
            return f"{self._counts()}, starting"
        if done == self._before:
            return f"{self._counts()}, estimating"
        return f"{self._counts()}, {rate:.1f} {self.unit}/s, {(self.total - done) / rate:.0f} s left"


class _Stalled(Exception):
    """Raised in the main thread, wherever it waits."""


def _stalled(*_: object) -> None:
    raise _Stalled


def say(text: str) -> None:
    """Write one line for a person."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()
