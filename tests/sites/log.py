"""What was asked, in the order of arrival."""

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Entry:
    """One request; `status` is None until the answer begins and where the connection was reset."""

    time: float  # seconds since 1970
    monotonic: float  # the machine's monotonic clock, the same for all processes on Linux
    prefix: str
    method: str
    path: str  # with its query
    status: int | None = None
    fault: str | None = None


class Log:
    """Every request since the start or since it was cleared; those to the server's own pages are left out."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def arrived(self, prefix: str, method: str, path: str) -> Entry:
        entry = Entry(time.time(), time.monotonic(), prefix, method, path)
        self.entries.append(entry)
        return entry

    def told(self) -> dict[str, Any]:
        """Return requests, how often each path was asked, and how often each prefix."""
        return {
            "requests": [asdict(entry) for entry in self.entries],
            "counts": dict(Counter(entry.path for entry in self.entries)),
            "prefixes": dict(Counter(entry.prefix for entry in self.entries)),
        }
