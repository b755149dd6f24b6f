"""The service with a listener and a painter that take no time; store, board and HTTP are the real ones."""

import asyncio
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from covergen.errors import BadInput, RejectCode
from covergen.serving.api_models import Order
from covergen.serving.domain import CoverOrder, SongFeatures
from covergen.serving.http.app import make_app
from covergen.serving.http.routes import Dependencies, Settings
from covergen.serving.http.server import LocalQueue
from covergen.serving.painter import Painted
from covergen.serving.queue import RequestQueue
from covergen.serving.runner import RequestRunner
from covergen.serving.store import Store

WORDS = {"artist": "Mira", "album": "Moonlight"}


class Listener:
    """Hears anything but what it is told to refuse."""

    def __init__(self):
        self.refused, self.songs = False, 0

    async def recipe(self):
        return "0a"

    async def hear(self, song):
        self.songs += 1
        if self.refused:
            raise BadInput(RejectCode.SILENT, "it is silent")
        return SongFeatures(np.ones((1, 2, 3), np.float16), 1.0, None, -9.0, hashlib.sha256(song).hexdigest())

    async def listen(self, song, words):
        return {"song": (await self.hear(song)).sha256}


@dataclass
class Cover:
    image = b"a picture"
    order = CoverOrder(**WORDS)
    seconds = 0.1

    def parameters(self) -> dict[str, Any]:
        return {"album": "Moonlight", "seed": "1", "prompt": "words"}


class Painter:
    """Paints at once, or waits where it is held; counts."""

    def __init__(self):
        self.painted: list[tuple[str, int]] = []
        self.held = False

    async def paint(self, heard, order, number, *, watched):
        while self.held:
            await asyncio.sleep(0.01)
        self.painted.append((order.album, number))
        yield Painted(Cover(), 1.0)


def light_runner(root, *, queue=None, listener=None, painter=None, name="alone"):
    stores = cache(lambda owner: Store(str(root), owner))
    queue = queue or LocalQueue(RequestQueue(clock=lambda: 100.0))
    queue.queue._began = 0.0  # it has heard of all that is under way
    return RequestRunner(stores, queue, listener or Listener(), painter or Painter(), name=name)


def light_app(root, settings=None, **parts):
    listener = parts.setdefault("listener", Listener())

    async def ready():
        return None

    async def metrics():
        return b""

    service = Dependencies(light_runner(root, **parts), ready, listener.listen, metrics)
    return make_app(service, settings or Settings())


def left_behind(store, **given):
    """Keep a request that no service carries."""
    order = Order(**{**WORDS, **given}).model_dump(mode="json")
    return store.accept(store.new_id(), {"order": order, "created": "2026-11-26T12:00:00Z"})[0]
