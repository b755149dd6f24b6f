"""Requests that something happens to on their way, over a real socket with the real models at toy size."""

import asyncio
import threading
import time
from contextvars import ContextVar
from unittest import mock

import httpx2
import pytest

from covergen.errors import ConfigError
from covergen.serving.api_models import Order
from covergen.serving.domain import CoverOrder
from covergen.serving.http.app import make_app
from covergen.serving.http.routes import Dependencies, Settings
from covergen.serving.http.server import LocalQueue
from covergen.serving.listener import ListenerWorker
from covergen.serving.painter import PainterWorker
from covergen.serving.queue import RequestQueue
from covergen.serving.reporter import Reporter
from covergen.serving.runner import RequestRunner
from covergen.serving.service import CoverService
from covergen.serving.store import Store
from tests.serving.hosting import hosted

WORDS = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "steps": 2}
SECRET = "/a/place/of/the/machine"


class Clumsy(PainterWorker):
    """Paints, but for the second cover of each request."""

    async def paint(self, heard, order, number, **given):
        if number == 1:
            raise RuntimeError(SECRET)
        async for piece in super().paint(heard, order, number, **given):
            yield piece


class Probed:
    """What /readyz is about: it fails at first, and is slow."""

    def __init__(self):
        self.failures, self.asked = [ConfigError(SECRET), RuntimeError(SECRET)], 0

    async def __call__(self):
        self.asked += 1
        await asyncio.sleep(0.1)
        if self.failures:
            raise self.failures.pop()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(str(tmp_path_factory.mktemp("root")), "everybody")


@pytest.fixture(scope="module")
def app(store):
    service = CoverService()
    listening = ListenerWorker(service, catalogue=store._base)
    runner = RequestRunner(
        lambda _: store, LocalQueue(RequestQueue()), listening, Clumsy(service), name="alone"
    )
    return make_app(Dependencies(runner, Probed(), listening.tell, metrics=None), Settings())


@pytest.fixture(scope="module")
def client(app):
    with hosted(app) as base, httpx2.Client(base_url=base, timeout=60) as client:
        yield client


def left_behind(store, **given):
    """Keep a request of a service that is gone, its board too."""
    order = Order(**{**WORDS, **given}).model_dump(mode="json")
    return store.accept(store.new_id(), {"order": order, "created": "2026-11-26T12:00:00Z"})[0]


def test_one_cover_fails_and_the_others_are_painted(client):
    answer = client.post("/v1/covers", json={**WORDS, "n": 3}, headers={"Prefer": "wait=60"})
    state = answer.json()
    assert [cover["status"] for cover in state["covers"]] == ["done", "failed", "done"]
    assert (answer.status_code, state["status"], state["error"]["code"]) == (200, "failed", "internal")
    assert SECRET not in answer.text


def test_a_request_that_was_left_behind_is_carried_on_by_who_is_asked_for_it(client, store):
    number, until = left_behind(store), time.monotonic() + 60
    while not (state := client.get(f"/v1/covers/{number}").json())["finished"]:
        assert time.monotonic() < until, state
        time.sleep(0.05)
    assert state["status"] == "done"


def test_a_key_that_is_sent_again_carries_on_what_was_left_behind(client, store):
    number = left_behind(store)
    store.accept(number, {}, key="again")
    headers = {"Idempotency-Key": "again", "Prefer": "wait=60"}
    answer = client.post("/v1/covers", json=WORDS, headers=headers)
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (200, number, "done")


def test_a_request_that_was_never_kept_does_not_hide_the_others(client, store):
    store.finish("0" * 24, {"status": "failed", "finished": "2026-11-26T12:00:00Z"})
    states = client.get("/v1/covers").json()["covers"]
    assert states and "0" * 24 not in [state["id"] for state in states]


def test_a_track_of_no_catalogue_is_not_found_and_no_place_is_told(client, store):
    answer = client.post("/v1/covers", json={**WORDS, "track": "t1"}, headers={"Prefer": "wait=60"})
    assert answer.json()["error"]["code"] == "not_found"
    assert store._base not in answer.text


def test_many_probes_paint_once_and_hear_503_until_that_works(app, client):
    async def probe():
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as many:
            return await asyncio.gather(*(many.get("/readyz") for _ in range(4)))

    for expected in (503, 503, 200):
        answers = asyncio.run(probe())
        assert {answer.status_code for answer in answers} == {expected}
        assert all(SECRET not in answer.text for answer in answers)


def test_what_breaks_is_answered_with_its_id(app, client):
    async def broken():
        raise RuntimeError(SECRET)

    app.add_api_route("/broken", broken)
    answer = client.get("/broken")
    assert answer.status_code == 500 and SECRET not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]


