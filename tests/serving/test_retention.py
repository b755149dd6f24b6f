"""What is kept and for how long: uploads, requests, and what crashes leave."""

import hashlib
import json
import os
import time

import httpx2
import numpy as np
import pytest

from covergen import root_commands
from covergen.errors import RootError
from covergen.serving import retention
from covergen.serving.api_keys import ApiKeys, Key
from covergen.serving.domain import SongFeatures
from covergen.serving.http.routes import Settings
from covergen.serving.problems import Problem
from covergen.serving.queue import Allowance
from covergen.serving.retention import KEEP_ALL, make_room, tidy
from covergen.serving.store import Kept, Store
from covergen.storage.root import Root
from tests.serving.hosting import hosted
from tests.serving.light import WORDS, Listener, Painter, left_behind, light_app

DAY = 86_400
LABEL, SHOP = {"Authorization": "Bearer label-secret"}, {"Authorization": "Bearer shop-secret"}


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path), "label")


def aged(store, place, days):
    then = time.time() - days * DAY
    os.utime(store.at(place), (then, then))


def songs(store, number, *, size=1000):
    """Keep songs, the first the oldest."""
    kept = [store.keep_song(bytes([k + 1]) * size) for k in range(number)]
    for k, name in enumerate(kept):
        aged(store, f"songs/{name}", 1 - k / 100)
    return kept


def there(store):
    return {each.name for each in store.songs()}


def test_a_new_upload_takes_the_place_of_the_oldest_that_nobody_needs(store):
    first, second, third = songs(store, 3)
    store.keep_song_features(SongFeatures(np.ones((1, 2, 3), np.float16), 1.0, None, -9.0, second), "0a")
    left_behind(store, song=first)
    allowed = Allowance(upload_bytes=3500)
    make_room(store, bytes(1000), allowed)
    assert there(store) == {first, third} and store.features() == []
    with pytest.raises(Problem) as refusal:
        make_room(store, bytes(3600), allowed)
    assert (refusal.value.status, refusal.value.code) == (413, "quota_spent")
    with pytest.raises(Problem) as refusal:
        make_room(store, bytes(2600), allowed)
    assert (refusal.value.status, refusal.value.code) == (429, "quota_spent")
    make_room(store, bytes([1]) * 1000, Allowance(upload_bytes=1000))  # it is there already
    assert there(store) == {first, third}


def test_uploads_and_covers_go_after_their_days_but_for_those_in_use_and_favourites(store):
    old, used, young = songs(store, 3)
    aged(store, f"songs/{old}", 31)
    aged(store, f"songs/{used}", 31)
    left_behind(store, song=used)
    requests = [store.accept(store.new_id(), {"order": {}})[0] for _ in range(3)]
    for number in requests[:2]:
        store.keep(number, 0, Kept(b"a picture", "png", {}))
        store.finish(number, {"status": "done"})
    store.mark(requests[1], 0, favourite=True)
    store._clock = lambda: time.time() + 11 * DAY
    allowed = Allowance(cover_days=10)
    assert tidy(store, allowed, dry_run=True) == {"uploads": 1, "requests": 1}
    assert tidy(store, allowed) == {"uploads": 1, "requests": 1}
    assert there(store) == {used, young}
    assert requests[0] not in store.numbers() and set(requests[1:]) < set(store.numbers())
    assert tidy(store, KEEP_ALL) == {}


def broken(root):
    """A store in which crashes and people have left things; the paths of what a sweep removes."""
    store = Store(str(root), "label")
    base = root / "service/label"
    number, _ = store.accept(store.new_id(), {"order": {"n": 2}, "created": "2026-11-30T12:00:00Z"})
    store.keep(number, 0, Kept(b"a picture", "png", {}))
    store.finish(number, {"status": "done"})
    sha256 = store.keep_song(b"a song")
    (base / "songs" / sha256).write_bytes(b"half")
    stale = [
        base / f"requests/{number}/covers/.01.png.{'0a' * 16}", root / f"service/.probe.{'0b' * 16}",
        base / f"heard/{'0' * 64}-0a.safetensors", base / f"favourites/{'0' * 24}-00",
        base / f"keys/{'c' * 64}.json",
    ]  # fmt: skip
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(json.dumps({"id": "0" * 24}).encode())
        os.utime(path, (0, 0))
    empty = base / f"requests/{1:024x}".replace("0" * 20, "f" * 20)
    empty.mkdir()
    (empty / "request.json").write_bytes(b"")
    (base / "desktop.ini").write_bytes(b"")
    (base / "songs/song.mp3").write_bytes(b"")
    return store, [*stale, empty]


def test_a_sweep_of_a_service_removes_what_was_half_done_and_nothing_else(tmp_path):
    store, stale = broken(tmp_path)
    expected = {"service half-written": 2, "service orphans": 4}
    assert root_commands.sweep(str(tmp_path), dry_run=True) == expected
    assert all(path.exists() for path in stale)
    assert root_commands.sweep(str(tmp_path)) == expected
    assert not any(path.exists() for path in stale)
    assert (tmp_path / "service/label/desktop.ini").exists() and len(store.songs()) == len(
        store.numbers()
    ) == 1
    assert root_commands.sweep(str(tmp_path)) == {}
    songs(store, 2)
    assert root_commands.sweep(str(tmp_path), allowance=Allowance(upload_bytes=0)) == {"service uploads": 3}


