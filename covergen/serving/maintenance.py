"""What a service does beside answering: takes up what a dead one left, and removes what is kept long enough.

Every replica runs this; the queue gives each request to one of them, and each round of removing too.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from covergen.errors import CovergenError, RootError, one_line
from covergen.serving import retention
from covergen.serving.audio_features import Lost
from covergen.serving.problems import Problem
from covergen.serving.queue import Allowance, RequestQueue
from covergen.serving.runner import RequestRunner
from covergen.serving.store import owners

ORPHANS: Final = 2.0  # seconds between looks for requests whose replica fell silent
SOON, LATER = 2.0, 30.0  # seconds between looks into the store, while there is more and when there is none
UPKEEP: Final = 6 * 3600.0  # seconds between rounds of removing
TURN: Final = 60.0  # seconds between asking whose turn that is
TAKEN_TOGETHER: Final = 2  # times; what was taken up as often may be what ended the service, and goes alone
TAKEN_AT_MOST: Final = 5  # times a request is taken up
LOOKED_AT: Final = 2000  # open requests a look, the oldest

log = logging.getLogger("covergen.serving")


async def run(
    runner: RequestRunner,
    root: str,
    allowance_of: Callable[[str], Allowance],
    ready: Callable[[], Awaitable[None]],
) -> None:
    """Run until cancelled. `ready` paints once and raises where it cannot: then nothing is taken up yet."""
    seen: set[str] = set()
    await asyncio.gather(
        _forever(lambda: _adopt(runner)),
        _forever(lambda: _take_up(runner, root, ready, seen)),
        _forever(lambda: _remove(runner, root, allowance_of)),
    )


async def _forever(work: Callable[[], Coroutine[Any, Any, float]]) -> None:
    """Do some work again and again, after the seconds that it returns; what fails is told and tried again."""
    while True:
        try:
            pause = await work()
        except (CovergenError, Problem, Lost, OSError) as error:
            log.warning("cannot look after the store now: %s", one_line(error))
            pause = LATER
        except Exception as error:
            log.error("looking after the store broke", exc_info=error)
            pause = LATER
        await asyncio.sleep(pause)


async def _adopt(runner: RequestRunner) -> float:
    """Carry what replicas left behind that fell silent."""
    for owner, number in await runner.queue.call(RequestQueue.orphans, runner.name) or []:
        log.warning("carries on a request that was left behind", extra={"request": number})
        runner.begin(owner, number)
    return ORPHANS


async def _take_up(
    runner: RequestRunner, root: str, ready: Callable[[], Awaitable[None]], seen: set[str]
) -> float:
    """Carry what is open in the store and nobody carries, the oldest first.

    A request that ends the service itself would do so again and again: what some services took up goes
    alone, and is given up at last. `seen`: what this one took up.
    """
    left = await asyncio.to_thread(_left, runner, root)
    if left and not seen:
        await ready()
    together = [(owner, number) for owner, number, taken in left if taken < TAKEN_TOGETHER]
    alone = [(owner, number) for owner, number, taken in left if taken >= TAKEN_TOGETHER]
    given = await runner.queue.call(RequestQueue.take_up, runner.name, together)
    if given == [] and not runner.busy:
        given = await runner.queue.call(RequestQueue.take_up, runner.name, alone[:1])
    times = {number: taken for _, number, taken in left}
    for owner, number in given or []:
        log.warning("takes up a request of the store", extra={"request": number})
        if number not in seen and times[number] >= TAKEN_AT_MOST:
            await runner.give_up(owner, number)
            continue
        if number not in seen:
            seen.add(number)
            with suppress(RootError):  # where nothing can be written this says so later
                await asyncio.to_thread(runner.stores(owner).take, number, times[number] + 1)
        runner.begin(owner, number)
    if len(seen) > LOOKED_AT:
        seen.intersection_update(times)
    return LATER if given == [] else SOON


def _left(runner: RequestRunner, root: str) -> list[tuple[str, str, int]]:
    """Return owner, number and how often it was taken up, of the oldest open requests."""
    found = []
    for owner in owners(root):
        store = runner.stores(owner)
        taken = store.taken()
        found += [(owner, number, taken[number]) for number in store.left()]
    return sorted(found, key=lambda each: each[1], reverse=True)[:LOOKED_AT]


async def _remove(runner: RequestRunner, root: str, allowance_of: Callable[[str], Allowance]) -> float:
    """Remove what the owners' allowances say, in one replica."""
    if await runner.queue.call(RequestQueue.turn, "remove", UPKEEP):
        for owner in await asyncio.to_thread(owners, root):
            store = runner.stores(owner)
            counts = await asyncio.to_thread(retention.tidy, store, allowance_of(owner))
            if counts:
                log.info("removed from the store: %s", dict(counts), extra={"owner": owner})
    return TURN
