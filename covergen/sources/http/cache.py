"""Answers kept on disk and asked for again with conditions (RFC 9111), by hishel.

hishel sees addresses without their secrets and no headers of a request: what it writes down holds no
credentials. Only what a source takes for an answer is kept: 200, with a body, and no refusal.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx2
from hishel import SqliteStorage
from hishel.httpx2 import CacheTransport

from covergen.sources.http.addresses import masked
from covergen.sources.request import Answer

MAX_BYTES: Final = 2**32  # on disk
_AT, _URL = "x-covergen-fetched-at", "x-covergen-url"  # of the answer, kept as headers of it
_CHECKS: Final = ("if-none-match", "if-modified-since")
_OF_THE_WIRE: Final = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "set-cookie", _AT, _URL}
)


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
        told = dict(response.headers.items())
        at, where = datetime.fromisoformat(told.pop(_AT)), told.pop(_URL)
        kept = bool(response.extensions["caching"]["from_cache"])
        return Answer(where, response.status_code, told, body, at), kept

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
