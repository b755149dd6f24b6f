"""What of the limits outlives a restart: today's budgets, rests, spent days, and who was active last.

The state is one small JSON. It is written before it is used up: a block of a daily budget is reserved at a
time, and "active" is said a minute ahead. So a crash may waste a block, and never exceeds a budget. Who keeps
the quota writes it where that holds up nobody: `text` is taken under a lock, `save` is not.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from covergen.sources.web_source import RateLimit, seconds_to_midnight

BLOCKS: Final = 20  # in which a daily budget is reserved, and so written
ALIVE: Final = 60.0  # seconds that a bucket is said to be active ahead


@dataclass
class _BucketState:
    """One bucket's; times are seconds since 1970."""

    day: str = ""
    reserved: int = 0
    spent: bool = False
    rest: float = 0.0
    active: float = 0.0


class DailyQuota:
    """The pages of all buckets. `load` gives the text that `save` was given last, or None."""

    def __init__(
        self,
        load: Callable[[], str | None] | None = None,
        save: Callable[[str], None] | None = None,
        *,
        wall: Callable[[], float] = time.time,
    ):
        self.save, self.wall = save, wall
        self.dirty = False
        text = load() if load is not None else None
        self._states = (
            {name: _BucketState(**state) for name, state in json.loads(text).items()} if text else {}
        )
        self._sure = {
            name: (state.reserved, state.active) for name, state in self._states.items()
        }  # is written
        self._used = {name: state.reserved for name, state in self._states.items()}

    def left(self, rate_limit: RateLimit) -> int:
        """Return how many requests are left today; very many where there is no daily budget."""
        state = self._today(rate_limit)
        if state.spent:
            return 0
        return (
            2**31
            if rate_limit.daily is None
            else max(0, rate_limit.daily - self._used.get(rate_limit.bucket, 0))
        )

    def ready(self, rate_limit: RateLimit, requests: int, *, seconds: float) -> bool:
        """Say whether so many requests may be sent in the next `seconds` by what is written already.

        Where not, more is reserved: write the quota and ask again.
        """
        state, until = self._today(rate_limit), self.wall() + seconds
        used = self._used.get(rate_limit.bucket, 0) + requests
        if rate_limit.daily is not None and used > state.reserved:
            block = max(1, rate_limit.daily // BLOCKS)
            state.reserved = min(rate_limit.daily, max(used, state.reserved + block))
        if until > state.active:
            state.active = until + ALIVE
        if self.save is None:
            return True
        reserved, active = self._sure.get(rate_limit.bucket, (0, 0.0))
        sure = (rate_limit.daily is None or used <= reserved) and until <= active
        self.dirty = self.dirty or not sure
        return sure

    def charge(self, rate_limit: RateLimit, requests: int) -> str:
        """Count requests before they are sent; return the day they count for."""
        self._used[rate_limit.bucket] = self._used.get(rate_limit.bucket, 0) + requests
        return self._today(rate_limit).day

    def give_back(self, rate_limit: RateLimit, requests: int, *, day: str) -> None:
        """Uncount requests that were charged to a day and never sent."""
        if self._today(rate_limit).day == day:
            self._used[rate_limit.bucket] = max(0, self._used.get(rate_limit.bucket, 0) - requests)

    def spend(self, rate_limit: RateLimit) -> None:
        """Close today's budget."""
        self._today(rate_limit).spent = self.dirty = True

    def rest(self, bucket: str, seconds: float) -> None:
        """Note a rest; a longer one that was asked for before stays."""
        state = self._state(bucket)
        state.rest, self.dirty = max(state.rest, self.wall() + seconds), True

    def rest_left(self, bucket: str) -> float:
        """Return for how many seconds a bucket still rests."""
        return max(0.0, self._state(bucket).rest - self.wall())

    def active_until(self, bucket: str) -> float:
        """Return until when an earlier process may have sent, seconds since 1970."""
        return self._state(bucket).active

    def midnight(self, rate_limit: RateLimit) -> float:
        """Return the seconds to the next midnight of the bucket's day."""
        return seconds_to_midnight(datetime.fromtimestamp(self.wall(), UTC), rate_limit.day_zone)

    def end(self) -> None:
        """Reserve no more than was used, and say that nobody is active any more."""
        for bucket, state in self._states.items():
            state.active = min(state.active, self.wall())
            state.reserved = min(state.reserved, self._used.get(bucket, 0))
        self.dirty = bool(self._states)

    def text(self) -> str:
        """Return what to save."""
        self.dirty = False
        return json.dumps(
            {name: asdict(state) for name, state in sorted(self._states.items())}, sort_keys=True
        )

    def saved(self, text: str) -> None:
        """Note that a text is written, and so what it reserves."""
        for name, state in json.loads(text).items():
            self._sure[name] = state["reserved"], state["active"]

    def _state(self, bucket: str) -> _BucketState:
        return self._states.setdefault(bucket, _BucketState())

    def _today(self, rate_limit: RateLimit) -> _BucketState:
        state = self._state(rate_limit.bucket)
        day = datetime.fromtimestamp(self.wall(), ZoneInfo(rate_limit.day_zone)).date().isoformat()
        if state.day < day:  # a clock that was set back opens no day anew
            state.day, state.reserved, state.spent = day, 0, False
            self._used[rate_limit.bucket], self._sure[rate_limit.bucket] = 0, (0, state.active)
        return state
