"""Media candidates to rows of MEDIA: every file is opened, decoded to its end, and measured, or refused."""

import hashlib
import stat
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa

from covergen.errors import BadInput, RejectCode
from covergen.media import audio, images
from covergen.media.audio import AudioLimits
from covergen.media.images import Pixels
from covergen.sources import procedural
from covergen.sources.http.addresses import host_of, is_web, masked, unsigned, web_address
from covergen.sources.local.embedded import embedded_picture
from covergen.sources.local.file_urls import EMBEDDED, path_of, shown
from covergen.sources.web_source import Answer, RateLimit, Request, WebSource
from covergen.storage import rows
from covergen.storage.tables import MEDIA

_CHUNK = 2**20
_OPENED_AS: Final = (
    2  # raise it when a file that lies here would be judged otherwise: downloads stay as they are
)
_MAKING = threading.Lock()  # of what downloads: batches of one process may come at once
# Of a host that names no rate limit: polite to one server, and enough for the networks that serve pictures.
_HOST: Final[dict[str, Any]] = {"count": 20, "seconds": 1.0, "at_once": 8}
_EXPIRED: Final = frozenset({RejectCode.FORBIDDEN, RejectCode.NOT_FOUND})  # what an expired address answers


class Download(Protocol):
    """Whoever fetches files and answers politely: `fetch.Fetcher`."""

    def fetch(self, request: Request, source: WebSource, *, anew: bool = False) -> Answer:
        """Return the answer to a request; `anew`: from the site, whatever is kept. Raises BadInput."""
        ...

    def download(self, url: str, rate_limit: RateLimit, *, max_bytes: int, source: str = "") -> Answer:
        """Return a file whole. Raises BadInput."""
        ...


