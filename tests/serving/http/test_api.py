"""The API over a real socket, the real models at toy size, in one process."""

import hashlib
import io
import json
import threading
import time

import httpx2
import numpy as np
import pytest
from PIL import Image

from covergen.media import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from covergen.serving.api_keys import ApiKeys, Key
from covergen.serving.domain import CoverOrder
from covergen.serving.http.routes import Settings
from covergen.serving.http.server import local_app
from covergen.serving.pictures import order_of, settings_in
from covergen.serving.queue import Allowance
from covergen.serving.service import CoverService
from tests.serving.hosting import hosted

WORDS = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "steps": 2}
SONG = audio.encode_flac(synthesise(draw_album(3, "eval"), 12.0, 24_000), 24_000)
JSON = {"Content-Type": "application/json"}
LONG = {**WORDS, "steps": 100}


@pytest.fixture(scope="module")
def service():
    return CoverService()


@pytest.fixture(scope="module")
def client(service, tmp_path_factory):
    app = local_app(str(tmp_path_factory.mktemp("root")), service, Settings(max_upload=2**21))
    with hosted(app) as base, httpx2.Client(base_url=base, timeout=120) as client:
        yield client


@pytest.fixture
def closed(service, tmp_path):
    keys = [
        Key("label", hashlib.sha256(b"secret-of-the-label").hexdigest(), Allowance(per_minute=3)),
        Key("shop", hashlib.sha256(b"secret-of-the-shop").hexdigest(), Allowance(at_once=2)),
    ]
    app = local_app(str(tmp_path / "root"), service, Settings(api_keys=ApiKeys(keys)))
    with hosted(app) as base, httpx2.Client(base_url=base, timeout=120) as client:
        yield client


def upload(song=SONG, name="song.flac"):
    return {"audio": (name, song, "application/octet-stream")}


