"""Whatever dies, every row is there once: for any reader, with the features of an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import yaml

from covergen.embeddings.audio_stage import HearTracks
from covergen.embeddings.text_stage import ReadWords
from covergen.lineage.verify import verify
from covergen.storage import objects, rejects
from covergen.storage.root import Root, digest_of
from covergen.storage.rows import read_tensor
from covergen.storage.tables import AUDIO_EMBEDDINGS, MEDIA, PROMPTS, TEXT_EMBEDDINGS
from tests.jobs.faulty import faulty

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REPOSITORY = Path(__file__).parent.parent.parent
ALBUMS = 40
KILLS = 3
ENCODER, SECONDS = "logmel", 10.0


@dataclass(frozen=True)
class Undisturbed:
    """The generation's name and each track's frames (layers, frames, width)."""

    generation: str
    frames: dict[str, np.ndarray]


def write_config(folder: Path, root: str) -> Path:
    path = folder / f"{uuid4().hex}.yaml"
    source = {"name": "procedural", "train": ALBUMS, "evaluation": 0}
    sections = {
        "root": root,
        "scrape": {"sources": [source]},
        "embed": {"encoder": ENCODER, "seconds": SECONDS, "commit_rows": 4, "batch_size": 4},
    }
    path.write_text(yaml.safe_dump(sections))
    return path


def start(name: str, config: Path, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"jobs.{name}", str(config)]
    return subprocess.Popen(
        command, cwd=REPOSITORY, start_new_session=True, stderr=subprocess.PIPE, env=os.environ | environment
    )


def finish(running: subprocess.Popen[bytes]) -> None:
    _, told = running.communicate(timeout=400)
    assert running.returncode == 0, told.decode()


def committed(root: Root) -> int:
    return root.current(AUDIO_EMBEDDINGS).count() if root.has(AUDIO_EMBEDDINGS) else 0


def wait_for(count: int, root: Root, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 200
    while committed(root) < count:
        if running.poll() is not None:
            raise AssertionError(f"the job ended before {count} rows: {running.communicate()[1].decode()}")
        assert time.monotonic() < until, f"{count} rows were not committed in time"
        time.sleep(0.05)


def moments() -> list[int]:
    """Rows committed at which something dies: random, increasing, none so late that nothing is left."""
    return sorted(random.sample(range(4, ALBUMS - 12), KILLS))


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that waits for its songs to be heard; its prompts are read."""
    folder = tmp_path_factory.mktemp("gathered")
    config = write_config(folder, str(folder / "root"))
    for name in ("scrape", "clean"):
        finish(start(name, config))
    root, stage = Root.open(str(folder / "root")), ReadWords("tiny", offline=True)
    read, _ = rejects.split(stage(root.current(PROMPTS).read()))
    root.generation(TEXT_EMBEDDINGS, stage.recipe(), shapes=stage.shapes()).append(read)
    return folder / "root"


@pytest.fixture(scope="module")
def undisturbed(gathered: Path) -> Undisturbed:
    """What is heard in peace: the same songs through the same stage, in one process without Ray."""
    root, stage = Root.open(str(gathered)), HearTracks(ENCODER, seconds=SECONDS)
    media = root.current(MEDIA).read(["owner_id", "sha256", "uri", "bytes"], where="kind = 'audio'")
    heard = stage(media.rename_columns(["track_id", "input_digest", "uri", "bytes"]))
    shape = (-1, *stage.shapes()["frames"])
    frames = np.frombuffer(b"".join(heard["frames"].to_pylist()), "<f2").reshape(shape)
    return Undisturbed(
        digest_of(stage.recipe()), dict(zip(heard["track_id"].to_pylist(), frames, strict=True))
    )


@pytest.fixture
def root(gathered: Path, tmp_path: Path) -> Root:
    shutil.copytree(gathered, tmp_path / "root")
    return Root.open(str(tmp_path / "root"))


def assert_as_undisturbed(root: Root, undisturbed: Undisturbed, told: object) -> None:
    found = root.current(AUDIO_EMBEDDINGS)
    assert found.name == undisturbed.generation
    rows = found.read(["track_id", "frames"])
    keys = rows["track_id"].to_pylist()
    assert sorted(keys) == sorted(undisturbed.frames) and len(keys) == ALBUMS, told
    expected = np.stack([undisturbed.frames[key] for key in keys]).astype(np.float32)
    frames = read_tensor(rows, "frames").astype(np.float32)
    np.testing.assert_allclose(frames, expected, rtol=1e-3, atol=1e-3)
    assert verify(root.uri) == [], told


def test_a_driver_is_killed_three_times(root: Root, undisturbed: Undisturbed, tmp_path: Path) -> None:
    config, at = write_config(tmp_path, root.uri), moments()
    for count in at:
        running = start("embed", config)
        wait_for(count, root, running)
        os.kill(running.pid, signal.SIGKILL)  # its Ray finds out by itself, its workers may still write
        running.wait()
    finish(start("embed", config))
    assert_as_undisturbed(root, undisturbed, at)


def test_an_encoder_actor_is_killed_three_times(root: Root, undisturbed: Undisturbed, tmp_path: Path) -> None:
    at, killed = moments(), set[int]()
    running = start("embed", write_config(tmp_path, root.uri))
    for count in at:
        wait_for(count, root, running)
        victims = eventually("MapBatches(Hear)", of=running.pid, besides=killed)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        killed |= victims
    finish(running)
    assert len(killed) >= KILLS
    assert_as_undisturbed(root, undisturbed, at)


def test_a_node_is_killed_three_times(root: Root, undisturbed: Undisturbed, tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    at = moments()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    node = cluster.add_node(num_cpus=4)
    try:
        running = start("embed", write_config(tmp_path, root.uri), RAY_ADDRESS=cluster.address)
        for count in at:
            wait_for(count, root, running)
            cluster.remove_node(node, allow_graceful=False)
            node = cluster.add_node(num_cpus=4)
        finish(running)
    finally:
        cluster.shutdown()
    assert_as_undisturbed(root, undisturbed, at)


def test_a_driver_is_killed_over_a_bucket_on_a_bad_day(
    s3_bucket: str, gathered: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    uri, seed = f"{s3_bucket}/{uuid4().hex}", random.randrange(10**6)
    config, root = write_config(tmp_path, uri), Root(uri)
    with objects.outgoing(uri) as folder:
        shutil.copytree(gathered, folder, dirs_exist_ok=True)
    with faulty(os.environ["AWS_ENDPOINT_URL"], seed=seed) as (endpoint, done):
        running = start("embed", config, AWS_ENDPOINT_URL=endpoint)
        wait_for(random.randrange(4, ALBUMS - 12), root, running)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        finish(start("embed", config, AWS_ENDPOINT_URL=endpoint))
    assert min(done["refused"], done["broken"], done["slow"]) > 10, done
    assert_as_undisturbed(root, undisturbed, seed)


def processes(name: str, *, of: int) -> set[int]:
    """The processes begun by process `of`, or by any that it began, whose title holds `name`."""
    parents, found = dict[int, int](), set[int]()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if name in (entry / "cmdline").read_bytes().decode(errors="replace"):
                    found.add(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    return {pid for pid in found if of in ancestors(pid, parents)}


def ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid := parents.get(pid, 0):
        yield pid


def eventually(name: str, *, of: int, besides: set[int], seconds: float = 60) -> set[int]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := processes(name, of=of) - besides:
            return found
        time.sleep(0.05)
    raise TimeoutError("no process came")
