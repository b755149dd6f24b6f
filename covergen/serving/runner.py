"""Carries accepted requests to their end: hear, paint every cover, keep, tell; again where a painter died.

Knows no HTTP and no cluster: who listens, who paints and where the queue is, is given. A request may be
carried twice, by a second runner when the first fell silent: seeds and the store make that harmless.
"""

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from covergen.errors import BadInput, ConfigError, RootError
from covergen.serving.api_models import Order
from covergen.serving.audio_features import ATTEMPTS, PAUSE, AudioFeatures, Listener, Lost
from covergen.serving.domain import CoverOrder, SongFeatures
from covergen.serving.painter import Painted, Progress
from covergen.serving.problems import Problem, of_root, of_song
from covergen.serving.queue import Event, Report, RequestQueue
from covergen.serving.reporter import QueueHandle, Reporter, detached
from covergen.serving.store import Json, Kept, Store

LOOK: Final = 0.1  # seconds between looks whether another replica has brought a request to its end
PATIENCE: Final = 900.0  # seconds without news of a cover: longer than the longest cold start

log = logging.getLogger("covergen.serving")


class Painter(Protocol):
    """Whoever paints. Raises ConfigError, or Lost."""

    def paint(
        self, features: SongFeatures | None, order: CoverOrder, number: int, *, watched: bool
    ) -> AsyncIterator[Progress | Painted]:
        """Give the steps of a cover, at last the cover; of one that nobody watches hardly any."""


def moment(time: datetime) -> str:
    """Return a time of UTC as text."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


class RequestRunner:
    """Carries requests. `name` tells the queue who carries what."""

    def __init__(
        self,
        stores: Callable[[str], Store],
        queue: QueueHandle,
        listener: Listener,
        painter: Painter,
        *,
        name: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ):
        self.stores, self.queue, self.painter = stores, queue, painter
        self.name, self.now = name, now
        self._carried: dict[str, _RunningRequest] = {}
        self.reporter = Reporter(queue, name, self._carried)
        self.audio_features = AudioFeatures(stores, listener, self.reporter)

    def begin(self, owner: str, number: str, *, record: Json | None = None, watched: bool = True) -> None:
        """Carry a request in the background, once; `asked` is what is kept of one that is new.

        One that cannot be watched, for nobody knows its name before its end, is painted with fewer words.
        """
        if number not in self._carried:
            work = self._carried[number] = _RunningRequest(self, owner, number, record, watched=watched)
            work.task.add_done_callback(lambda _: self._carried.pop(number, None))
            self.reporter.begin()

    @property
    def busy(self) -> bool:
        """Whether any request is carried here."""
        return bool(self._carried)

    async def give_up(self, owner: str, number: str) -> None:
        """End a request that ended the service itself, again and again."""
        message = "It was begun again and again, and the service ended each time; change the song, or words."
        ended = {**_failed("internal", message), "finished": moment(self.now())}
        await asyncio.to_thread(self.stores(owner).finish, number, ended)
        self.reporter.tell(
            RequestQueue.tell, number, {"event": "end", "status": "failed", "code": "internal"}
        )

    async def carry_on(self, owner: str, number: str) -> None:
        """Carry a request that has not ended, where nobody does: whoever carried it is gone."""
        if number not in self._carried and await self.queue.call(
            RequestQueue.adopt, number, owner, self.name
        ):
            self.begin(owner, number)

    async def ended(self, owner: str, number: str, *, seconds: float) -> Json | None:
        """Wait for a request's end, so long at most, whoever carries it; return how it ended, or None."""
        store, until = self.stores(owner), time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            if work := self._carried.get(number):
                await asyncio.wait({work.task}, timeout=max(0.0, left))
                if work.ended is not None or left <= 0:
                    return work.ended
            ended = await asyncio.to_thread(store.ended, number)
            ended = ended or await self.queue.call(RequestQueue.unkept, number)
            if ended is not None or left <= 0:
                return ended
            await self.carry_on(owner, number)
            if number not in self._carried:
                await asyncio.sleep(min(LOOK, left))


