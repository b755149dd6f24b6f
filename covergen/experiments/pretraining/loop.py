"""The training loop of every phase: a wall-clock budget, an average of the weights, checkpoints.

A phase killed at any moment goes on from its last checkpoint, its clock included.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import typer
from torch import Tensor, nn

from covergen.experiments.pretraining.parallel import average_gradients

Schedule = Callable[[float], float]


def warm_then_decay(hold: float, warm: float = 0.02) -> Schedule:
    """Rise to 1 within `warm` of the budget, hold until `hold`, then fall in a line to 0."""
    return lambda done: min(1.0, 0.05 + done / warm) * min(1.0, max(0.0, (1 - done) / (1 - hold)))


@dataclass
class Phase:
    """One network in training: what moves it, for how long, and where its checkpoint lies."""

    name: str
    module: nn.Module
    optimizers: list[torch.optim.Optimizer]
    schedule: Schedule
    minutes: float
    folder: Path
    ema_decay: float = 0.999
    checkpoint_seconds: float = 60.0
    step: int = 0
    seconds: float = 0.0
    average: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.peaks = [[group["lr"] for group in o.param_groups] for o in self.optimizers]
        self.average = [p.detach().clone() for p in self.module.parameters()]
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        """Where the phase is kept."""
        return self.folder / f"{self.name}.pt"

    def save(self) -> None:
        """Write the checkpoint under a temporary name, then rename it."""
        state = {
            "module": self.module.state_dict(),
            "average": self.average,
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
        }
        temporary = self.checkpoint.with_suffix(".partial")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def _resume(self) -> None:
        state: dict[str, Any] = torch.load(self.checkpoint, weights_only=True)
        self.module.load_state_dict(state["module"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
        self.average, self.step, self.seconds = state["average"], state["step"], state["seconds"]


def train(phase: Phase, loss_of: Callable[[], tuple[Tensor, str]]) -> None:
    """Step until the budget is spent; `loss_of()` returns a loss and a line for the log."""
    parameters = list(phase.module.parameters())
    leads = dist.get_rank() == 0
    began, last_save = time.monotonic() - phase.seconds, time.monotonic()
    done = phase.seconds / (60 * phase.minutes)
    while done < 1:
        loss, line = loss_of()
        loss.backward()  # type: ignore[no-untyped-call]
        phase.seconds = time.monotonic() - began
        done = average_gradients(parameters, phase.seconds / (60 * phase.minutes))
        _move(phase, parameters, done)
        phase.step += 1
        if leads and phase.step % 25 == 0:
            typer.echo(f"{phase.name} step {phase.step} {phase.seconds:.0f}s {line}")
        if leads and time.monotonic() - last_save > phase.checkpoint_seconds:
            phase.save()
            last_save = time.monotonic()
    if leads:
        phase.save()


def load_average(module: nn.Module, checkpoint: Path) -> dict[str, Any]:
    """Put a checkpoint's averaged weights into a module; return its step and seconds."""
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    with torch.no_grad():
        for parameter, average in zip(module.parameters(), state["average"], strict=True):
            parameter.copy_(average)
    return {"step": state["step"], "seconds": state["seconds"]}


@torch.no_grad()
def _move(phase: Phase, parameters: list[nn.Parameter], done: float) -> None:
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    for optimizer, peaks in zip(phase.optimizers, phase.peaks, strict=True):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * phase.schedule(done)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    decay = min(phase.ema_decay, (1 + phase.step) / (10 + phase.step))
    torch._foreach_lerp_(phase.average, [p.detach() for p in parameters], 1 - decay)
