"""What the service keeps and for how long: uploads within bytes and days, and nothing that was half done.

Of an owner's store: the API removes by it, the service itself now and then, `covergen sweep` thoroughly. What
has another name than the service gives is left alone, and `covergen verify` tells of it.
"""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final

from covergen.serving.problems import Problem
from covergen.serving.queue import Allowance
from covergen.serving.status import is_whole
from covergen.serving.store import FOLDER, ID, Json, Store, owners
from covergen.storage import objects

DAY, HOUR = 86_400.0, 3600.0  # seconds
KEEP_ALL: Final = Allowance(upload_bytes=None, upload_days=None, cover_days=None)
HALF_WRITTEN: Final = re.compile(r"\..+\.[0-9a-f]{32}")  # the name that a file has before it is whole
_FOLDERS: Final = frozenset({"requests", "open", "taken", "keys", "songs", "heard", "favourites"})

Removal = tuple[str, Callable[[], None]]  # what kind of thing goes, and how


def is_service(root: str) -> bool:
    """Return whether a root holds a service's requests and covers."""
    return bool(owners(root))


def usage(store: Store) -> dict[str, int]:
    """Return the bytes of each upload with what was heard in it, the oldest first."""
    songs = sorted(store.songs(), key=lambda each: each.modified)
    sizes = {each.name: each.size for each in songs}
    for each in store.features():
        if (song := each.name[:64]) in sizes:
            sizes[song] += each.size
    return sizes


def uploads_of(store: Store, allowance: Allowance) -> Json:
    """Return what a client is told of its uploads, as `api_models.Uploads` has it."""
    sizes, days = usage(store), allowance.upload_days
    times = {each.name: each.modified for each in store.songs()}
    uploads = [
        {
            "song": song,
            "bytes": size,
            "uploaded": _moment(times[song]),
            "expires": None if days is None else _moment(times[song] + days * DAY),
        }
        for song, size in reversed(sizes.items())
        if song in times
    ]
    return {"uploads": uploads, "bytes": sum(sizes.values()), "allowed": allowance.upload_bytes}


def make_room(store: Store, song: bytes, allowance: Allowance) -> None:
    """Remove the oldest uploads until a new one has its place in the allowance. Raises Problem."""
    limit, size = allowance.upload_bytes, len(song)
    if limit is None or store.has_song(hashlib.sha256(song).hexdigest()):
        return
    if size > limit:
        message = f"The song has {_megabytes(size)}, and uploads may take {_megabytes(limit)} in all."
        raise Problem(413, "quota_spent", message)
    used = store.songs_in_use()
    held = sum(size for name, size in usage(store).items() if name in used)
    if held + size > limit:
        message = (
            f"Uploads that wait for their covers take {_megabytes(held)} of the {_megabytes(limit)} that all "
            "of yours may take; come again when these are painted."
        )
        raise Problem(429, "quota_spent", message, {"Retry-After": "60"})
    for _, remove in _over_quota(store, limit - size):
        remove()


def tidy(
    store: Store,
    allowance: Allowance,
    *,
    hours: float = 24.0,
    thorough: bool = False,
    dry_run: bool = False,
) -> Counter[str]:
    """Remove what an owner's allowance does not keep and what no request needs; return how many by kind.

    Thoroughly: every request is looked at. What is younger than `hours` may be under way, and stays.
    """
    before = time.time() - hours * HOUR
    counts: Counter[str] = Counter()
    for steps in (
        _aged_uploads(store, allowance),
        _over_quota(store, allowance.upload_bytes),
        _aged_covers(store, allowance),
        _orphans(store, before),
        _thorough(store, before) if thorough else iter(()),
    ):
        for kind, remove in steps:
            counts[kind] += 1
            if not dry_run:
                remove()
    if not dry_run:
        for number in store.left():
            store.dismiss(number)
    return counts


def sweep(
    root: str, *, hours: float, dry_run: bool = False, allowance: Allowance = KEEP_ALL
) -> dict[str, int]:
    """Tidy all stores of a root thoroughly; return how many things went by kind."""
    counts: Counter[str] = Counter()
    for owner in owners(root):
        counts += tidy(Store(root, owner), allowance, hours=hours, thorough=True, dry_run=dry_run)
    base, before = objects.within(objects.absolute(root), FOLDER), time.time() - hours * HOUR
    for each in objects.entries(base):
        if HALF_WRITTEN.fullmatch(each.name) and not each.is_folder and each.modified < before:
            counts["half-written"] += 1
            if not dry_run:
                objects.delete(f"{base}/{each.name}")
    return dict(sorted(counts.items()))


