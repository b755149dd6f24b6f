"""Bodies that are too large for what they are, or come too slowly."""

import asyncio
import json

import httpx2
import pytest

from covergen.serving.http import request_parsing
from covergen.serving.http.bodies import LEAST_RATE, LONGEST_JSON, Bodies
from covergen.serving.http.routes import Settings
from covergen.serving.http.server import local_app
from covergen.serving.problems import Problem
from covergen.serving.service import CoverService
from tests.serving.hosting import hosted

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app = local_app(str(tmp_path_factory.mktemp("root")), CoverService(), Settings())
    with hosted(app) as base, httpx2.Client(base_url=base, timeout=60) as client:
        yield client


def in_parts(body, size=2**14):
    """A body whose length is told by nobody."""
    yield from (body[k : k + size] for k in range(0, len(body), size))


@pytest.mark.parametrize("path", ["/v1/covers", "/v1/listen"])
@pytest.mark.parametrize("headers", [JSON, FORM])
def test_what_is_parsed_at_once_is_small(client, path, headers, monkeypatch):
    def parse(*_):
        raise AssertionError("it was parsed")

    monkeypatch.setattr(request_parsing, "read_json", parse)
    monkeypatch.setattr(request_parsing, "read_form", parse)
    body = json.dumps({str(k): k for k in range(20_000)}).encode()
    assert len(body) > 2 * LONGEST_JSON
    for content in (body, in_parts(body)):
        answer = client.post(path, content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large"), answer.text
        assert "64 kB" in answer.json()["error"]["message"]


def test_the_longest_order_fits(client):
    words = {"artist": "é" * 500, "album": "é" * 1000, "prompt": "é" * 1200, "tags": ["é" * 60] * 16}
    varied = ["1:0." + "1" * 20] * 64
    body = json.dumps({**words, "varied_before": varied, "steps": 1001}).encode()
    assert len(body) < LONGEST_JSON
    assert (
        client.post("/v1/covers", content=body, headers=JSON).json()["error"]["message"].startswith("steps")
    )


def test_a_form_has_not_many_fields(client):
    answer = client.post("/v1/covers", content=b"a=1&" * 200, headers=FORM)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    words = client.post("/v1/covers", content=b"artist=%C3%A9&album=b&steps=9999", headers=FORM)
    assert words.json()["error"]["message"].startswith("steps")


class Slow:
    """A client that sends parts of a body, a second apart or so, and then nothing."""

    def __init__(self, parts, seconds):
        self.parts, self.seconds, self.now = list(parts), seconds, 0.0

    def __call__(self):
        return self.now

    async def receive(self):
        if not self.parts:
            await asyncio.Event().wait()
        self.now += self.seconds
        return {"type": "http.request", "body": self.parts.pop(0), "more_body": True}


def read(slow, seconds):
    """How many bytes are taken of a slow body until it is refused."""
    taken = 0

    async def app(scope, receive, send):
        nonlocal taken
        while True:
            taken += len((await receive())["body"])

    with pytest.raises(Problem) as refused:
        bodies = Bodies(app, 2**20, seconds=seconds, clock=slow)
        asyncio.run(bodies({"type": "http", "headers": []}, slow.receive, None))
    assert (refused.value.status, refused.value.headers["Connection"]) == (408, "close")
    return taken


def test_a_body_that_stops_coming_is_refused():
    assert read(Slow([b"half"], 0), 0.02) == 4
    assert read(Slow([], 0), 0.02) == 0
    assert read(Slow([bytes(2**19)], 0), 0.02) == 2**19  # what came fast gives no right to hours of silence


def test_a_body_that_trickles_is_refused_and_one_that_is_large_has_the_time_it_needs():
    assert read(Slow([b"a"] * 100, 1.0), 5.0) < 10
    enough = bytes(int(2 * LEAST_RATE))
    assert read(Slow([enough] * 20, 1.0), 0.02 + 1.0) == 20 * len(enough)


def test_who_is_answered_amid_a_body_is_not_hurried_either():
    sent = []

    async def receive():
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message["type"])

    async def app(scope, receive, send):
        waits = asyncio.create_task(receive())
        await asyncio.sleep(0)
        await send({"type": "http.response.start"})
        assert (await waits)["type"] == "http.disconnect"

    asyncio.run(Bodies(app, 2**20, seconds=0.01)({"type": "http", "headers": []}, receive, send))
    assert sent == ["http.response.start"]


def test_who_waits_for_the_answer_is_not_hurried():
    async def receive():
        receive.calls += 1
        if receive.calls == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    receive.calls = 0

    async def app(scope, receive, send):
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    asyncio.run(Bodies(app, 2**20, seconds=0.01)({"type": "http", "headers": []}, receive, None))
