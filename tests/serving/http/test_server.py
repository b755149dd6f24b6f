"""Connections that stall are cut, a service that is told to end ends, and broken requests can be found."""

import asyncio
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn

from covergen.serving.http import server
from covergen.serving.http.request_log import RequestLog
from covergen.serving.http.routes import Settings
from covergen.serving.http.server import Connection, WithIds, local_app
from covergen.serving.service import CoverService
from tests.serving.hosting import hosted

HEAD = b"POST /v1/listen HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"


async def large(scope, receive, send):
    """Answers more than the buffers of both sides hold, without reading what was sent."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(64 if scope["path"] == "/large" else 0):
        await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})
    await send({"type": "http.response.body", "body": b"done"})


@contextmanager
def connected(app=large):
    """A connection to an application behind ours."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", lifespan="off", http=Connection)
        service = uvicorn.Server(config)
        thread = threading.Thread(target=service.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not service.started:
            time.sleep(0.01)
        try:
            with socket.create_connection(bound.getsockname(), timeout=60) as client:
                yield client
        finally:
            service.should_exit = True
            thread.join()


def closed(client):
    """Wait until the other side closes, and return what it said."""
    said = b""
    try:
        while part := client.recv(2**16):
            said += part
    except ConnectionResetError:
        pass
    return said


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch, sent):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    with connected() as client:
        client.sendall(sent)
        assert closed(client) == b""


def test_the_second_head_of_a_connection_is_not_waited_for_either(monkeypatch):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    with connected() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while b"done" not in client.recv(2**16):
            pass
        client.sendall(b"GET / HT")
        closed(client)


def begin_a_head_without_end(client):
    """Send ten times what a head may have, or until the other side closes."""
    client.sendall(b"GET / HTTP/1.1\r\nX: ")
    try:
        for _ in range(10 * server.LONGEST_HEAD // 2**10):
            client.sendall(b"x" * 2**10)
    except (BrokenPipeError, ConnectionResetError):
        pass


def test_a_head_without_end_is_cut():
    with connected() as client:
        begin_a_head_without_end(client)
        assert closed(client) == b""


def test_a_head_without_end_is_cut_beside_an_answer_too():
    gone = threading.Event()

    async def app(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    with connected(app) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        begin_a_head_without_end(client)
        assert gone.wait(60)  # and whoever answered knows
        assert closed(client) == b""


def test_who_does_not_read_is_cut(monkeypatch):
    monkeypatch.setattr(server, "UNREAD_SECONDS", 0.05)
    gone = threading.Event()

    async def app(scope, receive, send):
        try:
            await large(scope, receive, send)
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            gone.set()

    with connected(app) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        assert gone.wait(60)


def test_a_refused_upload_can_still_read_why(tmp_path):
    app = local_app(str(tmp_path / "root"), CoverService(), Settings(max_upload=2**16))
    with connected(app) as client:
        client.sendall(HEAD + b"Content-Length: 9000000\r\n\r\n" + bytes(2**17))
        assert b"413" in closed(client)


STUB = """
import asyncio, sys, threading, time
from fastapi import FastAPI
from covergen.serving.http.request_log import RequestLog
from covergen.serving.http.server import run

async def forever(scope, receive, send):
    if scope["path"] == "/thread":
        await asyncio.to_thread(time.sleep, 600)
    while (await receive())["type"] != "http.disconnect":
        pass

class App(FastAPI):
    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await super().__call__(scope, receive, send)
        print("came", flush=True)
        await RequestLog(forever, named=False, stopping=self.state.stopping)(scope, receive, send)

app = App()
app.state.stopping = asyncio.Event()
run(app, host="127.0.0.1", port=int(sys.argv[1]), grace=float(sys.argv[2]))
"""


@contextmanager
def held(grace, sent=HEAD + b"Content-Length: 1000\r\n\r\nhalf"):
    """A service in a process of its own, with a request under way that never ends."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    command = [sys.executable, "-c", STUB, str(port), str(grace)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while True:
            assert process.poll() is None, process.stderr.read()
            try:
                client = socket.create_connection(("127.0.0.1", port), timeout=60)
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        with client:
            client.sendall(sent)
            assert process.stdout.readline() == "came\n"
            yield process, client
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_though_a_client_holds_on(sign):
    with held(grace=1) as (process, client):
        process.send_signal(sign)
        assert process.wait(60) == 0
        assert b"503" in closed(client)
        assert "Traceback" not in process.stderr.read()


def test_a_second_signal_ends_it_at_once():
    with held(grace=300) as (process, client):
        process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):  # it has begun to stop
            while True:
                socket.create_connection(client.getpeername(), timeout=60).close()
                time.sleep(0.05)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM


def test_a_thread_amid_its_work_is_not_waited_for():
    with held(1, b"GET /thread HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_client_that_vanishes_amid_its_upload_is_no_error(tmp_path, caplog):
    app = local_app(str(tmp_path / "root"), CoverService(), Settings())
    with caplog.at_level(logging.INFO, "covergen"), hosted(app) as base:
        with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))) as client:
            client.sendall(HEAD + b"Content-Length: 1000\r\n\r\n--b\r\n")
        for _ in range(600):
            if caplog.records:
                break
            time.sleep(0.05)
    (line,) = caplog.records
    assert (line.levelname, line.status, line.exc_info) == ("INFO", 499, None)
    assert line.getMessage() == "POST /v1/listen 499"


def test_a_request_that_breaks_is_found_in_the_log_by_its_id(tmp_path, caplog, monkeypatch):
    app = local_app(str(tmp_path / "root"), CoverService(), Settings())

    async def broken(*_, **__):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("covergen.serving.http.routes.page_of", broken)
    with hosted(app) as base:
        answer = httpx2.get(f"{base}/v1/covers")
    told = answer.json()["error"]
    assert (answer.status_code, told["code"]) == (500, "internal") and "fault" not in answer.text
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    written = WithIds("%(levelname)s %(message)s").format(line)
    assert written.startswith(f"ERROR GET /v1/covers broke request_id={told['request_id']}\n")
    assert "RuntimeError: a fault of ours" in written


def test_a_client_of_ray_serve_that_vanishes_is_told_to_ray():
    async def app(*_):
        await asyncio.Event().wait()

    async def cancelled():
        scope = {"type": "http", "headers": [], "method": "GET", "path": "/"}
        stopping = asyncio.Event()
        task = asyncio.create_task(RequestLog(app, named=True, stopping=stopping)(scope, None, None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
