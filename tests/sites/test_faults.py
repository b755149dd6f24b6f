"""The sites fail as they are told to, and tell what they were asked."""

import http.client
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import pytest

from tests.sites.running import Running, running_apart


def test_rates_are_kept_where_they_are_switched_on(sites: Running, client: httpx2.Client) -> None:
    sites.set(rates={"/itunes": [2, 60], "/musicbrainz": [1, 1], "/deezer": [1, 60]})
    answers = [client.get("/itunes/lookup?id=1") for _ in range(3)]
    assert [(a.status_code, a.content == b"") for a in answers] == [(200, False), (200, False), (403, True)]
    query = "/musicbrainz/ws/2/recording?query=isrc:X&fmt=json"
    assert [client.get(query).status_code for _ in range(2)] == [200, 503]
    codes = [client.get("/deezer/album/1").json()["error"]["code"] for _ in range(2)]
    assert codes == [800, 4]


@pytest.mark.parametrize(
    ("prefix", "kind", "status", "said"),
    [
        ("/spotify", "429-seconds", 429, "rate limit"),
        ("/deezer", "429-date", 429, ""),
        ("/musicbrainz", "503", 503, "rate limit"),
        ("/spotify", "expired-token", 401, "expired"),
        ("/deezer", "200-error", 200, '"code": 4'),
        ("/deezer", "quota", 200, '"code": 4'),
        ("/spotify-dev", "quota", 429, "QUOTA_EXCEEDED"),
        ("/youtube-api", "quota", 403, "quotaExceeded"),
        ("/itunes", "quota", 403, ""),
    ],
)
def test_faults_read_as_the_service_words_them(
    sites: Running, client: httpx2.Client, prefix: str, kind: str, status: int, said: str
) -> None:
    sites.fault(prefix, kind, retry_after=7)
    answer = client.get(f"{prefix}/anything")
    assert answer.status_code == status
    assert said in answer.text
    if kind == "429-seconds":
        assert answer.headers["retry-after"] == "7"
    if kind == "429-date":
        wait = parsedate_to_datetime(answer.headers["retry-after"]) - datetime.now(UTC)
        assert 5 < wait.total_seconds() <= 7
    sites.no_faults()
    assert client.get(f"{prefix}/anything").status_code in {401, 404}


def test_faults_on_the_wire(sites: Running, client: httpx2.Client) -> None:
    page = "/wikipedia/wiki/1980_in_music"
    whole = client.get(page).content
    sites.fault("/wikipedia", "reset", count=1)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        client.get(page)
    sites.fault("/wikipedia", "truncate", count=1)
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending complete"):
        client.get(page)
    sites.fault("/wikipedia", "slow-body", count=1, seconds=0.4)
    start = time.monotonic()
    assert client.get(page).content == whole
    assert time.monotonic() - start >= 0.4
    log = sites.log()["requests"]
    assert [(entry["status"], entry["fault"]) for entry in log] == [
        (200, None), (None, "reset"), (200, "truncate"), (200, "slow-body"),
    ]  # fmt: skip


def test_a_reset_is_one(sites: Running) -> None:
    sites.fault("/media", "reset")
    line = http.client.HTTPConnection(sites.address.removeprefix("http://"), timeout=5)
    line.request("GET", "/media/cover/a/64.jpg")
    with pytest.raises(ConnectionResetError) as raised:
        line.getresponse()
    assert raised.type is ConnectionResetError  # not merely closed
    line.close()


def test_a_share_of_faults_is_drawn_by_seed_and_number(sites: Running, client: httpx2.Client) -> None:
    def failures(seed: int) -> list[int]:
        sites.reset()
        sites.fault("/deezer", "503", share=0.3, seed=seed)
        return [number for number in range(60) if client.get("/deezer/genre").status_code == 503]

    first = failures(1)
    assert first == failures(1)
    assert first != failures(2)
    assert 8 <= len(first) <= 28


def test_a_fault_stops_after_its_count_and_stays_under_its_prefix(
    sites: Running, client: httpx2.Client
) -> None:
    sites.fault("/spotify", "503", count=2)
    assert client.get("/spotify-dev/v1/search").status_code == 401
    assert [client.get("/spotify/v1/search").status_code for _ in range(3)] == [503, 503, 401]
    assert client.post("/_faults", json={"prefix": "/spotify", "kind": "none"}).status_code == 400
    assert client.post("/_settings", json={"unknown": 1}).status_code == 400


def test_the_log_counts_every_request_in_order(sites: Running, client: httpx2.Client) -> None:
    before = time.time()
    for path in ("/deezer/genre", "/itunes/lookup?id=1", "/deezer/genre", "/robots.txt"):
        client.get(path)
    log = sites.log()
    assert log["counts"] == {"/deezer/genre": 2, "/itunes/lookup?id=1": 1, "/robots.txt": 1}
    assert log["prefixes"]["/deezer"] == 2
    times = [entry["time"] for entry in log["requests"]]
    assert before <= times[0]
    assert times == sorted(times)
    assert [entry["status"] for entry in log["requests"]] == [200] * 4
    client.delete("/_log")
    assert sites.log()["requests"] == []


def test_latency_is_settable(sites: Running, client: httpx2.Client) -> None:
    sites.set(latency={"/deezer": 0.2})
    start = time.monotonic()
    client.get("/deezer/genre")
    assert time.monotonic() - start >= 0.2


def test_the_sites_run_in_a_process_of_their_own() -> None:
    with running_apart(albums=2, latency={"/deezer": 0.01}) as apart:
        assert len(apart.catalogue()) == 2
        assert httpx2.get(f"{apart.base('deezer')}/genre", trust_env=False).json()["data"]
        assert apart.log()["counts"] == {"/deezer/genre": 1}
