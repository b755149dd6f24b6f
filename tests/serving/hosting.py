"""The service on a port of this machine, in a thread: real bytes over a real socket, without a cluster."""

import socket
import threading
import time
from contextlib import contextmanager

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
