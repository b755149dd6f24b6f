"""A root that takes nothing more: all are answered, nothing is hidden, and with room again all goes on."""

import errno
import json
import os
import shutil
import time
from pathlib import Path

import httpx2
import pytest

from covergen.serving import queue
from covergen.serving.retention import verify
from covergen.serving.store import Store
from covergen.storage import objects
from tests.serving.hosting import hosted
from tests.serving.light import WORDS, Listener, Painter, light_app

PICTURE = {"Accept": "image/png"}


@pytest.fixture
def parts():
    return {"listener": Listener(), "painter": Painter()}


@pytest.fixture
def client(tmp_path, parts):
    with hosted(light_app(tmp_path, **parts)) as base, httpx2.Client(base_url=base, timeout=30) as client:
        yield client


@pytest.fixture
def disk(monkeypatch):
    """Call it to make every write fail, or those of some files; call it with nothing to mend it."""
    flush = os.fsync

    def breaks(number=None, names=""):
        def fsync(descriptor):
            if number is not None and names in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
                raise OSError(number, os.strerror(number))
            flush(descriptor)

        monkeypatch.setattr(objects.os, "fsync", fsync)

    return breaks


def finished(client, number):
    until = time.monotonic() + 20
    while not (state := client.get(f"/v1/covers/{number}").json())["finished"]:
        assert time.monotonic() < until, state
        time.sleep(0.02)
    return state


@pytest.mark.parametrize(
    ("number", "status", "code"), [(errno.ENOSPC, 507, "no_room"), (errno.EROFS, 503, "read_only")]
)
def test_orders_songs_and_probes_are_answered_with_a_sentence_until_there_is_room(
    client, disk, tmp_path, high_song, number, status, code
):
    done = client.post("/v1/covers", json=WORDS, headers={"Prefer": "wait=20"}).json()["id"]
    assert client.get("/readyz").status_code == 200
    disk(number)
    song = {"files": {"audio": ("song.flac", high_song)}, "data": WORDS}
    for answer in (
        client.get("/readyz"), client.post("/v1/covers", json=WORDS), client.post("/v1/covers", **song),
        client.post("/v1/covers", json=WORDS, headers=PICTURE), client.post("/v1/listen", **song),
        client.put(f"/v1/covers/{done}/images/0/favourite"),
    ):  # fmt: skip
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code), answer.text
        assert len(error["message"]) > 20 and str(tmp_path) not in answer.text
        assert answer.headers["retry-after"] == "60"
    assert [each["id"] for each in client.get("/v1/covers").json()["covers"]] == [done]
    disk()
    assert client.get("/readyz").status_code == 200
    assert client.post("/v1/covers", json=WORDS, headers=PICTURE).status_code == 200
    assert len(client.get("/v1/covers").json()["covers"]) == 2
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("names", ["/covers/", "finished.json"])
def test_what_was_accepted_before_the_disk_was_full_is_finished_when_there_is_room(
    client, disk, names, monkeypatch
):
    disk(errno.ENOSPC, names)
    answer = client.post("/v1/covers", json=WORDS, headers=PICTURE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "no_room")
    told = client.post("/v1/covers", json=WORDS, headers={"Prefer": "wait=20"}).json()
    assert (told["status"], told["error"]["code"]) == ("failed", "no_room")
    disk()
    monkeypatch.setattr(queue, "REMEMBERED", -1.0)  # later
    assert finished(client, told["id"])["status"] == "done"


def test_what_is_given_up_while_the_disk_is_full_is_not_painted_later(
    client, disk, parts, monkeypatch, tmp_path
):
    parts["painter"].held = True
    number = client.post("/v1/covers", json=WORDS).json()["id"]
    disk(errno.ENOSPC)
    assert client.delete(f"/v1/covers/{number}").json()["status"] == "cancelled"
    disk()
    monkeypatch.setattr(queue, "REMEMBERED", -1.0)  # later
    assert finished(client, number)["status"] == "cancelled"
    assert Store(str(tmp_path), "everybody").ended(number)["status"] == "cancelled"
    assert parts["painter"].painted == []


