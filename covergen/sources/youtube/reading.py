"""Requests to rows of ANSWERS through a real browser: several pages load at once in its tabs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

from covergen.errors import BadInput
from covergen.sources.answers import Counts, row_of
from covergen.sources.limiter.limiter import Limiter
from covergen.sources.request import Answer, Request, WebSource
from covergen.sources.youtube.browser import Tabs
from covergen.storage import rows
from covergen.storage.tables import ANSWERS


class ReadPages:
    """Loads each row's page (columns as of `FetchAnswers`): one browser a worker, with `tabs` tabs."""

    key: Final = ANSWERS.key
    outcome: Final = rows.outcome_schema(ANSWERS)

    def __init__(self, sources: Mapping[str, WebSource], limiter: Callable[[], Limiter], *, tabs: int):
        self.sources, self._make, self._count = sources, limiter, tabs
        self._counts, self._sent = Counts(), Counter[str]()

    def facts(self) -> dict[str, int]:
        """Return what was counted since this was asked last."""
        return self._counts.fresh({"sent": self._sent, "waited": self._limiter.waited})

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return one outcome per row, in order."""
        requests = [Request(row["source"], row["kind"], row["url"]) for row in batch.to_pylist()]
        pages = dict(self._tabs.read(self._paced(requests)))
        results = [self._row(request, pages[request.url]) for request in requests]
        self._counts.add(batch["source"].to_pylist(), results)
        return rows.outcomes(ANSWERS, batch.drop_columns(["kind"]), results)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in {"_tabs", "_limiter"}}

    @cached_property
    def _tabs(self) -> Tabs:
        return Tabs(self._count)

    @cached_property
    def _limiter(self) -> Limiter:
        return self._make()

    def _paced(self, requests: Iterable[Request]) -> Iterator[str]:
        """Yield each address when its bucket lets it be sent; a tab that is free takes it at once."""
        for request in requests:
            manners = self.sources[request.source].manners(request)
            with self._limiter.turn(manners):
                self._sent[manners.bucket] += 1
                yield request.url

    def _row(self, request: Request, page: str | BadInput) -> dict[str, Any] | BadInput:
        if isinstance(page, BadInput):
            return page
        body = page.encode("utf-8", "replace")  # a page may hold half a character
        answer = Answer(request.url, 200, {"content-type": "text/html"}, body, datetime.now(UTC))
        if refusal := self.sources[request.source].refusal(request, answer):
            return refusal.problem
        return row_of(answer)
