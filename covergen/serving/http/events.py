"""A request told as it goes on: server-sent events, from any replica.

Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from covergen.serving.runner import Studio
from covergen.serving.status import state_of
from covergen.serving.store import Json, Store

LOOK: Final = 0.2  # seconds between looks at the board
KEEP_ALIVE: Final = 10.0  # seconds without an event after which a comment is sent


async def stream(studio: Studio, store: Store, number: str, *, stopping: asyncio.Event) -> AsyncIterator[str]:
    """Give events: the state first and at every change, steps with previews, places in the queue, the end.

    A service that stops ends it early: the next one begins again with the state.
    """
    state = await state_of(store, studio.board, number)
    yield _event("state", state)
    version, places, spoke = 0, dict[int, int](), time.monotonic()
    while state["finished"] is None:
        if stopping.is_set():
            return
        told = await studio.board.call("news", number, version)
        if told is None:
            await studio.carry_on(store.owner, number)
        version, news, ahead = told or (version, [], {})
        for event in news:
            if event["event"] == "step":
                yield _event("step", {name: value for name, value in event.items() if name != "event"})
            elif event["event"] == "state":
                yield _event("state", await state_of(store, studio.board, number))
            spoke = time.monotonic()
        for cover, place in ahead.items():
            if places.get(cover) != place:
                yield _event("queue", {"number": cover, "place": place})
        places = ahead
        if time.monotonic() - spoke > KEEP_ALIVE:
            yield ": still there\n\n"
            spoke = time.monotonic()
        if any(event["event"] == "end" for event in news) or told is None:
            state = await state_of(store, studio.board, number)
        await asyncio.sleep(LOOK)
    yield _event("end", state)


def _event(kind: str, told: Json | Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(told)}\n\n"