class _RunningRequest:
    """One request under way."""

    def __init__(self, runner: RequestRunner, owner: str, number: str, record: Json | None, *, watched: bool):
        self.runner, self.owner, self.number, self.record = runner, owner, number, record
        self.watched = watched
        self.store = runner.stores(owner)
        self.known = False  # what is still to be painted
        self.waiting: set[int] = set()
        self.painting: set[int] = set()
        self.ended: Json | None = None
        self.given_up = False
        self.through = detached(self._through())
        self.task = detached(self._carry())

    @property
    def report(self) -> Report:
        """What the queue is told again and again."""
        if not self.known:
            return self.owner, None, None
        return self.owner, sorted(self.waiting), sorted(self.painting)

    def give_up(self) -> None:
        """Stop painting; the request ends as cancelled."""
        self.given_up = True
        self.through.cancel()

    async def _carry(self) -> None:
        """Bring the request to an end, whatever happens on the way."""
        unkept: Json | None = None
        try:
            ended = await self.through
        except asyncio.CancelledError:
            if not self.given_up:  # it is the service that stops: another runner will go on
                raise
            ended = {"status": "cancelled"}
        except RootError as error:
            ended = unkept = _failed(*self._reason(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the request ends
            ended = _failed(*self._reason(error))
        if ended is not None:
            ended["finished"] = moment(self.runner.now())
            unkept = unkept or await self._finish(ended)
            self.ended = self.ended or unkept
        outcome: Json = {"status": "cancelled"} if ended is None else unkept or ended
        code = outcome["error"]["code"] if "error" in outcome else None
        self._say({"event": "end", "status": outcome["status"], "code": code, "unkept": unkept})
        self.runner.reporter.flush()

    async def _finish(self, ended: Json) -> Json | None:
        """Keep the end; return what stands for it where it cannot be kept: it is tried again later."""
        try:
            first = await asyncio.to_thread(self.store.finish, self.number, ended)
            self.ended = ended if first else await asyncio.to_thread(self.store.ended, self.number)
        except RootError as error:
            if ended["status"] == "cancelled":
                return ended
            return {**_failed(*self._reason(error)), "finished": ended["finished"]}
        return None

    async def _through(self) -> Json | None:
        """Return how the request ends; None for one that was never kept, or has ended before."""
        record, there = self.record, dict[int, Json]()
        if record is None:
            record, ended, there = await asyncio.to_thread(self.store.all_of, self.number)
            if record is None or ended is not None:
                await asyncio.to_thread(self.store.dismiss, self.number)
                return None
        order = Order.model_validate(record["order"])
        self.waiting, self.known = set(range(order.n)) - set(there), True
        self._say({"event": "state"})
        wanted = order.order()
        features = await self.runner.audio_features.of(self.owner, song=order.song, track=order.track)
        covers = [self._cover(features, wanted, number) for number in sorted(self.waiting)]
        reasons = await asyncio.gather(*covers, return_exceptions=True)
        for reason in reasons:
            if isinstance(reason, BaseException):
                raise reason
        failed = [reason for reason in reasons if isinstance(reason, tuple)]
        return _failed(*failed[0], covers=len(failed)) if failed else {"status": "done"}

    async def _cover(
        self, features: SongFeatures | None, order: CoverOrder, number: int
    ) -> tuple[str, str] | None:
        """Paint one cover until it is there; return the reason where it cannot be painted.

        Raises RootError where it cannot be kept: that is no fault of the request.
        """
        for attempt in range(ATTEMPTS):
            try:
                await self._attempt(features, order, number)
            except Lost as loss:
                self.painting.discard(number)
                self.waiting.add(number)
                log.warning("paints a cover again", extra={"request": self.number, "why": str(loss)})
                self.runner.reporter.tell(RequestQueue.lost)
                await asyncio.sleep(PAUSE * 2 ** min(attempt, 5))
            except RootError:
                self._put_away(number)
                raise
            except Exception as error:  # noqa: BLE001 - this cover fails, the others are painted
                self._put_away(number)
                return self._reason(error)
            else:
                return None
        self._put_away(number)
        return "unavailable", f"Cover {number} could not be painted: its painter died {ATTEMPTS} times."

    async def _attempt(self, features: SongFeatures | None, order: CoverOrder, number: int) -> None:
        pieces = self.runner.painter.paint(features, order, number, watched=self.watched).__aiter__()
        while True:
            try:
                piece = await asyncio.wait_for(anext(pieces), PATIENCE)
            except StopAsyncIteration:
                raise Lost("the painter stopped amid a cover") from None
            except TimeoutError:
                raise Lost(f"no news of a cover for {PATIENCE:.0f} s") from None
            if isinstance(piece, Painted):
                await self._keep(piece, number)
                return
            self._progress(piece, number)

    def _progress(self, piece: Progress, number: int) -> None:
        if number in self.waiting:
            self.waiting.discard(number)
            self.painting.add(number)
            self._say({"event": "state"})
        shown = piece.preview and "data:image/jpeg;base64," + base64.b64encode(piece.preview).decode()
        event = {
            "event": "step",
            "number": number,
            "step": piece.step,
            "steps": piece.steps,
            "preview": shown,
        }
        self._say(event)

    async def _keep(self, painted: Painted, number: int) -> None:
        cover = painted.cover
        facts = {"parameters": cover.parameters(), "seconds": round(cover.seconds, 3)}
        await asyncio.to_thread(
            self.store.keep, self.number, number, Kept(cover.image, cover.order.format, facts)
        )
        self._put_away(number)
        self.runner.reporter.tell(RequestQueue.painted, cover.seconds, painted.fill)
        self._say({"event": "state"})

    def _put_away(self, number: int) -> None:
        self.waiting.discard(number)
        self.painting.discard(number)

    def _reason(self, error: Exception) -> tuple[str, str]:
        """Return what a client is told of an error: never a place of this machine."""
        match error:
            case Problem():
                return error.code, error.message
            case BadInput():
                song = of_song(error)
                return song.code, song.message
            case ConfigError():
                return "invalid", str(error)
            case RootError():
                log.error("a request cannot be kept: %s", error, extra={"request": self.number})
                problem = of_root(error)
                return problem.code, problem.message
        log.error("a request failed", exc_info=error, extra={"request": self.number})
        return "internal", "Something broke on our side; the logs know this request by its id."

    def _say(self, event: Event) -> None:
        self.runner.reporter.tell(RequestQueue.tell, self.number, event)


def _failed(code: str, message: str, *, covers: int | None = None) -> Json:
    ended: Json = {"status": "failed", "error": {"code": code, "message": message}}
    return ended if covers is None else {**ended, "covers": covers}
