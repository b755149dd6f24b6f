"""The local YouTube: results pages behind consent, and the Data API with its quotas."""

import json
import urllib.parse
from typing import Any

import httpx2

from tests.sites.running import Running
from tests.sites.youtube import view_texts


def initial_data(page: str) -> dict[str, Any]:
    start = page.index("var ytInitialData = ") + len("var ytInitialData = ")
    return json.JSONDecoder().raw_decode(page[start:])[0]


def test_youtube_results_hold_exact_views_behind_a_consent_page(
    sites: Running, client: httpx2.Client
) -> None:
    album = sites.catalogue()[1]
    song = max(album["songs"], key=lambda song: song["views"])
    asked = {"search_query": f"{album['artist']} {song['title']}", "hl": "en", "gl": "US"}
    first = client.get("/youtube/results", params=asked)
    assert first.status_code == 302
    consent = client.get(first.headers["location"])
    assert "Before you continue" in consent.text
    assert "ytInitialData" not in consent.text
    target = urllib.parse.parse_qs(urllib.parse.urlsplit(first.headers["location"]).query)["continue"][0]
    saved = client.post(
        "/youtube/consent/save", data={"continue": target, "set": "CAI"}, follow_redirects=True
    )
    contents = initial_data(saved.text)["contents"]["twoColumnSearchResultsRenderer"]["primaryContents"]
    [section, _] = contents["sectionListRenderer"]["contents"]
    videos = [v["videoRenderer"] for v in section["itemSectionRenderer"]["contents"] if "videoRenderer" in v]
    views = {video["videoId"]: video["viewCountText"].get("simpleText") for video in videos}
    assert views[song["youtube"]] == f"{song['views']:,} views"
    assert {"No views", "1 view", None} <= set(views.values())


def test_view_texts_read_as_youtube_writes_them() -> None:
    assert view_texts(1_440_528, "en") == ("1,440,528 views", "1.4M views")
    assert view_texts(34_870_972, "en") == ("34,870,972 views", "35M views")
    assert view_texts(1, "en") == ("1 view", "1 view")
    assert view_texts(1_440_528, "de")[0] == "1.440.528 Aufrufe"


def test_youtube_api_counts_its_quotas(sites: Running, client: httpx2.Client) -> None:
    song = sites.catalogue()[0]["songs"][0]
    videos = f"/youtube-api/videos?part=snippet,statistics&id={song['youtube']},missing"
    assert client.get(videos).status_code == 403
    [item] = client.get(f"{videos}&key=any").json()["items"]
    assert item["statistics"]["viewCount"] == str(song["views"])
    assert client.get(f"{videos}&key=bad").status_code == 400
    too_many = ",".join(["a"] * 51)
    assert client.get(f"/youtube-api/videos?part=id&key=any&id={too_many}").status_code == 400
    sites.set(youtube_searches=1)
    search = "/youtube-api/youtube/v3/search?part=snippet&type=video&q=a&key=any"
    assert client.get(search).json()["items"][0]["id"]["videoId"]
    spent = client.get(search)
    assert (spent.status_code, spent.json()["error"]["errors"][0]["reason"]) == (403, "quotaExceeded")
