"""The two sides of `benchmarks.fetch`: covergen's stage and storage in processes, img2dataset's command."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from covergen.sources.http.fetch import ATTEMPTS, Fetcher
from covergen.sources.limiter.limiter import PATIENCE
from covergen.sources.media import CheckMedia
from covergen.sources.web_source import RateLimit
from covergen.storage import rejects, rows
from covergen.storage.root import Root
from covergen.storage.tables import MEDIA

PEER: Final = "img2dataset==1.47.0"
# What it was measured with, Python 3.11; its own requirements allow far more.
PINS: Final = (
    "albumentations==1.4.24",
    "numpy==2.4.6",
    "opencv-python-headless==4.14.0.94",
    "pandas==2.3.3",
    "pyarrow==26.0.1",
    "wandb==0.31.0",
    "webdataset==0.2.111",
)
PLACE: Final = Path.home() / ".cache" / "covergen" / "benchmarks" / PEER.replace("==", "-")
CANDIDATE: Final = [*MEDIA.key, "uri", "source", "source_url", "licence", "bytes", "input_digest"]
RECIPE: Final = {"table": MEDIA.name, "benchmark": "fetch"}


@dataclass(frozen=True)
class Setting:
    """What both sides keep to. `part`, `parts`: rows of our batches, and batches of a process at once."""

    part: int
    parts: int
    processes: int = 2
    threads: int = 8  # downloads of a process at once
    side: int = 256
    quality: int = 95
    timeout: int = 2  # seconds of silence


@dataclass
class Kept:
    """What a side made of a list: pictures by address, and why the others were refused."""

    seconds: float  # from the first request to the last row stored
    whole: float  # with the start of the processes
    cpu: float = 0.0  # seconds of processor time, with the start of the processes
    pictures: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)  # (height, width)
    refused: dict[str, str] = field(default_factory=dict)


class Unlimited:
    """A limiter for loopback: nobody waits and nothing is counted."""

    def __init__(self) -> None:
        self.waited: Counter[str] = Counter()

    @contextmanager
    def turn(self, rate_limit: RateLimit, *, patience: float = PATIENCE) -> Iterator[None]:  # noqa: ARG002
        """Let everybody pass."""
        yield

    def rest(self, bucket: str, seconds: float) -> None:
        """Nobody rests."""

    def spent(self, bucket: str) -> None:
        """There are no budgets."""

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Client:
    """Makes the real client, as `jobs.scrape` does, but for the limiter and the timeout."""

    timeout: float

    def __call__(self) -> Fetcher:
        """Return a client."""
        return Fetcher("covergen/benchmark (loopback)", Unlimited(), timeout=self.timeout)


def ours(listed: list[str], folder: Path, setting: Setting) -> Kept:
    """Download with the stage and the storage of `jobs.scrape`, in processes without Ray."""
    began, root = time.time(), Root.create(str(folder))
    root.generation(MEDIA, RECIPE)
    rejects.rejects_of(root)
    shares = [listed[place :: setting.processes] for place in range(setting.processes)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(setting.processes, mp_context=context) as pool:
        spans = list(pool.map(work, shares, [root.uri] * len(shares), [setting] * len(shares)))
    seconds = max(last for _, last in spans) - min(first for first, _ in spans)
    kept = Kept(seconds, time.time() - began)
    names = ["uri", "bytes", "height", "width"]
    for row in root.current(MEDIA).read(names).to_pylist():
        kept.pictures[row["uri"]] = row["bytes"]
        kept.sizes[row["uri"]] = row["height"], row["width"]
    for row in rejects.latest(root, MEDIA.name).to_pylist():
        kept.refused[listed[int(row["key"].partition("/")[0])]] = row["code"]
    return kept


def work(share: list[str], root: str, setting: Setting) -> tuple[float, float]:
    """Take a process's share of a list; return when it began and when all was stored."""
    place, numbered = Root(root), [(address, Path(address).stem) for address in share]
    records = [
        {"owner_id": number, "kind": "cover", "uri": address, "source": "benchmark", "input_digest": number}
        for address, number in numbered
    ]
    table = rows.from_records(MEDIA, records).select(CANDIDATE)
    batches = [table.slice(start, setting.part) for start in range(0, len(table), setting.part)]
    began, client = time.time(), Client(setting.timeout)
    stage = CheckMedia(fetcher=client, at_once=setting.threads, cover_pixels=setting.side)
    waiting: list[pa.Table] = []
    with ThreadPoolExecutor(setting.parts) as pool:
        for done in as_completed([pool.submit(stage, batch) for batch in batches]):
            waiting.append(done.result())
            if len(waiting) == setting.parts * 4:
                _store(place, waiting)
    _store(place, waiting)
    return began, time.time()


def _store(root: Root, waiting: list[pa.Table]) -> None:
    """Write outcomes as the last operator of a job does."""
    if not waiting:
        return
    media, batch = root.current(MEDIA), pa.concat_tables(waiting)
    waiting.clear()
    block = media.block_of(batch)
    accepted, refused = rejects.split(batch)
    media.append(accepted, block=block)
    to = rejects.rejects_of(root)
    rejects.write(to, MEDIA.name, refused, key=MEDIA.key, of=media.name, block=block)


def peer(listed: list[str], folder: Path, setting: Setting) -> Kept:
    """Download with img2dataset, one shard a process: no process waits for the last address of a shard."""
    command = installed()
    folder.mkdir()
    (folder / "list.txt").write_text("\n".join(listed))
    told = {
        "url_list": folder / "list.txt",
        "output_folder": folder / "out",
        "output_format": "parquet",
        "image_size": setting.side,
        "resize_mode": "keep_ratio",
        "resize_only_if_bigger": True,
        "encode_quality": setting.quality,
        "processes_count": setting.processes,
        "thread_count": setting.threads,
        "number_sample_per_shard": -(-len(listed) // setting.processes),
        "timeout": setting.timeout,
        "retries": ATTEMPTS - 1,
        "extract_exif": False,
        "enable_wandb": False,
    }
    began, quiet = time.time(), {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"}
    arguments = [f"--{name}={value}" for name, value in told.items()]
    done = subprocess.run([command, *arguments], env=quiet, capture_output=True, text=True, check=False)
    whole = time.time() - began
    if done.returncode:
        raise RuntimeError(f"img2dataset failed: {done.stderr[-2000:]}")
    stats = [json.loads(file.read_text()) for file in (folder / "out").glob("*_stats.json")]
    seconds = max(one["end_time"] for one in stats) - min(one["start_time"] for one in stats)
    kept = Kept(seconds, whole)
    for file in (folder / "out").glob("*.parquet"):
        for row in pq.read_table(file).to_pylist():
            if row["status"] == "success":
                kept.pictures[row["url"]] = row["jpg"]
                kept.sizes[row["url"]] = row["height"], row["width"]
            else:
                kept.refused[row["url"]] = row["error_message"]
    return kept


def installed() -> str:
    """Return img2dataset's command, from a virtual environment of its own that is made at first."""
    command, done = PLACE / "bin" / "img2dataset", PLACE / "complete"
    if not done.is_file():
        print(f"installing {PEER} into {PLACE}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(PLACE)], check=True)
        pip = [str(PLACE / "bin" / "pip"), "install", "-qq", PEER, *PINS]
        subprocess.run(pip, check=True)
        done.touch()
    return str(command)
