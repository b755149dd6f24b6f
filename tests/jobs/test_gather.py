"""From a page on the web to rows: asked once, whatever dies, with the local internet of `tests/sites`."""

from pathlib import Path

import pytest

from covergen.errors import BadInput, RejectCode
from covergen.lineage.verify import verify
from covergen.sources.protocol import Found, Rejected
from covergen.storage import rejects, rows
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, ANSWERS, MEDIA, TRACKS
from jobs import scrape
from tests.jobs.conftest import config_for
from tests.sites.running import Running, running

pytestmark = pytest.mark.ray
CONTACT = "somebody@example.org"


@pytest.fixture(scope="module")
def sites():
    with running(albums=4) as started:
        yield started


def asked(sites: Running, prefix: str) -> list[str]:
    return [r["path"] for r in sites.log()["requests"] if r["path"].startswith(prefix)]


def config(root: str | Path, sites: Running, *sources: dict[str, object], **scrape_too: object):
    given = [{"base": sites.base(str(s["name"])), **s} for s in sources]
    return config_for(str(root), scrape={"sources": given, "contact": CONTACT, "actors": 2, **scrape_too})


def test_wikipedia_to_albums_and_no_request_twice(ray_session, sites, tmp_path, monkeypatch):
    sites.reset()
    years = sorted({int(album["released"][:4]) for album in sites.catalogue()})
    wanted = config(tmp_path / "root", sites, {"name": "wikipedia", "years": years})
    scrape.main(wanted)
    root = Root.open(wanted.root)
    found = root.current(ALBUMS).read(["title", "artist", "source", "licence"]).to_pylist()
    truth = {(album["title"], album["artist"]) for album in sites.catalogue()}
    assert {(row["title"], row["artist"]) for row in found} == truth
    assert {(row["source"], row["licence"]) for row in found} == {("wikipedia", "CC-BY-SA-4.0")}
    pages = list(asked(sites, "/wikipedia/wiki/"))
    assert len(pages) == len(set(pages)) == root.current(ANSWERS).count()
    started: list[object] = []
    monkeypatch.setattr("jobs.runtime.entry.join", started.append)
    scrape.main(wanted)
    assert asked(sites, "/wikipedia/wiki/") == pages
    assert started  # what is answered is parsed by Ray all the same, by the Ray of the config


def test_months_that_no_page_lists_are_said_by_the_job(tmp_path, capsys):
    root = Root.create(str(tmp_path / "root"))
    problem = BadInput(RejectCode.NOT_FOUND, "List of 2022 albums lists no albums of July 2022")
    told = [Rejected("answers", "months", problem, in_summary=True), Rejected("answers", "row 3", problem)]
    assert scrape.write_catalogue(root, [Found(rejects=told)], config_for(root.uri), {}) == (0, 0)
    assert set(rejects.latest(root)["key"].to_pylist()) == {"months", "row 3"}
    assert capsys.readouterr().err.count("scrape: List of 2022 albums lists no albums of July 2022") == 1


def test_known_albums_get_songs_previews_and_covers(ray_session, sites, tmp_path):
    sites.reset()
    years = sorted({int(album["released"][:4]) for album in sites.catalogue()})
    wanted = config(
        tmp_path / "root", sites, {"name": "wikipedia", "years": years}, {"name": "deezer"}, cover_pixels=64
    )
    scrape.main(wanted)
    root, albums = Root.open(wanted.root), sites.catalogue()
    media = root.current(MEDIA).read(["owner_id", "kind", "seconds", "width"]).to_pylist()
    assert [row["width"] for row in media if row["kind"] == "cover"] == [64] * len(albums)
    songs = [song for album in albums for song in album["songs"]]
    assert sum(row["kind"] == "audio" for row in media) == len(songs)
    tracks = root.current(TRACKS).read(["title", "isrc", "source", "licence"]).to_pylist()
    assert {track["isrc"] for track in tracks} == {song["isrc"] for song in songs}
    assert {(track["source"], track["licence"]) for track in tracks} == {("deezer", "deezer-terms")}
    keys = rejects.latest(root)["key"].to_pylist()
    told = [key for key in keys if not key.endswith(", months")]  # these pages have few
    assert all("List_of_2021_albums" in key for key in told), keys  # a half of that year may list nothing
    assert verify(root.uri) == []


@pytest.fixture
def new_sites():
    """Sites at an address of which no cache of this machine holds anything."""
    with running(albums=4) as started:
        yield started


def test_no_answer_is_kept_and_a_retry_asks_for_what_could_not_be_read(ray_session, new_sites, tmp_path):
    sites = new_sites
    (year, *_) = sorted({int(album["released"][:4]) for album in sites.catalogue()} - {2021})
    sites.fault(prefix="/wikipedia/wiki", kind="200-error", count=2)
    wanted = config(tmp_path / "root", sites, {"name": "wikipedia", "years": [year, 2021]})
    scrape.main(wanted)
    root = Root.open(wanted.root)
    bodies = root.current(ANSWERS).read(["body"])["body"].to_pylist()
    assert len(bodies) == 3 and all(b"mw-parser-output" in body for body in bodies)
    assert len(asked(sites, "/wikipedia/wiki/")) == 5  # two more than pages: the errors were no answers
    keys = rejects.latest(root)["key"].to_pylist()
    empty = [key for key in keys if "List_of_2021_albums" in key]
    assert empty  # a half without albums: a layout that nobody knows
    before = len(asked(sites, "/wikipedia/wiki/"))
    scrape.main(wanted)
    assert len(asked(sites, "/wikipedia/wiki/")) == before
    scrape.main(wanted.model_copy(update={"retry": ("new_layout",)}))
    again = asked(sites, "/wikipedia/wiki/")[before:]
    assert sorted(f"wikipedia/{sites.address}{path}" for path in again) == sorted(empty)
    assert root.current(ANSWERS).count() == 3


def test_a_page_of_maintenance_that_an_older_version_kept_is_asked_for_again(ray_session, sites, tmp_path):
    sites.reset()
    (year, *_) = sorted({int(album["released"][:4]) for album in sites.catalogue()} - {2021})
    wanted = config(tmp_path / "root", sites, {"name": "wikipedia", "years": [year]})
    scrape.main(wanted)
    root = Root.open(wanted.root)
    answers = root.current(ANSWERS)
    (row,) = answers.read().to_pylist()
    page = {**row, "body": b"<html><title>Maintenance</title></html>"}
    answers.upsert(rows.from_records(ANSWERS, [page]).drop_columns(["checksum"]))
    scrape.main(wanted)
    (after,) = root.current(ANSWERS).read().to_pylist()
    assert b"mw-parser-output" in after["body"] and after["fetched_at"] > row["fetched_at"]


def test_an_address_that_is_none_is_a_reject_of_its_row(ray_session, sites, tmp_path):
    table = tmp_path / "albums.csv"
    table.write_text(
        "artist,album,year,cover_url,preview_url\n"
        "One,First,2001,,https://[cdn]/x.mp3\n"
        "Two,Second,2002,https://[cdn]/cover.jpg,\n"
        f"Three,Third,2003,{'x' * 300},\n"
    )
    wanted = config_for(
        str(tmp_path / "root"),
        scrape={"sources": [{"name": "table", "path": str(table)}], "contact": CONTACT},
    )
    scrape.main(wanted)
    root = Root.open(wanted.root)
    assert root.current(ALBUMS).count() == 3
    found = {row["code"]: row["reason"] for row in rejects.latest(root).to_pylist()}
    assert set(found) == {"bad_address", "unreadable"} and "[cdn]" in found["bad_address"]
