"""Answers on disk: asked for again with conditions, kept only where they are answers, and without secrets."""

import logging
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from covergen.errors import BadInput
from covergen.sources.http.addresses import masked
from covergen.sources.web_source import Request
from tests.sources.place import SECRET, Place, Plain, say


def test_answers_are_kept_and_asked_for_with_conditions(tmp_path: Path) -> None:
    def site(request: httpx2.Request) -> httpx2.Response:
        headers = {"ETag": '"v1"', "Cache-Control": "max-age=0, must-revalidate"}
        if request.headers.get("if-none-match") == '"v1"':
            return httpx2.Response(304, headers=headers)
        return httpx2.Response(200, headers=headers, text="good")

    place = Place(site, cache=tmp_path / "cache")
    first = place.fetch()
    place.fetcher.close()
    place.fetcher = place.new()  # another run
    second = place.fetch()
    assert first.body == second.body == b"good" and second.status == 200 and second.url == "https://a.org/x"
    assert "if-none-match" not in place.seen[0].headers and place.seen[1].headers["if-none-match"] == '"v1"'
    assert second.fetched_at >= first.fetched_at
    assert place.fetcher.kept == {"plain": 1} and place.fetcher.sent == {"plain": 1}


def test_a_fresh_answer_is_not_asked_for(tmp_path: Path) -> None:
    fresh = httpx2.Response(200, headers={"Cache-Control": "max-age=600"}, text="good")
    place = Place(say(fresh), cache=tmp_path)
    first, second = place.fetch(), place.fetch()
    assert len(place.seen) == 1
    assert (first.body, first.url, first.fetched_at) == (second.body, second.url, second.fetched_at)


@pytest.mark.parametrize("control", ["max-age=600", "max-age=0, must-revalidate"])
def test_what_is_asked_anew_comes_from_the_site(tmp_path: Path, control: str) -> None:
    place = Place(say(httpx2.Response(200, headers={"ETag": '"v"', "Cache-Control": control}, text="old")))
    place.cache = tmp_path
    place.fetcher = place.new()
    assert place.fetch().body == b"old"
    place.site = say(httpx2.Response(200, headers={"ETag": '"w"', "Cache-Control": control}, text="new"))
    request = Request("plain", "page", "https://a.org/x")
    assert place.fetcher.fetch(request, Plain(), anew=True).body == b"new"
    assert len(place.seen) == 2 and "if-none-match" not in place.seen[1].headers
    place.site = say(httpx2.Response(304, headers={"ETag": '"w"', "Cache-Control": control}))
    assert place.fetch().body == b"new"


@pytest.mark.parametrize("name", ["content-disposition", "etag", "expires", "date", "last-modified"])
def test_headers_in_any_letters_lose_no_answer(tmp_path: Path, name: str) -> None:
    for number, value in enumerate((b"caf\xe9", '"ü"'.encode(), b"\xff")):
        odd = httpx2.Response(200, headers=[(name.encode(), value)], content=b"good")
        place = Place(lambda _, odd=odd: odd, cache=tmp_path / str(number))
        assert place.fetch().body == place.fetch().body == b"good"


@pytest.mark.parametrize(
    "bad",
    [
        httpx2.Response(200, text="error: none"),
        httpx2.Response(404, text="gone"),
        httpx2.Response(403, text="gated"),
        httpx2.Response(200, text=""),
    ],
)
def test_what_is_no_answer_is_not_kept(tmp_path: Path, bad: httpx2.Response) -> None:
    bad.headers["Cache-Control"] = "max-age=600"
    place = Place(say(bad), cache=tmp_path)
    for _ in range(2):
        with suppress(BadInput):
            assert place.fetch().body == b""
    assert len(place.seen) == 2


def test_a_broken_cache_is_gone_around(tmp_path: Path) -> None:
    (tmp_path / "http.db").write_bytes(b"this is no database" * 100)
    place = Place(say(httpx2.Response(200, text="good")), cache=tmp_path)
    assert place.fetch().body == b"good"
    assert len(place.seen) == 1


def test_no_secret_is_written_or_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"https://user:{SECRET}@a.org/x?part=1&key={SECRET}&access_token={SECRET}"
    place = Place(say(httpx2.Response(200, headers={"ETag": '"v"'}, text="good")), cache=tmp_path)
    answer = place.fetch(url)
    assert answer.url == "https://***@a.org/x?part=1&key=***&access_token=***"
    assert f"key={SECRET}" in str(place.seen[0].url)
    place.fetcher.close()
    for path in tmp_path.rglob("*"):
        assert SECRET.encode() not in path.read_bytes(), path
    for fault in (
        httpx2.Response(500),
        httpx2.Response(302, headers={"Location": f"ftp://b.org/?token={SECRET}"}),
        httpx2.Response(200, text=f"error: Bearer {SECRET} has expired"),
        httpx2.ConnectError(f"cannot reach {url}"),
    ):
        with pytest.raises(BadInput) as refused:
            Place(say(fault)).fetch(url)
        assert SECRET not in refused.value.reason and SECRET not in repr(refused.value.__cause__)
    assert SECRET not in caplog.text


def test_masks() -> None:
    assert (
        masked("GET https://a.org/?q=monkey=1&API_KEY=abc#key=d")
        == "GET https://a.org/?q=monkey=1&API_KEY=***#key=d"
    )
    assert masked("nothing here") == "nothing here"
