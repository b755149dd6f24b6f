"""The driver is killed amid gathering: what was committed is not asked for again, and nothing is missing."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, ANSWERS, MEDIA, TABLES
from tests.sites.running import Running, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REPOSITORY = Path(__file__).parent.parent.parent
SECRETS = {
    "SPOTIPY_CLIENT_ID": "client-9f2c71",
    "SPOTIPY_CLIENT_SECRET": "secret-5d04be",
    "YOUTUBE_API_KEY": "key-77ac10",
}
KILLS = 3


@pytest.fixture(scope="module")
def sites():
    with running(albums=12, latency={"/deezer": 0.1, "/media": 0.1}) as started:
        yield started


def write_config(folder: Path, sites: Running) -> Path:
    years = sorted({int(album["released"][:4]) for album in sites.catalogue()})
    sources = [
        {"name": "wikipedia", "base": sites.base("wikipedia"), "years": years},
        {"name": "deezer", "base": sites.base("deezer")},
    ]
    scrape = {"sources": sources, "contact": "somebody@example.org", "actors": 2, "at_once": 2}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"root": str(folder / "root"), "scrape": scrape}))
    return path


def start(config: Path, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "jobs.scrape", str(config)]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        start_new_session=True,
        stderr=subprocess.PIPE,
        env=os.environ | SECRETS | environment,
    )


def finished(root: Root) -> set[str]:
    """The addresses whose answers and media are committed."""
    answers = root.current(ANSWERS).read(["url"])["url"].to_pylist() if root.has(ANSWERS) else []
    media = root.current(MEDIA).read(["uri"])["uri"].to_pylist() if root.has(MEDIA) else []
    return {address.partition("?exp=")[0] for address in [*answers, *media]}


def asked(sites: Running) -> list[str]:
    paths = [r["path"] for r in sites.log()["requests"] if not r["path"].endswith("robots.txt")]
    return [(sites.address + path).partition("?exp=")[0] for path in paths]


def test_what_was_finished_is_not_asked_again(sites: Running, tmp_path: Path) -> None:
    sites.reset()
    sites.set(latency={"/deezer": 0.1, "/media": 0.1})
    config, root, told = write_config(tmp_path, sites), Root(str(tmp_path / "root")), []
    for count in sorted(random.sample(range(8, 60), KILLS)):
        done = finished(root)
        sites._ask("DELETE", "/_log")
        job = start(config)
        until = time.monotonic() + 240
        while len(finished(root)) < count and job.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.1)
        os.kill(job.pid, signal.SIGKILL)
        job.wait()
        time.sleep(3)  # what it had sent arrives
        told.append((count, len(done), len(asked(sites))))
        assert not done & set(asked(sites)), told
    done = finished(root)
    sites._ask("DELETE", "/_log")
    job = start(config)
    _, said = job.communicate(timeout=400)
    assert job.returncode == 0, said.decode()
    assert not done & set(asked(sites)), told
    sites._ask("DELETE", "/_log")
    again = start(config)  # it parses what it has, and asks nobody
    _, said = again.communicate(timeout=400)
    assert again.returncode == 0, said.decode()
    assert not asked(sites)
    albums = sites.catalogue()
    titles = set(root.current(ALBUMS).read(["title"])["title"].to_pylist())
    assert {album["title"] for album in albums} <= titles
    media = root.current(MEDIA).read(["owner_id", "kind", "seconds", "width"]).to_pylist()
    assert sum(row["kind"] == "cover" for row in media) == len(albums)
    assert sum(row["kind"] == "audio" for row in media) == sum(len(album["songs"]) for album in albums)


def test_no_credential_is_in_any_log_or_table(sites: Running, tmp_path: Path) -> None:
    sites.reset()
    spotify = {"base": sites.base("spotify-dev/v1"), "token_url": sites.base("spotify-accounts/api/token")}
    sources = [
        {"name": "wikipedia", "base": sites.base("wikipedia"), "years": [1980, 2005]},
        {"name": "spotify", "accept_terms": True, **spotify},
        {"name": "youtube", "base": sites.base("youtube-api/youtube/v3")},
    ]
    scrape = {"sources": sources, "contact": "somebody@example.org", "actors": 2}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"root": str(tmp_path / "root"), "scrape": scrape}))
    with tempfile.TemporaryDirectory(prefix="cg", dir="/tmp") as logs:  # short: sockets lie in it
        job = start(config, TMPDIR=logs, RAY_TMPDIR=logs, RAY_BACKEND_LOG_LEVEL="debug")
        _, said = job.communicate(timeout=400)
        assert job.returncode == 0, said.decode()
        written = [path.read_bytes() for path in Path(logs).rglob("*") if path.is_file()]
    assert len(written) > 10, "no log was looked at"
    prefixes = sites.log()["prefixes"]
    assert prefixes["/spotify-accounts"] and prefixes["/spotify-dev"] and prefixes["/youtube-api"]
    root = Root.open(str(tmp_path / "root"))
    tables = [root.current(table).read().to_pylist() for table in TABLES.values() if root.has(table)]
    texts = [said, repr(tables).encode(), *written]
    for secret in [*SECRETS.values(), "Bearer "]:
        assert not any(secret.encode() in text for text in texts), secret
