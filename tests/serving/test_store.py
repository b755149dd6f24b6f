import re
import threading
from collections import Counter

import numpy as np
import pytest

from covergen.serving.domain import SongFeatures
from covergen.serving.store import Kept, Store, owners
from covergen.storage import objects

ID = "0a" * 12
PICTURE = Kept(b"a picture", "png", {"seed": "1"})


@pytest.fixture
def store(root_uri):
    moments = iter(range(1, 1000))
    return Store(root_uri, "label", clock=lambda: next(moments))


def test_the_first_of_many_creates_a_file(root_uri):
    won = Counter()

    def race(number):
        won[objects.create(f"{root_uri}/service/one", str(number).encode())] += 1

    racers = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert won == {True: 1, False: 7}
    assert objects.children(f"{root_uri}/service") == ["one"]


def test_a_request_is_kept_and_found_by_its_owner_alone(store, root_uri):
    number, kept = store.accept(store.new_id(), {"artist": "Mira"})
    assert kept == {"artist": "Mira"} == store.request(number)
    assert Store(root_uri, "another").request(number) is None


def test_an_idempotency_key_stands_for_one_request(store, root_uri):
    first, _ = store.accept(store.new_id(), {"artist": "Mira"}, key="abc")
    again, kept = store.accept(store.new_id(), {"artist": "Other"}, key="abc")
    assert (again, kept) == (first, {"artist": "Mira"})
    assert store.accept(store.new_id(), {"artist": "Other"}, key="def")[0] != first
    assert Store(root_uri, "another").accept("ff", {"artist": "Other"}, key="abc")[0] != first


def test_a_key_whose_request_was_never_kept_takes_it_now(store):
    assert store.known("abc") is None
    store._create("keys/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.json", {"id": "0a"})
    assert store.known("abc") is None
    assert store.accept(store.new_id(), {"artist": "Mira"}, key="abc") == ("0a", {"artist": "Mira"})
    assert store.known("abc") == ("0a", {"artist": "Mira"})


@pytest.mark.parametrize("jump", [-3600.0, -1e9, 1e9, 2.0**60])
def test_a_clock_that_jumps_changes_no_order(root_uri, jump):
    now = [1.7e9]
    made = []
    for at in (0.0, jump, jump, 0.0, 1.0):
        store = Store(root_uri, "label", clock=lambda: now[0])
        for moved in (at, 0.0):
            now[0] = 1.7e9 + moved
            made.append(store.accept(store.new_id(), {})[0])
    assert all(re.fullmatch("[0-9a-f]{24}", number) for number in made)
    told, more = store.history(limit=100)
    assert more is None and (told == made[::-1] or jump == 2.0**60)


def test_the_newest_come_first_page_by_page(store):
    made = [store.accept(store.new_id(), {"artist": str(k)})[0] for k in range(5)]
    first, more = store.history(limit=2)
    second, more = store.history(limit=2, before=more)
    third, more = store.history(limit=2, before=more)
    assert first + second + third == made[::-1]
    assert more is None


def test_no_cover_stands_twice_and_the_first_stays(store):
    number, _ = store.accept(store.new_id(), {})
    store.keep(number, 3, PICTURE)
    store.keep(number, 3, Kept(b"another", "png", {"seed": "2"}))
    assert store.covers(number) == {3: {"seed": "1", "format": "png"}}
    assert store.cover(number, 3).image == b"a picture"
    assert store.cover(number, 4) is None
    assert store.finish(number, {"status": "done"})
    assert not store.finish(number, {"status": "failed"})
    assert store.ended(number) == {"status": "done"}


def test_favourites_come_and_go(store):
    number, _ = store.accept(store.new_id(), {})
    store.mark(number, 2, favourite=True)
    store.mark(number, 2, favourite=True)
    assert store.favourites() == {(number, 2)}
    store.mark(number, 2, favourite=False)
    store.mark(number, 2, favourite=False)
    assert store.favourites() == set()


def test_what_is_being_written_is_not_seen(tmp_path):
    store = Store(str(tmp_path), "label")
    for folder in ("favourites", "requests", f"requests/{ID}/covers"):
        place = tmp_path / "service/label" / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / f".{'f' * 24}-00.json.0123abcd").write_bytes(b"")
    assert store.favourites() == set()
    assert store.covers(ID) == {}
    assert store.history(limit=9) == ([ID], None)


def test_songs_and_what_was_heard_are_kept(store):
    sha256 = store.keep_song(b"a song")
    assert store.has_song(sha256) and store.song(sha256) == b"a song"
    heard = SongFeatures(np.ones((1, 2, 3), np.float16), 10.0, None, -12.5, sha256)
    assert store.song_features(sha256, "logmel") is None
    store.keep_song_features(heard, "logmel")
    again = store.song_features(sha256, "logmel")
    assert np.array_equal(again.frames, heard.frames) and again.frames.dtype == np.float16
    assert (again.seconds, again.song_seconds, again.loudness) == (10.0, None, -12.5)


