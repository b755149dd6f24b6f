"""The moving average of trained weights: what checkpoints hold and covers are painted with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential moving average of parameters by name, in fp32."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], *, decay: float):
        self._parameters = parameters
        self._decay = decay
        self.values = {name: weight.detach().float().clone() for name, weight in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step`; early steps weigh more, so that the first weights fade."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, weight in self._parameters.items():
            self.values[name].lerp_(weight.detach().float(), 1 - decay)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Let the parameters hold the average inside the block."""
        kept = {name: weight.detach().clone() for name, weight in self._parameters.items()}
        self._fill(self.values)
        try:
            yield
        finally:
            self._fill(kept)

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take the average from a saved one."""
        for name, value in self.values.items():
            value.copy_(values[name])

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, weight in self._parameters.items():
            weight.copy_(values[name])
