"""A killed job leaves no row twice and loses none: the next run goes on from what is committed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from covergen.storage import Root
from covergen.tables import AUDIO_EMBEDDINGS
from covergen.verify import verify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REPOSITORY = Path(__file__).parent.parent.parent
ALBUMS = 60


def job(name: str, config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"jobs.{name}", str(config)]
    return subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True, stderr=subprocess.PIPE)


def finish(name: str, config: Path) -> None:
    running = job(name, config)
    _, told = running.communicate(timeout=240)
    assert running.returncode == 0, told.decode()


def committed(root: Root) -> int:
    return root.current(AUDIO_EMBEDDINGS).count() if root.has(AUDIO_EMBEDDINGS) else 0


def test_a_killed_driver_loses_and_doubles_nothing(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    sections = {
        "root": str(tmp_path / "root"),
        "scrape": {"sources": [{"name": "procedural", "train": ALBUMS, "evaluation": 0}]},
        "embed": {"commit_rows": 4, "batch_size": 4},
    }
    config.write_text(yaml.safe_dump(sections))
    for name in ("scrape", "clean"):
        finish(name, config)
    root, running = Root.open(str(tmp_path / "root")), job("embed", config)
    until = time.monotonic() + 200
    while not committed(root) and time.monotonic() < until and running.poll() is None:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    survived = committed(root)
    assert 0 < survived < ALBUMS, "the kill came too early or too late to prove anything"
    finish("embed", config)
    keys = root.current(AUDIO_EMBEDDINGS).read(["track_id"])["track_id"].to_pylist()
    assert len(keys) == len(set(keys)) == ALBUMS
    assert verify(root.uri) == []
