"""Requests to rows of ANSWERS, and those to what a source's parser makes of them.

Which requests are left, and where the rows go, is left to the job.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, Final, Protocol

import pyarrow as pa

from covergen.errors import BadInput
from covergen.sources.protocol import Found, Rejected
from covergen.sources.web_source import Answer, Parsed, Request, WebSource
from covergen.storage import rows
from covergen.storage.tables import ANSWERS

_BLOCK_SECONDS: Final = 10.0  # of a bucket's budget that one block of requests may take
_KEPT_HEADERS: Final = ("content-type", "content-language", "etag", "last-modified")
COLUMNS: Final = pa.schema(
    [("source", pa.string()), ("url", pa.string()), ("kind", pa.string()), ("input_digest", pa.string())]
)
"""What `FetchAnswers` is given."""


class Fetch(Protocol):
    """Whoever asks politely: `fetch.Fetcher`."""

    def fetch(self, request: Request, source: WebSource, *, anew: bool = False) -> Answer:
        """Return the answer to a request; `anew`: from the site, whatever is kept. Raises BadInput."""
        ...

    def counts(self) -> dict[str, Counter[str]]:
        """Return what was counted so far: `sent`, `kept` and `waited` (milliseconds), each by bucket."""
        ...


class Counts:
    """What a worker counts by source, told in pieces; `summary` reads them."""

    def __init__(self) -> None:
        self._now: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()

    def add(self, sources: Iterable[str], results: Iterable[Mapping[str, Any] | BadInput]) -> None:
        """Count what became of each row."""
        for source, result in zip(sources, results, strict=True):
            name = result.code.value if isinstance(result, BadInput) else "answers"
            self._now[f"{source}/{name}"] += 1

    def fresh(self, buckets: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
        """Return what was counted since this was asked last; `buckets` holds totals by name and bucket."""
        now = Counter(self._now)
        for name, counts in buckets.items():
            for bucket, count in counts.items():
                now[f"{bucket.split('/')[0]}/{name}"] += count
        fresh, self._reported = now - self._reported, now
        return dict(fresh)


class FetchAnswers:
    """Asks for each row (COLUMNS) and gives rows of ANSWERS; rows of one batch are asked side by side.

    `anew`: what is kept on disk of earlier answers does not count.
    """

    key: Final = ANSWERS.key
    outcome: Final = rows.outcome_schema(ANSWERS)

    def __init__(
        self,
        sources: Mapping[str, WebSource],
        fetcher: Callable[[], Fetch],
        *,
        at_once: int = 8,
        anew: bool = False,
    ):
        self.sources, self._make, self._at_once, self._anew = sources, fetcher, at_once, anew
        self._counts = Counts()

    def facts(self) -> dict[str, int]:
        """Return what was counted since this was asked last."""
        return self._counts.fresh(self._fetcher.counts())

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return one outcome per row, in order."""
        ask = partial(self._row, self._fetcher)
        with ThreadPoolExecutor(self._at_once) as pool:
            results = list(pool.map(ask, batch.to_pylist()))
        self._counts.add(batch["source"].to_pylist(), results)
        return rows.outcomes(ANSWERS, batch.drop_columns(["kind"]), results)

    @cached_property
    def _fetcher(self) -> Fetch:
        return self._make()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_fetcher"}

    def _row(self, fetcher: Fetch, row: Mapping[str, Any]) -> dict[str, Any] | BadInput:
        request = Request(row["source"], row["kind"], row["url"])
        try:
            answer = fetcher.fetch(request, self.sources[row["source"]], anew=self._anew)
        except BadInput as refusal:
            return refusal
        return row_of(answer)


def row_of(answer: Answer) -> dict[str, Any]:
    """Return an answer as the columns of ANSWERS beside its key and digest."""
    return {
        "final_url": answer.url,
        "headers": [(name, answer.headers[name]) for name in _KEPT_HEADERS if name in answer.headers],
        "body": answer.body,
        "fetched_at": answer.fetched_at,
    }


