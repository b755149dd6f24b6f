"""What is told of a request: what the store keeps of it, and what the queue knows while it is under way.

A request whose file has another shape than it is written in stands for none.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from covergen.serving.api_models import State
from covergen.serving.domain import MOST_COVERS
from covergen.serving.problems import no_such
from covergen.serving.queue import Places, RequestQueue
from covergen.serving.reporter import QueueHandle
from covergen.serving.store import Json, Store


async def state_of(store: Store, queue: QueueHandle, number: str) -> Json:
    """Return a request's state, as `api_models.State` has it. Raises Problem for one that is not there."""
    state = await _state(store, queue, number, await asyncio.to_thread(store.favourites))
    if state is None:
        raise no_such("request")
    return state


async def states_of(store: Store, queue: QueueHandle, numbers: Iterable[str]) -> list[Json]:
    """Return the states of requests; one that is being kept in this moment is left out."""
    marks = await asyncio.to_thread(store.favourites)
    states = await asyncio.gather(*(_state(store, queue, number, marks) for number in numbers))
    return [state for state in states if state is not None]


async def page_of(
    store: Store, queue: QueueHandle, *, limit: int, before: str | None
) -> tuple[list[Json], str | None]:
    """Return so many states, the newest first, and where to go on; what cannot be told takes no place."""
    states: list[Json] = []
    while len(states) < limit:
        numbers, before = await asyncio.to_thread(store.history, limit=limit - len(states), before=before)
        states += await states_of(store, queue, numbers)
        if before is None:
            break
    return states, before


async def _state(store: Store, queue: QueueHandle, number: str, marks: set[tuple[str, int]]) -> Json | None:
    record, ended, done = await asyncio.to_thread(store.all_of, number)
    if record is None or not is_whole(record):
        return None
    places: Places = {}
    painting: set[int] = set()
    if ended is None:
        places, painting, ended = await queue.call(RequestQueue.under_way, number) or (places, painting, None)
    order = record["order"]
    covers = [
        _cover(number, k, done.get(k), ended=ended, place=places.get(k), painted=k in painting)
        for k in range(order["n"])
    ]
    for cover in covers:
        cover["favourite"] = (number, cover["number"]) in marks
    prompts = [(facts.get("parameters") or {}).get("prompt") for facts in done.values()]
    state = {
        "id": number,
        "status": ended["status"] if ended else "painting" if done or painting else "queued",
        "created": record["created"],
        "finished": ended and ended.get("finished", record["created"]),
        "order": {name: value for name, value in order.items() if name not in {"song", "track"}},
        "song": order.get("song"),
        "track": order.get("track"),
        "prompt": prompts[0] if prompts else order.get("prompt"),
        "covers": covers,
        "error": ended.get("error") if ended else None,
        "links": {"self": f"/v1/covers/{number}", "events": f"/v1/covers/{number}/events", "page": "/"},
    }
    try:
        State.model_validate(state)
    except ValidationError:
        return None
    return state


def is_whole(record: Json) -> bool:
    """Return whether a request's file is one: of an order, and of as many covers as one may have."""
    order = record.get("order")
    return isinstance(order, dict) and order.get("n") in range(1, MOST_COVERS + 1) and "created" in record


def _cover(
    number: str, cover: int, facts: Json | None, *, ended: Json | None, place: int | None, painted: bool
) -> Json:
    state: dict[str, Any] = {"number": cover, "place": None, "image": None, "seconds": None}
    state |= {"parameters": None, "error": None}
    if facts is not None:
        image = f"/v1/covers/{number}/images/{cover}"
        return {
            **state,
            "status": "done",
            "image": image,
            **{k: facts.get(k) for k in ("seconds", "parameters")},
        }
    if ended is not None:
        status = "failed" if ended["status"] == "done" else ended["status"]
        return {**state, "status": status, "error": ended.get("error")}
    return {**state, "status": "painting" if painted else "queued", "place": place}
