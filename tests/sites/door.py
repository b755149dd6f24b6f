"""The way into every site: the log, the latency, the rates and the faults, before any site is asked."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tests.sites.faults import ON_THE_WIRE, Fault, failed, too_many, under
from tests.sites.log import Entry
from tests.sites.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Door:
    """An ASGI application around the sites."""

    def __init__(self, app: App, world: World):
        self.app, self.world = app, world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith("/_"):
            await self.app(scope, receive, send)
            return
        prefix = "/" + path.split("/")[1]
        entry = self.world.log.arrived(prefix, scope["method"], _asked(scope))
        await asyncio.sleep(self.world.settings.values["latency"].get(prefix, 0))
        fault = self.world.faults.striking(path)
        entry.fault = fault and fault.kind
        answer = self._instead(fault, prefix) or self.app
        transport = _FaultySend(send, receive, entry, fault if fault and fault.kind in ON_THE_WIRE else None)
        if fault and fault.kind == "reset":
            await transport.reset()
        else:
            await answer(scope, receive, transport)

    def _instead(self, fault: Fault | None, prefix: str) -> App | None:
        """Return the answer that comes instead of the site's."""
        if fault and fault.kind not in ON_THE_WIRE:
            return failed(fault, prefix)
        rates = self.world.settings.values["rates"]
        limits = [rate for name, rate in rates.items() if under(prefix, name)]
        if limits and self.world.rates.over(prefix, *limits[0]):
            return too_many(prefix)
        return None


class _FaultySend:
    """Sends an answer on, and notes its status: whole, slowly, or half of it."""

    def __init__(self, send: Send, receive: Receive, entry: Entry, fault: Fault | None):
        self.send, self.receive, self.entry, self.fault = send, receive, entry, fault
        self.transport = getattr(getattr(send, "__self__", None), "transport", None)  # uvicorn's

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.entry.status = message["status"]
        body = message.get("body", b"")
        if not self.fault or not body:
            await self.send(message)
        elif self.fault.kind == "slow-body":
            await self._slowly(message, body)
        else:
            await self.send({**message, "body": body[: len(body) // 2], "more_body": True})
            await self._closed()

    async def reset(self) -> None:
        """Close the connection by a reset, before a byte of an answer."""
        line = self.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self._disconnected()

    async def _slowly(self, message: MutableMapping[str, Any], body: bytes) -> None:
        pieces = 10
        size = -(-len(body) // pieces)
        for start in range(0, len(body), size):
            await asyncio.sleep(self.fault.seconds / pieces)
            more = message.get("more_body", False) or start + size < len(body)
            await self.send({**message, "body": body[start : start + size], "more_body": more})

    async def _closed(self) -> None:
        self.transport.close()
        await self._disconnected()

    async def _disconnected(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


def _asked(scope: Scope) -> str:
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path
