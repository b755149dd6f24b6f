"""The limiter: no window ever holds too many, and hardly fewer; rests and budgets outlive a restart."""

import threading
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covergen.errors import BadInput, RejectCode
from covergen.sources.limiter.coordinator import LEASE_SECONDS, Grant, LocalCoordinator, Report, Wait
from covergen.sources.limiter.limiter import LeasedLimiter, LocalLimiter
from covergen.sources.limiter.quota import BLOCKS, DailyQuota
from covergen.sources.limiter.sliding_window import SlidingWindow
from covergen.sources.web_source import RateLimit
from tests.sources.limited import Clock, greatest, simulate

DEEZER = RateLimit("deezer", 50, 5.0, at_once=8)
SEARCH = RateLimit("search", 100, 10.0, daily=100, day_zone="America/Los_Angeles")


def limiter(clock: Clock, coordinator: LocalCoordinator | None = None) -> LeasedLimiter:
    return LeasedLimiter(
        coordinator or LocalCoordinator(DailyQuota(wall=clock), clock=clock),
        clock=clock,
        sleep=clock.sleep,
        background=False,
    )


@pytest.mark.parametrize("latency", [0.01, 0.1, 0.3, 0.5])
def test_fifty_in_five_seconds(latency: float) -> None:
    run = simulate(DEEZER, workers=8, latency=lambda chance: latency * (0.5 + chance.random()), length=60)
    assert greatest(run.sends, 5.0) <= 50
    assert len(run.sends) >= 0.95 * 600
    assert run.calls <= 0.75 * len(run.sends)
    assert run.under_way <= 8


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 60),
    seconds=st.floats(0.5, 60),
    at_once=st.integers(1, 6),
    workers=st.integers(1, 9),
    slow=st.floats(0.001, 2.0),
    seed=st.integers(0, 99),
)
def test_no_window_holds_more(
    count: int, seconds: float, at_once: int, workers: int, slow: float, seed: int
) -> None:
    rate_limit = RateLimit("any", count, seconds, at_once=at_once)
    run = simulate(
        rate_limit,
        workers=workers,
        latency=lambda chance: slow * chance.expovariate(1),
        length=min(4 * seconds, 400 * seconds / count + 1),
        seed=seed,
    )
    assert greatest(run.sends, seconds) <= count
    assert run.under_way <= at_once
    assert run.sends


def test_slots_hold_wherever_in_them_is_sent() -> None:
    window = SlidingWindow(5, 1.0)
    slots = [slot for tick in range(60) for slot in window.take(tick / 10, 9, stride=0)]
    for picks in ([slot.start for slot in slots], [slot.end - 1e-9 for slot in slots]):
        assert greatest(picks, 1.0) <= 5
    late_then_early = [slot.end - 1e-9 if place % 9 < 5 else slot.start for place, slot in enumerate(slots)]
    assert greatest(late_then_early, 1.0) <= 5


def test_one_worker_alone_may_use_it_all() -> None:
    run = simulate(DEEZER, workers=1, latency=lambda chance: 0.02, length=60)
    assert greatest(run.sends, 5.0) <= 50
    assert len(run.sends) >= 0.95 * 600
    assert run.calls <= 0.2 * len(run.sends)


def test_a_slot_missed_is_not_sent_late() -> None:
    clock = Clock()
    mine = limiter(clock)
    sends = []
    for _ in range(40):
        with mine.turn(DEEZER):
            sends.append(clock.now)
        clock.now += 0.9 if len(sends) == 20 else 0.0  # the worker hangs, and several slots pass
    assert greatest(sends, 5.0) <= 50
    at_once = sends.count(sends[20])  # of some ten that it missed, those that can still be used
    assert sends[20] >= sends[19] + 0.9 and at_once <= 1 + 0.5 / (0.8 * 5.0 / 50)


def test_a_rest_is_kept_by_all_and_what_was_leased_is_taken_away() -> None:
    clock = Clock()
    coordinator = LocalCoordinator(DailyQuota(wall=clock), clock=clock)
    mine, other = limiter(clock, coordinator), limiter(clock, coordinator)
    mine.tend(0)
    for _ in range(6):  # by now it leases several slots at a time
        with mine.turn(DEEZER):
            pass
    other.rest("deezer", 30)
    mine.tend(0)
    rested = clock.now
    with mine.turn(DEEZER):
        assert rested + 30 <= clock.now < rested + 31
    with limiter(clock, coordinator).turn(RateLimit("itunes", 20, 60.0)):
        assert clock.now < rested + 31  # of another bucket nothing is said


def test_a_rest_beyond_patience_parks_the_row() -> None:
    clock = Clock()
    mine = limiter(clock)
    mine.rest("deezer", 20_000)
    with pytest.raises(BadInput, match="left alone for 20000 s") as parked, mine.turn(DEEZER):
        pass
    assert parked.value.code is RejectCode.RATE_LIMITED and parked.value.retriable
    assert clock.now == 0


def test_a_shorter_rest_does_not_shorten_a_longer() -> None:
    clock = Clock()
    mine = limiter(clock)
    mine.rest("deezer", 60)
    mine.rest("deezer", 2)
    with mine.turn(DEEZER):
        assert clock.now >= 60


