"""Answers made by hand, and what a source makes of them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from covergen.sources.web_source import Answer, Parsed, Request, Wanted, WantedTrack
from covergen.storage import rows
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS

WHEN = datetime(2026, 11, 26, tzinfo=UTC)
ALBUM = Wanted("w", "Zoë", "Blue", "1994")


def wanted(*songs: str, **changes: Any) -> Wanted:
    """Blue by Zoë of 1994, with known songs t0, t1, ..."""
    tracks = tuple(WantedTrack(f"t{k}", song, "Zoë") for k, song in enumerate(songs))
    return Wanted(**{**vars(ALBUM), "tracks": tracks, **changes})


def answer(body: Any, status: int = 200, url: str = "https://local/x") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(url, status, {}, raw, WHEN)


def sample(path: Path) -> Answer:
    """A recorded answer: as it came, or inside what the recorder wrote around it."""
    document = json.loads(path.read_bytes())
    return answer(document["body"] if "_request" in document else document)


def only(requests) -> Request:
    (request,) = requests
    return request


def followed(parsed: Parsed) -> Request:
    """The one request that follows; nothing is told yet."""
    found = parsed.found
    assert not (found.albums or found.tracks or found.media or found.rejects), found.rejects
    return only(parsed.follow)


def refused(parsed: Parsed) -> tuple[str, str, str]:
    """Key, code and reason of the one reject."""
    (reject,) = parsed.found.rejects
    assert reject.stage == "answers"
    return reject.key, str(reject.problem.code), reject.problem.reason


def check(parsed: Parsed, source: str) -> Parsed:
    """The records fit their tables and name their source; no key comes twice."""
    found = parsed.found
    for table, records in ((ALBUMS, found.albums), (TRACKS, found.tracks), (MEDIA, found.media)):
        rows.from_records(table, records)
        keys = [tuple(record[name] for name in table.key) for record in records]
        assert len(keys) == len(set(keys))
        assert {record["source"] for record in records} <= {source}
        assert all(record["licence"] for record in records)
    return parsed