def done(client, number, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        state = client.get(f"/v1/covers/{number}").json()
        if state["finished"]:
            return state
        time.sleep(0.05)
    raise AssertionError(state)


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def events_of(client, number):
    with client.stream("GET", f"/v1/covers/{number}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    told = [part.split("\n") for part in text.split("\n\n") if part.startswith("event")]
    return [(head.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for head, data in told]


def test_one_picture_is_the_one_that_the_core_paints(client, service):
    answer = client.post("/v1/covers", files=upload(), data=WORDS, headers={"Accept": "image/png"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text
    (own,) = service.cover(SONG, CoverOrder(**WORDS))
    assert np.abs(pixels(answer.content) - pixels(own.image)).max() <= 2
    assert answer.headers["x-covergen-seed"] == str(own.seed)
    again = service.cover(SONG, order_of(settings_in(answer.content)))[0]
    assert np.abs(pixels(answer.content) - pixels(again.image)).max() <= 2


def test_several_covers_are_told_of_at_once_and_can_be_had_when_they_are_done(client):
    answer = client.post("/v1/covers", files=upload(), data={**WORDS, "n": 2, "tags": "calm, warm"})
    state = answer.json()
    assert answer.status_code == 202 and answer.headers["location"] == state["links"]["self"]
    assert [cover["number"] for cover in state["covers"]] == [0, 1]
    state = done(client, state["id"])
    assert state["status"] == "done" and state["order"]["tags"] == ["calm", "warm"]
    assert state["song"] == hashlib.sha256(SONG).hexdigest()
    assert state["prompt"].endswith("calm, warm.")
    for cover in state["covers"]:
        picture = client.get(cover["image"])
        assert settings_in(picture.content)["seed"] == cover["parameters"]["seed"]
        assert (
            client.get(cover["image"], headers={"If-None-Match": picture.headers["etag"]}).status_code == 304
        )
    saved = client.get(state["covers"][0]["image"], params={"download": 1})
    assert saved.headers["content-disposition"].startswith('attachment; filename="Moonlight-')


def test_json_with_a_song_that_was_listened_to_and_a_wait(client):
    words = {"artist": "Mira", "album": "Moonlight", "genre": "bananacore"}
    heard = client.post("/v1/listen", files=upload(), data=words).json()
    assert heard["genre_note"].startswith("bananacore is unknown; painted as: unknown.")
    assert heard["tempo"] and heard["key"] and len(heard["waveform"]) == 200
    assert "Moonlight" in heard["prompt"] or heard["prompt"]
    order = {**WORDS, "song": heard["song"], "seed": "18446744073709551615", "format": "webp"}
    answer = client.post("/v1/covers", json=order, headers={"Prefer": "wait=60"})
    state = answer.json()
    assert (answer.status_code, state["status"]) == (200, "done")
    assert state["covers"][0]["parameters"]["seed"] == "18446744073709551615"
    picture = client.get(state["covers"][0]["image"])
    assert picture.headers["content-type"] == "image/webp"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_picture_tells_what_paints_it_again(client, kind):
    order = {**WORDS, "tags": ["calm"], "variation_strength": 0.25, "format": kind}
    picture = client.post("/v1/covers", json=order, headers={"Accept": f"image/{kind}"})
    told = client.post("/v1/recall", content=picture.content, headers={"Content-Type": f"image/{kind}"})
    parameters = told.json()["parameters"]
    assert parameters["seed"] == picture.headers["x-covergen-seed"] and parameters["tags"] == ["calm"]
    assert (parameters["format"], parameters["variation_strength"]) == (kind, 0.25)


def test_a_picture_without_settings_or_no_picture_is_refused(client):
    white = io.BytesIO()
    Image.new("RGB", (8, 8)).save(white, "PNG")
    for body, code in (
        (white.getvalue(), "missing_field"),
        (b"no picture", "damaged_image"),
        (b"", "empty_file"),
    ):
        answer = client.post("/v1/recall", content=body)
        assert answer.status_code == 422 and answer.json()["error"]["code"] == code, answer.text


def test_words_alone_are_enough(client):
    answer = client.post("/v1/covers", json=WORDS, headers={"Accept": "image/jpeg"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"


def test_events_tell_of_steps_with_previews_and_the_end(client):
    number = client.post("/v1/covers", json={**WORDS, "steps": 8}).json()["id"]
    events = events_of(client, number)
    assert events[0][0] == "state" and events[-1][0] == "end" and events[-1][1]["status"] == "done"
    steps = [told for kind, told in events if kind == "step"]
    assert [told["step"] for told in steps] == sorted({told["step"] for told in steps}) and len(steps) >= 2
    previews = [told["preview"] for told in steps if told["preview"]]
    assert previews and previews[0].startswith("data:image/jpeg;base64,")
    assert events_of(client, number) == [("state", events[-1][1]), ("end", events[-1][1])]


def test_a_request_is_given_up_and_its_place_is_free(client):
    number = client.post("/v1/covers", json={**LONG, "n": 4}).json()["id"]
    answer = client.delete(f"/v1/covers/{number}")
    assert answer.json()["status"] == "cancelled"
    assert {cover["status"] for cover in answer.json()["covers"]} == {"cancelled"}
    assert client.delete(f"/v1/covers/{number}").json() == answer.json()
    assert client.post("/v1/covers", json=WORDS, headers={"Accept": "image/png"}).status_code == 200


def test_a_client_that_vanishes_gives_its_picture_up(client):
    def order():
        with pytest.raises(httpx2.ReadTimeout):
            client.post("/v1/covers", json=LONG, headers={"Accept": "image/png"}, timeout=0.5)

    impatient = threading.Thread(target=order)
    impatient.start()
    impatient.join()
    number = client.get("/v1/covers", params={"limit": 1}).json()["covers"][0]["id"]
    assert done(client, number)["status"] == "cancelled"


def test_the_same_key_paints_once(client):
    headers = {"Idempotency-Key": "one-of-a-kind"}
    first = client.post("/v1/covers", json=WORDS, headers=headers).json()
    again = client.post("/v1/covers", json=WORDS, headers=headers)
    assert again.json()["id"] == first["id"]
    other = client.post("/v1/covers", json={**WORDS, "album": "Sun"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")


def test_a_key_that_names_nothing_is_refused(client):
    for key in ("", "k" * 201):
        answer = client.post("/v1/covers", json=WORDS, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_a_track_that_is_not_there_is_not_found_and_nothing_is_kept(client):
    before = client.get("/v1/covers", params={"limit": 1}).json()["covers"]
    answer = client.post("/v1/covers", json={**WORDS, "track": "no such track"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), answer.text
    assert client.get("/v1/covers", params={"limit": 1}).json()["covers"] == before


@pytest.mark.parametrize(
    "path", ["/v1/covers", "/v1/covers/0", "/healthz", "/metrics", "/openapi.json", "/no"]
)
def test_no_browser_guesses_or_keeps_what_the_api_answers(client, path):
    headers = client.get(path).headers
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_who_follows_a_request_is_let_go_when_the_service_stops(service, tmp_path):
    app = local_app(str(tmp_path / "root"), service, Settings())
    with hosted(app) as base, httpx2.Client(base_url=base, timeout=60) as own:
        number = own.post("/v1/covers", json={**WORDS, "steps": 1000, "n": 16}).json()["id"]
        with own.stream("GET", f"/v1/covers/{number}/events") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: state"
            app.state.stopping.set()
            assert "event: end" not in list(lines)
        own.delete(f"/v1/covers/{number}")


def test_history_is_newest_first_and_keeps_favourites(client):
    numbers = [
        client.post("/v1/covers", json={**WORDS, "album": f"Album {k}"}).json()["id"] for k in range(3)
    ]
    for number in numbers:
        done(client, number)
    page = client.get("/v1/covers", params={"limit": 2}).json()
    assert [state["id"] for state in page["covers"]] == numbers[:0:-1]
    older = client.get("/v1/covers", params={"limit": 1, "before": page["next"]}).json()
    assert [state["id"] for state in older["covers"]] == numbers[:1]
    heart = f"/v1/covers/{numbers[0]}/images/0/favourite"
    assert client.put(heart).status_code == client.put(heart).status_code == 204
    marked = client.get("/v1/covers", params={"favourites": 1}).json()["covers"]
    assert [(state["id"], state["covers"][0]["favourite"]) for state in marked] == [(numbers[0], True)]
    assert client.delete(heart).status_code == 204
    assert client.get("/v1/covers", params={"favourites": 1}).json()["covers"] == []
    assert client.put(f"/v1/covers/{numbers[0]}/images/9/favourite").status_code == 404


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"json": {"artist": "Mira"}}, 422, "invalid"),
        ({"json": {**WORDS, "stpes": 3}}, 422, "invalid"),
        ({"json": {**WORDS, "steps": 1001}}, 422, "invalid"),
        ({"content": b'{"artist": "\\ud800", "album": "b"}', "headers": JSON}, 422, "invalid"),
        ({"json": {**WORDS, "seed": str(2**64)}}, 422, "invalid"),
        ({"json": {**WORDS, "song": "0" * 64}}, 404, "no_such_song"),
        ({"json": [1]}, 422, "invalid"),
        ({"content": b"{", "headers": JSON}, 400, "bad_request"),
        ({"content": b'{"artist": NaN}', "headers": JSON}, 422, "invalid"),
        ({"content": b"hello"}, 415, "unsupported_media_type"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad_request"),
        ({"data": WORDS, "files": {"cover": ("a.png", b"x")}}, 422, "invalid"),
        ({"data": WORDS, "files": {"audio": ("a.mp3", b"")}}, 422, "empty_file"),
        ({"data": WORDS, "files": {"audio": ("a.mp3", bytes(2**21))}}, 413, "too_large"),
    ],
)
def test_what_cannot_be_met_is_refused_with_a_sentence(client, given, status, code):
    answer = client.post("/v1/covers", **given)
    told = answer.json()["error"]
    assert (answer.status_code, told["code"]) == (status, code), answer.text
    assert len(told["message"]) > 10 and told["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text and "/covergen/" not in answer.text


def test_what_is_no_song_fails_with_a_sentence(client):
    silence = audio.encode_flac(np.zeros(24_000 * 12, np.float32), 24_000)
    answer = client.post("/v1/covers", files=upload(silence), data=WORDS, headers={"Accept": "image/png"})
    assert answer.status_code == 422 and "cannot be used" in answer.json()["error"]["message"]
    state = client.get("/v1/covers", params={"limit": 1}).json()["covers"][0]
    assert state["status"] == "failed" and state["error"] == {
        name: answer.json()["error"][name] for name in ("code", "message")
    }
    for path in ("/v1/listen", "/v1/covers"):
        answer = client.post(path, files=upload(b"no music"), data={"artist": "Mira", "album": "Moonlight"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_format")
    assert client.get("/v1/covers", params={"limit": 1}).json()["covers"][0]["id"] == state["id"]
    assert client.get("/v1/uploads").json()["uploads"][0]["song"] != hashlib.sha256(silence).hexdigest()


@pytest.mark.parametrize(
    "path", ["/v1/covers/..%2f..%2fetc", "/v1/covers/" + "0" * 24, "/nothing", "/web/../app.py"]
)
def test_what_is_not_there_is_not_found(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_without_a_key_nobody_comes_in_and_a_key_sees_its_own_alone(closed):
    assert closed.get("/healthz").status_code == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Key": ""}):
        answer = closed.post("/v1/covers", json=WORDS, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    label, shop = {"Authorization": "Bearer secret-of-the-label"}, {"X-API-Key": "secret-of-the-shop"}
    number = closed.post("/v1/covers", json=WORDS, headers=label).json()["id"]
    assert closed.get(f"/v1/covers/{number}", headers=label).status_code == 200
    assert closed.get(f"/v1/covers/{number}", headers=shop).status_code == 404
    assert closed.get("/v1/covers", headers=shop).json()["covers"] == []


def test_too_much_is_answered_with_the_seconds_to_wait(closed):
    label, shop = {"Authorization": "Bearer secret-of-the-label"}, {"X-API-Key": "secret-of-the-shop"}
    answers = [closed.post("/v1/covers", json=WORDS, headers=label) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 60
    first = closed.post("/v1/covers", json={**LONG, "n": 2}, headers=shop).json()["id"]
    refused = closed.post("/v1/covers", json=WORDS, headers=shop)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_at_once")
    closed.delete(f"/v1/covers/{first}", headers=shop)
    assert closed.post("/v1/covers", json=WORDS, headers=shop).status_code == 202


def test_it_is_ready_when_it_has_painted_and_tells_its_figures(client):
    assert client.get("/readyz").json() == {"status": "ready"}
    told = client.get("/metrics").text
    assert "covergen_covers_total" in told and "covergen_batch_fill_ratio_count" in told


def test_the_description_covers_what_is_there(client):
    told = client.get("/openapi.json").json()
    assert {"/v1/covers", "/v1/covers/{number}/events", "/v1/listen", "/readyz"} <= told["paths"].keys()
    body = told["paths"]["/v1/covers"]["post"]["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"]["properties"]["audio"]
    assert client.get("/docs").status_code == 404
