"""What all replicas of the service share: requests, songs, covers and favourites, as small files of a root.

Files are whole or not there, created once, and whoever comes second takes what is there: a request that is
done again after a crash has no cover twice, whoever does it. What cannot be read, is a link or has another
name is passed over, and said once in the log. Under `ROOT/service/OWNER`:

    requests/ID/request.json           what was asked, by an id that sorts the newest first
    requests/ID/covers/NUMBER.FORMAT   the picture, its settings inside; NUMBER.json what is told of it
    requests/ID/finished.json          how it ended
    open/ID, taken/ID-N                a request that has not ended; that a new service took it up once more
    keys/DIGEST.json                   which request an Idempotency-Key stands for
    songs/SHA256, heard/SHA256-RECIPE  an upload, and what the encoder heard in it
    favourites/ID-NUMBER               a mark
"""

import hashlib
import json
import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any, Final
from uuid import uuid4

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from covergen.errors import RootError, RootForeign, RootFull
from covergen.serving.domain import ImageFormat, SongFeatures
from covergen.storage import objects
from covergen.storage.objects import Entry

FOLDER: Final = "service"
RESERVE: Final = 32 * 2**20  # bytes that stay free, so that what was accepted can be finished
UNKEPT: Final = 60.0  # seconds after which a request that is announced and not there will not come any more
_SUFFIX: Final[Mapping[ImageFormat, str]] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
_LAST_MS: Final = 2**48 - 1
_OWNER, ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}"), re.compile(r"[0-9a-f]{24}")
_SONG, _HEARD = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{64}-[0-9a-f]+\.safetensors")
_COVER, _FAVOURITE = re.compile(r"\d{2,}\.json"), re.compile(r"[0-9a-f]{24}-\d{2,}")
_INDEXED: Final = "open/index.json"  # of a store whose open requests are all in open/
_SAID_AT_MOST: Final = 1000
Json = dict[str, Any]

log = logging.getLogger("covergen.serving")


@dataclass(frozen=True)
class Kept:
    """A finished cover as it lies in the store."""

    image: bytes
    format: ImageFormat
    facts: Json


def owners(root: str) -> list[str]:
    """Return whose stores are in a root."""
    place = objects.within(objects.absolute(root), FOLDER)
    return [each.name for each in objects.entries(place) if each.is_folder and _OWNER.fullmatch(each.name)]


def check_room(root: str, wanted: int = 0) -> None:
    """Raise RootFull where so many bytes would leave too little room for what was accepted before."""
    base = objects.absolute(root)
    free = objects.free_bytes(base)
    if free is not None and free < RESERVE + wanted:
        raise RootFull(f"{base} has {free / 2**20:.0f} MB left, and {RESERVE // 2**20} MB have to stay free.")


def check_root(root: str) -> None:
    """Raise RootFull or RootReadOnly where a root takes nothing more, RootError where it is out of reach."""
    check_room(root)
    base = objects.absolute(root)
    place = objects.within(base, f"{FOLDER}/.probe.{uuid4().hex}")
    objects.write(place, b"room")
    objects.delete(place)


