"""Media candidates to rows of MEDIA: every file is opened, decoded to its end, and measured, or refused."""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow as pa

from covergen import audio, images, rows
from covergen.audio import AudioLimits
from covergen.errors import BadInput, RejectCode
from covergen.images import Pixels
from covergen.sources import procedural
from covergen.sources.music_tags import embedded_picture
from covergen.sources.places import EMBEDDED, path_of, shown
from covergen.sources.web import Answer, Manners, Request, WebSource
from covergen.tables import MEDIA

_CHUNK = 2**20
_AT_ONCE: Final = 8  # downloads of one batch
# Of a host that names no manners: polite to one server, and enough for the networks that serve pictures.
_HOST: Final[dict[str, Any]] = {"count": 20, "seconds": 1.0, "at_once": 8}
_EXPIRED: Final = frozenset({RejectCode.FORBIDDEN, RejectCode.NOT_FOUND})  # what an expired address answers
_SIGNING: Final = frozenset({"exp", "expires", "hdnea", "sig", "signature", "token"})  # in a signed address


class Download(Protocol):
    """Whoever fetches files and answers politely: `fetch.Fetcher`."""

    def fetch(self, request: Request, source: WebSource) -> Answer:
        """Return the answer to a request. Raises BadInput."""
        ...

    def download(self, url: str, manners: Manners, *, max_bytes: int, source: str = "") -> Answer:
        """Return a file whole. Raises BadInput."""
        ...


class CheckMedia:
    """Proves audio and covers usable: candidates (owner_id, kind, uri, source, ..., bytes) to MEDIA rows.

    What lies on the web is downloaded with what `fetcher` makes; without one it is refused. An address that
    has expired is asked for anew at its source, where that is one of `sources` that can tell.
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
    ):
        self.limits = limits or AudioLimits()
        self.max_pixels = max_pixels
        self._make, self._sources = fetcher, sources or {}

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return one outcome per candidate; a reason names the file that a person has to look at."""
        candidates = batch.to_pylist()
        if self._make is None:
            results = [self._check(row) for row in candidates]
        else:
            check = partial(self._check, fetcher=self._fetcher)
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                results = list(pool.map(check, candidates))
        return rows.outcomes(MEDIA, batch.drop_columns("bytes"), results)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_fetcher"}

    @cached_property
    def _fetcher(self) -> Download | None:
        return self._make() if self._make else None

    def _found(self, row: Mapping[str, Any], fetcher: Download | None) -> bytes | None:
        """Return the bytes of a medium that does not lie here as a file; None for one that does."""
        if row["bytes"] is not None:
            own: bytes = row["bytes"]
            return own
        if fetcher is None or not is_web(row["uri"]):
            return _made(row["uri"])
        try:
            return self._downloaded(row["uri"], row, fetcher)
        except BadInput as problem:
            if problem.code not in _EXPIRED or (uri := self._anew(row, fetcher)) is None:
                raise
            return self._downloaded(uri, row, fetcher)

    def _downloaded(self, uri: str, row: Mapping[str, Any], fetcher: Download) -> bytes:
        manners = Manners(f"media/{urlsplit(uri).netloc}", **_HOST)
        limit = self.limits.max_bytes
        return fetcher.download(uri, manners, max_bytes=limit, source=row["source"] or "").body

    def _anew(self, row: Mapping[str, Any], fetcher: Download) -> str | None:
        """Return a fresh address of a medium whose signed one may have expired; None where nobody tells."""
        source: Any = self._sources.get(row["source"])
        request = source.refresh(row) if hasattr(source, "refresh") else None
        if request is None:
            return None
        media = source.parse(request, fetcher.fetch(request, source)).found.media
        return media[0]["uri"] if media else None

    def _check(self, row: Mapping[str, Any], fetcher: Download | None = None) -> dict[str, Any] | BadInput:
        try:
            row = {**row, "bytes": self._found(row, fetcher)}
            measured = self._audio(row) if row["kind"] == "audio" else self._cover(row)
            return {**measured, "bytes": row["bytes"]}
        except BadInput as refusal:
            return _placed(refusal, row)

    def _audio(self, row: Mapping[str, Any]) -> dict[str, Any]:
        source = media_source(row)
        seconds, facts = audio.measure(source, self.limits)
        digest, size = _digest(source)
        return {"sha256": digest, "mime": facts.mime, "size_bytes": size, "seconds": seconds}

    def _cover(self, row: Mapping[str, Any]) -> dict[str, Any]:
        data = read_media(row, max_bytes=self.limits.max_bytes)
        height, width = images.decode(data, max_pixels=self.max_pixels).shape[:2]
        digest, size = _digest(data)
        mime = images.mime_of(data)
        return {"sha256": digest, "mime": mime, "size_bytes": size, "width": width, "height": height}


def media_source(row: Mapping[str, Any]) -> bytes | Path:
    """Return what holds a row's medium: its own bytes, an embedded picture's, or the path of a file.

    Raises BadInput if the address is neither a local file nor stored with the row.
    """
    if row.get("bytes") is not None:
        data: bytes = row["bytes"]
        return data
    address = row.get("uri")
    path = path_of(address) if address else None
    if path is None:
        reason = f"{address or 'a row without an address'} is not stored here; only local files can be read"
        raise BadInput(RejectCode.MISSING_FILE, reason)
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
    if path is not None and path.is_file():
        status = path.stat()
        facts = f"{status.st_size}/{status.st_mtime_ns}"
    if is_web(address):
        address = _unsigned(address)
    return hashlib.sha256(f"{address}\x1f{facts}".encode()).hexdigest()


def is_web(address: str | None) -> bool:
    """Say whether an address is one of the web."""
    return (address or "").startswith(("http://", "https://"))


def _unsigned(address: str) -> str:
    """Return an address without what signs it: the same file is signed anew each time it is told of."""
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in _SIGNING]
    return parts._replace(query=urlencode(kept)).geturl()


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


def _placed(refusal: BadInput, row: Mapping[str, Any]) -> BadInput:
    """Return a refusal whose reason names the file that a person has to look at."""
    where = shown(row["uri"]) if row.get("uri") else row.get("owner_id", "")
    reason = refusal.reason if where in refusal.reason else f"{where}: {refusal.reason}"
    return BadInput(refusal.code, reason, retriable=refusal.retriable)


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
