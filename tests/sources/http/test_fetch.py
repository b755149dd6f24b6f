"""The polite client: what it sends, what it tries again, what it refuses."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.http.fetch import ATTEMPTS
from covergen.sources.http.transport import HOPS, retry_after
from tests.sources.http.test_addresses import BAD
from tests.sources.place import AGENT, SECRET, Place, say


def test_an_answer() -> None:
    place = Place(say(httpx2.Response(200, json={"a": 1})))
    answer = place.fetch()
    assert answer.json() == {"a": 1} and answer.status == 200 and answer.url == "https://a.org/x"
    assert answer.headers["content-type"] == "application/json"
    assert place.seen[0].headers["user-agent"] == AGENT
    assert place.seen[0].headers["authorization"] == f"Bearer {SECRET}"
    assert place.fetcher.sent == {"plain": 1}


@pytest.mark.parametrize(
    "fault",
    [httpx2.Response(503), httpx2.Response(500), httpx2.ReadError("reset"), httpx2.ReadTimeout("late")],
)
def test_what_may_pass_is_tried_again_with_pauses(fault: httpx2.Response | Exception) -> None:
    place = Place(say(fault, fault, httpx2.Response(200, text="good")))
    assert place.fetch().body == b"good"
    assert len(place.seen) == 3 and 0.5 <= place.clock.now < 10


def test_what_stays_is_given_up() -> None:
    down = Place(say(httpx2.Response(502)))
    assert down.refused(RejectCode.SERVER_FAILED, retriable=True) == "https://a.org/x answered 502"
    assert len(down.seen) == ATTEMPTS
    gone = Place(say(httpx2.ConnectError("no such host")))
    reason = gone.refused(RejectCode.UNREACHABLE, retriable=True)
    assert reason == "https://a.org/x broke off: ConnectError no such host"


def test_forbidden_and_not_found_are_asked_once() -> None:
    for status, code in (
        (403, RejectCode.FORBIDDEN),
        (404, RejectCode.NOT_FOUND),
        (400, RejectCode.SOURCE_ERROR),
    ):
        place = Place(say(httpx2.Response(status, text="no")))
        place.refused(code, retriable=False)
        assert len(place.seen) == 1


def test_retry_after_rests_the_bucket() -> None:
    place = Place(say(httpx2.Response(429, headers={"Retry-After": "7"}), httpx2.Response(200, text="good")))
    place.fetch()
    assert len(place.seen) == 2 and place.clock.now >= 7
    other = Place(say(httpx2.Response(503, headers={"Retry-After": "40"}), httpx2.Response(200, text="good")))
    other.fetch()
    assert other.clock.now >= 40


def test_maxlag_with_status_200_rests_too() -> None:
    lagged = httpx2.Response(200, headers={"Retry-After": "5"}, text="error: maxlag")
    place = Place(say(lagged))
    place.refused(RejectCode.SOURCE_ERROR, retriable=False)
    before = place.clock.now
    place.site = say(httpx2.Response(200, text="good"))
    place.fetch()
    assert place.clock.now >= before + 5


def test_a_long_retry_after_parks_the_row_and_all_others() -> None:
    place = Place(say(httpx2.Response(429, headers={"Retry-After": "20000"})))
    reason = place.refused(RejectCode.RATE_LIMITED, retriable=True)
    assert "left alone for 20000 s" in reason or "left alone for 19999 s" in reason
    place.refused(RejectCode.RATE_LIMITED, retriable=True)
    assert len(place.seen) == 1 and place.clock.now < 60


def test_a_refusal_with_a_wait_rests_the_bucket() -> None:
    place = Place(say(httpx2.Response(403), httpx2.Response(200, text="good")))
    place.fetch()
    assert place.clock.now >= 60


def test_a_spent_quota_is_for_the_day() -> None:
    place = Place(say(httpx2.Response(429, text="QUOTA_EXCEEDED")))
    assert place.refused(RejectCode.QUOTA_SPENT, retriable=True) == "the day's quota is spent"
    assert "spent for today" in place.refused(RejectCode.QUOTA_SPENT, retriable=True)
    assert len(place.seen) == 1


def test_retry_after_in_all_its_forms() -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)

    def seconds(text: str) -> float | None:
        return retry_after({"retry-after": text}, wall=now.timestamp)

    assert seconds("120") == 120 and seconds("1.5") == 1.5 and seconds("0") == 0
    assert seconds(format_datetime(now + timedelta(seconds=90), usegmt=True)) == 90
    assert seconds(format_datetime(now - timedelta(days=1), usegmt=True)) == 0
    assert seconds("soon") is None and seconds("-5") is None and retry_after({}) is None


def test_redirects_are_followed_and_credentials_stay_at_home() -> None:
    def site(request: httpx2.Request) -> httpx2.Response:
        path = str(request.url)
        if path == "https://a.org/x":
            return httpx2.Response(301, headers={"Location": "/y"})
        if path == "https://a.org/y":
            return httpx2.Response(302, headers={"Location": "https://b.org/z", "Set-Cookie": "id=1"})
        return httpx2.Response(200, text="there")

    place = Place(site)
    assert place.fetch().url == "https://b.org/z"
    assert ["authorization" in request.headers for request in place.seen] == [True, True, False]
    assert not any("cookie" in request.headers for request in place.seen)


def test_redirects_end() -> None:
    loop = Place(say(httpx2.Response(302, headers={"Location": "https://a.org/x"})))
    loop.refused(RejectCode.SOURCE_ERROR, retriable=False)
    assert len(loop.seen) == HOPS + 1
    strange = Place(say(httpx2.Response(302, headers={"Location": "file:///etc/passwd"})))
    strange.refused(RejectCode.SOURCE_ERROR, retriable=False)
    assert len(strange.seen) == 1


def test_robots_are_asked_of_every_host_on_the_way() -> None:
    def site(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/robots.txt":
            return httpx2.Response(200, text="User-agent: *\nDisallow: /kept/")
        if request.url.host == "a.org":
            return httpx2.Response(302, headers={"Location": "https://b.org/kept/z"})
        return httpx2.Response(200, text="there")

    place = Place(site, robots_exempt=frozenset())
    assert "robots.txt of b.org" in place.refused(RejectCode.ROBOTS, retriable=False)
    assert [str(request.url) for request in place.seen] == [
        "https://a.org/robots.txt",
        "https://a.org/x",
        "https://b.org/robots.txt",
    ]
    assert not any(
        "authorization" in request.headers for request in place.seen if "robots" in request.url.path
    )
    assert Place(site).fetch().body == b"there"  # a source that is told so does not ask


def test_x_robots_tag_is_heeded_before_the_body_is_read() -> None:
    def body() -> Iterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    def site(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/robots.txt":
            return httpx2.Response(404)
        return httpx2.Response(200, headers={"X-Robots-Tag": "noimageai"}, content=body())

    place = Place(site, robots_exempt=frozenset())
    reason = place.refused(RejectCode.ROBOTS, retriable=False, download=True)
    assert reason == "https://a.org/x.jpg says noimageai in X-Robots-Tag"


def test_a_download() -> None:
    place = Place(say(httpx2.Response(200, content=b"x" * 1000, headers={"Content-Type": "image/jpeg"})))
    answer = place.download()
    assert answer.body == b"x" * 1000 and answer.headers["content-type"] == "image/jpeg"
    assert place.seen[0].headers["accept-encoding"] == "identity"
    assert "authorization" not in place.seen[0].headers


def test_too_large_is_refused_before_all_is_read() -> None:
    read: list[int] = []

    def stream() -> Iterator[bytes]:
        for part in range(1000):
            read.append(part)
            yield b"x" * 100

    large = Place(
        lambda request: httpx2.Response(200, headers={"Content-Length": "100000"}, content=stream())
    )
    large.refused(RejectCode.TOO_LARGE, retriable=False, download=True)
    assert read == []
    silent = Place(lambda request: httpx2.Response(200, content=stream()))
    silent.refused(RejectCode.TOO_LARGE, retriable=False, download=True)
    assert len(read) < 50 or len(read) < 1000


def test_a_short_body_is_tried_again_and_an_empty_one_is_none() -> None:
    def stream() -> Iterator[bytes]:
        yield b"x" * 10

    answers = iter(
        [
            httpx2.Response(200, headers={"Content-Length": "20"}, content=stream()),
            httpx2.Response(200, content=b"x" * 20),
        ]
    )
    place = Place(lambda request: next(answers))
    assert place.download().body == b"x" * 20
    Place(say(httpx2.Response(200))).refused(RejectCode.EMPTY_FILE, retriable=False, download=True)


@pytest.mark.parametrize("url", BAD)
@pytest.mark.parametrize("cached", [False, True])
def test_no_address(url: str, cached: bool, tmp_path: Path) -> None:
    place = Place(say(httpx2.Response(200, text="good")), cache=tmp_path if cached else None)
    with pytest.raises(BadInput) as refused:
        place.fetch(url)
    assert refused.value.code is RejectCode.BAD_ADDRESS and not refused.value.retriable
    with pytest.raises(BadInput) as refused:
        place.download(url)
    assert refused.value.code is RejectCode.BAD_ADDRESS
    assert not place.seen


@pytest.mark.parametrize("location", ["http://[::1", "//[x", "http://b.org:99999/", "javascript:alert(1)"])
def test_a_redirect_to_no_address_is_a_refusal(location: str) -> None:
    place = Place(say(httpx2.Response(302, headers={"Location": location})))
    reason = place.refused(RejectCode.SOURCE_ERROR, retriable=False)
    assert reason == f"https://a.org/x redirects to {location!r}, which is no address of the web"
    assert len(place.seen) == 1


def test_a_redirect_in_any_letters_is_followed(tmp_path: Path) -> None:
    def site(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/x":
            return httpx2.Response(302, headers=[(b"Location", "/café x".encode())])
        return httpx2.Response(200, headers=[(b"ETag", b'"\xfc"')], text="there")

    place = Place(site, cache=tmp_path)
    assert place.fetch().url == place.fetch().url == "https://a.org/caf%C3%A9%20x"


def test_a_host_is_sent_requests_as_slowly_as_its_robots_ask() -> None:
    at: list[float] = []

    def site(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/robots.txt":
            return httpx2.Response(200, text="User-agent: *\nCrawl-delay: 7\nDisallow:\n")
        at.append(place.clock.now)
        return httpx2.Response(200, text="good")

    place = Place(site, robots_exempt=frozenset())
    for number in range(3):
        place.fetch(f"https://a.org/{number}")
        place.download(f"https://a.org/{number}.jpg")  # of another bucket
    assert all(after - before >= 7 for before, after in pairwise(at)), at
    counts = place.fetcher.counts()
    assert counts["waited"]["plain"] > 6000 and set(counts["waited"]) == {"plain", "media"}


def test_a_robots_txt_above_the_limit_is_read_as_far_as_that() -> None:
    def site(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/robots.txt":
            rules = b"User-agent: *\nDisallow: /x\n" + b"# much ado\n" * 200_000
            return httpx2.Response(200, content=rules)
        return httpx2.Response(200, text="good")

    place = Place(site, robots_exempt=frozenset())
    assert place.fetch("https://a.org/page").body == b"good"
    place.refused(RejectCode.ROBOTS, retriable=False)
