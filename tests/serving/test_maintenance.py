"""What a service takes up that another one left, in the store alone."""

import asyncio
import os
import signal
import time

import httpx2
import pytest

from covergen.errors import ModelError, RootFull
from covergen.serving import maintenance, retention
from covergen.serving import queue as queue_module
from covergen.serving.http.server import LocalQueue
from covergen.serving.queue import Allowance, RequestQueue
from covergen.serving.store import Store
from tests.serving.hosting import own_process
from tests.serving.light import WORDS, Painter, left_behind, light_runner


@pytest.fixture
def store(tmp_path):
    moments = iter(range(1, 1000))
    return Store(str(tmp_path), "label", clock=lambda: next(moments))


class Giving(RequestQueue):
    """Remembers what it gave away."""

    def __init__(self, **given):
        super().__init__(**given)
        self.given = []

    def take_up(self, carrier, left):
        given = super().take_up(carrier, left)
        self.given += [number for _, number in given or []]
        return given


async def at_once():
    """A service whose models are loaded."""


def until(fulfilled, *runners, root, ready=at_once):
    """Run the background of some services until something is true."""

    async def run():
        running = [
            asyncio.create_task(maintenance.run(make(), str(root), lambda _: Allowance(), ready))
            for make in runners
        ]
        async with asyncio.timeout(30):
            while not fulfilled():
                await asyncio.sleep(0.01)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(run())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(maintenance, "SOON", 0.02)
    monkeypatch.setattr(maintenance, "LATER", 0.02)


def test_what_was_left_is_taken_up_in_order_of_age_once_by_several_services(store, tmp_path):
    made = [left_behind(store, album=f"Album {k}", n=2) for k in range(40)]
    other = left_behind(Store(str(tmp_path), "shop"), album="Another")
    queue, painter = LocalQueue(Giving(clock=lambda: 100.0)), Painter()

    def ended():
        return store.left() == [] and Store(str(tmp_path), "shop").ended(other) is not None

    services = [lambda k=k: light_runner(tmp_path, queue=queue, painter=painter, name=k) for k in ("a", "b")]
    until(ended, *services, root=tmp_path)
    assert {store.ended(number)["status"] for number in made} == {"done"}
    assert len(painter.painted) == len(set(painter.painted)) == 81
    assert queue.queue.given == [*made, other]


def test_a_request_that_ends_the_service_each_time_goes_alone_and_is_given_up(store, tmp_path):
    poison, other = left_behind(store, album="Poison"), left_behind(store, album="Fine")
    painter = Painter()
    for times in range(1, maintenance.TAKEN_AT_MOST + 1):
        store.take(poison, times)
    until(lambda: store.left() == [], lambda: light_runner(tmp_path, painter=painter), root=tmp_path)
    assert (store.ended(poison)["status"], store.ended(other)["status"]) == ("failed", "done")
    assert painter.painted == [("Fine", 0)]


def test_of_what_was_taken_up_often_one_goes_at_a_time(store, tmp_path):
    suspects = [left_behind(store, album=str(k)) for k in range(3)]
    for number in suspects:
        for times in range(1, maintenance.TAKEN_TOGETHER + 1):
            store.take(number, times)
    painter = Painter()
    painter.held = True
    again = maintenance.TAKEN_TOGETHER + 1
    until(
        lambda: store.taken()[suspects[0]] == again,
        lambda: light_runner(tmp_path, painter=painter),
        root=tmp_path,
    )
    assert [store.taken()[number] for number in suspects] == [again, again - 1, again - 1]


def test_a_disk_that_is_full_for_long_costs_no_request(store, tmp_path, monkeypatch):
    number, keep, failures = left_behind(store), Store.keep, iter(range(2 * maintenance.TAKEN_AT_MOST))

    def fails(*given):
        if next(failures, None) is not None:
            raise RootFull("no room")
        keep(*given)

    monkeypatch.setattr(Store, "keep", fails)
    monkeypatch.setattr(queue_module, "REMEMBERED", -1.0)
    until(lambda: store.left() == [], lambda: light_runner(tmp_path), root=tmp_path)
    assert store.ended(number)["status"] == "done" and store.taken() == {number: 1}
    assert retention.tidy(store, Allowance(), hours=-1) == {"orphans": 1} and store.taken() == {}


def test_what_cannot_be_painted_yet_is_left_until_it_can(store, tmp_path):
    number, failures, painter = (
        left_behind(store),
        [ModelError("no weights"), RuntimeError("lost")],
        Painter(),
    )

    async def ready():
        if failures:
            assert painter.painted == []
            raise failures.pop()

    until(
        lambda: store.left() == [],
        lambda: light_runner(tmp_path, painter=painter),
        root=tmp_path,
        ready=ready,
    )
    assert store.ended(number)["status"] == "done" and failures == []


def test_no_more_is_taken_up_than_may_wait():
    queue = RequestQueue(waiting=4, clock=lambda: 100.0)
    queue._began = 0.0
    left = [("label", str(k)) for k in range(50)]
    given = queue.take_up("a", left)
    assert given == left[: len(given)] and len(given) == 32
    for _, number in given:
        queue.report(number, "label", "a", waiting=[0], painting=[])
    assert queue.take_up("b", left) == []
    queue._began = 99.0  # it may not have heard of all that is under way
    assert queue.take_up("b", left) is None


def test_each_round_of_removing_is_done_by_one(tmp_path):
    queue = RequestQueue(clock=lambda: 100.0)
    assert [queue.turn("remove", 60.0) for _ in range(3)] == [True, False, False]
    assert queue.turn("other", 60.0)


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (maintenance.RootError("gone"), "WARNING"),
        (maintenance.Problem(503, "not_ready", "not yet"), "WARNING"),
        (ZeroDivisionError("a fault of ours"), "ERROR"),
    ],
)
def test_what_fails_beside_is_told_and_tried_again(tmp_path, monkeypatch, caplog, error, level):
    looked = []

    def owners(root):
        looked.append(root)
        raise error

    monkeypatch.setattr(maintenance, "owners", owners)
    until(lambda: len(looked) > 4, lambda: light_runner(tmp_path), root=tmp_path)
    told = [record for record in caplog.records if record.name == "covergen.serving"]
    assert {record.levelname for record in told} == {level} and len(told) > 2
    assert all(bool(record.exc_info) == (level == "ERROR") for record in told), (
        "a fault's trace is in the log"
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_service_that_was_killed_is_carried_on_by_the_next_without_being_asked(tmp_path):
    running = own_process(tmp_path, killed=True)
    with running as (base, process), httpx2.Client(base_url=base, timeout=120) as client:
        numbers = [
            client.post("/v1/covers", json={**WORDS, "album": str(k), "steps": 40, "n": 2}).json()["id"]
            for k in range(10)
        ]
        os.kill(process, signal.SIGKILL)
        store = Store(str(tmp_path), "everybody")
        assert len(store.left()) > 6
        with own_process(tmp_path):  # it is ready before all of that is painted
            end = time.monotonic() + 400
            while store.left() and time.monotonic() < end:
                time.sleep(0.5)
    states = [store.all_of(number) for number in numbers]
    assert [ended["status"] for _, ended, _ in states] == ["done"] * 10
    assert {len(covers) for _, _, covers in states} == {2}
