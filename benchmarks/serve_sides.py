"""What the benchmarks of the service compare: serve_config.yaml on this machine's Ray, and the core alone."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from covergen.media import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise

CLIENTS: Final = 16
BASE: Final = "http://127.0.0.1:18800"
WORDS: Final[dict[str, Any]] = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "steps": 20}
TRACKS: Final = 1000  # of the catalogue
FEW: Final = 4  # steps of a picture that comes alone
SONG: Final = audio.encode_flac(synthesise(draw_album(3, "eval"), 12.0, 24_000), 24_000)
PICTURE: Final = {"Accept": "image/png"}


@contextmanager
def served(scaling: dict[str, Any], **args: Any) -> Iterator[httpx2.Client]:
    """Deploy the repository's manifest on a Ray of this process; give a client that waits.

    `scaling` goes into the painter's autoscaling_config, `args` into those of the application.
    """
    import ray
    from ray import serve
    from ray.serve.schema import ServeDeploySchema

    from covergen.config import RayCluster
    from jobs.deploy import deploy
    from jobs.runtime import entry

    manifest = yaml.safe_load((Path(__file__).parent.parent / "serve_config.yaml").read_text())
    manifest["http_options"]["port"] = int(BASE.rpartition(":")[2])
    manifest["applications"][0]["deployments"][2]["autoscaling_config"] |= scaling
    with tempfile.TemporaryDirectory() as root:
        embed(root)
        manifest["applications"][0]["args"] |= {"root": root, **args}
        entry.join(RayCluster(cpus=4))
        deploy(ServeDeploySchema.model_validate(manifest))
        with httpx2.Client(base_url=BASE, timeout=600) as client:
            client.get("/readyz").raise_for_status()
            yield client
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


def embed(root: str) -> None:
    """Make a catalogue of TRACKS tracks that are embedded: one song under many names."""
    import pyarrow as pa

    from covergen.serving.service import CoverService
    from covergen.storage.root import Root
    from covergen.storage.tables import AUDIO_EMBEDDINGS

    service = CoverService()
    heard = service.listen(SONG)
    table = Root.create(root).generation(
        AUDIO_EMBEDDINGS, service.hearing, shapes={"frames": service.feature_shape}
    )
    told = {"frames": heard.frames.tobytes(), "seconds": heard.seconds, "input_digest": heard.sha256}
    table.append(pa.Table.from_pylist([{"track_id": track(k), **told} for k in range(TRACKS)]))


def track(k: int) -> str:
    """Return the name of a track of the catalogue."""
    return f"track-{k % TRACKS:06}"


def crowd(count: int, ask: Callable[[httpx2.Client, int], httpx2.Response]) -> tuple[float, Counter[int]]:
    """Let the clients ask so often in all; return the seconds and how often each status was answered."""
    left, lock, codes = iter(range(count)), threading.Lock(), Counter[int]()

    def one() -> None:
        with httpx2.Client(base_url=BASE, timeout=600) as client:
            while True:
                with lock:
                    number = next(left, None)
                if number is None:
                    return
                answer = ask(client, number)
                with lock:
                    codes[answer.status_code] += 1

    clients = [threading.Thread(target=one) for _ in range(CLIENTS)]
    return seconds_of(lambda: _together(clients)), codes


def _together(threads: list[threading.Thread]) -> None:
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def figures(client: httpx2.Client) -> dict[str, float]:
    """Return the service's figures that have no label."""
    found = re.findall(r"^(covergen_\w+) ([-0-9.e+]+)$", client.get("/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in found}


class Alone:
    """The core in a process of its own, with one thread."""

    def __init__(self) -> None:
        command, environment = [sys.executable, "-m", "benchmarks.serve_sides"], {"OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def paint(self, batches: int) -> float:
        """Return the seconds of so many batches of eight; 0 paints one cover of few steps."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{batches}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def core() -> None:
    """Paint what the lines of standard input ask for, and answer the seconds it took."""
    import torch

    from covergen.serving.domain import CoverOrder
    from covergen.serving.service import CoverService

    torch.set_num_threads(1)
    service = CoverService()
    heard, one, batch = service.listen(SONG), CoverOrder(**{**WORDS, "steps": FEW}), CoverOrder(**WORDS, n=8)
    for order in (one, batch):
        service.cover(heard, order)
    for line in sys.stdin:
        orders = [batch] * int(line) or [one]
        print(seconds_of(lambda: [service.cover(heard, order) for order in orders]), flush=True)  # noqa: B023


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    core()
