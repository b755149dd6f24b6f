"""What can be set while the sites run: rates, latency, life times, quotas."""

import time
from collections import defaultdict, deque
from typing import Any

# Requests per seconds, as SOURCES.md has them; Spotify's real window of 30 s has no published size.
REAL_RATES = {
    "/wikipedia": [200, 60],
    "/spotify": [90, 30],
    "/spotify-dev": [90, 30],
    "/deezer": [50, 5],
    "/itunes": [20, 60],
    "/musicbrainz": [1, 1],
}


class Settings:
    """Values by name; `change` takes some of them as JSON has them, an unknown name is an error."""

    def __init__(self, **values: Any):
        self._first = values
        self.reset()

    def reset(self) -> None:
        self.values: dict[str, Any] = {
            "rates": {},  # prefix -> [count, seconds]; "real" for REAL_RATES
            "latency": {},  # prefix -> seconds before anything happens
            "token_seconds": 3600,
            "preview_seconds": 900,
            "youtube_searches": 100,
            "youtube_units": 10_000,
        }
        self.change(self._first)

    def change(self, values: dict[str, Any]) -> None:
        unknown = set(values) - set(self.values)
        if unknown:
            raise ValueError(f"there is no setting {sorted(unknown)}; there are {sorted(self.values)}")
        self.values |= values
        if self.values["rates"] == "real":
            self.values["rates"] = REAL_RATES


class Rates:
    """Requests of each prefix in a sliding window; those over the limit are not counted."""

    def __init__(self) -> None:
        self.times: dict[str, deque[float]] = defaultdict(deque)

    def over(self, prefix: str, count: float, seconds: float) -> bool:
        """Whether one more request now is one too many."""
        now, times = time.monotonic(), self.times[prefix]
        while times and times[0] <= now - seconds:
            times.popleft()
        if len(times) >= count:
            return True
        times.append(now)
        return False
