"""What a full cluster tells those whom it cannot hear."""

import asyncio
from types import SimpleNamespace

import pytest
from ray.serve.exceptions import BackPressureError

from covergen.serving.api_models import Words
from covergen.serving.problems import Problem
from covergen.serving.queue import LONGEST_WAIT
from jobs.runtime.replicas import RemoteListener

WORDS = Words(artist="Mira", album="Moonlight")


class Listeners:
    """A handle of listeners that are full, or not."""

    full = True

    def __init__(self) -> None:
        self.tell = SimpleNamespace(remote=self._tell)

    async def _tell(self, *_: object) -> dict[str, str]:
        if self.full:
            raise BackPressureError(num_queued_requests=1, max_queued_requests=1)
        return {"song": "a"}


def test_who_is_refused_later_is_sent_away_for_longer_until_somebody_is_heard() -> None:
    handle = Listeners()
    listener = RemoteListener(handle)

    def wait() -> int:
        with pytest.raises(Problem) as refused:
            asyncio.run(listener.tell(b"song", WORDS))
        assert refused.value.status == 429
        return int(refused.value.headers["Retry-After"])

    waits = [wait() for _ in range(400)]
    assert waits[0] <= 10 and waits[100] > 100 and len(set(waits[200:230])) > 3  # by chance not together
    assert max(waits) <= 1.5 * LONGEST_WAIT
    handle.full = False
    asyncio.run(listener.tell(b"song", WORDS))
    handle.full = True
    assert wait() <= 2