def test_a_service_is_proved(tmp_path):
    clean = Store(str(tmp_path / "clean"), "label")
    number, _ = clean.accept(clean.new_id(), {"order": {"n": 1}, "created": "2026-11-30T12:00:00Z"})
    clean.keep(number, 0, Kept(b"a picture", "png", {}))
    clean.finish(number, {"status": "done"})
    clean.keep_song(b"a song")
    assert root_commands.verify(str(tmp_path / "clean")) == []
    broken(tmp_path / "broken")
    (tmp_path / "broken/service/label/requests/link").symlink_to("/etc")
    found = sorted(problem.kind for problem in root_commands.verify(str(tmp_path / "broken")))
    assert found == ["checksum", "half-written", "link", "lost", "stray", "stray", "unreadable"]


def test_a_root_may_hold_tables_and_a_service(tmp_path):
    root = Root.create(str(tmp_path))
    broken(tmp_path)
    assert root_commands.verify(root.uri) and set(root_commands.sweep(root.uri)) == {
        "service half-written",
        "service orphans",
    }
    with pytest.raises(RootError, match="is not a covergen root"):
        root_commands.sweep(str(tmp_path / "nothing"))


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def painter():
    return Painter()


@pytest.fixture
def client(tmp_path, listener, painter):
    names = {"label": Allowance(upload_bytes=10**6), "shop": Allowance(per_minute=2)}
    keys = [Key(n, hashlib.sha256(f"{n}-secret".encode()).hexdigest(), a) for n, a in names.items()]
    app = light_app(tmp_path, Settings(api_keys=ApiKeys(keys)), listener=listener, painter=painter)
    with hosted(app) as base, httpx2.Client(base_url=base, timeout=30, headers=LABEL) as client:
        yield client


def upload(song):
    return {"files": {"audio": ("song.flac", song)}, "data": WORDS}


def test_what_is_no_music_or_cannot_be_heard_is_never_kept(client, listener, store, low_song):
    for path in ("/v1/listen", "/v1/covers"):
        answer = client.post(path, **upload(b"no music at all"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_format")
    assert client.get("/v1/covers").json()["covers"] == []
    listener.refused = True
    assert client.post("/v1/listen", **upload(low_song)).json()["error"]["code"] == "silent"
    assert store.songs() == []
    answer = client.post("/v1/covers", **upload(low_song), headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "silent")
    assert store.songs() == []


def test_uploads_are_told_and_removed_by_their_owner_alone(client, store, low_song, high_song, painter):
    for song in (low_song, high_song):
        assert client.post("/v1/listen", **upload(song)).status_code == 200
    told = client.get("/v1/uploads").json()
    assert told["bytes"] == len(low_song) + len(high_song) and told["allowed"] == 10**6
    first = hashlib.sha256(low_song).hexdigest()
    assert {each["song"] for each in told["uploads"]} == there(store) and first in there(store)
    assert client.get("/v1/uploads", headers=SHOP).json()["uploads"] == []
    assert client.delete(f"/v1/uploads/{first}", headers=SHOP).status_code == 404
    painter.held = True
    number = client.post("/v1/covers", json={**WORDS, "song": first}).json()["id"]
    assert client.delete(f"/v1/uploads/{first}").json()["error"]["code"] == "in_use"
    client.delete(f"/v1/covers/{number}")
    assert client.delete(f"/v1/uploads/{first}").status_code == 204
    assert client.delete(f"/v1/uploads/{first}").status_code == 404
    answer = client.post("/v1/covers", json={**WORDS, "song": first})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_song")


def test_a_request_is_removed_with_its_covers_by_its_owner_alone(client, tmp_path, painter):
    number = client.post("/v1/covers", json=WORDS, headers={"Prefer": "wait=20"}).json()["id"]
    client.put(f"/v1/covers/{number}/images/0/favourite")
    one, purge = f"/v1/covers/{number}", {"purge": "true"}
    assert client.delete(one, params=purge, headers=SHOP).status_code == 404
    assert client.delete(one, params=purge).status_code == 204
    assert client.get(one).status_code == client.get(f"{one}/images/0").status_code == 404
    assert client.get("/v1/covers", params={"favourites": 1}).json()["covers"] == []
    painter.held = True
    held = client.post("/v1/covers", json=WORDS).json()["id"]
    assert client.delete(f"/v1/covers/{held}", params=purge).status_code == 204
    assert not [path for path in tmp_path.rglob("*") if held in path.name or number in path.name]


def test_a_keys_limits_count_songs_that_are_heard(client, low_song):
    answers = [client.post("/v1/listen", **upload(low_song), headers=SHOP) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["error"]["code"] == "rate_limited" and answers[-1].headers["retry-after"]
    assert client.post("/v1/covers", json=WORDS, headers=SHOP).status_code == 429


def test_an_upload_beyond_its_keys_bytes_makes_room_or_is_refused(client, store, low_song):
    client.post("/v1/listen", **upload(low_song))
    assert len(there(store)) == 1
    retention.make_room(store, bytes(10**6), Allowance(upload_bytes=10**6))
    assert there(store) == set()