class CheckMedia:
    """Proves audio and covers usable: candidates (owner_id, kind, uri, source, ..., bytes) to MEDIA rows.

    What lies on the web is downloaded with what `fetcher` makes; without one it is refused. An address that
    has expired is asked for anew at its source, where that is one of `sources` that can tell. `at_once`:
    downloads under way, of all batches. `cover_pixels`: a downloaded cover with a longer shorter side is
    scaled down to it, and only that is kept and told of. Safe for threads.
    """

    key: Final = MEDIA.key
    outcome: Final = rows.outcome_schema(MEDIA)

    def __init__(
        self,
        limits: AudioLimits | None = None,
        *,
        max_pixels: int = images.MAX_PIXELS,
        fetcher: Callable[[], Download] | None = None,
        sources: Mapping[str, Any] | None = None,
        at_once: int = 8,
        cover_pixels: int | None = None,
    ):
        self.limits = limits or AudioLimits()
        self.max_pixels, self.cover_pixels, self.at_once = max_pixels, cover_pixels, at_once
        self._make, self._sources = fetcher, sources or {}
        self._means: tuple[ThreadPoolExecutor, Download] | None = None

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return one outcome per candidate; a reason names the file that a person has to look at."""
        candidates = batch.to_pylist()
        results = [self._check(*each) for each in zip(candidates, self._bodies(candidates), strict=True)]
        return rows.outcomes(MEDIA, batch.drop_columns("bytes"), results)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_means": None}

    def _ready(self, make: Callable[[], Download]) -> tuple[ThreadPoolExecutor, Download]:
        """Return the threads and the client of this process; connections and leases last as long as they."""
        with _MAKING:
            if self._means is None:
                self._means = ThreadPoolExecutor(self.at_once), make()
            return self._means

    def _bodies(self, candidates: Sequence[Mapping[str, Any]]) -> Iterable[bytes | BadInput | None]:
        """Return what was downloaded of each as it comes: meanwhile the caller decodes what came before."""
        if self._make is None:
            return [None] * len(candidates)
        pool, client = self._ready(self._make)
        return pool.map(partial(self._download, client=client), candidates)

    def _download(self, row: Mapping[str, Any], client: Download) -> bytes | BadInput | None:
        """Return a file of the web, why it cannot be had, or None for what lies elsewhere."""
        if row["bytes"] is not None or not is_web(row["uri"]):
            return None
        try:
            return self._body(row["uri"], row, client)
        except BadInput as refusal:
            if refusal.code not in _EXPIRED:
                return refusal
            try:
                fresh = self._anew(row, client)
                return refusal if fresh is None else self._body(fresh, row, client)
            except BadInput as again:
                return again

    def _body(self, uri: str, row: Mapping[str, Any], client: Download) -> bytes:
        rate_limit = RateLimit(f"media/{host_of(web_address(uri))}", **_HOST)
        return client.download(
            uri, rate_limit, max_bytes=self.limits.max_bytes, source=row["source"] or ""
        ).body

    def _anew(self, row: Mapping[str, Any], client: Download) -> str | None:
        """Return a fresh address of a medium whose signed one may have expired; None where nobody tells."""
        source: Any = self._sources.get(row["source"])
        request = source.refresh(row) if hasattr(source, "refresh") else None
        if request is None:
            return None
        media = source.parse(request, client.fetch(request, source, anew=True)).found.media
        return media[0]["uri"] if media else None

    def _check(self, row: Mapping[str, Any], body: bytes | BadInput | None) -> dict[str, Any] | BadInput:
        try:
            if isinstance(body, BadInput):
                raise body
            if body is not None:
                return self._measured({**row, "bytes": body}, side=self.cover_pixels)
            known = row["bytes"] if row["bytes"] is not None else _made(row["uri"])
            return self._measured({**row, "bytes": known})
        except BadInput as refusal:
            return _placed(refusal, row)

    def _measured(self, row: Mapping[str, Any], *, side: int | None = None) -> dict[str, Any]:
        if row["kind"] == "audio":
            return {**self._audio(row), "bytes": row["bytes"]}
        if side is None:
            return {**self._cover(row), "bytes": row["bytes"]}
        data, (height, width) = images.shrink(row["bytes"], side, max_pixels=self.max_pixels)
        return {**_facts(data, width, height), "bytes": data}

    def _audio(self, row: Mapping[str, Any]) -> dict[str, Any]:
        source = media_source(row)
        seconds, facts = audio.measure(source, self.limits)
        digest, size = _digest(source)
        return {"sha256": digest, "mime": facts.mime, "size_bytes": size, "seconds": seconds}

    def _cover(self, row: Mapping[str, Any]) -> dict[str, Any]:
        data = read_media(row, max_bytes=self.limits.max_bytes)
        height, width = images.decode(data, max_pixels=self.max_pixels).shape[:2]
        return _facts(data, width, height)


def media_source(row: Mapping[str, Any]) -> bytes | Path:
    """Return what holds a row's medium: its own bytes, an embedded picture's, or the path of a file.

    Raises BadInput if the address is none, or neither a local file nor stored with the row.
    """
    if row.get("bytes") is not None:
        data: bytes = row["bytes"]
        return data
    address = row.get("uri")
    if is_web(address):
        web_address(str(address))
    path = path_of(address) if address else None
    if path is None:
        reason = (
            f"{address or 'a row without an address'} is not stored here; only local files can be read, "
            "and what lies on the web where scrape.contact says who asks"
        )
        raise BadInput(RejectCode.MISSING_FILE, reason)
    if "\0" in str(path):
        raise BadInput(RejectCode.BAD_ADDRESS, "no file has a zero byte in its name")
    return _picture(path) if str(address).endswith(EMBEDDED) else path


def read_media(row: Mapping[str, Any], *, max_bytes: int = 2**29) -> bytes:
    """Return the bytes of a row of MEDIA. Raises BadInput."""
    source = media_source(row)
    if isinstance(source, bytes):
        return source
    try:
        size = source.stat().st_size
        if size > max_bytes:
            raise BadInput(RejectCode.TOO_LARGE, f"{size} bytes, at most {max_bytes} are read")
        return source.read_bytes()
    except OSError as error:
        raise _unopened(row["uri"], error) from error


def read_picture(row: Mapping[str, Any], *, max_pixels: int = images.MAX_PIXELS) -> Pixels:
    """Return the pixels of a cover in MEDIA. Raises BadInput whose reason names the file."""
    try:
        return images.decode(read_media(row), max_pixels=max_pixels)
    except BadInput as refusal:
        raise _placed(refusal, row) from refusal


def stamp(row: Mapping[str, Any]) -> str:
    """Return what tells whether a candidate changed since it was opened: bytes, or address, size, time."""
    if row.get("bytes") is not None:
        return hashlib.sha256(row["bytes"]).hexdigest()
    address = row.get("uri") or ""
    path, facts = path_of(address), ""
    if path is not None:
        try:
            status = path.stat()
            is_file = stat.S_ISREG(status.st_mode)
            facts = f"{status.st_size}/{status.st_mtime_ns}/{_OPENED_AS}" if is_file else ""
        except (OSError, ValueError):
            pass  # there is none, or it is no path at all: who opens it will say so
    if is_web(address):
        address = unsigned(address)
    return hashlib.sha256(f"{address}\x1f{facts}".encode("utf-8", "replace")).hexdigest()


def _made(address: str | None) -> bytes | None:
    """Return the bytes of a medium that is made, not found; None for all others."""
    return procedural.fetch(address) if address and address.startswith(procedural.SCHEME) else None


def _picture(path: Path) -> bytes:
    try:
        picture = embedded_picture(path)
    except OSError as error:
        raise _unopened(str(path), error) from error
    if picture is None:
        raise BadInput(RejectCode.DAMAGED_IMAGE, "the embedded picture cannot be found any more")
    return picture


def _facts(data: bytes, width: int, height: int) -> dict[str, Any]:
    digest, size = _digest(data)
    mime = images.mime_of(data)
    return {"sha256": digest, "mime": mime, "size_bytes": size, "width": width, "height": height}


def _placed(refusal: BadInput, row: Mapping[str, Any]) -> BadInput:
    """Return a refusal whose reason names the file that a person has to look at."""
    return refusal.at(masked(shown(row["uri"])) if row.get("uri") else row.get("owner_id", ""))


def _unopened(address: str, error: OSError) -> BadInput:
    if isinstance(error, FileNotFoundError):
        return BadInput(RejectCode.MISSING_FILE, f"there is no file {shown(address)}")
    return BadInput(RejectCode.UNREADABLE, f"{shown(address)} cannot be opened: {error.strerror}")


def _digest(source: bytes | Path) -> tuple[str, int]:
    """Return (SHA-256, size) without holding a file as a whole."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest(), len(source)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
