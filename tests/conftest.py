"""What every test may ask for: a storage root on a local folder and on an S3 endpoint alike."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

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
    """An empty bucket on moto's server, over HTTP; its settings stand in the environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    from covergen import objects

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = {name: os.environ.get(name) for name in (*S3_SETTINGS, "AWS_ENDPOINT_URL")}
    os.environ.update(S3_SETTINGS, AWS_ENDPOINT_URL=f"http://{host}:{port}")
    objects._client.cache_clear()
    client = boto3.client("s3")
    client.create_bucket(Bucket="covers")
    yield "s3://covers"
    server.stop()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    objects._client.cache_clear()


@pytest.fixture(params=["local", "s3"])
def root_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a root that does not exist yet, in a folder and in a bucket."""
    if request.param == "local":
        return str(tmp_path / "root")
    return f"{request.getfixturevalue('s3_bucket')}/{uuid4().hex}"


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