class Store:
    """The files of one owner: of an API key's name, or of everybody where there are no keys."""

    def __init__(self, root: str, owner: str, *, clock: Callable[[], float] = time.time):
        self.owner, self._clock = owner, clock
        self._last_ms: int | None = None  # of the newest id, in this process or an earlier one
        self._numbering = Lock()
        self.root = objects.absolute(root)
        self._base = f"{self.root}/{FOLDER}/{owner}"
        self._said: set[str] = set()
        self._indexed = False

    def new_id(self) -> str:
        """Return an id that sorts before all that were made earlier, even if the clock jumps."""
        with self._numbering:
            if self._last_ms is None:
                newest = next(iter(self.history(limit=1)[0]), "")
                self._last_ms = _LAST_MS - int(newest[:12], 16) if ID.fullmatch(newest) else 0
            now = int(self._clock() * 1000)
            self._last_ms = min(_LAST_MS, max(now, self._last_ms + 1))
            return f"{_LAST_MS - self._last_ms:012x}{secrets.token_hex(6)}"

    def age(self, number: str) -> float:
        """Return the seconds since an id was made."""
        return self._clock() - (_LAST_MS - int(number[:12], 16)) / 1000

    def accept(self, number: str, request: Json, *, key: str | None = None) -> tuple[str, Json]:
        """Keep a request; return its id and what is kept: of a known key, the request it stands for."""
        if key is not None:
            mark = f"keys/{_digest(key)}.json"
            if not self._create(mark, {"id": number}):
                number = (self.find(mark) or {"id": number})["id"]
        place = f"requests/{number}/request.json"
        self._create(f"open/{number}", {})  # first, so that no request is kept that nobody takes up
        try:
            if self._create(place, request):
                return number, request
        except RootError:
            with suppress(RootError):
                objects.delete(self.at(f"open/{number}"))
            raise
        return number, self.find(place) or request

    def known(self, key: str) -> tuple[str, Json] | None:
        """Return the request that an Idempotency-Key stands for, or None."""
        mark = self.find(f"keys/{_digest(key)}.json")
        request = mark and self.request(mark.get("id", ""))
        return None if mark is None or request is None else (mark["id"], request)

    def request(self, number: str) -> Json | None:
        """Return what was asked, or None where this owner has no such request."""
        return self.find(f"requests/{number}/request.json")

    def all_of(self, number: str) -> tuple[Json | None, Json | None, dict[int, Json]]:
        """Return what was asked, how it ended, and the covers that are there: all of them where it ended."""
        record = self.request(number)
        return (None, None, {}) if record is None else (record, self.ended(number), self.covers(number))

    def finish(self, number: str, ended: Json) -> bool:
        """Keep how a request ended, and say whether it had not ended before."""
        first = self._create(f"requests/{number}/finished.json", ended)
        with suppress(RootError):  # whoever takes it up later finds that it has ended
            objects.delete(self.at(f"open/{number}"))
        return first

    def ended(self, number: str) -> Json | None:
        """Return how a request ended, or None."""
        found = self.find(f"requests/{number}/finished.json")
        return found if found is not None and "status" in found else None

    def left(self) -> list[str]:
        """Return the requests that have not ended, or a moment ago, the oldest first."""
        self._index()
        names = (each.name for each in self.entries("open") if not each.is_folder)
        return sorted((name for name in names if ID.fullmatch(name)), reverse=True)

    def taken(self) -> Counter[str]:
        """Return how often each open request was taken up by a new service."""
        return Counter(each.name.partition("-")[0] for each in self.entries("taken"))

    def take(self, number: str, times: int) -> None:
        """Keep that a request is taken up once more."""
        self._create(f"taken/{number}-{times}", {})

    def dismiss(self, number: str) -> None:
        """Forget that a request is open where it has ended, or was announced and never kept."""
        if self.ended(number) is not None or (self.request(number) is None and self.age(number) > UNKEPT):
            objects.delete(self.at(f"open/{number}"))

    def keep(self, number: str, cover: int, kept: Kept) -> None:
        """Keep a cover; the picture comes first, so that whatever is told of has one."""
        place = f"requests/{number}/covers/{cover:02}"
        picture = self.at(f"{place}{_SUFFIX[kept.format]}")
        if not objects.create(picture, kept.image) and cover not in self.covers(number):
            objects.write(picture, kept.image)  # what is there may be half of one
        self._create(f"{place}.json", {**kept.facts, "format": kept.format})

    def covers(self, number: str) -> dict[int, Json]:
        """Return what is told of a request's covers that are finished, by their numbers."""
        sizes = self._sizes(number)
        found = {name: self._facts(number, name, sizes) for name in sizes if _COVER.fullmatch(name)}
        return {int(name.removesuffix(".json")): facts for name, facts in found.items() if facts is not None}

    def cover(self, number: str, cover: int) -> Kept | None:
        """Return a finished cover, or None."""
        facts = self._facts(number, f"{cover:02}.json", self._sizes(number))
        if facts is None:
            return None
        kind: ImageFormat = facts["format"]
        return Kept(objects.read(self.at(f"requests/{number}/covers/{cover:02}{_SUFFIX[kind]}")), kind, facts)

    def history(self, *, limit: int, before: str | None = None) -> tuple[list[str], str | None]:
        """Return the ids of the newest requests, older ones than `before`, and where to go on."""
        names = [name for name in self.numbers() if name > (before or "")]
        return names[:limit], names[limit - 1] if len(names) > limit else None

    def mark(self, number: str, cover: int, *, favourite: bool) -> None:
        """Make a cover a favourite, or no favourite any more."""
        place = self.at(f"favourites/{number}-{cover:02}")
        if favourite:
            objects.create(place, b"")
        else:
            objects.delete(place)

    def favourites(self) -> set[tuple[str, int]]:
        """Return the favourites as (id, number of the cover)."""
        found = self._named("favourites", _FAVOURITE)
        return {(each.name[:24], int(each.name[25:])) for each in found}

    def forget(self, number: str) -> None:
        """Remove a request with its covers and their marks."""
        place = f"requests/{number}"
        for name in ("request.json", "finished.json"):  # first, so that no half of it is ever shown
            objects.delete(self.at(f"{place}/{name}"))
        objects.delete_folder(self.at(place))
        for folder in ("favourites", "taken", "open"):
            for each in self.entries(folder):
                if each.name.partition("-")[0] == number:
                    objects.delete(self.at(f"{folder}/{each.name}"))

    def keep_song(self, song: bytes) -> str:
        """Keep an upload and return its SHA-256; one that is known is kept as long as a new one."""
        sha256 = hashlib.sha256(song).hexdigest()
        objects.write(self.at(f"songs/{sha256}"), song)
        return sha256

    def has_song(self, sha256: str) -> bool:
        """Return whether a song was uploaded before."""
        return bool(_SONG.fullmatch(sha256)) and objects.exists(self.at(f"songs/{sha256}"))

    def song(self, sha256: str) -> bytes | None:
        """Return an upload; None where there is none, or not the whole of it. Raises RootError."""
        found = objects.find(self.at(f"songs/{sha256}"))
        return None if found is None or hashlib.sha256(found).hexdigest() != sha256 else found

    def songs(self) -> list[Entry]:
        """Return all uploads, by their SHA-256."""
        return self._named("songs", _SONG)

    def features(self) -> list[Entry]:
        """Return what was heard in uploads, as files named after them."""
        return self._named("heard", _HEARD)

    def forget_song(self, sha256: str) -> None:
        """Remove an upload and what was heard in it."""
        objects.delete(self.at(f"songs/{sha256}"))
        for each in self.features():
            if each.name.startswith(sha256):
                objects.delete(self.at(f"heard/{each.name}"))

    def songs_in_use(self) -> set[str]:
        """Return the uploads that open requests will be painted for."""
        records = [self.request(number) for number in self.left()]
        orders = [
            each["order"] for each in records if each is not None and isinstance(each.get("order"), dict)
        ]
        return {order["song"] for order in orders if order.get("song")}

    def keep_song_features(self, features: SongFeatures, recipe: str) -> None:
        """Keep what an encoder of that recipe heard in a song."""
        facts = {
            field.name: getattr(features, field.name)
            for field in fields(SongFeatures)
            if field.name != "frames"
        }
        header = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        objects.write(
            self._features_path(features.sha256, recipe), save({"frames": features.frames, "facts": header})
        )

    def song_features(self, sha256: str, recipe: str) -> SongFeatures | None:
        """Return what was heard in a song before, or None."""
        place = self._features_path(sha256, recipe)
        found = objects.find(place)
        if found is None:
            return None
        try:
            kept = load(found)  # numpy's own format is read by Python's parser, which threads break
            return SongFeatures(frames=kept["frames"], **json.loads(kept["facts"].tobytes()))
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            self._say(place, error)
            return None

    def _features_path(self, sha256: str, recipe: str) -> str:
        return self.at(f"heard/{sha256}-{recipe}.safetensors")

    def _index(self) -> None:
        """Find the open requests of a store that is older than their index, once."""
        if self._indexed or self.find(_INDEXED) is not None:
            self._indexed = True
            return
        for number in self.numbers():
            if self.ended(number) is None and self.request(number) is not None:
                self._create(f"open/{number}", {})
        self._indexed = self._create(_INDEXED, {"all": True})

    def numbers(self) -> list[str]:
        """Return the ids of all requests, the newest first, of what could not be kept too."""
        return [each.name for each in self.entries("requests") if each.is_folder and ID.fullmatch(each.name)]

    def _sizes(self, number: str) -> dict[str, int]:
        found = self.entries(f"requests/{number}/covers")
        return {each.name: each.size for each in found if not each.is_folder}

    def _facts(self, number: str, name: str, sizes: Mapping[str, int]) -> Json | None:
        """Return what is told of a cover, where it and its picture are whole."""
        facts = self.find(f"requests/{number}/covers/{name}") if name in sizes else None
        if facts is None or not isinstance(facts.get("parameters"), dict | None):
            return None
        pictures = (
            name.removesuffix(".json") + suffix
            for kind, suffix in _SUFFIX.items()
            if kind == facts.get("format")
        )
        return facts if any(sizes.get(picture) for picture in pictures) else None

    def _named(self, place: str, name: re.Pattern[str]) -> list[Entry]:
        return [each for each in self.entries(place) if not each.is_folder and name.fullmatch(each.name)]

    def entries(self, place: str) -> list[Entry]:
        """Return the files and folders of a folder of this owner; links are neither, and hold nothing."""
        try:
            return objects.entries(self.at(place))
        except RootForeign as error:
            self._say(place, error)
            return []

    def at(self, place: str) -> str:
        """Return the address of a file of this owner. Raises RootError for one behind a link."""
        return objects.within(self.root, f"{FOLDER}/{self.owner}/{place}".rstrip("/"))

    def _create(self, place: str, content: Json) -> bool:
        """Create a file, and say whether that was done; one that is there and not whole is replaced."""
        uri, data = self.at(place), json.dumps(content, sort_keys=True).encode()
        while not objects.create(uri, data):
            if objects.find(uri) is not None:
                if self.find(place) is not None:
                    return False
                objects.write(uri, data)
                return True
        return True

    def find(self, place: str) -> Json | None:
        """Return the JSON object of a file, or None; one that cannot be read stands for none, and is told."""
        try:
            data = objects.find(self.at(place))
            found = None if data is None else json.loads(data)
            if found is None or isinstance(found, dict):
                return found
            raise ValueError("it holds no object")
        except (ValueError, RecursionError, RootError) as error:
            if isinstance(error, RootError) and objects.is_s3(self.root):
                raise
            self._say(place, error)
            return None

    def _say(self, place: str, error: Exception) -> None:
        if place not in self._said and len(self._said) < _SAID_AT_MOST:
            self._said.add(place)
            log.warning("passes over a file of the store: %s/%s: %s", self._base, place, error)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
