"""What sites wish of robots is found out once a day and kept to."""

from datetime import UTC, datetime

import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.http.robots import DAY, MAX_BYTES, NOT_KEPT, NOT_READ, SOON, Robots, refused_by
from covergen.sources.web_source import Answer, RateLimit
from tests.sources.limited import Clock

AGENT = "covergen/0.1 (https://example.org; ops@example.org)"
RATE_LIMIT = RateLimit("site", 10, 1.0)
RULES = """
User-agent: *
Disallow: /w/
Disallow: /search?q=

User-agent: covergen
Disallow: /private/
Allow: /private/open
"""


class Host:
    """Answers robots.txt and counts how often it is asked."""

    def __init__(self, status: int = 200, text: str | bytes = RULES):
        self.status, self.requested = status, []
        self.body = text.encode() if isinstance(text, str) else text

    def __call__(self, url: str, rate_limit: RateLimit) -> Answer:
        self.requested.append(url)
        if self.status == 0:
            raise BadInput(RejectCode.UNREACHABLE, "nobody there", retriable=True)
        return Answer(url, self.status, {}, self.body, datetime.now(UTC))


def allowed(robots: Robots, url: str) -> bool:
    try:
        robots.check(url, RATE_LIMIT)
    except BadInput as problem:
        assert problem.code is RejectCode.ROBOTS
        return False
    return True


def test_our_own_group_counts_where_there_is_one() -> None:
    robots = Robots(AGENT, Host())
    assert allowed(robots, "https://a.org/w/page") and allowed(robots, "https://a.org/search?q=x")
    assert not allowed(robots, "https://a.org/private/x")
    assert allowed(robots, "https://a.org/private/open")
    other = Robots("someone/1.0", Host())
    assert not allowed(other, "https://a.org/w/page") and not allowed(other, "https://a.org/search?q=x")
    assert allowed(other, "https://a.org/private/x")


def test_each_host_is_asked_once_a_day() -> None:
    clock, host = Clock(), Host()
    robots = Robots(AGENT, host, clock=clock)
    for url in ("https://a.org/1", "https://a.org/2", "http://a.org/3", "https://b.org:8443/x?y=z"):
        robots.check(url, RATE_LIMIT)
    assert host.requested == [
        "https://a.org/robots.txt",
        "http://a.org/robots.txt",
        "https://b.org:8443/robots.txt",
    ]
    clock.now = DAY + 1
    robots.check("https://a.org/1", RATE_LIMIT)
    assert len(host.requested) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_host_without_rules_allows_all(status: int) -> None:
    assert allowed(Robots(AGENT, Host(status)), "https://a.org/private/x")


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_a_host_that_fails_forbids_all_for_now(status: int) -> None:
    clock, host = Clock(), Host(status)
    robots = Robots(AGENT, host, clock=clock)
    with pytest.raises(BadInput, match=r"robots.txt of a.org cannot be had") as refused:
        robots.check("https://user:secret@a.org/open", RATE_LIMIT)
    assert refused.value.code is RejectCode.ROBOTS and refused.value.retriable
    host.status, clock.now = 200, SOON + 1
    assert allowed(robots, "https://a.org/open")


def test_a_refusal_names_host_and_path_and_is_final() -> None:
    with pytest.raises(BadInput, match=r"robots.txt of a.org asks covergen to leave /private/x alone") as no:
        Robots(AGENT, Host()).check("https://a.org/private/x?key=hidden", RATE_LIMIT)
    assert not no.value.retriable and "hidden" not in no.value.reason


@pytest.mark.parametrize("letters", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_byte_order_mark_hides_no_group(letters: str) -> None:
    robots = Robots(AGENT, Host(text="User-agent: *\r\nDisallow: /page\r\n".encode(letters)))
    assert not allowed(robots, "https://a.org/page") and allowed(robots, "https://a.org/other")


def test_of_a_long_one_the_rules_count_that_are_whole_within_the_limit() -> None:
    head = b"User-agent: *\nDisallow: /x\n"
    cut = b"Disallow: /page"  # of /pages/secret
    body = head + b"#" * (MAX_BYTES - len(head) - len(cut) - 1) + b"\n" + cut
    assert len(body) == MAX_BYTES
    robots = Robots(AGENT, Host(text=body))
    assert allowed(robots, "https://a.org/page") and not allowed(robots, "https://a.org/x")


@pytest.mark.parametrize(
    ("rules", "delay"),
    [
        ("User-agent: *\nCrawl-delay: 5\n", 5.0),
        ("User-agent: *\nCrawl-delay: 5\n\nUser-agent: covergen\nCrawl-delay: 0.5\n", 0.5),
        ("User-agent: *\nCrawl-delay: 5\n\nUser-agent: covergen\nDisallow: /x\n", None),
        ("User-agent: *\nCrawl-delay: soon\n", None),
        ("User-agent: googlebot\nCrawl-delay: 5\n", None),
        (RULES, None),
    ],
)
def test_the_pause_that_a_host_asks_for(rules: str, delay: float | None) -> None:
    assert Robots(AGENT, Host(text=rules)).check("https://a.org/open", RATE_LIMIT) == delay


def test_a_pause_that_nobody_waits_for_is_a_refusal() -> None:
    with pytest.raises(BadInput, match=r"robots.txt of a.org asks for 3600 s between two requests") as no:
        Robots(AGENT, Host(text="User-agent: *\nCrawl-delay: 3600\n")).check("https://a.org/x", RATE_LIMIT)
    assert no.value.code is RejectCode.ROBOTS and not no.value.retriable


@pytest.mark.parametrize(
    ("said", "kept", "read"),
    [
        ("", None, None),
        ("noai", "noai", "noai"),
        ("index, NoImageAI", "noimageai", None),
        ("noindex", "noindex", None),
        ("nofollow, none", "none", "none"),
        ("googlebot: noindex, nofollow", None, None),
        ("covergen: noai", "noai", "noai"),
        ("googlebot: nofollow, covergen: noindex", "noindex", None),
        ("*: noimageai", "noimageai", None),
        ("unavailable_after: 25 Jun 2027 15:00:00 PST, noindex", "noindex", None),
        ("max-snippet: 20, all", None, None),
    ],
)
def test_x_robots_tag(said: str, kept: str | None, read: str | None) -> None:
    headers = {"x-robots-tag": said} if said else {}
    assert refused_by(headers, AGENT, NOT_KEPT) == kept
    assert refused_by(headers, AGENT, NOT_READ) == read
