"""The local internet for a test: started on a free port, in a thread or in a process of its own."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from tests.sites.app import application
from tests.sites.world import World

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Running:
    """A running server; it answers at `address` + prefix."""

    address: str

    def base(self, prefix: str) -> str:
        """Return where a site is: base("deezer")."""
        return f"{self.address}/{prefix.strip('/')}"

    def fault(self, prefix: str, kind: str, **values: Any) -> None:
        """Switch a fault on: share, seed, count, retry_after, seconds."""
        self._ask("POST", "/_faults", {"prefix": prefix, "kind": kind, **values})

    def no_faults(self) -> None:
        self._ask("DELETE", "/_faults")

    def set(self, **values: Any) -> None:
        """Change settings, those that settings.py names."""
        self._ask("POST", "/_settings", values)

    def reset(self) -> None:
        """Put everything back: no faults, the first settings, an empty log."""
        for page in ("/_faults", "/_settings", "/_log"):
            self._ask("DELETE", page)

    def log(self) -> dict[str, Any]:
        """Return `requests` in the order of arrival, `counts` by path and `prefixes`."""
        told: dict[str, Any] = self._ask("GET", "/_log")
        return told

    def catalogue(self, *, decoys: bool = False) -> list[dict[str, Any]]:
        """Return the albums that the sites tell of."""
        return [album for album in self._ask("GET", "/_catalogue") if decoys or not album["decoy"]]

    def _ask(self, method: str, path: str, value: Any = None) -> Any:
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.address + path, body, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)


def configured(world: World, **values: Any) -> uvicorn.Config:
    """Return how uvicorn runs; asyncio and h11 because a reset has to reach the connection."""
    fixed = {"loop": "asyncio", "http": "h11", "ws": "none", "lifespan": "off", "access_log": False}
    return uvicorn.Config(
        application(world), log_level="error", timeout_graceful_shutdown=1, **fixed, **values
    )


@contextmanager
def running(albums: int = 24, seed: int = 0, **settings: Any) -> Iterator[Running]:
    """Run the sites in a thread of this process."""
    server = uvicorn.Server(configured(World(albums, seed, **settings)))
    with closing(_free_socket()) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        running_at = Running(f"http://127.0.0.1:{listening.getsockname()[1]}")
        try:
            _wait(lambda: server.started)
            yield running_at
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@contextmanager
def running_apart(albums: int = 24, seed: int = 0, **settings: Any) -> Iterator[Running]:
    """Run the sites in a process of their own, for what suffers from sharing an interpreter with them."""
    with closing(_free_socket()) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.sites", "--port", str(port), "--albums", str(albums)]
    server = subprocess.Popen([*command, "--seed", str(seed)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait(lambda: _listens(port) or server.poll() is not None)
        started = Running(f"http://127.0.0.1:{port}")
        if settings:
            started.set(**settings)
        yield started
    finally:
        server.terminate()
        server.wait(timeout=10)


def _free_socket() -> socket.socket:
    # Told that it is TCP, asyncio sends small pieces at once; else each answer of two pieces takes 40 ms.
    free = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    free.bind(("127.0.0.1", 0))
    return free


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def _wait(ready: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError("the sites did not start")
        time.sleep(0.01)
