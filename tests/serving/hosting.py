"""The service on a port of this machine, in a thread or a process: real bytes, real sockets, no cluster."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import httpx2
import uvicorn


@contextmanager
def hosted(app):
    """Serve an application until the block ends; its value is the address."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def own_process(root, *, killed=False):
    """Run `covergen serve` in a process of its own; the value is its address and its process id.

    It has to run to the end unless the test kills it.
    """
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    command = [sys.executable, "-m", "covergen.cli", "serve", str(root), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            with suppress(httpx2.TransportError):
                httpx2.get(f"{base}/readyz", timeout=120).raise_for_status()
                break
            time.sleep(0.2)
        yield base, process.pid
        assert killed or process.poll() is None, f"the service ended with {process.returncode}"
    finally:
        process.kill()
        process.wait()
