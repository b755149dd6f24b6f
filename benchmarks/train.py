"""Samples a second of one optimiser step at full size: over what was encoded once, against encoding online.

    python -m benchmarks.train [--quick] [--batch N]

Ours is the trainer over stored latents, text states and music frames, with the architecture of Stable
Diffusion 1.4 at 256 px and the default fusion, random weights. The peer trains the same weights through the
same frozen U-Net and computes VAE, CLIP and MERT-95M at every step, as diffusers' scripts do; a second one is
diffusers' full fine-tuning. They take turns, each in a process of its own, whose peak memory is its own;
bf16 on a GPU, fp32 on a CPU. `--toy` tries the code.
"""

import json
import resource
import subprocess
import sys
import time
from typing import Any, Final

import torch
import typer
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.mert import matmul_flops
from benchmarks.outcome import Outcome
from benchmarks.train_sides import FULL, SIDES, TOY

OURS, PEER = "covergen", "online"
NAMES: Final = {
    OURS: "covergen, encoded once",
    PEER: "encoded online",
    "fine-tuning": "full fine-tuning, online",
}


def main(*, batch: int | None = None, quick: bool = False, toy: bool = False) -> None:
    """Let the three take turns and print the best of each, then the line of JSON."""
    began, batch = time.perf_counter(), batch or (1 if quick else 4 if _device() == "cpu" else 32)
    steps = 1 if quick or toy else 3 if _device() == "cpu" else 20
    found: dict[str, dict[str, Any]] = {}
    for _ in range(1 if quick else 2):
        for side in SIDES:
            told = run(side, batch=batch, steps=steps, toy=toy)
            if side not in found or told["rate"] > found[side]["rate"]:
                found[side] = told
    print(f"{'':26} {'samples/s':>10} {'peak GB':>8} {'trained M':>10} {'of peak':>8}")
    for side, told in found.items():
        share = "–" if told["of_peak"] is None else f"{told['of_peak']:.1%}"
        figures = f"{told['rate']:10.3f} {told['peak_gb']:8.2f} {told['trained'] / 1e6:10.1f}"
        print(f"{NAMES[side]:26} {figures} {share:>8}")
    facts = {
        "batch": batch,
        "steps": steps,
        "dtype": "fp32" if _device() == "cpu" else "bf16",
        "ratio_to_fine_tuning": found[OURS]["rate"] / found["fine-tuning"]["rate"],
        "sides": found,
    }
    seconds = time.perf_counter() - began
    outcome = Outcome("train", found[OURS]["rate"], found[PEER]["rate"], batch * steps, "samples/s", seconds)
    outcome.show(peer=NAMES[PEER], facts=facts)


def run(side: str, *, batch: int, steps: int, toy: bool) -> dict[str, Any]:
    """Run one side in a process of its own, and return what it told."""
    words = ["side", side, str(batch), str(steps), "toy" if toy else "full"]
    command = [sys.executable, "-m", "benchmarks.train", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])} failed:\n{done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def take(side: str, *, batch: int, steps: int, toy: bool) -> dict[str, Any]:
    """Return samples a second of one side, its peak memory, and on a GPU the share of the card's peak."""
    torch.manual_seed(0)
    device = _device()
    step = SIDES[side](TOY if toy else FULL, batch, device)
    step()  # warms up
    _wait(device)
    began = time.perf_counter()
    losses = [step() for _ in range(steps)]
    _wait(device)
    rate = batch * steps / (time.perf_counter() - began)
    told = {"rate": rate, "peak_gb": _peak_bytes(device) / 1e9, "trained": step.trained, "loss": losses[-1]}
    if device == "cpu":
        return {**told, "of_peak": None}
    # fused attention is not counted on every device, so the counted step takes it in plain products
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        step()
    flops = counter.get_total_flops() / batch
    return {**told, "flop_per_sample": flops, "of_peak": rate * flops / matmul_flops(device, 8192)}


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _peak_bytes(device: str) -> int:
    """Return the most memory so far: of the device, or of this process."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["side", which, count, turns, size]:
            print(json.dumps(take(which, batch=int(count), steps=int(turns), toy=size == "toy")))
        case _:
            typer.run(main)
