"""How every benchmark measures and what it prints: sides in turns, a small table, then one line of JSON."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Ours against a peer, measured in the same run; `ratio` is ours over the peer's, above 1 is faster."""

    name: str
    ours: float
    peer: float
    n: int
    unit: str
    seconds: float

    def show(self, *, peer: str, facts: Mapping[str, object] | None = None) -> None:
        """Print the table and the line of JSON, with further facts in it."""
        ratio = self.ours / self.peer
        print(f"{'':24} {self.unit:>12}")
        print(f"{'covergen':24} {self.ours:12.3f}")
        print(f"{peer:24} {self.peer:12.3f}")
        print(f"{'ratio':24} {ratio:12.2f}")
        print(
            json.dumps({**asdict(self), **(facts or {}), "ratio": ratio, "device": device()}, sort_keys=True)
        )


def in_turns(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the best seconds of each side over `rounds`, after one round of all that warms them up."""
    best = dict.fromkeys(sides, float("inf"))
    for turn in range(rounds + 1):
        for name, work in sides.items():
            began = time.perf_counter()
            work()
            if turn:
                best[name] = min(best[name], time.perf_counter() - began)
    return best


def device() -> str:
    """Return the name of the GPU, or of the processor and its threads."""
    torch = sys.modules.get("torch")  # a benchmark without tensors is no reason to import it
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"{_processor()}, {torch.get_num_threads() if torch else os.cpu_count()} threads"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
