"""Continuous batching: covers join and leave between sampler steps, each with seed and settings of its own.

The steps run in one thread. Every round takes all covers on the engine one step further, by one call of the
U-Net for each shape of conditioning among them; their noise schedulers are their own. What a cover looks
like does not depend on the others, as in `Painter.paint`. Queues, limits and fairness are left to callers.
"""

import atexit
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from threading import Condition, Thread
from typing import TypeVar

import torch
from torch import Tensor

from covergen.generation.denoising import DenoisingState
from covergen.generation.pipeline import Cover, CoverRequest, Painter, PaintSettings
from covergen.media.images import Pixels

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Step:
    """One sampler step of one cover is done."""

    step: int  # from 1
    steps: int
    latents: Tensor | None  # (C, h, w), what the picture promises to become; now and then, for a preview


Watch = Callable[[Step], None]


@dataclass(frozen=True, eq=False)
class _Order:
    """A cover that somebody waits for."""

    request: CoverRequest
    settings: PaintSettings
    watch: Watch | None
    # Never set to running: such a future could not be cancelled any more.
    cover: Future[Cover] = field(default_factory=Future)

    def stands(self) -> bool:
        """Return whether there is something left to do; who waits for a cancelled one is woken."""
        if not self.cover.done():
            return True
        if self.cover.cancelled():
            self.cover.set_running_or_notify_cancel()
        return False

    @contextmanager
    def own(self) -> Iterator[None]:
        """What goes wrong in here is this cover's alone."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for the cover is told
            self.fail(error)

    def fail(self, error: Exception) -> None:
        with suppress(InvalidStateError):  # cancelled in this moment
            self.cover.set_exception(error)


@dataclass(eq=False)
class _Row:
    """A cover on the engine."""

    order: _Order
    state: DenoisingState
    seconds: float = 0.0  # its share of the rounds it was in

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.state.conditioning.shape[1:])

    def take(self, prediction: Tensor, preview_every: int) -> None:
        """Make a step and tell whoever watches."""
        state, watch = self.state, self.order.watch
        state.take(prediction)
        if watch is not None and not self.order.cover.done():
            shown = not state.done and state.step % preview_every == 0
            watch(Step(state.step, state.steps, state.expected()[0] if shown else None))


class BatchingEngine:
    """Paints up to `places` covers at once, first come, first served; a finished cover makes room at once.

    `steps_run` counts rounds and `rows_run` the covers in them: their quotient over `places` is how full the
    batches were. Every `preview_every` steps a watcher is given latents to show.
    """

    def __init__(self, painter: Painter, *, places: int = 8, preview_every: int = 4):
        self.painter, self.places, self.preview_every = painter, places, preview_every
        self.steps_run = self.rows_run = 0
        self._waiting: deque[_Order] = deque()
        self._on_it: list[_Row] = []
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()
        atexit.register(self._stop)  # an interpreter that ends amid a step would abort

    @property
    def waiting(self) -> int:
        """How many covers wait for a place."""
        return len(self._waiting)

    @property
    def on_it(self) -> int:
        """How many covers are being painted."""
        return len(self._on_it)

    def begin(
        self, request: CoverRequest, settings: PaintSettings, watch: Watch | None = None
    ) -> Future[Cover]:
        """Return the cover's future; ConfigError for music that no fusion hears.

        `cancel()` works until the cover is there and takes it off before the next step. `watch` is called in
        the engine's thread after every step of this cover: it should hand on what it is told and return.
        """
        self.painter.check(request)
        order = _Order(request, settings, watch)
        with self._changed:
            if self._closed:
                raise RuntimeError("the engine is closed: nothing more is painted on it")
            self._waiting.append(order)
            self._changed.notify()
        return order.cover

    def close(self) -> None:
        """Stop after the step that runs; covers that are not finished are cancelled."""
        self._stop()
        atexit.unregister(self._stop)
        for order in [*(row.order for row in self._on_it), *self._waiting]:
            order.cover.cancel()
        self._clear()

    def _stop(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (come := self._gather()) is not None:
            for order in come:
                self._seat(order)
            if self._on_it:
                self._round(self._on_it)

    def _gather(self) -> list[_Order] | None:
        """Clear places, wait where there is nothing to do, return who comes next; None once closed."""
        with self._changed:
            self._clear()
            self._changed.wait_for(lambda: self._closed or self._on_it or self._waiting)
            if self._closed:
                return None
            free = self.places - len(self._on_it)
            return [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]

    def _clear(self) -> None:
        """Let go of covers that are finished, failed or cancelled."""
        self._on_it = [row for row in self._on_it if row.order.stands()]
        self._waiting = deque(order for order in self._waiting if order.stands())

    def _seat(self, order: _Order) -> None:
        """Compute once what all of a cover's steps need."""
        began = time.perf_counter()
        with order.own():
            state = self.painter.prepare([order.request], order.settings)
            self._on_it.append(_Row(order, state, time.perf_counter() - began))

    def _round(self, rows: Sequence[_Row]) -> None:
        """Take all rows one step further, and finish those that are through."""
        began = time.perf_counter()
        for alike in _by_shape(rows):
            for row, prediction in _together(self._predict, alike):
                with row.order.own():
                    row.take(prediction, self.preview_every)
        self.steps_run += 1
        self.rows_run += len(rows)
        share = (time.perf_counter() - began) / len(rows)
        for row in rows:
            row.seconds += share
        self._finish([row for row in rows if row.state.done and not row.order.cover.done()])

    def _finish(self, rows: Sequence[_Row]) -> None:
        began = time.perf_counter()
        pictures = _together(self._decode, rows) if rows else []
        share = (time.perf_counter() - began) / max(1, len(rows))
        for row, picture in pictures:
            with suppress(InvalidStateError):  # cancelled in this moment
                row.order.cover.set_result(Cover(picture, row.seconds + share))

    def _predict(self, rows: Sequence[_Row]) -> Sequence[Tensor]:
        return self.painter.predict([row.state for row in rows])

    def _decode(self, rows: Sequence[_Row]) -> Sequence[Pixels]:
        return list(self.painter.decode(torch.cat([row.state.latents for row in rows])))


def _by_shape(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Return rows by the shape of their conditioning: what one call of the U-Net can take."""
    ordered = sorted(rows, key=lambda row: row.shape)
    return [list(alike) for _, alike in groupby(ordered, key=lambda row: row.shape)]


def _together(
    work: Callable[[Sequence[_Row]], Sequence[_Made]], rows: Sequence[_Row]
) -> list[tuple[_Row, _Made]]:
    """Return each row with its part of what `work` makes of all.

    Where that fails each row tries alone, so that only those fail that fail by themselves.
    """
    try:
        return list(zip(rows, work(rows), strict=True))
    except Exception as error:  # noqa: BLE001 - the thread goes on for the others
        if len(rows) > 1:
            return [pair for row in rows for pair in _together(work, [row])]
        rows[0].order.fail(error)
        return []
