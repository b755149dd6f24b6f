"""One worker process a core, gradients averaged over all of them (gloo).

On CPUs one thread in each of several processes beats several threads in one: the layers are small.
"""

import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import start_processes


def launch(work: Callable[..., None], workers: int, *arguments: Any) -> None:
    """Run `work(rank, *arguments)` in so many processes and wait for all; a single one stays in this."""
    port = _free_port()
    if workers == 1:
        _enter(0, 1, port, work, arguments)
        return
    start_processes(_enter, args=(workers, port, work, arguments), nprocs=workers)  # type: ignore[no-untyped-call]


def average_gradients(parameters: Sequence[Tensor], fraction: float) -> float:
    """Average all gradients over the workers in place; return the average of `fraction` too.

    The second average keeps schedules that follow the wall clock the same on every worker.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients] + [torch.tensor([fraction])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    pieces = torch.split(flat[:-1], [g.numel() for g in gradients])
    for gradient, piece in zip(gradients, pieces, strict=True):
        gradient.copy_(piece.view_as(gradient))
    return float(flat[-1])


def _enter(rank: int, workers: int, port: int, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=workers)
    try:
        work(rank, *arguments)
    finally:
        dist.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
