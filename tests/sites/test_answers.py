"""The local internet answers as the real services do, one album under all their names."""

import json
import urllib.parse

import httpx2
import pytest
import yaml

from covergen.media import audio, images
from tests.sites.__main__ import snippet
from tests.sites.app import sites as served
from tests.sites.catalogue import SLOTS, Catalogue
from tests.sites.ids import upc
from tests.sites.running import Running
from tests.sites.world import World


def test_the_catalogue_is_the_same_for_a_seed_and_fills_every_page() -> None:
    assert Catalogue(24, 0).sold == Catalogue(24, 0).sold
    assert Catalogue(24, 1).sold != Catalogue(24, 0).sold
    assert len(set(SLOTS)) == len(SLOTS) == 46
    full = Catalogue(92)
    assert {r.released.year for r in full.records} == set(range(1980, 2025))
    assert all(full.of(year, half) for year, half in SLOTS)
    codes = [song.isrc for _, song in full.songs] + [r.upc for r in full.sold]
    assert len(set(codes)) == len(codes)
    assert upc("03600029145") == "036000291452"  # the worked example of GS1


def test_an_album_can_be_followed_from_its_page_to_its_sound_and_cover(
    sites: Running, client: httpx2.Client
) -> None:
    wanted = sites.catalogue()[3]
    page = client.get(f"/wikipedia/wiki/{urllib.parse.quote(wanted['page'].replace(' ', '_'))}")
    assert wanted["title"] in page.text
    assert wanted["artist"] in page.text
    query = f'artist:"{wanted["artist"]}" album:"{wanted["title"]}"'
    hits = client.get("/deezer/search/album", params={"q": query}).json()["data"]
    assert [hit["id"] for hit in hits] == [wanted["deezer"]]
    album = client.get(f"/deezer/album/{hits[0]['id']}").json()
    assert album["release_date"] == wanted["released"]
    sound = client.get(album["tracks"]["data"][0]["preview"])
    assert sound.headers["content-type"] == "audio/mpeg"
    assert audio.decode(sound.content, 24_000).seconds == pytest.approx(12, abs=0.2)
    cover = client.get(album["cover_xl"])
    assert images.decode(cover.content).shape == (1000, 1000, 3)


def test_wikipedia_has_both_layouts_and_2021_in_two_pages(sites: Running, client: httpx2.Client) -> None:
    old = client.get("/wikipedia/wiki/1980_in_music").text
    assert 'id="Albums_released"' in old
    assert "<th>Album</th><th>Artist</th>" in old
    first = client.get(f"/wikipedia/wiki/{urllib.parse.quote('List_of_2021_albums_(January–June)')}").text
    assert "plainrowheaders" in first
    assert '<th scope="col">Artist</th><th scope="col">Album</th>' in first
    whole = client.get("/wikipedia/wiki/List_of_2021_albums").text
    assert "wikitable" not in whole
    assert "January%E2%80%93June" in whole
    assert "wikitable" not in client.get("/wikipedia/wiki/2005_in_music").text
    assert client.get("/wikipedia/wiki/1900_in_music").status_code == 404
    for page in (old, first):
        revision = page.split('"wgRevisionId":')[1].split(",")[0]
        assert f"oldid={revision}" in page


def test_every_album_stands_on_one_page_of_wikipedia(sites: Running, client: httpx2.Client) -> None:
    for album in sites.catalogue():
        page = client.get(f"/wikipedia/wiki/{album['page'].replace(' ', '_')}").text
        assert f">{album['title']}</a></i>" in page
        assert "Karaoke" not in page


def test_agents_without_a_contact_are_refused(client: httpx2.Client) -> None:
    page = "/wikipedia/wiki/1980_in_music"
    assert client.get(page, headers={"User-Agent": "python-httpx/0.28"}).status_code == 403
    assert client.get(page).status_code == 200
    release = "/musicbrainz/ws/2/release?query=barcode:1&fmt=json"
    assert client.get(release, headers={"User-Agent": "covergen/1.0"}).status_code == 403
    assert client.get(release).json()["releases"] == []


def test_an_etag_saves_the_body(sites: Running, client: httpx2.Client) -> None:
    album = sites.catalogue()[0]
    for path in (
        "/wikipedia/wiki/1980_in_music",
        f"/musicbrainz/ws/2/release/{album['musicbrainz']}?fmt=json",
        f"/itunes/lookup?id={album['itunes']}&entity=song",
        f"/media/cover/{album['key']}/64.jpg",
    ):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b""), path


def test_robots_forbid_the_results_pages_and_little_else(client: httpx2.Client) -> None:
    from protego import Protego

    rules = Protego.parse(client.get("/robots.txt").text)
    asked = {
        "/youtube/results?search_query=a": False,
        "/wikipedia/wiki/1980_in_music": True,
        "/wikipedia/w/index.php": False,
        "/deezer/album/1": True,
    }
    assert {path: rules.can_fetch(path, "covergen") for path in asked} == asked


