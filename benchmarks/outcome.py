"""What every benchmark prints: a small table, then one line of JSON."""

import json
import platform
from dataclasses import asdict, dataclass

import torch


@dataclass(frozen=True)
class Outcome:
    """Ours against a peer, measured in the same run; `ratio` is ours over the peer's, above 1 is faster."""

    name: str
    ours: float
    peer: float
    n: int
    unit: str
    seconds: float

    def show(self, *, peer: str) -> None:
        """Print the table and the line of JSON."""
        ratio = self.ours / self.peer
        print(f"{'':24} {self.unit:>12}")
        print(f"{'covergen':24} {self.ours:12.3f}")
        print(f"{peer:24} {self.peer:12.3f}")
        print(f"{'ratio':24} {ratio:12.2f}")
        print(json.dumps({**asdict(self), "ratio": ratio, "device": device()}, sort_keys=True))


def device() -> str:
    """Return the name of the GPU, or of the processor and its threads."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
