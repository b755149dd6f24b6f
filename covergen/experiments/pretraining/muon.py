"""Muon (Jordan et al., 2024): momentum, orthogonalised, for the matrices of a network."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Muon(torch.optim.Optimizer):
    """Moves each kernel along the nearest orthogonal matrix to its momentum; kernels count as (out, rest)."""

    def __init__(self, parameters: Iterable[Tensor], *, lr: float = 0.02, momentum: float = 0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Move all parameters that have a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(momentum, group["momentum"])
                matrix = ahead.reshape(len(ahead), -1)
                update = orthogonalise(matrix) * max(1, matrix.shape[0] / matrix.shape[1]) ** 0.5
                parameter.add_(update.view_as(parameter), alpha=-group["lr"])


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return roughly the nearest matrix with singular values 1, by five Newton-Schulz steps."""
    tall = matrix.shape[0] > matrix.shape[1]
    work = matrix.T if tall else matrix
    work = work / (work.norm() + 1e-7)
    for _ in range(5):
        gram = work @ work.T
        work = 3.4445 * work + (-4.7750 * gram + 2.0315 * gram @ gram) @ work
    result: Tensor = work.T if tall else work
    return result
