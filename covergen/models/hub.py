"""Releases on the hub at a pinned commit: from the local cache, else downloaded; failures as sentences.

`HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT` and the usual proxy variables are huggingface_hub's (docs/models.md).
Nothing that comes with weights is ever run.
"""

import errno
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.request import getproxies

import httpx2

from covergen.errors import ModelError, one_line

_SENTENCES: Final = {
    "offline": (
        "weights {release} are not in the local cache {cache}, and offline was chosen; run once without "
        "it (models.offline=false, offline: false, no --offline), or name a local folder"
    ),
    "environment": (
        "weights {release} are not in the local cache {cache}, and HF_HUB_OFFLINE forbids to ask the "
        "hub; unset it once, or name a local folder"
    ),
    "gated": (
        "{release} is gated: accept its licence at {hub}/{release.repo} with your account, and set "
        "HF_TOKEN to a token of that account"
    ),
    "no commit": (
        "{hub}/{release.repo} has no commit {release.revision} with such files: it was rewritten there; "
        "name a local folder with the model"
    ),
    "no repository": (
        "there is no repository {release.repo} at {hub}, or it is private: HF_TOKEN opens one that your "
        "account may read; else name a local folder with the model"
    ),
    "token": (
        "{hub} refuses the token (HF_TOKEN, or that of `hf auth login`) for {release}; make a new one, "
        "or unset it: public models need none"
    ),
    "busy": (
        "{hub} has had too many requests from here (429) to give {release}; wait some minutes, and set "
        "HF_TOKEN: accounts may ask more often"
    ),
    "fails": "{hub} fails ({reason}) at {release}; try again later, or name a local folder",
    "refuses": "{hub} refuses {release} ({reason}); name a local folder with the model",
    "proxy": (
        "the proxy {proxy} does not let {release} through ({reason}); look at HTTPS_PROXY and NO_PROXY"
    ),
    "network": (
        "{hub} cannot be reached for {release} ({reason}): look at the network, HTTPS_PROXY and "
        "HF_ENDPOINT; what is downloaded once works without"
    ),
    "portal": (
        "what answers at {hub} for {release} is not the hub ({reason}): the page of a network that wants "
        "a login, or of a proxy; log in with a browser, or look at HF_ENDPOINT and HTTPS_PROXY"
    ),
    "lack": (
        "{release} holds no {lack}; save the model as safetensors (save_pretrained) and name that folder"
    ),
    "no room": (
        "weights {release} take {wanted}, and {cache} has room for {free}; free some, or let HF_HOME "
        "name a folder on a larger disk"
    ),
    "full": (
        "the disk of {cache} is full amid weights {release}; free some, or let HF_HOME name a folder on "
        "a larger one"
    ),
    "closed": "{cache} cannot be written ({reason}); let HF_HOME name a folder of your own",
}
_STATUSES: Final = {401: "token", 403: "gated", 429: "busy"}
_ERRNOS: Final = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EACCES: "closed",
    errno.EPERM: "closed",
    errno.EROFS: "closed",
}
# What huggingface_hub raises: its own errors are OSErrors, a proxy's is httpx2's; the others come where
# something else than the hub answers.
_FAILURES: Final = (OSError, ValueError, RuntimeError, TypeError, KeyError, httpx2.HTTPError)

_REASON: Final = 120  # characters of another library's words


@dataclass(frozen=True)
class Release:
    """Files of a repository at a commit: all that match `patterns`, one at least of each in `needed`."""

    repo: str
    revision: str
    patterns: tuple[str, ...]
    needed: tuple[tuple[str, ...], ...] = ()

    def lacking(self, names: Iterable[str]) -> str | None:
        """Return what is needed and is not among the names of files, or None."""
        there = list(names)
        for group in self.needed:
            if not any(fnmatchcase(name, pattern) for name in there for pattern in group):
                return " or ".join(group)
        return None

    def __str__(self) -> str:
        return f"{self.repo} at {self.revision[:12]}"


def download(release: Release, *, offline: bool = False) -> Path:
    """Return the local folder of a release, whose files are downloaded where the cache lacks one.

    ModelError where they can be had neither here nor there; `offline` looks in the cache alone.
    """
    if (folder := _cached(release)) is not None:
        return folder
    if offline:
        raise ModelError(_sentence(release, "offline"))
    try:
        folder = Path(_snapshot(release))
    except _FAILURES as error:
        raise ModelError(_failure_sentence(release, error)) from error
    _refuse_lack(release, _names(folder))
    return folder


