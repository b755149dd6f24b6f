"""A cluster of its own: jobs are submitted to it as they are, the service is deployed from its manifest."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
import yaml

from covergen.lineage.verify import verify
from covergen.media import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, MEDIA

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
REPOSITORY = Path(__file__).parent.parent.parent
TOOLS = Path(sys.executable).parent
PORTS = {"port": "26379", "dashboard-port": "28265", "dashboard-agent-listen-port": "28266"}
DASHBOARD = f"http://127.0.0.1:{PORTS['dashboard-port']}"


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """One node that asks for a token, as cluster.yaml starts it; gives the environment of its clients."""
    environment = {
        **os.environ,
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ADDRESS": "",
    }
    ports = [f"--{name}={port}" for name, port in PORTS.items()]
    command = [str(TOOLS / "ray"), "start", "--head", "--block", "--num-cpus=4", *ports]
    # `ray stop` would end every Ray of this machine
    node = subprocess.Popen(
        command, env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: requests.get(f"{DASHBOARD}/api/version", timeout=5).status_code in {200, 401})
    yield environment
    node.terminate()
    node.wait(timeout=60)


def wait_for(ready: Callable[[], bool], *, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(requests.ConnectionError):
            if ready():
                return
        time.sleep(0.5)
    raise TimeoutError("the cluster did not start")


def ray(*arguments: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [str(TOOLS / "ray"), *arguments],
        env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_job_runs_under_ray_job_submit_as_it_is(cluster: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    source = {"name": "procedural", "train": 3, "evaluation": 1}
    config.write_text(yaml.safe_dump({"root": str(tmp_path / "root"), "scrape": {"sources": [source]}}))
    told = ray(
        "job", "submit", f"--address={DASHBOARD}", "--working-dir=.", "--", "python", "-m",
        "jobs.scrape", str(config), environment=cluster,
    )  # fmt: skip
    assert "succeeded" in told
    root = Root.open(str(tmp_path / "root"))
    assert root.current(ALBUMS).count() == 4 and root.current(MEDIA).count() == 8
    assert verify(root.uri) == []


def test_who_has_no_token_submits_nothing(cluster: dict[str, str]) -> None:
    answer = requests.get(f"{DASHBOARD}/api/jobs/", timeout=30)
    assert answer.status_code in {401, 403}


def test_the_service_is_deployed_from_its_manifest(cluster: dict[str, str], tmp_path: Path) -> None:
    manifest = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    manifest["http_options"]["port"] = 28000  # another service of this machine may hold the usual one
    manifest["applications"][0]["args"]["root"] = str(tmp_path / "root")
    path = tmp_path / "serve_config.yaml"
    path.write_text(yaml.safe_dump(manifest))
    ray_serve = [str(TOOLS / "serve"), "deploy", str(path), "-a", DASHBOARD]
    subprocess.run(ray_serve, env=cluster, cwd=REPOSITORY, check=True, capture_output=True, timeout=120)
    headers = {"Authorization": f"Bearer {cluster['RAY_AUTH_TOKEN']}"}
    until = time.monotonic() + 200
    status = ""
    while status != "RUNNING" and time.monotonic() < until:
        told = requests.get(f"{DASHBOARD}/api/serve/applications/", headers=headers, timeout=30).json()
        status = told["applications"]["covergen"]["status"] if told.get("applications") else ""
        assert status not in {"DEPLOY_FAILED", "UNHEALTHY"}, told
        time.sleep(1)
    song = audio.encode_flac(synthesise(draw_album(5, "eval"), 12.0, 24_000), 24_000)
    words = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "steps": "2"}
    url = "http://127.0.0.1:28000/v1/covers"
    wanted = {"Accept": "image/png"}
    answer = requests.post(url, files={"audio": ("song.flac", song)}, data=words, headers=wanted, timeout=120)
    assert answer.status_code == 200 and answer.content.startswith(b"\x89PNG"), answer.text