def test_a_stray_or_half_file_hides_nothing_and_is_told_once(tmp_path, caplog):
    moments = iter(range(1, 1000))
    store = Store(str(tmp_path), "label", clock=lambda: next(moments))
    number, _ = store.accept(store.new_id(), {"order": {"n": 2}})
    store.keep(number, 0, PICTURE)
    store.mark(number, 0, favourite=True)
    base = tmp_path / "service/label"
    for stray in (
        "favourites/junk", "favourites/folder/x", f"requests/{number}/covers/desktop.json", "songs/junk",
        f"requests/{number}/covers/01.json", f"requests/{ID}/request.json", "requests/desktop.ini",
    ):  # fmt: skip
        (base / stray).parent.mkdir(parents=True, exist_ok=True)
        (base / stray).write_bytes(b"")
    (base / f"requests/{number}/covers/02.json").write_bytes(b'{"format": "pn')
    (base / f"requests/{number}/covers/03.json").write_bytes(b'["png"]')
    for _ in range(2):
        assert store.favourites() == {(number, 0)}
        assert list(store.covers(number)) == [0]
        assert store.cover(number, 1) is store.cover(number, 2) is store.cover(number, 3) is None
        assert store.request(ID) is None and store.songs() == []
        assert number in store.history(limit=9)[0]
    said = [record.getMessage() for record in caplog.records if "covers/02.json" in record.getMessage()]
    assert len(said) == 1


def test_what_is_not_whole_is_written_anew(tmp_path):
    store = Store(str(tmp_path), "label")
    number, _ = store.accept(store.new_id(), {"order": {}})
    folder = tmp_path / "service/label/requests" / number
    (folder / "finished.json").write_bytes(b"")
    assert store.ended(number) is None
    assert store.finish(number, {"status": "done"}) and store.ended(number) == {"status": "done"}
    (folder / "covers").mkdir()
    (folder / "covers/00.png").write_bytes(b"")
    assert store.cover(number, 0) is None
    store.keep(number, 0, PICTURE)
    assert store.cover(number, 0).image == b"a picture"
    sha256 = store.keep_song(b"a song")
    (tmp_path / "service/label/songs" / sha256).write_bytes(b"a so")
    assert store.song(sha256) is None
    store.keep_song(b"a song")
    assert store.song(sha256) == b"a song"
    store.keep_song_features(SongFeatures(np.ones((1, 2, 3), np.float16), 10.0, None, -12.5, sha256), "0a")
    (tmp_path / f"service/label/heard/{sha256}-0a.safetensors").write_bytes(b"half")
    assert store.song_features(sha256, "0a") is None


def test_a_linked_file_is_neither_served_nor_removed(tmp_path):
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("mine")
    store = Store(str(tmp_path / "root"), "label")
    number, _ = store.accept(store.new_id(), {"order": {}})
    store.keep(number, 0, PICTURE)
    folder = tmp_path / "root/service/label/requests" / number
    (folder / "covers/00.png").unlink()
    (folder / "covers/00.png").symlink_to(thesis)
    (folder / "finished.json").symlink_to(thesis)
    assert store.cover(number, 0) is None and store.covers(number) == {} and store.ended(number) is None
    (folder / "finished.json").unlink()
    store.forget(number)
    assert thesis.read_text() == "mine" and store.history(limit=9) == ([], None)


def test_an_owner_that_is_a_link_is_refused(tmp_path):
    Store(str(tmp_path), "shop").accept(ID, {"order": {}})
    (tmp_path / "service/label").symlink_to(tmp_path / "service/shop")
    assert Store(str(tmp_path), "label").request(ID) is None and owners(str(tmp_path)) == ["shop"]


def test_open_requests_are_told_the_oldest_first(store):
    made = [store.accept(store.new_id(), {"order": {}})[0] for _ in range(4)]
    store.finish(made[1], {"status": "done"})
    assert store.left() == [made[0], made[2], made[3]]
    store.take(made[0], 1)
    store.take(made[0], 2)
    assert store.taken() == {made[0]: 2}
    store.forget(made[0])
    assert store.left() == made[2:] and store.taken() == {}


def test_a_store_that_is_older_than_its_index_is_looked_through_once(store):
    old = [store.accept(store.new_id(), {"order": {}})[0] for _ in range(3)]
    store.finish(old[0], {"status": "done"})
    objects.delete_folder(store.at("open"))
    assert store.left() == old[1:]
    objects.delete(store.at(f"open/{old[2]}"))
    assert Store(store.root, "label").left() == old[1:2]


def test_what_was_announced_and_never_kept_is_dismissed_in_time(store):
    number = store.new_id()
    store._create(f"open/{number}", {})
    store.dismiss(number)
    assert store.left() == [number]
    store._clock = lambda: 1e6
    store.dismiss(number)
    assert store.left() == []