def verify(root: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the stores of a root, as a kind and a sentence."""
    base = objects.within(objects.absolute(root), FOLDER)
    for link in objects.links(base):
        yield "link", f"{link} is a link, and is passed over: nothing outside of a root is touched"
    for each in objects.entries(base):
        if each.name not in owners(root) and not each.name.startswith("."):
            yield "stray", f"{base}/{each.name} is nothing of the service's"
    for owner in owners(root):
        store = Store(root, owner)
        yield from _strays(store)
        yield from _requests(store)
        for song in store.songs():
            if store.song(song.name) is None:
                yield "checksum", f"{store.at('songs')}/{song.name} is not what its name says; send it again"


def _aged_uploads(store: Store, allowance: Allowance) -> Iterator[Removal]:
    if allowance.upload_days is None:
        return
    before, used = time.time() - allowance.upload_days * DAY, store.songs_in_use()
    for each in store.songs():
        if each.modified < before and each.name not in used:
            yield "uploads", partial(store.forget_song, each.name)


def _over_quota(store: Store, limit: int | None) -> Iterator[Removal]:
    sizes = {} if limit is None else usage(store)
    over = sum(sizes.values()) - (limit or 0)
    if not sizes or over <= 0:
        return
    used = store.songs_in_use()
    for name, size in sizes.items():
        if over > 0 and name not in used:
            over -= size
            yield "uploads", partial(store.forget_song, name)


def _aged_covers(store: Store, allowance: Allowance) -> Iterator[Removal]:
    if allowance.cover_days is None:
        return
    marked = {number for number, _ in store.favourites()}
    for number in store.numbers():
        aged = store.age(number) > allowance.cover_days * DAY and number not in marked
        if aged and store.ended(number) is not None:
            yield "requests", partial(store.forget, number)


def _orphans(store: Store, before: float) -> Iterator[Removal]:
    """Yield what was heard in uploads that are gone, and marks of requests that are open no more."""
    songs = {each.name for each in store.songs()}
    for each in store.features():
        if each.name[:64] not in songs and each.modified < before:
            yield _file(store, "heard", each.name)
    left = set(store.left())
    for each in store.entries("taken"):
        if each.name[:24] not in left and each.modified < before:
            yield _file(store, "taken", each.name)


def _thorough(store: Store, before: float) -> Iterator[Removal]:
    """Yield what crashes left: files with their first name, requests that were never kept, their marks."""
    for place, name in _half_written(store, "", before):
        yield "half-written", partial(objects.delete, f"{place}/{name}")
    kept = {number for number in store.numbers() if store.request(number) is not None}
    for number in store.numbers():
        if number not in kept and store.age(number) > time.time() - before and not _has_files(store, number):
            yield "orphans", partial(store.forget, number)
    for each in store.entries("favourites"):
        owned = bool(ID.fullmatch(each.name[:24])) and not each.is_folder
        if owned and each.name[:24] not in kept and each.modified < before:
            yield _file(store, "favourites", each.name)
    for each in store.entries("keys"):
        mark = None if each.is_folder or each.modified >= before else store.find(f"keys/{each.name}")
        if mark is not None and mark.get("id") not in kept:
            yield _file(store, "keys", each.name)


def _has_files(store: Store, number: str) -> bool:
    """Return whether a request that cannot be read has files that somebody may want to mend."""
    return any(not each.is_folder and each.size for each in store.entries(f"requests/{number}"))


def _file(store: Store, folder: str, name: str) -> Removal:
    return "orphans", partial(objects.delete, store.at(f"{folder}/{name}"))


def _half_written(store: Store, place: str, before: float) -> Iterator[tuple[str, str]]:
    """Yield folder and name of files whose writer is gone; S3 has none."""
    if objects.is_s3(store.root):
        return
    folder = store.at(place).rstrip("/")
    for each in objects.entries(folder):
        if each.is_folder:
            yield from _half_written(store, f"{place}/{each.name}".lstrip("/"), before)
        elif HALF_WRITTEN.fullmatch(each.name) and each.modified < before:
            yield folder, each.name


def _strays(store: Store) -> Iterator[tuple[str, str]]:
    known = {each.name for each in (*store.songs(), *store.features())} | set(store.numbers())
    for each in store.entries(""):
        if each.name not in _FOLDERS:
            yield "stray", f"{store.at(each.name)} is nothing of the service's"
    for folder in ("requests", "songs", "heard"):
        for each in store.entries(folder):
            if each.name not in known and not HALF_WRITTEN.fullmatch(each.name):
                yield "stray", f"{store.at(f'{folder}/{each.name}')} is nothing of the service's"
    marks = {f"{number}-{cover:02}" for number, cover in store.favourites()}
    for each in store.entries("favourites"):
        if each.name not in marks and not HALF_WRITTEN.fullmatch(each.name):
            yield "stray", f"{store.at(f'favourites/{each.name}')} is nothing of the service's"
    for _, name in _half_written(store, "", time.time() - HOUR):
        yield "half-written", f"{name} was never finished; covergen sweep removes it"


def _requests(store: Store) -> Iterator[tuple[str, str]]:
    for number in store.numbers():
        place = store.at(f"requests/{number}")
        record, ended, covers = store.all_of(number)
        if record is None or not is_whole(record):
            yield "unreadable", f"{place}/request.json is not there, or holds no request"
            continue
        there = {each.name for each in store.entries(f"requests/{number}")}
        if ended is None and "finished.json" in there:
            yield "unreadable", f"{place}/finished.json cannot be read; the request is carried on"
        missing = sorted(set(range(record["order"]["n"])) - set(covers))
        if ended is not None and ended["status"] == "done" and missing:
            yield "lost", f"{place}: cover {missing[0]} is not there, or not whole, though all were painted"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f} MB"
