"""The true sliding window: which instants are free to send at. It has no clock and knows no network.

A slot is a short stretch in which one request may be sent. Whenever within their slots the requests are sent,
no half-open stretch of `seconds` ever holds more than `count` of them: a new slot begins only when, of all
the slots that are out, at most `count - 1` can end in the `seconds` before it.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Final

MARGIN: Final = 0.01  # of the window, for what lies between our clock and the wire
WIDTH: Final = 0.1  # of the window: how long a slot may be used
WIDEST: Final = 0.5  # seconds
AHEAD: Final = 0.4  # of the window: how far ahead slots are given, so that most uses are told in time
FARTHEST: Final = 2.5  # seconds
PACE: Final = 0.8  # of the mean pause between two requests is kept, so that lost slots can be made up for


@dataclass(frozen=True)
class Slot:
    """One request may be sent at or after `start` and before `end`, in seconds of the window's clock."""

    number: int
    start: float
    end: float


class SlidingWindow:
    """Slots of one bucket, at most `count` sends in any `seconds`; none begins before `since`."""

    def __init__(self, count: int, seconds: float, *, since: float = float("-inf")):
        self.count, self.seconds = count, seconds
        self.width = min(WIDTH * seconds, WIDEST)
        self.ahead = min(AHEAD * seconds, FARTHEST)
        self.period = seconds * (1 + MARGIN) / count  # the mean pause between two requests at full use
        self._since, self._rested, self._number = since, since, 0
        self._ends: list[tuple[float, int]] = []  # of every slot that was or may be used, sorted
        self._end: dict[int, float] = {}
        self._free: list[Slot] = []  # made, given to nobody yet

    def take(self, now: float, most: int, *, stride: float, latest: float = float("inf")) -> list[Slot]:
        """Give up to `most` slots that begin `stride` seconds apart or more and end by `latest`."""
        self._fill(now)
        taken: list[Slot] = []
        for slot in self._free:
            if len(taken) == most:
                break
            if slot.end <= latest and (not taken or slot.start - taken[-1].start >= stride):
                taken.append(slot)
        self._free = [slot for slot in self._free if slot not in taken]
        return taken

    def next_start(self, now: float) -> float:
        """Return when the next slot can begin."""
        self._fill(now)
        return self._free[0].start if self._free else self._start(now)

    def used(self, number: int, at: float) -> None:
        """Note when a slot was used."""
        if self._forget(number):
            self._note(number, at)

    def unused(self, slot: Slot, now: float) -> None:
        """Take a slot back: it is given again while it lasts."""
        if slot.number in self._end and slot.end > now and slot.start >= self._rested:
            insort(self._free, slot, key=lambda free: free.start)
        else:
            self._forget(slot.number)

    def rest(self, until: float) -> None:
        """Let no slot begin before `until`; slots that are out must not be used any more."""
        self._rested = max(self._rested, until)
        self._since = max(self._since, until)
        for slot in self._free:
            self._forget(slot.number)
        self._free = []

    def _fill(self, now: float) -> None:
        for slot in self._free:
            if slot.end <= now + self.width / 4:  # too late to reach anybody
                self._forget(slot.number)
        self._free = [slot for slot in self._free if slot.number in self._end]
        gone = bisect_left(self._ends, (now - 2 * self.seconds, 0))
        for _, number in self._ends[:gone]:
            del self._end[number]
        del self._ends[:gone]
        while (start := self._start(now)) <= now + self.ahead:
            self._number += 1
            slot = Slot(self._number, start, start + self.width)
            self._note(slot.number, slot.end)
            self._free.append(slot)
            self._since = max(self._since, start + PACE * self.seconds / self.count)

    def _start(self, now: float) -> float:
        start = max(now, self._since)
        if len(self._ends) >= self.count:
            start = max(start, self._ends[-self.count][0] + self.seconds * (1 + MARGIN))
        return start

    def _note(self, number: int, end: float) -> None:
        self._end[number] = end
        insort(self._ends, (end, number))

    def _forget(self, number: int) -> bool:
        end = self._end.pop(number, None)
        if end is not None:
            del self._ends[bisect_left(self._ends, (end, number))]
        return end is not None
