"""The online service from Python: a song and words go in, covers come out.

with Client("http://localhost:8000") as client:
    picture = client.cover("song.mp3", artist="Satie", album="Nocturnes")
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from uuid import uuid4

import httpx2

from covergen.errors import CovergenError
from covergen.serving.pictures import settings_in

ATTEMPTS: Final = 5  # at a request whose connection breaks
LOOK: Final = 0.2  # seconds between looks at a request
Json = dict[str, Any]


class ServiceError(CovergenError):
    """The service said no, or could not be reached; `code` and `request_id` as it told them."""

    def __init__(self, message: str, *, status: int = 0, code: str = "unreachable", request_id: str = ""):
        super().__init__(message)
        self.status, self.code, self.request_id = status, code, request_id


@dataclass(frozen=True)
class Picture:
    """A finished cover and everything that paints it again."""

    image: bytes
    parameters: Mapping[str, Any]


@dataclass
class Order:
    """A request for covers that was accepted."""

    client: "Client"
    state: Json
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = self.state["id"]

    def refresh(self) -> Json:
        """Return the state as it is now."""
        self.state = self.client.ask("GET", f"/v1/covers/{self.id}").json()
        return self.state

    def wait(self, seconds: float = 600.0) -> "Order":
        """Wait for the end. Raises ServiceError where it fails, is cancelled or takes longer."""
        until = time.monotonic() + seconds
        while not self.state["finished"]:
            if time.monotonic() > until:
                raise ServiceError(f"request {self.id} is not done after {seconds:.0f} s", code="timeout")
            time.sleep(LOOK)
            self.refresh()
        if self.state["status"] != "done":
            error = self.state["error"] or {"code": "cancelled", "message": "The request was cancelled."}
            raise ServiceError(error["message"], status=422, code=error["code"])
        return self

    def events(self) -> Iterator[tuple[str, Json]]:
        """Give (kind, what is told) as it happens, until the end."""
        path = f"{self.client.base}/v1/covers/{self.id}/events"
        with self.client.http.stream("GET", path, timeout=None) as answer:
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield kind, json.loads(line.removeprefix("data: "))

    def pictures(self) -> list[Picture]:
        """Return the covers that are finished."""
        done = [cover for cover in self.refresh()["covers"] if cover["status"] == "done"]
        return [Picture(self.client.ask("GET", each["image"]).content, each["parameters"]) for each in done]

    def favourite(self, number: int, *, wanted: bool = True) -> None:
        """Mark a cover, or take the mark away."""
        self.client.ask("PUT" if wanted else "DELETE", f"/v1/covers/{self.id}/images/{number}/favourite")

    def cancel(self) -> Json:
        """Give the request up; finished covers stay."""
        self.state = self.client.ask("DELETE", f"/v1/covers/{self.id}").json()
        return self.state

    def delete(self) -> None:
        """Give the request up, and remove it with its covers."""
        self.client.ask("DELETE", f"/v1/covers/{self.id}", params={"purge": "true"})


class Client:
    """Asks a service. `patience`: seconds that a full service is waited for, in all, for one request."""

    def __init__(self, base: str, key: str | None = None, *, timeout: float = 120.0, patience: float = 300.0):
        self.base, self.patience = base.rstrip("/"), patience
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx2.Client(headers=headers, timeout=timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def listen(self, song: str | Path | bytes, *, artist: str, album: str, **words: Any) -> Json:
        """Return what is heard in a song; `song` of it names the upload for orders."""
        given = {"artist": artist, "album": album, **words}
        facts: Json = self.ask("POST", "/v1/listen", data=_form(given), files=_file(song)).json()
        return facts

    def order(self, song: str | Path | bytes | None = None, **wanted: Any) -> Order:
        """Order covers: `artist`, `album` and whatever POST /v1/covers takes."""
        key = {"Idempotency-Key": uuid4().hex}
        if song is None:
            return Order(self, self.ask("POST", "/v1/covers", json=wanted, headers=key).json())
        answer = self.ask("POST", "/v1/covers", data=_form(wanted), files=_file(song), headers=key)
        return Order(self, answer.json())

    def cover(self, song: str | Path | bytes | None = None, **wanted: Any) -> Picture:
        """Return one cover when it is there."""
        return self.order(song, **{**wanted, "n": 1}).wait().pictures()[0]

    def again(self, picture: bytes, song: str | Path | bytes | None = None) -> Picture:
        """Return the cover that a picture's own settings paint, given the same song."""
        settings = settings_in(picture)
        names = ("artist", "album", "genre", "year", "prompt", "seed", "steps", "guidance_scale", "size")
        more = ("audio_guidance_scale", "audio_scale", "noise_shift", "noise_scheduler", "format")
        varied = ("variation_seed", "variation_strength", "varied_before")
        return self.cover(
            song, **{name: settings[name] for name in (*names, *more, *varied) if name in settings}
        )

    def history(self, *, limit: int = 50, favourites: bool = False) -> list[Order]:
        """Return the newest requests."""
        query = {"limit": limit, "favourites": favourites}
        return [Order(self, state) for state in self.ask("GET", "/v1/covers", params=query).json()["covers"]]

    def uploads(self) -> list[Json]:
        """Return what is told of the songs that are kept, the newest first."""
        kept: list[Json] = self.ask("GET", "/v1/uploads").json()["uploads"]
        return kept

    def delete_upload(self, song: str) -> None:
        """Remove an upload, by its SHA-256."""
        self.ask("DELETE", f"/v1/uploads/{song}")

    def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        """Return an answer; waits where the service is full. Raises ServiceError."""
        until = time.monotonic() + self.patience
        while True:
            answer = self._send(method, path, **given)
            if answer.is_success:
                return answer
            wait = float(answer.headers.get("retry-after") or 0)
            if answer.status_code != 429 or time.monotonic() + wait > until:
                raise _refusal(answer)
            time.sleep(max(LOOK, wait))

    def _send(self, method: str, path: str, **given: Any) -> httpx2.Response:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.http.request(method, f"{self.base}{path}", **given)
            except httpx2.TransportError as error:
                if attempt == ATTEMPTS:
                    raise ServiceError(f"{self.base} cannot be reached: {type(error).__name__}") from error
                time.sleep(LOOK * 2**attempt)
        raise AssertionError("unreachable")


def _refusal(answer: httpx2.Response) -> ServiceError:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = {"code": "failed", "message": f"The service answered {answer.status_code}."}
    return ServiceError(
        error["message"],
        status=answer.status_code,
        code=error["code"],
        request_id=error.get("request_id", ""),
    )


def _form(words: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in words.items() if value is not None}
    lists = (list, tuple)
    return {name: list(value) if isinstance(value, lists) else str(value) for name, value in given.items()}


def _file(song: str | Path | bytes) -> dict[str, tuple[str, bytes, str]]:
    content = song if isinstance(song, bytes) else Path(song).read_bytes()
    return {"audio": ("song", content, "application/octet-stream")}
