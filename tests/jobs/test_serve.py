"""The service as its manifest deploys it: on Ray Serve, with its board, its listener and its painter."""

import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import requests
import yaml
from PIL import Image

from covergen.media import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from covergen.serving.domain import CoverOrder
from covergen.serving.service import CoverService
from covergen.serving.store import Store
from tests.serving import browsing
from tests.serving.http import test_page as page
from tests.serving.light import left_behind

pytestmark = pytest.mark.ray
MANIFEST = Path(__file__).parent.parent.parent / "serve_config.yaml"
BASE = "http://127.0.0.1:18000"
SONG = audio.encode_flac(synthesise(draw_album(3, "eval"), 12.0, 24_000), 24_000)
WORDS = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "steps": 2}
browser, song = browsing.browser, browsing.song  # fixtures


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The repository's own, but for the port and the place where covers are kept."""
    told: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    told["http_options"]["port"] = 18000
    root = told["applications"][0]["args"]["root"] = str(tmp_path_factory.mktemp("service") / "root")
    for k in range(3):
        left_behind(Store(root, "label"), album=f"Album {k}", steps=2)
    return told


@pytest.fixture(scope="module")
def service(ray_session: None, manifest: dict[str, Any]) -> Iterator[str]:
    from ray import serve
    from ray.serve.schema import ServeDeploySchema

    from jobs.deploy import deploy

    deploy(ServeDeploySchema.model_validate(manifest))
    yield BASE
    serve.shutdown()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def post(words: dict[str, Any], **given: Any) -> requests.Response:
    return requests.post(f"{BASE}/v1/covers", json=words, timeout=120, **given)


def ended(number: str, seconds: float = 120, pause: float = 0.1) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        state: dict[str, Any] = requests.get(f"{BASE}/v1/covers/{number}", timeout=30).json()
        if state["finished"]:
            return state
        time.sleep(pause)
    raise AssertionError(state)


class TestInChromium:
    """First, for it counts the covers of a new root."""

    pytestmark = browsing.in_chromium

    def test_the_page_does_all_it_does_on_the_deployed_service(
        self, browser: Any, service: str, song: str, tmp_path: Path
    ) -> None:
        page.TestInChromium().test_from_a_song_to_covers_and_back(browser, service, song, tmp_path)


def test_what_a_dead_service_left_is_taken_up_without_being_asked(
    service: str, manifest: dict[str, Any]
) -> None:
    store, until = Store(manifest["applications"][0]["args"]["root"], "label"), time.monotonic() + 120
    while store.left() and time.monotonic() < until:
        time.sleep(0.2)
    ended = [store.all_of(number) for number in store.numbers()]
    assert [(told and told["status"], len(covers)) for _, told, covers in ended] == [("done", 1)] * 3
    assert set(store.taken().values()) == {1}


def test_a_song_goes_in_and_the_cover_of_the_core_comes_out(service: str) -> None:
    assert requests.get(f"{service}/readyz", timeout=120).json() == {"status": "ready"}
    answer = requests.post(
        f"{service}/v1/covers", files={"audio": ("song.flac", SONG)}, data=WORDS,
        headers={"Accept": "image/png"}, timeout=120,
    )  # fmt: skip
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text
    (own,) = CoverService().cover(SONG, CoverOrder(**WORDS))
    assert np.abs(pixels(answer.content) - pixels(own.image)).max() <= 2
    assert answer.headers["x-covergen-seed"] == str(own.seed)
    assert answer.headers["x-request-id"]


def test_events_of_several_covers_come_through_the_board(service: str) -> None:
    number = post({**WORDS, "n": 3, "steps": 8}).json()["id"]
    with requests.get(f"{service}/v1/covers/{number}/events", stream=True, timeout=60) as answer:
        text = "".join(part.decode() for part in answer.iter_content(None))
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event")]
    end = json.loads(text.rpartition("data: ")[2])
    assert kinds[0] == "state" and kinds[-1] == "end" and kinds.count("step") >= 6
    assert end["status"] == "done" and [cover["status"] for cover in end["covers"]] == ["done"] * 3
    told = requests.get(f"{service}/metrics", timeout=30).text
    assert 'covergen_requests_total{outcome="done"}' in told