def test_little_room_is_kept_free_so_that_what_is_accepted_can_be_finished(client, monkeypatch):
    monkeypatch.setattr(objects, "free_bytes", lambda _: 2**20)
    assert client.get("/readyz").status_code == client.post("/v1/covers", json=WORDS).status_code == 507


def test_history_is_full_pages_whatever_lies_between(client, tmp_path):
    numbers = [client.post("/v1/covers", json={**WORDS, "album": str(k)}).json()["id"] for k in range(5)]
    requests = tmp_path / "service/everybody/requests"
    for k in range(40):  # as a full disk left them
        folder = requests / f"{k:024x}"
        folder.mkdir()
        if k % 2:
            (folder / "request.json").write_bytes(b"" if k % 4 == 1 else b'{"order": 7}')
    first = client.get("/v1/covers", params={"limit": 3}).json()
    second = client.get("/v1/covers", params={"limit": 3, "before": first["next"]}).json()
    told = [state["id"] for state in first["covers"] + second["covers"]]
    assert told == numbers[::-1] and second["next"] is None
    assert client.get(f"/v1/covers/{1:024x}").status_code == 404


def covers_of(client, base):
    number = client.post("/v1/covers", json=WORDS, headers={"Prefer": "wait=20"}).json()["id"]
    return number, base / f"service/everybody/requests/{number}"


def _linked(folder):
    shutil.move(folder / "covers", elsewhere := folder.parent.parent.parent.parent / "elsewhere")
    (folder / "covers").symlink_to(elsewhere)


def _a_file(folder):
    shutil.rmtree(folder / "covers")
    (folder / "covers").write_bytes(b"")


def _a_pipe(folder):
    (folder / "request.json").unlink()
    os.mkfifo(folder / "request.json")


def _told(name, **facts):
    def change(folder):
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_bytes()) | facts))

    return change


@pytest.mark.parametrize(
    "change",
    [
        _linked,
        _a_file,
        _a_pipe,
        _told("covers/00.json", format=["png"]),
        _told("covers/00.json", parameters=[1]),
        _told("covers/00.json", seconds="long"),
        _told("request.json", created=7),
        _told("request.json", order={"n": "x"}),
        _told("request.json", order={"n": 1_000_000}),
        _told("finished.json", status=["done"]),
        _told("finished.json", error="none"),
    ],
)
def test_one_request_that_somebody_changed_hides_no_other(client, tmp_path, change):
    whole, _ = covers_of(client, tmp_path)
    changed, folder = covers_of(client, tmp_path)
    change(folder)
    told = client.get("/v1/covers")
    assert told.status_code == 200
    assert whole in [state["id"] for state in told.json()["covers"]]
    assert client.get(f"/v1/covers/{changed}").status_code in {200, 404}
    assert not any(whole in sentence for _, sentence in verify(str(tmp_path)))


def test_favourites_that_are_a_file_hide_nothing(client, tmp_path):
    number, _ = covers_of(client, tmp_path)
    (tmp_path / "service/everybody/favourites").write_bytes(b"")
    assert [state["id"] for state in client.get("/v1/covers").json()["covers"]] == [number]


def test_a_picture_that_is_a_link_is_not_served(client, tmp_path):
    number = client.post("/v1/covers", json=WORDS, headers={"Prefer": "wait=20"}).json()["id"]
    picture = tmp_path / f"service/everybody/requests/{number}/covers/00.png"
    picture.unlink()
    picture.symlink_to("/etc/passwd")
    answer = client.get(f"/v1/covers/{number}/images/0")
    assert answer.status_code == 404 and b"root" not in answer.content
    assert Store(str(tmp_path), "everybody").ended(number)["status"] == "done"
