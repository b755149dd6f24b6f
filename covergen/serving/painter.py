"""What a painter does for the service: covers of many requests on one batch, told step by step."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from covergen.generation.batching import BatchingEngine, Step
from covergen.generation.pipeline import Cover, Painter, PaintSettings
from covergen.serving.domain import CoverOrder, FinishedCover, SongFeatures
from covergen.serving.service import CoverService

PACE: Final = 0.4  # seconds between two words of a cover's progress, at least; previews always come
WARM: Final = CoverOrder(artist="covergen", album="readiness", steps=1)


@dataclass(frozen=True)
class Progress:
    """A cover that is being painted."""

    step: int
    steps: int
    preview: bytes | None = None  # a small JPEG, now and then


@dataclass(frozen=True)
class Painted:
    """A cover that is done. `fill`: how full the painter's batches were while it was painted, 0 to 1."""

    cover: FinishedCover
    fill: float


class PainterWorker:
    """Paints on one batch for whoever asks. `places`: covers that are painted at once."""

    def __init__(self, service: CoverService, *, places: int = 8):
        self._service, self._places = service, places
        self._engine: BatchingEngine | None = None
        # Of its own: where hundreds of covers wait, whoever reads the store would wait for them all.
        self._planning = ThreadPoolExecutor(1, thread_name_prefix="planning")
        self._loading = asyncio.Lock()

    async def paint(
        self, features: SongFeatures | None, order: CoverOrder, number: int, *, watched: bool = True
    ) -> AsyncIterator[Progress | Painted]:
        """Give some steps of cover `number` of an order, at last the cover. Raises ConfigError.

        Of a cover that nobody watches one step is told, unless it is soon done. Who stops listening takes it
        off the batch before its next step.
        """
        one = replace(order, n=1, first_variant=order.first_variant + number)
        engine = await self._ready()
        loop = asyncio.get_running_loop()
        (planned,) = await loop.run_in_executor(self._planning, self._service.plan, features, one)
        news: asyncio.Queue[Step] = asyncio.Queue()
        began = time.monotonic()
        spoke = -math.inf if watched else began

        def watch(step: Step) -> None:
            """Wake the loop for what is told, in the batch's thread: everything else costs it time."""
            nonlocal spoke
            now = time.monotonic()
            due = now - spoke >= PACE and (watched or spoke == began)
            if due or (watched and step.latents is not None):
                spoke = now
                loop.call_soon_threadsafe(news.put_nowait, step)

        steps, rows = engine.steps_run, engine.rows_run
        begun = engine.begin(planned.request, PaintSettings.of(order), watch)
        picture = asyncio.wrap_future(begun)
        try:
            async for step in _until(picture, news):
                yield self._progress(step)
            finished = await picture
        finally:
            begun.cancel()
        fill = (engine.rows_run - rows) / max(1, (engine.steps_run - steps) * engine.places)
        yield Painted(await asyncio.to_thread(self._service.finish, planned, finished), fill)

    async def warm(self) -> None:
        """Load everything and paint once."""
        async for _ in self.paint(None, WARM, 0):
            pass

    @property
    def load(self) -> tuple[int, int]:
        """How many covers wait for a place here, and how many have one."""
        return (0, 0) if self._engine is None else (self._engine.waiting, self._engine.on_it)

    def _progress(self, step: Step) -> Progress:
        preview = None if step.latents is None else self._service.painter.preview(step.latents)
        return Progress(step.step, step.steps, preview)

    async def _ready(self) -> BatchingEngine:
        async with self._loading:
            if self._engine is None:
                self._engine = BatchingEngine(await asyncio.to_thread(self._load), places=self._places)
            return self._engine

    def _load(self) -> Painter:
        painter = self._service.painter
        _ = painter.preview  # fitted before anybody waits for a step
        return painter


async def _until(picture: "asyncio.Future[Cover]", news: "asyncio.Queue[Step]") -> AsyncIterator[Step]:
    """Give steps until the picture is there, or will not come."""
    while not picture.done():
        step = asyncio.ensure_future(news.get())
        both: set[asyncio.Future[Any]] = {step, picture}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not step.done():
                step.cancel()
        if step.done() and not step.cancelled():
            yield step.result()
    while not news.empty():
        yield news.get_nowait()
