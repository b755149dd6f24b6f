"""All noise of one cover, independent of the batch, the replica and the machine that paints it."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

_NO_ANGLE: Final = 1e-3  # float32 takes a noise and itself for that far apart


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return one CPU generator a row. Torch's takes in 32 bits of a seed only, so both halves are mixed."""
    return [torch.Generator().manual_seed(seed % 2**32 ^ _mixed(seed >> 32)) for seed in seeds]


def first_noise(own: Sequence[torch.Generator], shape: Sequence[int]) -> Tensor:
    """Return the first noise (rows, *shape), fp32 on the CPU, each row from its own generator."""
    return torch.stack([torch.randn(tuple(shape), generator=generator) for generator in own])


def between(own: Tensor, other: Tensor, strength: float) -> Tensor:
    """Return the noise that far on the arc from `own` to `other`: as loud as noise is, alike to both.

    Shoemake 1985, "Animating rotation with quaternion curves". The straight line would be quieter half-way,
    which a model takes for a plainer picture.
    """
    cosine = torch.dot(own.flatten(), other.flatten()) / (own.norm() * other.norm())
    angle = torch.arccos(cosine.clamp(-1, 1))
    if angle.sin() < _NO_ANGLE:
        return own if strength < 0.5 else other
    weights = torch.sin((1 - strength) * angle), torch.sin(strength * angle)
    return (weights[0] * own + weights[1] * other) / angle.sin()


def _mixed(high: int) -> int:
    """Return the high half of a seed as 32 bits to be added in; zero stays zero, so that small seeds stay."""
    return high * 0x9E3779B1 % 2**32
