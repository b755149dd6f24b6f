"""The routes of the HTTP API, version 1: what comes in is read and refused here, the runner does the rest."""

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from covergen.errors import RootError
from covergen.serving import retention
from covergen.serving.api_keys import EVERYBODY, ApiKeys, Key
from covergen.serving.api_models import Order, Words
from covergen.serving.http.request_parsing import (
    idempotency_key,
    patience,
    picture_wanted,
    read_body,
    recalled,
)
from covergen.serving.pictures import MIME
from covergen.serving.problems import Problem, come_again, no_song, no_such
from covergen.serving.queue import Allowance, Refused, RequestQueue
from covergen.serving.reporter import detached
from covergen.serving.runner import RequestRunner, moment
from covergen.serving.status import page_of, state_of, states_of
from covergen.serving.store import ID, Json, Store, check_room, check_root

_STATUSES: Final = {
    "internal": 500,
    "unavailable": 503,
    "read_only": 503,
    "no_room": 507,
    "no_such_song": 404,
}
_CLIENT_LOOK: Final = 0.5  # seconds between looks whether a client is still there
_RECALLS: Final = 2  # pictures that are read at once
_IN_MEMORY: Final = 2**20  # bytes of a picture; more lies on disk until it was read
log = logging.getLogger("covergen.serving")
QUEUE_LOOK: Final = 0.2  # seconds between looks at the queue
KEEP_ALIVE: Final = 10.0  # seconds without an event after which a comment is sent


@dataclass(frozen=True)
class Settings:
    """How the service is open to the world."""

    api_keys: ApiKeys = field(default_factory=ApiKeys)
    max_upload: int = 64 * 2**20  # bytes of a request
    hosts: tuple[str, ...] = ()  # names that it is called by, beside loopback's
    origins: tuple[str, ...] = ()  # other sites whose pages may call
    documentation: bool = False  # /docs, which loads from elsewhere
    named: bool = False  # requests come with an id, and whoever is in front answers with it


Ready = Callable[[], Awaitable[None]]


Listen = Callable[[bytes, Words], Awaitable[Json]]


Metrics = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True)
class Dependencies:
    """What the routes stand on. `ready` paints once and raises Problem where it cannot."""

    runner: RequestRunner
    ready: Ready
    listen: Listen
    metrics: Metrics


