"""The polite client: one question to the web, with limits, retries, robots.txt and a cache on disk."""

import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final

import httpx2
import tenacity
from hishel import SqliteStorage
from hishel.httpx2 import CacheTransport

from covergen.errors import BadInput, RejectCode
from covergen.sources.http.addresses import masked, web_address
from covergen.sources.http.transport import TIMEOUT, Ask, Transport
from covergen.sources.limiter.limiter import Limiter
from covergen.sources.web_source import Answer, RateLimit, Refusal, Request, WebSource, usual_refusal

ATTEMPTS: Final = 4
PAUSE: Final = tenacity.wait_exponential_jitter(multiplier=0.5, max=20.0, jitter=1.0)  # seconds
NEVER_AGAIN: Final = frozenset({RejectCode.FORBIDDEN, RejectCode.QUOTA_SPENT, RejectCode.NOT_FOUND})
MAX_BYTES: Final = 2**32  # on disk
_AT, _URL = "x-covergen-fetched-at", "x-covergen-url"  # of the answer, kept as headers of it
_CHECKS: Final = ("if-none-match", "if-modified-since")
_OF_THE_WIRE: Final = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "set-cookie", _AT, _URL}
)


class Fetcher:
    """Asks the web. One a process, safe for its threads. Close it, or use it as a context.

    `user_agent`: names the operator with a contact, its first word is what robots.txt calls us. `cache`: a
    folder of this machine for answers that may be kept; None keeps none. `robots_exempt`: sources (their
    names) for which robots.txt and X-Robots-Tag are not asked; the caller records that. `timeout`: seconds of
    silence after which a request is given up. `transport`: for tests.
    """

    def __init__(
        self,
        user_agent: str,
        limiter: Limiter,
        *,
        cache: Path | None = None,
        robots_exempt: frozenset[str] = frozenset(),
        timeout: float = TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.limiter, self.robots_exempt, self.sleep = limiter, robots_exempt, sleep
        self.transport = Transport(user_agent, limiter, timeout=timeout, transport=transport, clock=clock)
        self.cache = HttpCache(cache) if cache is not None else None
        self.kept: Counter[str] = Counter()  # answers whose bodies were on disk, by bucket

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def counts(self) -> dict[str, Counter[str]]:
        """Return what was counted by bucket: requests sent, answers kept on disk, milliseconds waited."""
        waited = Counter({name: ms for name, ms in self.limiter.waited.items() if name in self.sent})
        return {"sent": self.sent, "kept": self.kept, "waited": waited + self.transport.paused}

    @property
    def sent(self) -> Counter[str]:
        """Requests that were sent, by bucket: redirects, retries and robots.txt too."""
        return self.transport.sent

    def fetch(self, request: Request, source: WebSource, *, anew: bool = False) -> Answer:
        """Return the answer to a request. Raises BadInput with what the source says the refusal is.

        What another try may mend is tried a few times. A bucket that asks for a longer rest parks the row:
        RATE_LIMITED, to be tried again in another run. `anew`: what is kept on disk does not count.
        """
        url = str(web_address(request.url))
        rate_limit, ruled = (
            source.rate_limit(request),
            not (source.is_api or source.name in self.robots_exempt),
        )
        secrets: set[str] = set()

        def send(checks: Mapping[str, str]) -> Answer:
            headers = source.headers()  # anew each time: a token may have been forgotten since
            secrets.update(headers.values())
            return self.transport.ask(url, Ask(rate_limit, headers, checks, ruled=ruled))

        def keep(answer: Answer) -> bool:
            return source.refusal(request, answer) is None

        def once() -> Answer:
            if self.cache is None:
                answer = send({})
            else:
                answer, kept = self.cache.ask(source.name, url, send=send, keep=keep, anew=anew)
                self.kept[rate_limit.bucket] += kept
            return self._accept(answer, source.refusal(request, answer), rate_limit)

        return self._persist(once, secrets=secrets)

    def download(self, url: str, rate_limit: RateLimit, *, max_bytes: int, source: str = "") -> Answer:
        """Return a file whole. `source` names who wants it.

        Raises BadInput: TOO_LARGE before more than `max_bytes` are read, EMPTY_FILE, ROBOTS and the usual.
        """
        plain = {"Accept-Encoding": "identity"}  # so that the limit is on what is sent, and lengths compare
        ask = Ask(rate_limit, plain, max_bytes=max_bytes, ruled=source not in self.robots_exempt, kept=True)

        def once() -> Answer:
            answer = self.transport.ask(url, ask)
            refusal = usual_refusal(answer)
            if refusal is None and not answer.body:
                refusal = Refusal(RejectCode.EMPTY_FILE, f"{answer.url} is empty")
            return self._accept(answer, refusal, rate_limit)

        return self._persist(once)

    def close(self) -> None:
        """Close its connections and its cache; the limiter is the caller's."""
        self.transport.close()
        if self.cache is not None:
            self.cache.close()

    def _accept(self, answer: Answer, refusal: Refusal | None, rate_limit: RateLimit) -> Answer:
        if refusal is None:
            return answer
        if refusal.code is RejectCode.QUOTA_SPENT:
            self.limiter.spent(rate_limit.bucket)
        elif refusal.wait is not None:
            self.limiter.rest(rate_limit.bucket, refusal.wait)
        if (refusal.again or refusal.wait is not None) and refusal.code not in NEVER_AGAIN:
            raise _Again(refusal.problem)
        raise refusal.problem

    def _persist(self, once: Callable[[], Answer], *, secrets: Iterable[str] = ()) -> Answer:
        """Try a few times what is worth it."""

        def attempt() -> Answer:
            try:
                return once()
            except BadInput as problem:
                if problem.code is RejectCode.UNREACHABLE and problem.retriable:
                    raise _Again(problem) from None
                raise

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=PAUSE,
            retry=tenacity.retry_if_exception_type(_Again),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _Again as again:
            problem = again.problem
        except BadInput as caught:
            problem = caught
        raise _without(problem, secrets) from None


class _Again(Exception):
    """Another try may mend it."""

    def __init__(self, problem: BadInput):
        super().__init__(problem.reason)
        self.problem = problem


def _without(problem: BadInput, secrets: Iterable[str]) -> BadInput:
    """Return a problem whose reason holds no secret."""
    reason = masked(problem.reason)
    for secret in secrets:
        for word in {secret, secret.rpartition(" ")[2]}:  # "Bearer TOKEN" too
            if len(word) >= 8:
                reason = reason.replace(word, "***")
    return BadInput(problem.code, reason, retriable=problem.retriable)


# Answers kept on disk and asked for again with conditions (RFC 9111), by hishel.
#
# hishel sees addresses without their secrets and no headers of a request: what it writes down holds no
# credentials. Only what a source takes for an answer is kept: 200, with a body, and no refusal.


@dataclass
class _Question:
    """How an answer is had, and whether it may be kept; travels with the request through hishel."""

    send: Callable[[Mapping[str, str]], Answer]
    keep: Callable[[Answer], bool]
    answer: Answer | None = None


class HttpCache:
    """Answers on disk, in a folder that the processes of one machine may share. Safe for threads."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.storage = SqliteStorage(database_path=folder / "http.db", max_size=MAX_BYTES)
        self.transport = CacheTransport(_Sender(), storage=self.storage, rfc={"shared": False})

    def ask(
        self,
        name: str,
        url: str,
        *,
        send: Callable[[Mapping[str, str]], Answer],
        keep: Callable[[Answer], bool],
        anew: bool = False,
    ) -> tuple[Answer, bool]:
        """Return an answer, and whether its body was here. `send` is given the headers of a condition.

        `anew`: what is here is forgotten first. A cache that cannot be read or written is gone around:
        it is no reason to fail.
        """
        shown, question = masked(url), _Question(send, keep)
        key = hashlib.sha256(f"{name} {shown}".encode("utf-8", "replace")).hexdigest()
        extensions = {"covergen": question, "caching": {"key": key}}
        try:
            for entry in self.storage.get_entries(key) if anew else ():
                self.storage.remove_entry(entry.id)
            response = self.transport.handle_request(httpx2.Request("GET", shown, extensions=extensions))
            body = response.read()
            response.close()
        except sqlite3.Error:
            answer = question.answer
            return (answer if answer is not None and answer.status != 304 else send({})), False
        headers = dict(response.headers.items())
        at, where = datetime.fromisoformat(headers.pop(_AT)), headers.pop(_URL)
        kept = bool(response.extensions["caching"]["from_cache"])
        return Answer(where, response.status_code, headers, body, at), kept

    def close(self) -> None:
        """Close the file."""
        self.storage.close()


class _Sender(httpx2.BaseTransport):
    """What hishel takes for the network."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        question: _Question = request.extensions["covergen"]
        answer = question.send({name: request.headers[name] for name in _CHECKS if name in request.headers})
        question.answer = answer
        headers = {  # those in other letters are of no use here, and httpx2 takes none
            name: value
            for name, value in answer.headers.items()
            if name not in _OF_THE_WIRE and value.isascii()
        }
        if answer.status != 304 and (answer.status != 200 or not answer.body or not question.keep(answer)):
            headers["cache-control"] = "no-store"
        headers |= {_AT: answer.fetched_at.isoformat(), _URL: answer.url}
        return httpx2.Response(answer.status, headers=headers, content=answer.body)
