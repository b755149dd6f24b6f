"""Names and sites: what browsers send for others is refused, everything else comes in."""

import asyncio

import httpx2
import pytest

from covergen.serving.http.routes import Settings
from covergen.serving.http.same_origin import SameOrigin
from covergen.serving.http.server import local_app
from covergen.serving.problems import Problem
from covergen.serving.service import CoverService
from jobs.runtime.service_config import Serve
from tests.serving.hosting import hosted

WORDS = {"artist": "Mira", "album": "Moonlight"}
OWN = "127.0.0.1:8000"


def refused(headers, *, method="POST", hosts=(), origins=(), version="1.1"):
    """The code that a request is refused with, or None."""

    async def app(*_):
        pass

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "http_version": version, "headers": raw}
    try:
        asyncio.run(SameOrigin(app, hosts=hosts, origins=origins)(scope, None, None))
    except Problem as problem:
        return problem.status
    return None


@pytest.mark.parametrize(
    "host", [OWN, "localhost", "LOCALHOST:80", "[::1]:8000", "192.168.1.5:8000", "10.0.0.1"]
)
def test_loopback_and_addresses_are_known(host):
    assert refused([("Host", host)]) is None


@pytest.mark.parametrize(
    "host", ["rebound.example", "rebound.example:8000", "localhost.rebound.example", "127.0.0.1.nip.io"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_other_names_are_not(host, method):
    assert refused([("Host", host), ("Sec-Fetch-Site", "same-origin")], method=method) == 421


@pytest.mark.parametrize(
    "hosts", [[], ["a", "b"], [""], ["a b"], ["[::1"], ["localhost@evil"], ["localhost:x"]]
)
def test_a_request_names_one_host(hosts):
    assert refused([("Host", host) for host in hosts]) == 400


def test_a_client_older_than_host_comes_in():
    assert refused([], version="1.0") is None


def test_names_can_be_added_for_one_port_or_for_all():
    named = ["covers.example", "Studio.lan:8443"]
    for host in ("covers.example", "covers.example:444", "covers.example.", "studio.lan:8443"):
        assert refused([("Host", host)], hosts=named) is None
    for host in ("studio.lan", "studio.lan:80", "covers.example.org"):
        assert refused([("Host", host)], hosts=named) == 421


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
        [("Sec-Fetch-Site", "same-site"), ("Origin", "http://127.0.0.1:3000")],
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")],
        [("Origin", "https://evil.example")],
        [("Origin", "http://127.0.0.1:3000")],
        [("Origin", "null")],
        [("Origin", "http://[")],
    ],
)
def test_pages_of_other_sites_are_refused(method, headers):
    assert refused([("Host", OWN), *headers], method=method) == 403


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Origin", f"http://{OWN}")],
        [("Origin", f"http://{OWN}"), ("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "none")],
    ],
)
def test_the_page_itself_and_what_is_no_browser_come_in(headers):
    assert refused([("Host", OWN), *headers]) is None


def test_a_link_from_another_site_can_be_followed_but_not_posted():
    link = [
        ("Host", OWN),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ]
    assert refused(link, method="GET") is None and refused(link) == 403


def test_sites_that_are_named_may_call_and_a_proxy_may_have_another_name():
    other = [("Host", OWN), ("Origin", "https://label.example"), ("Sec-Fetch-Site", "cross-site")]
    assert refused(other) == 403 and refused(other, origins=["https://label.example"]) is None
    through = [("Host", OWN), ("Origin", "https://covers.example")]
    assert refused(through) == 403 and refused(through, hosts=["covers.example"]) is None
    assert refused([("Host", OWN), ("Origin", "https://covers.example:444")], hosts=["covers.example"]) == 403


def test_the_config_names_them():
    settings = Serve(hosts=("covers.example",), host="localhost").settings()
    assert settings.hosts == ("covers.example", "localhost")


def test_the_service_refuses_them_with_a_sentence_and_keeps_nothing(tmp_path):
    app = local_app(str(tmp_path / "root"), CoverService(), Settings())
    with hosted(app) as base, httpx2.Client(base_url=base) as client:
        answer = client.get("/v1/covers", headers={"Host": "rebound.example"})
        told = answer.json()["error"]
        assert (answer.status_code, told["code"]) == (421, "unknown_host") and "--host-name" in told[
            "message"
        ]
        assert told["request_id"] == answer.headers["x-request-id"]
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = client.post(
                "/v1/covers", files={"audio": ("a.mp3", b"x" * 2**16)}, data=WORDS, headers=headers
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_site")
            assert client.get("/v1/covers", headers=headers).status_code == 403
        assert client.get("/v1/covers").json()["covers"] == []
    assert not (tmp_path / "root" / "service" / "everybody" / "songs").exists()
