"""What all replicas of the service share: requests, songs, covers and favourites, as small files of a root.

Nothing is ever written twice: every file is created once, and whoever comes second takes what is there. So a
request that is done again after a crash has no cover twice, whoever does it. Under `ROOT/service/OWNER`:

    requests/ID/request.json           what was asked, by an id that sorts the newest first
    requests/ID/covers/NUMBER.FORMAT   the picture, its settings inside; NUMBER.json what is told of it
    requests/ID/finished.json          how it ended
    keys/DIGEST.json                   which request an Idempotency-Key stands for
    songs/SHA256, heard/SHA256-RECIPE  an upload, and what the encoder heard in it
    favourites/ID-NUMBER               a mark
"""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any, Final

import numpy as np
from safetensors.numpy import load, save

from covergen import objects
from covergen.serving.schema import Heard, ImageFormat

_SUFFIX: Final[Mapping[ImageFormat, str]] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
_LAST_MS: Final = 2**48 - 1
_ID: Final = re.compile(r"[0-9a-f]{24}")
Json = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """A finished cover as it lies in the store."""

    image: bytes
    format: ImageFormat
    facts: Json


class Store:
    """The files of one owner: of an API key's name, or of everybody where there are no keys."""

    def __init__(self, root: str, owner: str, *, clock: Callable[[], float] = time.time):
        self.owner, self._clock = owner, clock
        self._last_ms: int | None = None  # of the newest id, in this process or an earlier one
        self._numbering = Lock()
        self._base = f"{objects.absolute(root)}/service/{owner}"

    def new_id(self) -> str:
        """Return an id that sorts before all that were made earlier, even if the clock jumps."""
        with self._numbering:
            if self._last_ms is None:
                newest = next(iter(self.history(limit=1)[0]), "")
                self._last_ms = _LAST_MS - int(newest[:12], 16) if _ID.fullmatch(newest) else 0
            now = int(self._clock() * 1000)
            self._last_ms = min(_LAST_MS, max(now, self._last_ms + 1))
            return f"{_LAST_MS - self._last_ms:012x}{secrets.token_hex(6)}"

    def accept(self, number: str, request: Json, *, key: str | None = None) -> tuple[str, Json]:
        """Keep a request; return its id and what is kept: of a known key, the request it stands for."""
        if key is not None:
            mark = f"keys/{_digest(key)}.json"
            if not self._create(mark, {"id": number}):
                number = self._read(mark)["id"]
        place = f"requests/{number}/request.json"
        return number, request if self._create(place, request) else self._read(place)

    def known(self, key: str) -> tuple[str, Json] | None:
        """Return the request that an Idempotency-Key stands for, or None."""
        mark = self._find(f"keys/{_digest(key)}.json")
        request = mark and self.request(mark["id"])
        return None if mark is None or request is None else (mark["id"], request)

    def request(self, number: str) -> Json | None:
        """Return what was asked, or None where this owner has no such request."""
        return self._find(f"requests/{number}/request.json")

    def all_of(self, number: str) -> tuple[Json | None, Json | None, dict[int, Json]]:
        """Return what was asked, how it ended, and the covers that are there: all of them where it ended."""
        asked = self.request(number)
        return (None, None, {}) if asked is None else (asked, self.ended(number), self.covers(number))

    def finish(self, number: str, told: Json) -> bool:
        """Keep how a request ended, and say whether it had not ended before."""
        return self._create(f"requests/{number}/finished.json", told)

    def ended(self, number: str) -> Json | None:
        """Return how a request ended, or None."""
        return self._find(f"requests/{number}/finished.json")

    def keep(self, number: str, cover: int, kept: Kept) -> None:
        """Keep a cover; the picture comes first, so that whatever is told of has one."""
        place = f"requests/{number}/covers/{cover:02}"
        objects.create(f"{self._base}/{place}{_SUFFIX[kept.format]}", kept.image)
        self._create(f"{place}.json", {**kept.facts, "format": kept.format})

    def covers(self, number: str) -> dict[int, Json]:
        """Return what is told of a request's covers that are finished, by their numbers."""
        place = f"requests/{number}/covers"
        names = [name for name in self._names(place) if name.endswith(".json")]
        return {int(name.removesuffix(".json")): self._read(f"{place}/{name}") for name in names}

    def cover(self, number: str, cover: int) -> Kept | None:
        """Return a finished cover, or None."""
        place = f"requests/{number}/covers/{cover:02}"
        facts = self._find(f"{place}.json")
        if facts is None:
            return None
        kind: ImageFormat = facts["format"]
        return Kept(objects.read(f"{self._base}/{place}{_SUFFIX[kind]}"), kind, facts)

    def history(self, *, limit: int, before: str | None = None) -> tuple[list[str], str | None]:
        """Return the ids of the newest requests, older ones than `before`, and where to go on."""
        names = [name for name in self._names("requests") if name > (before or "")]
        return names[:limit], names[limit - 1] if len(names) > limit else None

    def mark(self, number: str, cover: int, *, favourite: bool) -> None:
        """Make a cover a favourite, or no favourite any more."""
        place = f"{self._base}/favourites/{number}-{cover:02}"
        if favourite:
            objects.create(place, b"")
        else:
            objects.delete(place)

    def favourites(self) -> set[tuple[str, int]]:
        """Return the favourites as (id, number of the cover)."""
        names = [name.rpartition("-") for name in self._names("favourites")]
        return {(number, int(cover)) for number, _, cover in names}

    def keep_song(self, song: bytes) -> str:
        """Keep an upload and return its SHA-256."""
        sha256 = hashlib.sha256(song).hexdigest()
        if not self.has_song(sha256):
            objects.create(f"{self._base}/songs/{sha256}", song)
        return sha256

    def has_song(self, sha256: str) -> bool:
        """Return whether a song was uploaded before."""
        return objects.exists(f"{self._base}/songs/{sha256}")

    def song(self, sha256: str) -> bytes:
        """Return an upload. Raises RootError."""
        return objects.read(f"{self._base}/songs/{sha256}")

    def keep_heard(self, heard: Heard, recipe: str) -> None:
        """Keep what an encoder of that recipe heard in a song."""
        facts = {field.name: getattr(heard, field.name) for field in fields(Heard) if field.name != "frames"}
        told = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        objects.create(self._heard(heard.sha256, recipe), save({"frames": heard.frames, "facts": told}))

    def heard(self, sha256: str, recipe: str) -> Heard | None:
        """Return what was heard in a song before, or None."""
        place = self._heard(sha256, recipe)
        if not objects.exists(place):
            return None
        kept = load(objects.read(place))  # numpy's own format is read by Python's parser, which threads break
        return Heard(frames=kept["frames"], **json.loads(kept["facts"].tobytes()))

    def _heard(self, sha256: str, recipe: str) -> str:
        return f"{self._base}/heard/{sha256}-{recipe}.safetensors"

    def _names(self, place: str) -> list[str]:
        """Return what is in a folder, without what is being written in this moment."""
        return [name for name in objects.children(f"{self._base}/{place}") if not name.startswith(".")]

    def _create(self, place: str, content: Json) -> bool:
        return objects.create(f"{self._base}/{place}", json.dumps(content, sort_keys=True).encode())

    def _read(self, place: str) -> Json:
        found: Json = json.loads(objects.read(f"{self._base}/{place}"))
        return found

    def _find(self, place: str) -> Json | None:
        return self._read(place) if objects.exists(f"{self._base}/{place}") else None


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
