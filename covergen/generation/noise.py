"""All noise of one cover, independent of the batch, the replica and the machine that paints it."""

from collections.abc import Sequence

import torch
from torch import Tensor


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return one CPU generator a row. Torch's takes in 32 bits of a seed only, so both halves are mixed."""
    return [torch.Generator().manual_seed(seed % 2**32 ^ _mixed(seed >> 32)) for seed in seeds]


def first_noise(own: Sequence[torch.Generator], shape: Sequence[int]) -> Tensor:
    """Return the first noise (rows, *shape), fp32 on the CPU, each row from its own generator."""
    return torch.stack([torch.randn(tuple(shape), generator=generator) for generator in own])


def _mixed(high: int) -> int:
    """Return the high half of a seed as 32 bits to be added in; zero stays zero, so that small seeds stay."""
    return high * 0x9E3779B1 % 2**32
