"""Rows planned a second: the work list of a resume with 99% done, against one join of whole tables in memory.

Each side, and the making of the tables, runs in a process of its own: a peak of memory is inherited by child
processes. The table of sizes shows whether time grows with the rows.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import pyarrow as pa
import typer
from deltalake import write_deltalake

from benchmarks.outcome import Outcome
from covergen.lineage.pipeline import REQUIRED_ROWS
from covergen.lineage.work_list import work_list
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, MEDIA

STEP = 500_000
WARM = 10_000
COMMAND = (sys.executable, "-m", "benchmarks.worklist")
SHAPES = {"frames": (1, 1, 1)}


def main(*, quick: bool = False) -> None:
    """Plan over growing roots; the largest is compared with the peer."""
    began = time.perf_counter()
    sizes = (100_000, 1_000_000) if quick else (1_000_000, 3_000_000, 10_000_000)
    print(f"{'rows':>12} {'left':>9} {'seconds':>9} {'rows/s':>12} {'peak MB':>9}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*COMMAND, "make", folder, str(size)], check=True)
            ours = measured("ours", folder)
            show("covergen", size, ours)
            if size == sizes[-1]:
                peer = measured("peer", folder)
                show("one join", size, peer)
    rates = size / ours["seconds"], size / peer["seconds"]
    Outcome("worklist", *rates, size, "rows/s", time.perf_counter() - began).show(peer="one join in memory")


def show(name: str, size: int, told: dict[str, float]) -> None:
    """Print one line of the table of sizes."""
    rate = size / told["seconds"]
    print(f"{size:12,} {told['left']:9,} {told['seconds']:9.1f} {rate:12,.0f} {told['peak_mb']:9.0f}  {name}")


def make_root(folder: str, size: int) -> None:
    """Write catalogue, media and embeddings of `size` tracks; every hundredth is not embedded."""
    root, random = Root.create(f"{folder}/root"), np.random.default_rng(0)
    tables = [root.generation(table, {"v": 1}) for table in (CATALOG, MEDIA)]
    done = root.generation(AUDIO_EMBEDDINGS, {"v": 1}, shapes=SHAPES)
    for _ in range(0, size, STEP):
        count = min(size, STEP)
        keys, digests = names(random, count), names(random, count)
        kinds = pa.array(["audio"] * count)
        fill(tables[0].uri, tables[0].schema, {"album_id": keys, "track_id": keys})
        fill(tables[1].uri, tables[1].schema, {"owner_id": keys, "kind": kinds, "sha256": digests})
        kept = pa.array(np.arange(count) % 100 > 0)
        columns = {"track_id": keys.filter(kept), "input_digest": digests.filter(kept)}
        fill(done.uri, done.schema, columns)


def names(random: np.random.Generator, count: int) -> pa.Array:
    """Return `count` digests of 64 hexadecimal digits."""
    text = random.bytes(32 * count).hex()
    offsets = pa.array(np.arange(0, 64 * count + 1, 64, dtype=np.int32)).buffers()[1]
    return pa.StringArray.from_buffers(count, offsets, pa.py_buffer(text.encode()))


def fill(uri: str, schema: pa.Schema, columns: dict[str, pa.Array]) -> None:
    """Append rows that have nothing but the columns that planning reads."""
    count = len(next(iter(columns.values())))
    arrays = [columns.get(field.name, pa.nulls(count, field.type)) for field in schema]
    write_deltalake(uri, pa.table(arrays, schema=schema), mode="append")


def measured(side: str, folder: str) -> dict[str, float]:
    """Run one side in a process of its own and return what it told."""
    told: dict[str, float] = json.loads(subprocess.check_output([*COMMAND, side, folder], text=True))
    return told


def plan(side: str, folder: str) -> None:
    """Plan a small root to warm up, then the folder's; print rows left, seconds and the peak of memory."""
    root, take = Root.open(f"{folder}/root"), ours if side == "ours" else peer
    with tempfile.TemporaryDirectory() as small:
        make_root(small, WARM)
        take(Root.open(f"{small}/root"))
    start = time.perf_counter()
    left = take(root)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"left": left, "seconds": seconds, "peak_mb": peak}))


def ours(root: Root) -> int:
    """The work list of the embed job."""
    return len(work_list(root, root.current(AUDIO_EMBEDDINGS), REQUIRED_ROWS[AUDIO_EMBEDDINGS.name]).todo)


def peer(root: Root) -> int:
    """The same answer from whole tables."""
    tracks = root.current(CATALOG).read(["track_id"])
    media = root.current(MEDIA).read(["owner_id", "sha256"], where="kind = 'audio'")
    done = root.current(AUDIO_EMBEDDINGS).read(["track_id", "input_digest"])
    required = tracks.join(media, "track_id", "owner_id").rename_columns(["track_id", "input_digest"])
    return len(required.join(done, ["track_id", "input_digest"], join_type="left anti"))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, size]:
            make_root(folder, int(size))
        case ["ours" | "peer" as side, folder]:
            plan(side, folder)
        case _:
            typer.run(main)
