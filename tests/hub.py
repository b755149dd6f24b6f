"""The small part of the hub's protocol that huggingface_hub speaks, on loopback: listings, HEAD, files.

with running(Hub()) as hub: hub.publish("owner/name", COMMIT, folder); faults are switched on per repository.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TREE = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/tree/(?P<revision>[^/?]+)")
FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")
PORTAL = b"<!doctype html><title>Welcome to the hotel</title><p>Please log in."


@dataclass
class Hub:
    """What is published, what goes wrong, and what was asked for."""

    folders: dict[tuple[str, str], Path] = field(default_factory=dict)
    fault: str = ""  # gated, gated_files, forbidden, bad_token, busy, broken, portal, portal_files
    token: str = "hf_right"  # that opens what is gated
    requests: list[tuple[str, str]] = field(default_factory=list)
    endpoint: str = ""

    def publish(self, repo: str, revision: str, folder: Path) -> None:
        """Serve a folder as a repository at a commit."""
        self.folders[repo, revision] = folder

    @property
    def downloaded(self) -> list[str]:
        """The names of the files whose content was asked for."""
        return [
            found["name"] for verb, path in self.requests if verb == "GET" and (found := FILE.match(path))
        ]


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """Serve on a free port of this machine until the block ends."""
    kind = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        found = TREE.match(path) or FILE.match(path)
        if self._goes_wrong(is_file=bool(FILE.match(path))):
            return
        if found is None:
            self._refuse(404, "", "no such page")
        elif found["repo"] not in {repo for repo, _ in self.hub.folders}:
            self._refuse(401, "RepoNotFound", "Invalid username or password.")  # as to who is not logged in
        elif (key := (found["repo"], found["revision"])) not in self.hub.folders:
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        elif "name" not in found.groupdict():
            self._list(self.hub.folders[key])
        else:
            self._file(self.hub.folders[key] / found["name"], found["revision"])

    def _goes_wrong(self, *, is_file: bool) -> bool:
        fault = self.hub.fault
        inside = self.headers.get("authorization") == f"Bearer {self.hub.token}"
        if fault == "gated" or (fault == "gated_files" and is_file):
            if inside:
                return False
            self._refuse(401, "GatedRepo", "Access to this model is restricted.")
        elif fault == "forbidden":
            self._refuse(403, "GatedRepo", "Your request to access it awaits a review.")
        elif fault == "bad_token":
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif fault == "busy":
            self._refuse(429, "", "Too Many Requests", {"Retry-After": "1"})
        elif fault == "broken":
            self._refuse(503, "", "down for maintenance")
        elif fault == "portal" or (fault == "portal_files" and is_file):
            self._send(200, PORTAL, {"Content-Type": "text/html"})
        else:
            return False
        return True

    def _list(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        rows = [_row(path, path.relative_to(folder).as_posix()) for path in files]
        self._send(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})

    def _file(self, path: Path, revision: str) -> None:
        known = {"X-Repo-Commit": revision}
        if not path.is_file():
            self._refuse(404, "EntryNotFound", "Entry not found", known)
            return
        content = path.read_bytes()
        self._send(200, content, known | {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'})

    def _refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        told = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}) | (headers or {})
        self._send(status, json.dumps({"error": message}).encode(), told)

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def _row(path: Path, name: str) -> dict[str, Any]:
    """Return a file as the hub's listing has it; weights lie in LFS."""
    content = path.read_bytes()
    row: dict[str, Any] = {"type": "file", "path": name, "size": len(content)}
    row["oid"] = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if path.suffix in {".safetensors", ".bin"}:
        sha256 = hashlib.sha256(content).hexdigest()
        row["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
    return row
