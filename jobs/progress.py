"""Progress of long work: a bar on a terminal, a plain line every few seconds in a log."""

import sys
import threading
import time
from types import TracebackType
from typing import Any

import ray
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

EVERY = 5.0  # seconds between plain lines


class Meter:
    """Counts rows (or another unit) and rejects of one job, and says how far it is."""

    def __init__(self, name: str, total: int, *, unit: str = "rows"):
        self.name, self.total, self.unit = name, total, unit
        self.rows = self.rejects = 0
        self.start = self.spoke = time.monotonic()
        self.bar: Progress | None = None

    def __enter__(self) -> "Meter":
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[text]}"),
                TimeRemainingColumn(),
            )
            self.bar = Progress(*columns)
            self.bar.start()
            self.task = self.bar.add_task(self.name, total=self.total, text="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        if kind is None:
            say(f"{self.name}: {self._done()} in {self.seconds:.1f} s")

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    def add(self, rows: int, rejects: int) -> None:
        """Count finished rows and rejects."""
        self.rows += rows
        self.rejects += rejects
        if self.bar is not None:
            self.bar.update(self.task, completed=self.rows + self.rejects, text=self._done())
        elif time.monotonic() - self.spoke >= EVERY and self.rows + self.rejects < self.total:
            self.spoke = time.monotonic()
            say(f"{self.name}: {self._done()}, {self._left()}")

    def _done(self) -> str:
        rate = self.rows / max(self.seconds, 1e-9)
        return f"{self.rows} of {self.total} {self.unit}, {rate:.1f} {self.unit}/s, {self.rejects} rejects"

    def _left(self) -> str:
        done = self.rows + self.rejects
        return f"{(self.total - done) * self.seconds / done:.0f} s left" if done else "estimating"


class Board:
    """Where workers tell how far they are, and the driver reads it."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {}

    def write(self, row: dict[str, Any]) -> None:
        """Put up the newest row."""
        self.row = row

    def read(self) -> dict[str, Any]:
        """Return the newest row."""
        return self.row


def watch(board: Any, meter: Meter, done: threading.Event) -> None:
    """Move the meter by what stands on the board, once a second, until all is done."""
    while not done.wait(1.0):
        row = ray.get(board.read.remote())
        if row.get("stage") == "train":
            meter.add(max(0, int(row["step"]) - meter.rows), 0)


def say(text: str) -> None:
    """Write one line for a person."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()
