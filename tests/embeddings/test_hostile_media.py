"""Two thousand hostile files through the ears of `media -> audio_embeddings`, in a process that may die.

FFmpeg is C: a file could crash it, hang it, or make it take all memory. The process that listens names each
row before it begins it, so that such an end can be traced to its file.
"""

import faulthandler
import multiprocessing
import resource
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from covergen.embeddings.audio_stage import CutWindows, HearTracks
from covergen.errors import RejectCode
from covergen.sources.local.file_urls import address_of
from tests.hostile_files import FORMATS, MUTATIONS, HostileFile, hostile_files
from tests.lying_files import DAMAGED, HEARD

COUNT, SEED, BATCH = 2_000, 7, 25
SECONDS = 5.0
LONGEST = 90.0  # seconds for one file on a busy machine; hours of silence take ten on an idle one
MEMORY = 2**28  # bytes that a single file may add to the peak
EVERYTHING = 2**31  # bytes beyond which allocations fail
LEAST = dict.fromkeys(MUTATIONS, 150) | {"lie": 250, "imposter": 120, "silence": 6, "empty": 9}


class TellingCut(CutWindows):
    """Says which row it begins, and how much memory was ever in use before."""

    def __init__(self, connection: Connection, **options: Any):
        super().__init__(**options)
        self.connection = connection

    def _cut(self, row: Mapping[str, Any]) -> dict[str, Any]:
        self.connection.send((row["track_id"], _peak()))
        return super()._cut(row)


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def listen(connection: Connection) -> None:
    """Answer each batch with its outcomes, until there is none."""
    faulthandler.enable()
    warnings.simplefilter("error")
    stage = HearTracks("logmel", seconds=SECONDS)
    cut, hear = TellingCut(connection, **vars(stage.cut())), stage.hear()
    hear.encoder(np.zeros((1, round(SECONDS * hear.encoder.sample_rate)), np.float32))
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + EVERYTHING,) * 2)
    while (batch := connection.recv()) is not None:
        outcome = hear(cut(batch))
        connection.send(("the end of a batch", _peak()))
        connection.send(outcome)


class Listener:
    """The process that listens; a crash, a hang or greed fails the test by the name of the file."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        self.connection, far_end = context.Pipe()
        self.process = context.Process(target=listen, args=(far_end,), daemon=True)
        self.process.start()
        far_end.close()

    def __call__(self, batch: pa.Table) -> pa.Table:
        self.connection.send(batch)
        row, before = "the start", 0
        while isinstance(told := self._told(row), tuple):
            assert not before or told[1] - before < MEMORY, f"{row} took {told[1] - before} bytes"
            row, before = told
        return told

    def _told(self, row: str) -> Any:
        if not self.connection.poll(LONGEST):
            self.process.kill()
            pytest.fail(f"no end after {LONGEST} s: {row}")
        try:
            return self.connection.recv()
        except EOFError:
            self.process.join()
            pytest.fail(f"the process ended with exit code {self.process.exitcode}: {row}")

    def close(self) -> None:
        self.connection.send(None)
        self.process.join(LONGEST)
        assert self.process.exitcode == 0


def rows_of(files: Sequence[HostileFile], folder: Path) -> pa.Table:
    """The rows of a batch: every other file's bytes stand in its row, the others lie in the folder."""
    records = []
    for index, file in enumerate(files):
        address = f"https://music.test/{index}.{file.suffix}"
        if stored := index % 2 == 1:
            path = folder / f"{index}.{file.suffix}"
            path.write_bytes(file.data)
            address = address_of(path)
        records.append((file.name, "digest", address, None if stored else file.data))
    columns = zip(*records, strict=True)
    return pa.table(dict(zip(("track_id", "input_digest", "uri", "bytes"), columns, strict=True)))


def problem(file: HostileFile, row: Mapping[str, Any], shape: tuple[int, ...]) -> str | None:
    """What is wrong with a row's outcome, if anything."""
    if row["track_id"] != file.name:
        return f"the outcome belongs to {row['track_id']}"
    if outcome(row) not in file.outcomes:
        return f"{outcome(row)} ({row['reject_reason']}), not {sorted(file.outcomes)}"
    if row["reject_code"] is None:
        frames = np.frombuffer(row["frames"], np.float16)
        sound = frames.size == np.prod(shape) and np.isfinite(frames).all()
        return None if sound and row["reject_reason"] is None else "frames of another shape, or not finite"
    reason = row["reject_reason"]
    readable = reason.isprintable() and 20 < len(reason) < 400
    return None if readable and row["frames"] is None else f"a reason that no one can read: {reason!r}"


def outcome(row: Mapping[str, Any]) -> str:
    return row["reject_code"] or HEARD


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.process.kill()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_hostile_file_is_heard_or_refused_by_the_right_code(listener, tmp_path, record_property):
    shape = HearTracks("logmel", seconds=SECONDS).shapes()["frames"]
    files = hostile_files(COUNT, SEED)
    problems, mutations, outcomes = [], Counter(), Counter()
    started = time.monotonic()
    while batch := list(islice(files, BATCH)):
        answer = listener(rows_of(batch, tmp_path)).to_pylist()
        for file, row in zip(batch, answer, strict=True):
            problems += [f"{file.name}: {found}" for found in [problem(file, row, shape)] if found]
            mutations[file.mutation] += 1
            outcomes[file.kind, outcome(row)] += 1
    listener.close()
    codes = Counter()
    for (_, code), count in outcomes.items():
        codes[code] += count
    record_property("seconds", round(time.monotonic() - started))
    record_property("outcomes", dict(codes.most_common()))
    record_property("mutations", dict(mutations))
    assert not problems, "\n".join(problems)
    assert mutations.total() == COUNT
    assert all(mutations[name] >= least for name, least in LEAST.items()), mutations
    assert codes.keys() == DAMAGED | {RejectCode.EMPTY_FILE}
    for kind in FORMATS:
        of_kind = Counter({code: count for (found, code), count in outcomes.items() if found == kind})
        assert 0.1 < of_kind[HEARD] / of_kind.total() < 0.9, (kind, of_kind)
