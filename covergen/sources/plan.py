"""What gathering will take, told before anything is sent: requests, bytes, hours and days of quota."""

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from covergen.sources.known_rows import wanted_of
from covergen.sources.web_source import RateLimit, Request, Wanted, WebSource
from covergen.storage.root import Root
from covergen.storage.tables import ANSWERS, MEDIA

HEADINGS: Final = (
    "source", "bucket", "requests", "answered", "then about", "MB of answers", "MB of media", "hours",
    "quota days",
)  # fmt: skip
SONGS: Final = 12  # of an album whose songs nobody has told yet


@dataclass(frozen=True)
class Planned:
    """One bucket of a source: `left` first requests, and about so many that follow from all of them.

    `media_bytes`: of the covers and previews that its answers lead to, typically.
    """

    source: str
    rate_limit: RateLimit
    first: int
    left: int
    following: float
    bytes_each: int
    media_bytes: int = 0

    @property
    def requests(self) -> float:
        """About how many will be sent."""
        return self.left + self.following

    @property
    def hours(self) -> float:
        """How long the bucket's own window makes them take, at the least."""
        return self.requests * self.rate_limit.seconds / self.rate_limit.count / 3600

    @property
    def days(self) -> int | None:
        """On how many days the daily budget is spent; nothing where there is none."""
        daily = self.rate_limit.daily
        return None if daily is None else math.ceil(self.requests / daily)

    @property
    def row(self) -> tuple[str, ...]:
        """The texts under HEADINGS."""
        return (
            self.source,
            self.rate_limit.bucket,
            f"{self.first:,}",
            f"{self.first - self.left:,}",
            f"{self.following:,.0f}",
            f"{self.requests * self.bytes_each / 1e6:,.0f}",
            f"{self.media_bytes / 1e6:,.0f}",
            f"{self.hours:.1f}",
            "–" if self.days is None else f"{self.days:,}",
        )


def plan(
    sources: Mapping[str, WebSource],
    requests: Iterable[Request],
    answered: Mapping[tuple[str, str], object],
    media: Mapping[str, int],
) -> list[Planned]:
    """Return what the first requests come to, a line for each bucket, in the order of the sources.

    `media` holds the bytes of covers and previews by source; they stand in its first line.
    """
    first: dict[tuple[str, str], dict[tuple[str, str], Request]] = {}
    for request in requests:
        bucket = sources[request.source].rate_limit(request).bucket
        first.setdefault((request.source, bucket), {})[request.source, request.url] = request
    lines, rest = [], dict(media)
    for (name, _), bucket_requests in first.items():
        source = sources[name]
        lines.append(
            Planned(
                source=name,
                rate_limit=source.rate_limit(next(iter(bucket_requests.values()))),
                first=len(bucket_requests),
                left=sum(key not in answered for key in bucket_requests),
                following=source.follow_ups * len(bucket_requests),
                bytes_each=source.answer_bytes,
                media_bytes=rest.pop(name, 0),
            )
        )
    return lines


def media_of(
    sources: Mapping[str, WebSource], wanted: Iterable[Wanted], there: Container[tuple[str, str]]
) -> dict[str, int]:
    """Return the bytes of the covers and previews that are not `there` (owner_id, kind), by source.

    Each is downloaded once: it counts for the first of the sources that gives its kind, at a typical size.
    """
    missing = {"cover": 0, "audio": 0}
    for album in wanted:
        missing["cover"] += (album.album_id, "cover") not in there
        songs = [(track.track_id, "audio") not in there for track in album.tracks]
        missing["audio"] += sum(songs) if songs else SONGS
    found: dict[str, int] = {}
    for name, source in sources.items():
        given = {kind: size for kind, size in source.media_bytes.items() if kind in missing}
        found[name] = sum(missing.pop(kind) * size for kind, size in given.items())
    return found


def foreseen(root: Root, sources: Mapping[str, WebSource]) -> str:
    """Return the plan of a scrape for a person: of what is known now, which each turn of it will add to."""
    wanted = list(wanted_of(root))
    requests = chain.from_iterable(source.requests(wanted) for source in sources.values())
    answered: dict[tuple[str, str], object] = {}
    if root.has(ANSWERS):
        done = root.current(ANSWERS).read(ANSWERS.key)
        answered = dict.fromkeys(zip(done["source"].to_pylist(), done["url"].to_pylist(), strict=True))
    there: set[tuple[str, str]] = set()
    if root.has(MEDIA):
        rows = root.current(MEDIA).read(MEDIA.key)
        there = set(zip(rows["owner_id"].to_pylist(), rows["kind"].to_pylist(), strict=True))
    waiting = [name for name, source in sources.items() if source.turn and not wanted]
    note = f"\nNo album is known yet that {', '.join(waiting)} could be asked about." if waiting else ""
    return format_table(plan(sources, requests, answered, media_of(sources, wanted, there))) + note


def format_table(lines: Iterable[Planned]) -> str:
    """Return the plan as a table for a terminal."""
    rows = [HEADINGS, *(line.row for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    aligned = [
        [
            cell.ljust(w) if place < 2 else cell.rjust(w)
            for place, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    return "\n".join("  ".join(row).rstrip() for row in aligned)
