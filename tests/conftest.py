"""What every test may ask for: a storage root on a local folder and on an S3 endpoint alike."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.hub import Hub, running

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ["HF_HUB_OFFLINE"] = "1"

S3_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="session")
def s3_bucket() -> Iterator[str]:
    """An empty bucket on moto's server, over HTTP; its settings stand in the environment.

    The server is a process of its own: some calls of deltalake hold the interpreter while they wait for it.
    """
    import boto3

    from covergen.storage import objects

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = {name: os.environ.get(name) for name in (*S3_SETTINGS, "AWS_ENDPOINT_URL")}
    os.environ.update(S3_SETTINGS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    objects._client.cache_clear()
    _until_it_listens(port)
    boto3.client("s3").create_bucket(Bucket="covers")
    yield "s3://covers"
    server.terminate()
    server.wait()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    objects._client.cache_clear()


def _until_it_listens(port: int, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise TimeoutError("moto's server did not start")


@pytest.fixture(params=["local", "s3"])
def root_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a root that does not exist yet, in a folder and in a bucket."""
    if request.param == "local":
        return str(tmp_path / "root")
    return f"{request.getfixturevalue('s3_bucket')}/{uuid4().hex}"


@pytest.fixture
def at_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """What points huggingface_hub to an address, with an empty cache of the test's own and no token."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)  # between its repeats

    def point(endpoint: str) -> None:
        close_session()  # it keeps the proxies that it began with
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    yield point
    close_session()


@pytest.fixture
def hub(at_hub: Callable[[str], None]) -> Iterator[Hub]:
    """An empty hub on loopback, which huggingface_hub asks in this test."""
    with running(Hub()) as served:
        at_hub(served.endpoint)
        yield served


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real music and real answers; the test is skipped where there is none."""
    folder = os.environ.get("COVERGEN_SAMPLES")
    if not folder or not Path(folder).is_dir():
        pytest.skip("COVERGEN_SAMPLES names no folder of samples")
    return Path(folder)


@pytest.fixture(autouse=True)
def _record_samples(request: pytest.FixtureRequest) -> None:
    """Let the test report tell which tests ran on the samples."""
    if request.node.get_closest_marker("samples") is not None:
        request.node.user_properties.append(("needs", "samples"))