def summary(facts: Mapping[str, int]) -> list[str]:
    """Return a line for each source: answers, refusals by code, requests, answers kept on disk, waits."""
    of_source: dict[str, dict[str, int]] = {}
    for name, count in facts.items():
        source, _, fact = name.partition("/")
        of_source.setdefault(source, {})[fact] = count
    lines = []
    for source, counts in sorted(of_source.items()):
        sent, kept, waited = (counts.pop(name, 0) for name in ("sent", "kept", "waited"))
        answers = counts.pop("answers", 0)
        refused = "".join(f", {count} {code}" for code, count in sorted(counts.items()))
        work = f"{sent} requests, {kept} answers that had not changed, {waited / 1000:.1f} s waited"
        lines.append(f"{source}: {answers} answers{refused}; {work}")
    return lines


def digests_of(
    requests: Iterable[Request], answered: pa.Table, *, max_age_days: float | None, anew: bool = False
) -> dict[tuple[str, str], str]:
    """Return, by (source, url), the digest that an answer is owed with: another one once that is too old.

    `answered` holds source, url, fetched_at and input_digest of what is there; `anew`: all of it is too old.
    """
    digests = {(r.source, r.url): _digest(r.url) for r in requests}
    oldest = None if max_age_days is None else datetime.now(UTC) - timedelta(days=max_age_days)
    for row in answered.to_pylist():
        if (key := (row["source"], row["url"])) in digests:
            is_stale = anew or (oldest is not None and row["fetched_at"] < oldest)
            digests[key] = _digest(row["url"], row["fetched_at"]) if is_stale else row["input_digest"]
    return digests


def blocks(
    requests: Iterable[Request], sources: Mapping[str, WebSource], digests: Mapping[tuple[str, str], str]
) -> list[pa.Table]:
    """Return requests (COLUMNS) in blocks of one bucket each, in the order in which they may be sent.

    A block stands where its bucket's budget lets it begin, all buckets beginning together: so a few workers
    keep every bucket busy, and none waits behind a slower one.
    """
    of_bucket: dict[str, list[Request]] = {}
    rates = {}
    for request in {(r.source, r.url): r for r in requests}.values():
        rate_limit = sources[request.source].rate_limit(request)
        rates[rate_limit.bucket] = rate_limit.count / rate_limit.seconds
        of_bucket.setdefault(rate_limit.bucket, []).append(request)
    planned = [
        (start / rates[bucket], bucket, bucket_requests[start : start + size])
        for bucket, bucket_requests in of_bucket.items()
        for size in (max(1, round(rates[bucket] * _BLOCK_SECONDS)),)
        for start in range(0, len(bucket_requests), size)
    ]
    return [_table(part, digests) for _, _, part in sorted(planned, key=lambda block: block[:2])]


def _table(requests: Sequence[Request], digests: Mapping[tuple[str, str], str]) -> pa.Table:
    records = [
        {"source": r.source, "url": r.url, "kind": r.kind, "input_digest": digests[r.source, r.url]}
        for r in requests
    ]
    return pa.Table.from_pylist(records, schema=COLUMNS)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()


def answer_of(row: Mapping[str, Any]) -> Answer:
    """Return a row of ANSWERS as what its parser takes."""
    fetched_at: datetime = row["fetched_at"]
    return Answer(row["final_url"], 200, dict(row["headers"] or ()), row["body"], fetched_at)


def parsed(source: WebSource, request: Request, answer: Answer) -> Parsed:
    """Return what an answer tells; one that cannot be read is a row of `rejects` and nothing else.

    So is one that its source refuses today, whatever it was taken for when it came.
    """
    try:
        if refusal := source.refusal(request, answer):
            raise refusal.problem
        return source.parse(request, answer)
    except BadInput as problem:
        key = f"{request.source}/{request.about.get('album_id') or request.url}"
        return Parsed(Found(rejects=[Rejected("answers", key, problem.at(request.url))]))


def is_doubted(result: Parsed, retry: Collection[str]) -> bool:
    """Say whether to ask again for what it was read from: another answer may do, or `retry` names a code."""
    return any(one.problem.retriable or one.problem.code in retry for one in result.found.rejects)