def test_deezer_tells_errors_in_200_and_signs_previews(sites: Running, client: httpx2.Client) -> None:
    album = sites.catalogue()[0]
    missing = client.get("/deezer/album/1")
    assert (missing.status_code, missing.json()["error"]["code"]) == (200, 800)
    by_code = client.get(f"/deezer/album/upc:{album['upc'].lstrip('0')}").json()
    assert by_code["genres"]["data"][0]["name"]
    song = client.get(f"/deezer/track/isrc:{album['songs'][0]['isrc']}").json()
    assert song["title"] == album["songs"][0]["title"]
    assert song["rank"] == album["songs"][0]["popularity"] * 10_000
    sites.set(preview_seconds=-1)
    expired = client.get(f"/deezer/track/{song['id']}").json()["preview"]
    assert client.get(expired).status_code == 403
    assert client.get(song["preview"]).status_code == 200
    assert client.get(song["preview"].replace("sig=", "sig=0")).status_code == 403


def test_searches_show_the_karaoke_version_first(sites: Running, client: httpx2.Client) -> None:
    album = sites.catalogue()[0]
    words = f"{album['artist']} {album['title']}"
    hits = client.get("/deezer/search/album", params={"q": words}).json()["data"]
    assert "Karaoke" in hits[0]["title"]
    assert hits[-1]["id"] == album["deezer"]
    results = client.get("/itunes/search", params={"term": words, "entity": "album"}).json()["results"]
    assert results[-1]["collectionId"] == album["itunes"]


def test_itunes_tells_a_whole_album_in_one_lookup(sites: Running, client: httpx2.Client) -> None:
    album = sites.catalogue()[1]
    answer = client.get(f"/itunes/lookup?upc={album['upc']}&entity=song")
    assert answer.headers["content-type"].startswith("text/javascript")
    collection, *songs = json.loads(answer.text)["results"]
    assert collection["primaryGenreName"]
    assert [song["trackName"] for song in songs] == [song["title"] for song in album["songs"]]
    sound = client.get(songs[0]["previewUrl"])
    assert audio.decode(sound.content, 24_000).seconds == pytest.approx(12, abs=0.2)
    art = collection["artworkUrl100"].replace("100x100bb", "600x600bb")
    assert images.decode(client.get(art).content).shape == (600, 600, 3)


def test_musicbrainz_and_the_cover_archive(sites: Running, client: httpx2.Client) -> None:
    album = sites.catalogue()[2]
    base = "/musicbrainz/ws/2"
    query = {"query": f'artist:"{album["artist"]}" AND release:"{album["title"]}"', "fmt": "json"}
    [hit] = client.get(f"{base}/release", params=query).json()["releases"]
    included = "?inc=recordings+isrcs+genres+labels+release-groups+artist-credits&fmt=json"
    release = client.get(f"{base}/release/{hit['id']}{included}").json()
    tracks = release["media"][0]["tracks"]
    assert [t["recording"]["isrcs"] for t in tracks] == [[song["isrc"]] for song in album["songs"]]
    assert release["release-group"]["genres"][0] | {"id": ""} == {
        "id": "", "name": album["genre"], "count": 7, "disambiguation": "",
    }  # fmt: skip
    cover = client.get(f"/coverart/release/{hit['id']}/front-500", follow_redirects=True)
    assert images.decode(cover.content).shape == (500, 500, 3)
    assert client.get(f"/coverart/release/{hit['id']}").json()["images"][0]["front"] is True
    assert client.get("/coverart/release/none/front").status_code == 404


def test_a_picture_may_forbid_to_learn_from_it(sites: Running, client: httpx2.Client) -> None:
    key = sites.catalogue()[0]["key"]
    assert "x-robots-tag" not in client.get(f"/media/cover/{key}/64.jpg").headers
    assert "noai" in client.get(f"/media/noai/cover/{key}/64.jpg").headers["x-robots-tag"]


def test_the_config_that_is_printed_names_every_base(sites: Running, client: httpx2.Client) -> None:
    printed = snippet(World(24), sites.address)
    sources = yaml.safe_load(printed.split("In a config:")[1])["scrape"]["sources"]
    named = {source["name"] for source in sources}
    assert {"wikipedia", "deezer", "itunes", "musicbrainz", "spotify", "youtube"} <= named
    years = {int(album["released"][:4]) for album in sites.catalogue()}
    assert set(sources[0]["years"]) == years
    prefixes = {urllib.parse.urlsplit(source["base"]).path.split("/")[1] for source in sources}
    assert {f"/{prefix}" for prefix in prefixes} < set(served(World(1)))
