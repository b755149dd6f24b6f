"""From requests to blocks and answers, without a network."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pyarrow as pa
import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.answers import FetchAnswers, answer_of, blocks, digests_of, is_doubted, parsed, summary
from covergen.sources.protocol import Found
from covergen.sources.web_source import (
    Answer,
    Parsed,
    RateLimit,
    Refusal,
    Request,
    Wanted,
    no_answer,
    usual_refusal,
)

NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Lists:
    """A source that lists one album a page and refuses page 3's answer when it parses it."""

    name: ClassVar[str] = "lists"
    turn: ClassVar[int] = 0
    is_api: ClassVar[bool] = False

    def __init__(self, per_second: float = 1):
        self.per_second = per_second

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        yield Request(self.name, "page", "https://lists/1")

    def rate_limit(self, request: Request) -> RateLimit:
        return RateLimit(f"{self.name}/{self.per_second}", round(10 * self.per_second), 10)

    def headers(self) -> dict[str, str]:
        return {}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        return usual_refusal(answer)

    def parse(self, request: Request, answer: Answer) -> Parsed:
        if request.url.endswith("3"):
            raise BadInput(RejectCode.NEW_LAYOUT, "the table has the columns Foo, Bar")
        return Parsed(Found(albums=[{"title": answer.body.decode()}]))


class Fetches:
    def __init__(self) -> None:
        self.requested: list[str] = []

    def counts(self) -> dict[str, Counter[str]]:
        return {"sent": Counter(lists=len(self.requested)), "waited": Counter({"lists/page": 1500})}

    def fetch(self, request: Request, source: object, *, anew: bool = False) -> Answer:
        self.requested.append(request.url)
        if request.url.endswith("gone"):
            raise BadInput(RejectCode.NOT_FOUND, f"{request.url} answered 404")
        return Answer(request.url, 200, {"content-type": "text/html", "set-cookie": "x"}, b"Blue", NOW)


def request(number: object, source: str = "lists") -> Request:
    return Request(source, "page", f"https://{source}/{number}")


def test_answers_and_refusals_keep_their_places():
    requests = [request(1), request("gone"), request(2)]
    (block,) = blocks(requests, {"lists": Lists()}, digests_of(requests, answers(), max_age_days=None))
    stage = FetchAnswers({"lists": Lists()}, Fetches)
    made = stage(block)
    assert made["url"].to_pylist() == [r.url for r in requests]
    assert made["body"].to_pylist() == [b"Blue", None, b"Blue"]
    assert made["reject_code"].to_pylist() == [None, "not_found", None]
    line = "lists: 2 answers, 1 not_found; 3 requests, 0 answers that had not changed, 1.5 s waited"
    assert summary(stage.facts()) == [line]
    assert stage.facts() == {}
    kept = answer_of(made.slice(0, 1).to_pylist()[0])
    assert kept == Answer(requests[0].url, 200, {"content-type": "text/html"}, b"Blue", NOW)


def test_every_bucket_begins_at_once_and_no_block_mixes_two():
    sources = {"slow": Lists(0.1), "fast": Lists(10)}
    requests = [request(k, "slow") for k in range(3)] + [request(k, "fast") for k in range(250)]
    planned = blocks(requests, sources, {(r.source, r.url): "d" for r in requests})
    assert [(set(b["source"].to_pylist()), len(b)) for b in planned] == [
        ({"slow"}, 1), ({"fast"}, 100), ({"slow"}, 1), ({"fast"}, 100), ({"slow"}, 1), ({"fast"}, 50),
    ]  # fmt: skip


def test_one_address_is_asked_once_whoever_wants_it():
    twice = [request(1), Request("lists", "page", "https://lists/1", {"album_id": "a"})]
    planned = blocks(twice, {"lists": Lists()}, {("lists", "https://lists/1"): "d"})
    assert [len(block) for block in planned] == [1]


def answers(*rows: tuple[str, datetime]) -> pa.Table:
    records = [{"source": "lists", "url": url, "fetched_at": at, "input_digest": "old"} for url, at in rows]
    names = ("source", "url", "fetched_at", "input_digest")
    types = (pa.string(), pa.string(), pa.timestamp("us", "UTC"), pa.string())
    return pa.Table.from_pylist(records, schema=pa.schema(list(zip(names, types, strict=True))))


def test_only_what_is_too_old_is_owed_anew():
    urls = [request(1).url, request(2).url]
    ago = datetime.now(UTC) - timedelta(days=40), datetime.now(UTC) - timedelta(days=2)
    there = answers(*zip(urls, ago, strict=True))
    digests = digests_of([request(1), request(2), request(4)], there, max_age_days=30)
    assert digests["lists", urls[0]] != "old"
    assert digests["lists", urls[1]] == "old"
    assert digests == digests_of([request(1), request(2), request(4)], there, max_age_days=30)
    assert set(digests_of([request(1)], there, max_age_days=None).values()) == {"old"}
    anew = digests_of([request(1), request(2)], there, max_age_days=None, anew=True)
    assert anew["lists", urls[0]] == digests["lists", urls[0]] and anew["lists", urls[1]] != "old"


@pytest.mark.parametrize(("number", "albums", "codes"), [(1, 1, []), (3, 0, [RejectCode.NEW_LAYOUT])])
def test_what_cannot_be_read_is_a_reject_that_names_the_page(number, albums, codes):
    answer = Answer(request(number).url, 200, {}, b"Blue", NOW)
    found = parsed(Lists(), request(number), answer).found
    assert len(found.albums) == albums
    assert [one.problem.code for one in found.rejects] == codes
    assert all(request(number).url in one.problem.reason for one in found.rejects)


def test_a_kept_answer_that_its_source_refuses_today_is_none():
    class Stricter(Lists):
        def refusal(self, request: Request, answer: Answer) -> Refusal | None:
            return no_answer(answer, "a list") if b"<" in answer.body else usual_refusal(answer)

    page = Answer(request(1).url, 200, {}, b"<title>Maintenance</title>", NOW)
    result = parsed(Stricter(), request(1), page)
    (one,) = result.found.rejects
    assert (one.problem.code, one.problem.retriable) == (RejectCode.SOURCE_ERROR, True)
    assert "a page titled 'Maintenance', not with a list" in one.problem.reason
    assert is_doubted(result, retry=())


def test_what_is_asked_for_again():
    result = parsed(Lists(), request(3), Answer(request(3).url, 200, {}, b"Blue", NOW))
    assert not is_doubted(result, retry=("no_match",))
    assert is_doubted(result, retry=("no_match", "new_layout"))
    assert not is_doubted(parsed(Lists(), request(1), answer_of(kept())), retry=("new_layout",))


def kept() -> dict[str, object]:
    return {"final_url": "https://lists/1", "headers": [], "body": b"Blue", "fetched_at": NOW}
