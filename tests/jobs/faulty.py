"""An S3 endpoint on a bad day: a proxy before the real one that refuses, breaks off and dawdles."""

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REFUSED, BROKEN, SLOW = 0.10, 0.05, 0.10
SLOW_DOWN = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
)


@contextmanager
def faulty(endpoint: str, *, seed: int) -> Iterator[tuple[str, Counter[str]]]:
    """Give the proxy's address and the count of what it did to requests."""
    done: Counter[str] = Counter()
    chance, behind = random.Random(seed), urlsplit(endpoint)

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            fate = chance.random()
            if fate < REFUSED:
                done["refused"] += 1
                self.answer(503, {"content-type": "application/xml"}, SLOW_DOWN)
                return
            if fate < REFUSED + BROKEN / 2:
                self.break_off()  # before the store has seen it
                return
            status, headers, content = self.ask(body)
            if fate < REFUSED + BROKEN:
                self.break_off()  # after the store has done it
                return
            slow = fate < REFUSED + BROKEN + SLOW
            done["slow" if slow else "passed"] += 1
            self.answer(status, headers, content, slow=slow)

        def ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            store = http.client.HTTPConnection(behind.hostname or "", behind.port or 80, timeout=60)
            store.request(self.command, self.path, body, dict(self.headers))
            answer = store.getresponse()
            content = answer.read()
            store.close()
            return answer.status, dict(answer.getheaders()), content

        def answer(self, status: int, headers: dict[str, str], content: bytes, *, slow: bool = False) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                    self.send_header(name, value)
            length = headers.get("Content-Length", headers.get("content-length", "0"))
            self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
            self.end_headers()
            if self.command == "HEAD":
                return
            for start in range(0, len(content), max(1, len(content) // 4)):
                self.wfile.write(content[start : start + max(1, len(content) // 4)])
                time.sleep(0.1 if slow else 0)

        def break_off(self) -> None:
            done["broken"] += 1
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward  # noqa: N815

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", done
    server.shutdown()
    server.server_close()