class Routes:
    """The routes of one replica."""

    def __init__(self, service: Dependencies, settings: Settings):
        self.service, self.settings, self.runner = service, settings, service.runner
        self.stopping = asyncio.Event()  # set by who ends the service
        self._recalling = asyncio.Semaphore(_RECALLS)
        self._abandoned: set[asyncio.Task[None]] = set()  # what clients left behind, until it is given up
        self._warming: asyncio.Task[None] | None = None  # the first cover, painted once for all who ask

    async def order_covers(self, request: Request) -> Response:
        """Take an order and paint it: JSON at once, or one picture when it is there."""
        caller = self._caller(request)
        order, song = await read_body(request, self.runner.stores(caller.name), Order)
        picture = picture_wanted(request)
        if picture and order.n != 1:
            raise Problem(
                422, "invalid", "A picture alone is answered for n=1; ask for JSON, or for one cover."
            )
        if picture:
            order = order.model_copy(update={"format": picture})
        order.order()  # refuses what cannot be met
        accepting = detached(self._accept(request, caller, order, song=song, watched=picture is None))
        try:
            number, fresh = await asyncio.shield(accepting)
        except asyncio.CancelledError:  # the client is gone; half an order would hold a place in the queue
            if picture:
                task = detached(self._give_up(accepting, caller.name))
                self._abandoned.add(task)
                task.add_done_callback(self._abandoned.discard)
            raise
        store = self.runner.stores(caller.name)
        ended = await self._wait(request, caller.name, number, None if picture else patience(request))
        if picture:
            return await self._picture(store, number, ended or {"status": "painting"})
        state = await state_of(store, self.runner.queue, number)
        location = {"Location": state["links"]["self"]}
        return JSONResponse(
            state, 200 if ended else 202, {**location, "X-Covergen-Fresh": str(fresh).lower()}
        )

    async def covers(
        self,
        request: Request,
        limit: int = Query(50, ge=1, le=200),
        before: str | None = Query(None, pattern="^[0-9a-f]{24}$"),
        favourites: bool = False,
    ) -> Response:
        """Tell of the requests so far, the newest first."""
        store = self.runner.stores(self._caller(request).name)
        if favourites:
            marked = sorted({number for number, _ in await asyncio.to_thread(store.favourites)})
            older = [number for number in marked if number > (before or "")]
            more = older[limit - 1] if len(older) > limit else None
            states = await states_of(store, self.runner.queue, older[:limit])
        else:
            states, more = await page_of(store, self.runner.queue, limit=limit, before=before)
        return JSONResponse({"covers": states, "next": more})

    async def state(self, request: Request, number: str) -> Response:
        """Tell how far a request is."""
        store = self._store(request, number)
        state = await state_of(store, self.runner.queue, number)
        if state["finished"] is None:
            await self.runner.carry_on(store.owner, number)
        return JSONResponse(state)

    async def cancel(self, request: Request, number: str, purge: bool = False) -> Response:
        """Give a request up; finished covers stay, or with `purge` nothing of it does."""
        store = self._store(request, number)
        state = await state_of(store, self.runner.queue, number)
        if state["finished"] is None:
            await self.runner.queue.call(RequestQueue.cancel, number, store.owner)
            await self.runner.ended(store.owner, number, seconds=10.0)
            state = await state_of(store, self.runner.queue, number)
        if purge:
            if state["finished"] is None:
                raise Problem(409, "in_use", "It is being given up; try again.", {"Retry-After": "10"})
            await asyncio.to_thread(store.forget, number)
            return Response(status_code=204)
        return JSONResponse(state)

    async def events(self, request: Request, number: str) -> Response:
        """Tell of a request as it goes on, by server-sent events."""
        store = self._store(request, number)
        await state_of(store, self.runner.queue, number)
        events = event_stream(self.runner, store, number, stopping=self.stopping)
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def image(self, request: Request, number: str, cover: int, download: bool = False) -> Response:
        """Answer a finished picture."""
        kept = await asyncio.to_thread(self._store(request, number).cover, number, cover)
        if kept is None:
            raise no_such("picture")
        headers = {"ETag": f'"{number}-{cover}"', "Cache-Control": "private, max-age=31536000, immutable"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        if download:
            name = (
                re.sub(r"[^A-Za-z0-9]+", "-", kept.facts["parameters"].get("album", "")).strip("-") or "cover"
            )
            headers["Content-Disposition"] = (
                f'attachment; filename="{name}-{number[:8]}-{cover}.{kept.format}"'
            )
        return Response(kept.image, media_type=MIME[kept.format], headers=headers)

    async def favour(self, request: Request, number: str, cover: int) -> Response:
        """Make a picture a favourite."""
        return await self._mark(request, number, cover, favourite=True)

    async def disfavour(self, request: Request, number: str, cover: int) -> Response:
        """Make a picture no favourite any more."""
        return await self._mark(request, number, cover, favourite=False)

    async def _mark(self, request: Request, number: str, cover: int, *, favourite: bool) -> Response:
        store = self._store(request, number)
        if await asyncio.to_thread(store.cover, number, cover) is None:
            raise no_such("picture")
        await asyncio.to_thread(store.mark, number, cover, favourite=favourite)
        return Response(status_code=204)

    async def listen(self, request: Request) -> Response:
        """Tell what is heard in a song, before anything is painted."""
        caller = self._caller(request)
        store = self.runner.stores(caller.name)
        words, sent = await read_body(request, store, Words)
        if words.song is None:
            raise Problem(422, "invalid", "There is no song: give a file as audio, or the song of an upload.")
        song = sent or await asyncio.to_thread(store.song, words.song)
        if song is None:
            raise no_song()
        await asyncio.to_thread(check_room, store.root, len(sent or b""))
        number = secrets.token_hex(8)
        self._refuse(
            await self.runner.queue.call(RequestQueue.admit_song, number, caller.name, caller.allowance)
        )
        try:
            facts = await self.service.listen(song, words)  # what cannot be heard is never kept
            if sent is not None:
                await asyncio.to_thread(self._keep_song, store, sent, caller.allowance)
        finally:
            await asyncio.shield(self.runner.queue.call(RequestQueue.song_heard, number))
        return JSONResponse(facts)

    async def uploads(self, request: Request) -> Response:
        """Tell which songs are kept, the newest first."""
        caller = self._caller(request)
        listing = await asyncio.to_thread(
            retention.uploads_of, self.runner.stores(caller.name), caller.allowance
        )
        return JSONResponse(listing)

    async def forget(self, request: Request, song: str) -> Response:
        """Remove an upload and what was heard in it."""
        store = self.runner.stores(self._caller(request).name)
        if not await asyncio.to_thread(store.has_song, song):
            raise no_such("upload")
        if song in await asyncio.to_thread(store.songs_in_use):
            raise Problem(
                409, "in_use", "Covers are to be painted for this song; wait, or give them up first."
            )
        await asyncio.to_thread(store.forget_song, song)
        return Response(status_code=204)

    async def recall(self, request: Request) -> Response:
        """Tell the settings that a picture carries: everything that paints it again."""
        self._caller(request)
        with SpooledTemporaryFile(_IN_MEMORY) as picture:
            async with aclosing(request.stream()) as parts:
                async for part in parts:
                    await asyncio.to_thread(picture.write, part)
            async with self._recalling:
                parameters = await asyncio.to_thread(recalled, picture)
        return JSONResponse({"parameters": parameters})

    async def ready(self) -> Response:
        """Say whether covers can be painted: the first time one is."""
        warming = self._warming = self._warming or detached(self._warm())
        try:
            await asyncio.shield(warming)
        except Problem:
            if self._warming is warming:
                self._warming = None
            raise
        await asyncio.to_thread(check_root, self.runner.stores(EVERYBODY).root)
        return JSONResponse({"status": "ready"})

    async def healthy(self) -> Response:
        """Say that this replica answers."""
        return JSONResponse({"status": "ok"})

    async def metrics(self) -> Response:
        """Answer what Prometheus reads."""
        return Response(await self.service.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _warm(self) -> None:
        try:
            await self.service.ready()
        except Problem:
            raise
        except Exception as error:
            log.exception("no cover can be painted")
            raise Problem(503, "not_ready", "No cover can be painted here; the logs tell why.") from error

    def _caller(self, request: Request) -> Key:
        address = request.client.host if request.client else ""
        return self.settings.api_keys.caller(request.headers, address=address)

    def _store(self, request: Request, number: str) -> Store:
        if not ID.fullmatch(number):
            raise no_such("request")
        return self.runner.stores(self._caller(request).name)

    async def _accept(
        self, request: Request, caller: Key, order: Order, *, song: bytes | None, watched: bool
    ) -> tuple[str, bool]:
        """Keep an order and begin with it, unless too much is under way; return its id, and if it is new."""
        store, key = self.runner.stores(caller.name), idempotency_key(request)
        record = {"order": order.model_dump(mode="json"), "created": moment(self.runner.now())}
        if key is not None:
            known = await asyncio.to_thread(store.known, key)
            if known is not None:
                return self._same(known, record), False
        if order.track is not None:  # one that is not there is told at once
            await self.runner.audio_features.of(caller.name, song=None, track=order.track)
        number = await asyncio.to_thread(store.new_id)
        allowance: Allowance = caller.allowance
        self._refuse(
            await self.runner.queue.call(RequestQueue.admit, number, caller.name, order.n, allowance)
        )
        try:
            if song is not None:
                await asyncio.to_thread(self._keep_song, store, song, allowance)
            else:
                await asyncio.to_thread(check_room, store.root)
            kept, there = await asyncio.to_thread(store.accept, number, record, key=key)
        except (RootError, Problem):
            await self.runner.queue.call(RequestQueue.tell, number, {"event": "end", "status": "cancelled"})
            raise
        if kept != number:
            await self.runner.queue.call(RequestQueue.tell, number, {"event": "end", "status": "cancelled"})
            return self._same((kept, there), record), False
        self.runner.begin(caller.name, number, record=record, watched=watched)
        return number, True

    @staticmethod
    def _refuse(refused: Refused | None) -> None:
        if refused is not None:
            raise come_again(refused.code, refused.message, seconds=refused.seconds)

    @staticmethod
    def _keep_song(store: Store, song: bytes, allowance: Allowance) -> None:
        check_room(store.root, len(song))
        retention.make_room(store, song, allowance)
        store.keep_song(song)

    @staticmethod
    def _same(known: tuple[str, Json], record: Json) -> str:
        number, kept = known
        if kept["order"] != record["order"]:
            message = "This Idempotency-Key was used for another order; take a new one."
            raise Problem(409, "idempotency_key_reused", message)
        return number

    async def _give_up(self, accepting: "asyncio.Task[tuple[str, bool]]", owner: str) -> None:
        """Give up what has been accepted of a client that is gone."""
        await asyncio.wait({accepting})
        if accepting.cancelled() or accepting.exception() is not None:
            return
        number, fresh = accepting.result()
        if fresh:
            await self.runner.queue.call(RequestQueue.cancel, number, owner)

    async def _wait(self, request: Request, owner: str, number: str, patient: float | None) -> Json | None:
        """Wait for the end, so long at most; without a limit a client that vanishes gives it up."""
        if patient is not None:
            return await self.runner.ended(owner, number, seconds=patient)
        try:
            while (ended := await self.runner.ended(owner, number, seconds=_CLIENT_LOOK)) is None:
                if await request.is_disconnected():
                    await self.runner.queue.call(RequestQueue.cancel, number, owner)
        except asyncio.CancelledError:
            await asyncio.shield(self.runner.queue.call(RequestQueue.cancel, number, owner))
            raise
        return ended

    async def _picture(self, store: Store, number: str, ended: Json) -> Response:
        if ended["status"] != "done":
            error = ended.get("error") or {"code": "cancelled", "message": "The request was cancelled."}
            status = _STATUSES.get(error["code"], 422)
            raise Problem(status, error["code"], error["message"])
        kept = await asyncio.to_thread(store.cover, number, 0)
        if kept is None:
            raise no_such("picture")
        seed = str(kept.facts["parameters"]["seed"])
        headers = {"X-Covergen-Id": number, "X-Covergen-Seed": seed, "Location": f"/v1/covers/{number}"}
        return Response(kept.image, media_type=MIME[kept.format], headers=headers)


# A request told as it goes on: server-sent events, from any replica.
# https://html.spec.whatwg.org/multipage/server-sent-events.html


async def event_stream(
    runner: RequestRunner, store: Store, number: str, *, stopping: asyncio.Event
) -> AsyncIterator[str]:
    """Give events: the state first and at every change, steps with previews, places in the queue, the end.

    A service that stops ends it early: the next one begins again with the state.
    """
    state = await state_of(store, runner.queue, number)
    yield _event("state", state)
    version, places, spoke = 0, dict[int, int](), time.monotonic()
    while state["finished"] is None:
        if stopping.is_set():
            return
        answer = await runner.queue.call(RequestQueue.news, number, version)
        if answer is None:
            await runner.carry_on(store.owner, number)
        version, news, ahead = answer or (version, [], {})
        for event in news:
            if event["event"] == "step":
                yield _event("step", {name: value for name, value in event.items() if name != "event"})
            elif event["event"] == "state":
                yield _event("state", await state_of(store, runner.queue, number))
            spoke = time.monotonic()
        for cover, place in ahead.items():
            if places.get(cover) != place:
                yield _event("queue", {"number": cover, "place": place})
        places = ahead
        if time.monotonic() - spoke > KEEP_ALIVE:
            yield ": still there\n\n"
            spoke = time.monotonic()
        if any(event["event"] == "end" for event in news) or answer is None:
            state = await state_of(store, runner.queue, number)
        if state["finished"] is None:
            await asyncio.sleep(QUEUE_LOOK)
    yield _event("end", state)


def _event(kind: str, data: Json | Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
