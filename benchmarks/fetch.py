"""Covers a second from the web: downloaded, proved, scaled to 256 and stored, against img2dataset.

`python -m benchmarks.fetch [--quick]`: a host on loopback, one list, a tenth of it faults, six addresses that
take a client seconds among them (in the quick list none: it would measure those). The list is long enough to
end after them: a silent host takes thirteen seconds of four tries with growing pauses. Ours are `CheckMedia`
with the real `Fetcher`, in batches as `jobs.scrape` makes them, into Delta tables; without Ray, and with a
limiter that lets everybody pass. Theirs is img2dataset in a virtual environment of its own: as many
processes, threads and tries, the shorter side scaled, quality 95, parquet. Each side goes twice, in
turns; its better time counts, the start of its processes excluded.
"""

import io
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import typer
from PIL import Image

from benchmarks.cover_host import CODES, GOOD, addresses, cover_host, kind_of
from benchmarks.fetch_sides import PEER, Kept, Setting, installed, ours, peer
from benchmarks.outcome import Outcome
from jobs.scrape import FILES_A_TASK, TASKS_AN_ACTOR

ROUNDS = 2


def main(*, quick: bool = False) -> None:
    """Let the sides take turns, compare what they kept, and print both rates."""
    count, setting, began = (
        800 if quick else 12_000,
        Setting(FILES_A_TASK, TASKS_AN_ACTOR),
        time.perf_counter(),
    )
    installed()
    runs: dict[str, list[Kept]] = {"covergen": [], PEER: []}
    with cover_host() as base, tempfile.TemporaryDirectory() as scratch:
        listed = addresses(base, count, patience=not quick)
        for turn in range(ROUNDS):
            for name, side in (("covergen", ours), (PEER, peer)):
                before = processor_seconds()
                kept = side(listed, Path(scratch, f"{name}-{turn}"), setting)
                kept.cpu = processor_seconds() - before
                runs[name].append(kept)
                whole = f"{kept.whole:.1f} s and {kept.cpu:.1f} s of processors with start-up"
                print(f"{name:24} {len(kept.pictures)} kept in {kept.seconds:.1f} s; {whole}", flush=True)
    first, second = runs["covergen"][0], runs[PEER][0]
    check(listed, runs["covergen"])
    rates = [max(len(kept.pictures) / kept.seconds for kept in side) for side in runs.values()]
    wholes = [max(len(kept.pictures) / kept.whole for kept in side) for side in runs.values()]
    facts = {
        "kept": {"covergen": len(first.pictures), PEER: len(second.pictures)},
        "same_addresses": all(set(kept.pictures) == set(first.pictures) for kept in runs[PEER]),
        "same_sizes": all(
            first.sizes[key] == size for key, size in second.sizes.items() if key in first.sizes
        ),
        "decibels_between": round(likeness(first, second), 1),
        "refused": Counter(first.refused.values()),
        "with_start_up": [round(rate, 1) for rate in wholes],
        "processor_seconds": [round(min(kept.cpu for kept in side), 1) for side in runs.values()],
        "processes": setting.processes,
        "threads": setting.threads,
    }
    seconds = time.perf_counter() - began
    Outcome("fetch", rates[0], rates[1], count, "covers/s", seconds).show(peer=PEER, facts=facts)


def processor_seconds() -> float:
    """Return what the processes that have ended took: on a busy machine it says more than the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check(listed: list[str], runs: list[Kept]) -> None:
    """Raise AssertionError unless every address was kept or refused by the code of its fault."""
    for kept in runs:
        for address in listed:
            kind = kind_of(address)
            code = kept.refused.get(address)
            if code != CODES.get(kind) or (address in kept.pictures) != (kind == GOOD):
                raise AssertionError(f"{address} ended as {code or 'a picture or nothing'}")


def likeness(first: Kept, second: Kept) -> float:
    """Return the mean of the peak signal-to-noise ratios, in dB, of some pictures of both."""
    both = sorted(set(first.pictures) & set(second.pictures))[:40]
    return float(np.mean([_decibels(first.pictures[key], second.pictures[key]) for key in both]))


def _decibels(one: bytes, other: bytes) -> float:
    pixels = [np.asarray(Image.open(io.BytesIO(each)).convert("RGB")).astype(float) for each in (one, other)]
    return float(10 * np.log10(255**2 / ((pixels[0] - pixels[1]) ** 2).mean()))


if __name__ == "__main__":
    typer.run(main)
