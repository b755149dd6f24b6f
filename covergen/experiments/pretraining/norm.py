"""Group normalisation whose backward pass is fast on CPUs.

PyTorch 2.13 takes 46 ms for the gradient of one bf16 map (8, 16, 128, 128) that is channels last and 1 ms
for the same map in rows, while convolutions prefer channels last. So only this gradient changes the layout.
"""

from typing import Any

import torch
from torch import Tensor, nn


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        batch, channels, height, width = maps.shape
        size = height * width
        result, mean, scale = torch.native_group_norm(maps, weight, bias, batch, channels, size, groups, eps)
        ctx.save_for_backward(maps, weight, mean, scale)
        ctx.groups = groups
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        maps, weight, mean, scale = ctx.saved_tensors
        batch, channels, height, width = maps.shape
        rows, size = (gradient.contiguous(), maps.contiguous()), height * width
        wanted = [True, True, True]
        inward, of_weight, of_bias = torch.ops.aten.native_group_norm_backward(
            *rows, mean, scale, weight, batch, channels, size, ctx.groups, wanted
        )
        return inward.contiguous(memory_format=torch.channels_last), of_weight, of_bias, None, None


class FastGroupNorm(nn.GroupNorm):
    """The same function and weights as `nn.GroupNorm`."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise maps (N, C, H, W); other shapes go the ordinary way."""
        if input.ndim != 4:
            return super().forward(input)
        weight, bias = self.weight.to(input.dtype), self.bias.to(input.dtype)
        result: Tensor = _Normalise.apply(input, weight, bias, self.num_groups, self.eps)  # type: ignore[no-untyped-call]
        return result


def speed_up_norms(module: nn.Module) -> None:
    """Turn every group normalisation of a module into the fast one, in place."""
    for child in module.modules():
        if type(child) is nn.GroupNorm:
            child.__class__ = FastGroupNorm