def check(release: Release, *, offline: bool = False) -> None:
    """Raise ModelError unless a release is in the local cache, or could be downloaded and has room."""
    if _cached(release) is not None:
        return
    if offline:
        raise ModelError(_sentence(release, "offline"))
    try:
        _reach(release)
        with _quiet():
            files = _snapshot(release, dry_run=True)
    except _FAILURES as error:
        raise ModelError(_failure_sentence(release, error)) from error
    _refuse_lack(release, [file.filename for file in files])
    wanted = sum(file.file_size or 0 for file in files if file.will_download)
    free = shutil.disk_usage(_nearest(_cache())).free
    if wanted > free:
        sizes = {"wanted": _gigabytes(wanted), "free": _gigabytes(free)}
        raise ModelError(_sentence(release, "no room", **sizes))


def _snapshot(release: Release, **options: Any) -> Any:
    from huggingface_hub import snapshot_download

    return snapshot_download(
        release.repo, revision=release.revision, allow_patterns=list(release.patterns), **options
    )


def _reach(release: Release) -> None:
    """Ask about one file, without the repeats of a listing: where nobody answers that is known at once."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import RemoteEntryNotFoundError

    with suppress(RemoteEntryNotFoundError):  # it was the hub that said so
        found = get_hf_file_metadata(
            hf_hub_url(release.repo, "config.json", revision=release.revision),
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
        if found.commit_hash is None:
            raise ValueError("it names no commit")


def _cached(release: Release) -> Path | None:
    """Return the folder in the cache, or None where a file is missing there."""
    try:
        folder = Path(_snapshot(release, local_files_only=True))
    except (OSError, ValueError):
        return None
    return folder if release.lacking(_names(folder)) is None else None


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _refuse_lack(release: Release, names: Sequence[str]) -> None:
    if lack := release.lacking(names):
        raise ModelError(_sentence(release, "lack", lack=lack))


def _cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _nearest(folder: Path) -> Path:
    """Return the folder, or what there is of it."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


@contextmanager
def _quiet() -> Iterator[None]:
    """Show no bars of files that are only asked about."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()


def _failure_sentence(release: Release, error: BaseException) -> str:
    """Return the sentence of a failure; the first known one among its causes decides."""
    cause: BaseException | None = error
    while cause is not None:
        if kind := _of_hub(cause) or _of_network(cause) or _of_disk(cause):
            status = getattr(getattr(cause, "response", None), "status_code", None)
            return _sentence(release, kind, reason=str(status or one_line(cause) or type(cause).__name__))
        cause = cause.__cause__ or cause.__context__
    return _sentence(release, "portal", reason=one_line(error))


def _of_hub(error: BaseException) -> str | None:
    """Return what the hub's own refusals are: a key of the sentences."""
    from huggingface_hub import errors

    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (errors.OfflineModeIsEnabled, "environment"),
        (errors.GatedRepoError, "gated"),
        (errors.RevisionNotFoundError, "no commit"),
        (errors.RemoteEntryNotFoundError, "no commit"),
        (errors.RepositoryNotFoundError, "no repository"),
    )
    if found := next((sentence for kind, sentence in kinds if isinstance(error, kind)), None):
        return found
    if not isinstance(error, errors.HfHubHTTPError):
        return None
    status = error.response.status_code
    return _STATUSES.get(status, "fails" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "refuses")


def _of_network(error: BaseException) -> str | None:
    if isinstance(error, httpx2.ProxyError) or (isinstance(error, httpx2.ConnectError) and _proxy()):
        return "proxy"
    return "network" if isinstance(error, httpx2.TransportError) else None


def _of_disk(error: BaseException) -> str | None:
    return _ERRNOS.get(error.errno or 0) if isinstance(error, OSError) else None


def _sentence(release: Release, kind: str, **facts: str) -> str:
    from huggingface_hub.constants import ENDPOINT

    facts["reason"] = facts.get("reason", "")[:_REASON]
    return _SENTENCES[kind].format(release=release, hub=ENDPOINT, cache=_cache(), proxy=_proxy(), **facts)


def _proxy() -> str | None:
    """Return the proxy that requests to the hub go through, without the password in it."""
    from huggingface_hub.constants import ENDPOINT

    proxies = getproxies()
    address = proxies.get(ENDPOINT.partition(":")[0]) or proxies.get("all")
    if address is None:
        return None
    scheme, slashes, rest = address.rpartition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"
