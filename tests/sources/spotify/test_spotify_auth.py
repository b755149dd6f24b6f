import base64
import json
import logging
import pickle
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.spotify.auth import Token
from covergen.sources.spotify.source import SpotifySource
from covergen.sources.web_source import Request
from tests.sources.spotify.spotify_answers import answer

CLIENT, SECRET = "client-5c1d7e", "secret-9f3ab2"
BASIC = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
LOOKUP = Request("spotify", "album", "https://api.spotify.com/v1/albums/1")


class Accounts:
    """Spotify's token address on loopback; `answers`: (status, headers, body), the last for ever."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.answers: list[tuple[int, dict[str, str], str]] = []
        accounts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                accounts.requests.append(f"{self.headers['Authorization']} {body}")
                status, headers, said = accounts.turn()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(said.encode()))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/token"

    def turn(self) -> tuple[int, dict[str, str], str]:
        if not self.answers:
            return 200, {}, token(f"bearer-{len(self.requests)}")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def token(name: str, lasts: int = 3600) -> str:
    return json.dumps({"access_token": name, "token_type": "Bearer", "expires_in": lasts})


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Accounts]:
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", CLIENT)
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    accounts = Accounts()
    serving = threading.Thread(
        target=accounts.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    serving.start()
    yield accounts
    accounts.server.shutdown()
    accounts.server.server_close()
    serving.join()


def source(accounts: Accounts) -> SpotifySource:
    return SpotifySource(accept_terms=True, token_url=accounts.url)


def test_a_token_is_asked_for_once_and_leaves_no_file(accounts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spotify = source(accounts)
    assert not accounts.requests
    threads = [threading.Thread(target=spotify.headers) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spotify.headers() == {"Authorization": "Bearer bearer-1"}
    assert accounts.requests == [f"Basic {BASIC} grant_type=client_credentials"]
    assert not list(tmp_path.iterdir())


def test_a_token_about_to_expire_is_renewed(accounts):
    accounts.answers = [(200, {}, token("short", 59)), (200, {}, token("long"))]
    spotify = source(accounts)
    assert [spotify.headers()["Authorization"] for _ in range(3)] == [
        "Bearer short",
        "Bearer long",
        "Bearer long",
    ]


def test_a_401_leads_to_one_new_token(accounts):
    spotify = source(accounts)
    spotify.headers()
    body = {"error": {"status": 401, "message": "The access token expired"}}
    late = replace(answer(LOOKUP, body, 401), fetched_at=datetime.now(UTC) + timedelta(seconds=1))
    assert spotify.refusal(LOOKUP, late).again
    assert spotify.headers() == {"Authorization": "Bearer bearer-2"}
    stale = replace(late, fetched_at=datetime.now(UTC) - timedelta(hours=1))  # sent with the first token
    assert spotify.refusal(LOOKUP, stale).again
    assert spotify.headers() == {"Authorization": "Bearer bearer-2"}


def test_a_pickled_source_takes_a_token_of_its_own(accounts):
    spotify = source(accounts)
    spotify.headers()
    raw = pickle.dumps(spotify)
    assert not any(word.encode() in raw for word in (CLIENT, SECRET, BASIC, "bearer-1"))
    assert pickle.loads(raw).headers() == {"Authorization": "Bearer bearer-2"}


ECHO = f"you sent Basic {BASIC} of {CLIENT} with {SECRET}"
FAULTS = [
    ((400, {}, json.dumps({"error": "invalid_client", "error_description": ECHO})), ConfigError, None),
    ((401, {}, json.dumps({"error": {"status": 401, "message": ECHO}})), BadInput, RejectCode.SERVER_FAILED),
    ((429, {"Retry-After": "3600"}, ECHO), BadInput, RejectCode.SERVER_FAILED),
    ((503, {}, ""), BadInput, RejectCode.SERVER_FAILED),
    ((500, {}, json.dumps([ECHO])), BadInput, RejectCode.SOURCE_ERROR),
    ((200, {}, ECHO), BadInput, RejectCode.SOURCE_ERROR),
    ((200, {}, json.dumps({"said": ECHO})), BadInput, RejectCode.SOURCE_ERROR),
    ((200, {}, json.dumps({"access_token": None, "expires_in": 3600})), BadInput, RejectCode.SOURCE_ERROR),
    (
        (200, {}, json.dumps({"access_token": "a\r\nb", "expires_in": 3600})),
        BadInput,
        RejectCode.SOURCE_ERROR,
    ),
]


@pytest.mark.parametrize(("fault", "kind", "code"), FAULTS)
def test_faults_of_the_token_address_are_typed_at_once(accounts, fault, kind, code):
    accounts.answers = [fault]
    spotify, begun = source(accounts), time.monotonic()
    with pytest.raises(kind) as raised:
        spotify.headers()
    assert time.monotonic() - begun < 5 and len(accounts.requests) == 1
    assert getattr(raised.value, "code", None) == code
    assert code is None or raised.value.retriable
    assert raised.value.__context__ is raised.value.__cause__ is None


def test_an_address_where_nobody_listens(accounts):
    accounts.server.shutdown()
    accounts.server.server_close()
    with pytest.raises(BadInput) as raised:
        source(accounts).headers()
    assert raised.value.code is RejectCode.UNREACHABLE and raised.value.__context__ is None


def test_credentials_that_are_none(accounts, monkeypatch):
    spotify = source(accounts)
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "sécret-9f3ab2")
    with pytest.raises(ConfigError, match="letters"):
        spotify.headers()
    monkeypatch.delenv("SPOTIPY_CLIENT_SECRET")
    with pytest.raises(ConfigError, match="SPOTIPY_CLIENT_SECRET is not set"):
        Token(accounts.url).read()


def test_no_credential_shows_up_anywhere(accounts, caplog):
    for name in ("", "spotipy", "spotipy.oauth2", "spotipy.client", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, logger=name)
    seen = []
    for fault in [None, *(fault for fault, _, _ in FAULTS)]:
        accounts.answers = [fault] if fault else []
        spotify = source(accounts)
        try:
            spotify.headers()
        except (BadInput, ConfigError) as error:
            seen += [
                str(error),
                repr(error),
                "".join(traceback.format_exception(error)),
                repr(pickle.dumps(error)),
            ]
        refused = spotify.refusal(LOOKUP, answer(LOOKUP, b"", 401))
        seen += [repr(spotify), str(spotify), repr(vars(spotify)), repr(spotify._token), repr(refused)]
        seen += [repr(each) for each in spotify.requests([])]
    assert "POST /api/token" in caplog.text  # so what is logged has been seen
    text = "\n".join([*seen, caplog.text, *(repr(vars(record)) for record in caplog.records)])
    for word in (CLIENT, SECRET, BASIC, "bearer-1"):
        assert word not in text