def test_spent_is_until_midnight_of_its_own_day() -> None:
    evening = datetime(2026, 11, 26, 22, 30, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp()
    clock = Clock(evening)
    mine = limiter(clock)
    with mine.turn(SEARCH):
        pass
    mine.spent("search")
    with pytest.raises(BadInput, match=r"anew in 1\.5 hours") as spent, mine.turn(SEARCH):
        pass
    assert spent.value.code is RejectCode.QUOTA_SPENT and spent.value.retriable
    clock.now = evening + 1.5 * 3600
    with mine.turn(SEARCH):
        pass


def test_a_daily_budget_is_never_exceeded_though_every_run_is_killed() -> None:
    clock, files = Clock(1_790_000_000.0), []
    sent = 0
    for run in range(60):
        quota = DailyQuota(lambda: files[-1] if files else None, files.append, wall=clock)
        mine = limiter(clock, LocalCoordinator(quota, clock=clock))
        try:
            for _ in range(run % 4 + 1):
                with mine.turn(SEARCH):
                    sent += 1
        except BadInput as problem:
            assert problem.code is RejectCode.QUOTA_SPENT
            break
    assert 40 <= sent <= 100
    assert len(files) <= 3 * BLOCKS


def test_a_clean_end_wastes_nothing_and_writes_seldom() -> None:
    clock, files = Clock(1_790_000_000.0), []
    sent = 0
    for _ in range(7):
        quota = DailyQuota(lambda: files[-1] if files else None, files.append, wall=clock)
        mine = LocalLimiter(quota, clock=clock, sleep=clock.sleep, background=False)
        try:
            for _ in range(17):
                with mine.turn(SEARCH):
                    sent += 1
        except BadInput as problem:
            assert problem.code is RejectCode.QUOTA_SPENT
        mine.close()
    assert sent == 100
    assert len(files) <= BLOCKS + 2 * 7


def test_rests_survive_a_restart_and_so_does_the_window() -> None:
    clock, files = Clock(1_790_000_000.0), []

    def new() -> LeasedLimiter:
        quota = DailyQuota(lambda: files[-1] if files else None, files.append, wall=clock)
        return limiter(clock, LocalCoordinator(quota, clock=clock))

    before, sends = new(), []
    for _ in range(30):
        with before.turn(DEEZER):
            sends.append(clock.now)
    after = new()  # the one before was killed
    for _ in range(60):
        with after.turn(DEEZER):
            sends.append(clock.now)
    assert greatest(sends, 5.0) <= 50
    after.rest("deezer", 100)
    rested = clock.now
    with new().turn(DEEZER):
        assert clock.now >= rested + 100


def test_no_slot_reaches_over_midnight() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    midnight = datetime(2026, 11, 27, tzinfo=zone).timestamp()
    clock = Clock(midnight - 3)
    mine = limiter(clock)
    days: dict[str, int] = {}
    with pytest.raises(BadInput):
        for _ in range(300):
            with mine.turn(SEARCH):
                day = datetime.fromtimestamp(clock.now, zone).date().isoformat()
                days[day] = days.get(day, 0) + 1
    assert days["2026-11-26"] > 20 and days["2026-11-27"] == 100


def test_a_dead_worker_gives_its_seat_up_in_the_end() -> None:
    clock = Clock()
    coordinator = LocalCoordinator(DailyQuota(wall=clock), clock=clock)
    alone = RateLimit("musicbrainz", 1, 1.0, at_once=1)
    assert isinstance(coordinator.ask("dead", alone, Report()), Grant)
    waiting = coordinator.ask("alive", alone, Report())
    assert isinstance(waiting, Wait) and waiting.why == "busy"
    clock.now += LEASE_SECONDS + 5
    assert isinstance(coordinator.ask("alive", alone, Report()), Grant)


def test_a_long_request_keeps_its_seat_and_an_idle_lease_goes_back() -> None:
    clock = Clock()
    coordinator = LocalCoordinator(DailyQuota(wall=clock), clock=clock)
    alone = RateLimit("musicbrainz", 1, 1.0, at_once=1)
    mine = limiter(clock, coordinator)
    with mine.turn(alone):
        for _ in range(10):
            clock.now += 25
            mine.tend(0)
        assert isinstance(coordinator.ask("other", alone, Report()), Wait)
    mine.tend(0)
    assert isinstance(coordinator.ask("other", alone, Report()), Grant)


def test_threads_by_the_real_clock() -> None:
    rate_limit, sends, lock = RateLimit("real", 20, 0.5, at_once=4), [], threading.Lock()
    mine = LocalLimiter()
    until = time.monotonic() + 1.5

    def work() -> None:
        while time.monotonic() < until:
            with mine.turn(rate_limit):
                at = time.monotonic()
            with lock:
                sends.append(at)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mine.close()
    assert greatest(sends, 0.5) <= 20
    assert len(sends) >= 30
    assert mine.waited["real"] > 1000
    with mine.turn(rate_limit):  # it can be used on
        mine.rest("real", 1000)
    with pytest.raises(BadInput, match="left alone"), mine.turn(rate_limit):
        pass
    mine.close()