def test_a_request_is_given_up_and_the_painter_is_free(service: str) -> None:
    number = post({**WORDS, "n": 8, "steps": 100}).json()["id"]
    assert requests.delete(f"{service}/v1/covers/{number}", timeout=30).json()["status"] == "cancelled"
    answer = post(WORDS, headers={"Accept": "image/webp"})
    assert answer.status_code == 200, answer.text


def test_a_client_that_vanishes_frees_the_painter(service: str) -> None:
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{service}/v1/covers", json={**WORDS, "steps": 100}, headers={"Accept": "image/png"}, timeout=0.5
        )
    number = requests.get(f"{service}/v1/covers?limit=1", timeout=30).json()["covers"][0]["id"]
    assert ended(number)["status"] == "cancelled"


def test_what_is_no_song_is_refused_with_a_sentence(service: str) -> None:
    answer = requests.post(
        f"{service}/v1/listen", files={"audio": ("song.mp3", b"not music")},
        data={"artist": "a", "album": "b"}, timeout=120,
    )  # fmt: skip
    assert answer.status_code == 415
    assert "Traceback" not in answer.text and len(answer.json()["error"]["message"]) > 10


def processes(deployment: str) -> list[int]:
    """The processes of a deployment's replicas."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().startswith(f"ray::ServeReplica:covergen:{deployment}".encode()):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def until(is_so: Callable[[], object], seconds: float = 300) -> None:
    """Wait for what is bound to happen."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def accepted(answer: requests.Response) -> dict[str, Any]:
    if answer.status_code not in (200, 202):
        raise ValueError(answer.text)
    state: dict[str, Any] = answer.json()
    return state


def patiently(ask: Callable[[], dict[str, Any]], tries: int = 240) -> dict[str, Any]:
    """Ask again where nobody answers, as a client would."""
    for _ in range(tries):
        try:
            return ask()
        except (requests.RequestException, ValueError):
            time.sleep(0.5)
    return ask()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_painters_and_ingresses_are_killed_and_other_weights_deployed_and_nothing_is_lost(
    service: str, manifest: dict[str, Any]
) -> None:
    from ray.serve.schema import ServeDeploySchema

    from jobs.deploy import deploy

    asked: dict[str, str] = {}
    painted: list[str | None] = []  # the fusion of each that ended, as they ended
    lock, left, over = threading.Lock(), count(), threading.Event()

    def order(k: int) -> None:
        key = {
            "Idempotency-Key": f"kill-{k}"
        }  # an ingress that dies takes answers along: this makes it harmless
        words = {**WORDS, "seed": str(k), "n": 2, "steps": 10}
        answer = patiently(lambda: accepted(post(words, headers=key)))
        with lock:
            asked[key["Idempotency-Key"]] = answer["id"]
        state = patiently(lambda: ended(answer["id"], 300, pause=1.0))
        with lock:
            painted.extend(cover["parameters"]["fusion_digest"] for cover in state["covers"])

    def client() -> None:
        while not over.is_set():
            with lock:
                k = next(left)
            order(k)

    def kill(deployment: str) -> None:
        until(lambda: processes(deployment))  # one that was killed before may still be on its way back
        before = len(asked)
        os.kill(processes(deployment)[0], signal.SIGKILL)
        until(lambda: len(asked) > before)

    clients = [threading.Thread(target=client) for _ in range(8)]
    for each in clients:
        each.start()
    try:
        until(lambda: len(painted) > 0)
        for deployment in ("Painter", "Ingress", "Painter"):
            kill(deployment)
        manifest["applications"][0]["args"]["fusion"] = None  # words alone: other weights
        deploy(ServeDeploySchema.model_validate(manifest))
        until(lambda: None in painted)
    finally:
        over.set()
        for each in clients:
            each.join()
    states = [ended(number) for number in asked.values()]
    assert len(set(asked.values())) == len(asked) > 8  # every client came again
    assert {state["status"] for state in states} == {"done"}
    covers = [cover["parameters"] for state in states for cover in state["covers"]]
    assert len(covers) == 2 * len(asked)
    digests = {parameters["fusion_digest"] for parameters in covers}
    assert len(digests) == 2 and None in digests, digests
    assert ray.is_initialized()