def test_a_service_that_stops_leaves_its_requests_to_the_next(store):
    number = left_behind(store, steps=100)
    service = CoverService()

    async def stops_amid_a_cover():
        painting = PainterWorker(service)
        await painting.warm()
        runner = RequestRunner(
            lambda _: store, LocalQueue(RequestQueue()), ListenerWorker(service), painting, name="stopped"
        )
        runner.begin("everybody", number)
        while painting.load != (0, 1):
            await asyncio.sleep(0.01)

    asyncio.run(stops_amid_a_cover())
    assert store.ended(number) is None and store.covers(number) == {}


def test_a_request_that_was_left_behind_can_be_given_up(client, store):
    number = left_behind(store, steps=100)
    assert client.delete(f"/v1/covers/{number}").json()["status"] == "cancelled"
    assert store.covers(number) == {}


def test_what_is_begun_for_a_request_belongs_to_no_request(store):
    """Ray Serve cancels the calls that are made in the context of a request whose client goes away."""
    asking: ContextVar[str | None] = ContextVar("asking", default=None)
    contexts = []

    class Told(PainterWorker):
        async def paint(self, heard, order, number, **given):
            contexts.append(asking.get())
            async for piece in super().paint(heard, order, number, **given):
                yield piece

    service = CoverService()
    runner = RequestRunner(
        lambda _: store,
        LocalQueue(RequestQueue()),
        ListenerWorker(service, catalogue=""),
        Told(service),
        name="x",
    )

    async def warm():
        contexts.append(asking.get())

    app = make_app(Dependencies(runner, warm, listen=None, metrics=None), Settings())

    async def ask() -> tuple[int, int]:
        asking.set("a request")
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost")
        painted = await client.post("/v1/covers", json=WORDS, headers={"Accept": "image/png"})
        return painted.status_code, (await client.get("/readyz")).status_code

    assert asyncio.run(ask()) == (200, 200)
    assert contexts == [None, None]


def test_covers_that_wait_to_be_planned_keep_nobody_from_the_store():
    begun, planned = threading.Event(), threading.Event()

    class Slow(CoverService):
        def plan(self, heard, order):
            begun.set()
            planned.wait(60)
            return super().plan(heard, order)

    async def ask() -> str:
        painting = PainterWorker(Slow())
        order = CoverOrder(artist="A", album="B", steps=1)
        waiting = [asyncio.ensure_future(anext(painting.paint(None, order, number))) for number in range(64)]
        await asyncio.to_thread(begun.wait)
        await asyncio.sleep(0.5)  # all of them have come as far as that
        try:
            return await asyncio.wait_for(asyncio.to_thread(lambda: "read"), 30)
        finally:
            for each in waiting:
                each.cancel()
            planned.set()

    assert asyncio.run(ask()) == "read"


def test_reports_go_on_though_the_request_that_began_them_ends(store):
    asking: ContextVar[str | None] = ContextVar("asking", default=None)
    calls = []

    class Queue(LocalQueue):
        async def call(self, method, *arguments):
            calls.append((method.__name__, asking.get()))
            return await super().call(method, *arguments)

    async def ask() -> None:
        asking.set("a request")
        reporter = Reporter(Queue(RequestQueue()), "x", {"r1": Silent()})
        reporter.begin()
        reporter.tell(RequestQueue.lost)
        await asyncio.sleep(1.2)

    class Silent:
        report = ("label", None, None)

        def give_up(self):
            pass

    asyncio.run(ask())
    assert {("reports", None), ("take", None)} <= set(calls) and all(asked is None for _, asked in calls)


def test_who_vanishes_amid_the_order_leaves_no_place_taken(store, monkeypatch):
    service, queue = CoverService(), RequestQueue()
    runner = RequestRunner(
        lambda _: store,
        LocalQueue(queue),
        ListenerWorker(service, catalogue=""),
        PainterWorker(service),
        name="x",
    )
    app = make_app(Dependencies(runner, Probed(), listen=None, metrics=None), Settings())
    accept, keeping = store.accept, threading.Event()

    def slow(*given, **named):
        keeping.set()
        time.sleep(0.3)
        return accept(*given, **named)

    monkeypatch.setattr(store, "accept", slow)

    async def vanish() -> dict[str, float]:
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost")
        order = {**WORDS, "steps": 100, "seed": "7"}
        asking = asyncio.create_task(client.post("/v1/covers", json=order, headers={"Accept": "image/png"}))
        await asyncio.to_thread(keeping.wait)
        asking.cancel()
        await asyncio.wait({asking})
        for _ in range(80):  # a request that nobody carries would stand there for longer than this
            await asyncio.sleep(0.1)
            if not queue.load()["waiting"] + queue.load()["painting"]:
                break
        return queue.load()

    before = set(store.numbers())
    load = asyncio.run(vanish())
    assert load["waiting"] + load["painting"] == 0
    (number,) = set(store.numbers()) - before
    assert store.ended(number) == {"status": "cancelled", "finished": mock.ANY}
