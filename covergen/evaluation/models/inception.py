"""Inception's features of pictures, for the published FID and KID.

The weights are TensorFlow's of 2015-12-05, which torch-fidelity converted and torchmetrics and others load.
B pictures, H W pixels.
"""

import pickle
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from covergen.errors import ModelError, one_line
from covergen.media.images import Pixels

SIZE = 299
WIDTH = 2048
RELEASED: Final = "weights-inception-2015-12-05-6726825d.pth"
_COUNTERS: Final = "num_batches_tracked"  # of training; older files lack them, nothing depends on them


# The Inception network of FID (Szegedy et al. 2015, arXiv:1512.00567), as its released weights name it.
#
# It differs from the usual Inception v3 where TensorFlow's graph of 2015 does: mean pools count no padding,
# and the last block takes the maximum. The network's names are those of the released tensors.
# B pictures, C channels, H W pixels.


class Inception(nn.Module):
    """Pictures (B, 3, H, W) of 0 to 255 to the last pool's features (B, 2048)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3)
        self.Mixed_5b = _BlockA(192, 32)
        self.Mixed_5c = _BlockA(256, 64)
        self.Mixed_5d = _BlockA(288, 64)
        self.Mixed_6a = _BlockB(288)
        self.Mixed_6b = _BlockC(128)
        self.Mixed_6c = _BlockC(160)
        self.Mixed_6d = _BlockC(160)
        self.Mixed_6e = _BlockC(192)
        self.Mixed_7a = _BlockD()
        self.Mixed_7b = _BlockE(1280, largest=False)
        self.Mixed_7c = _BlockE(2048, largest=True)
        self.fc = nn.Linear(WIDTH, 1008)  # in the released file; no feature depends on it

    def forward(self, pictures: Tensor) -> Tensor:
        """Return features (B, 2048)."""
        values = (resized(pictures.float(), SIZE) - 128) / 128  # (B, 3, 299, 299)
        values = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(values)))
        values = functional.max_pool2d(values, 3, stride=2)  # (B, 64, 73, 73)
        values = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(values))
        values = functional.max_pool2d(values, 3, stride=2)  # (B, 192, 35, 35)
        values = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(values))))  # (B, 768, 17, 17)
        values = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(values))))
        values = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(values)))  # (B, 2048, 8, 8)
        features: Tensor = values.mean(dim=(2, 3))
        return features


def resized(pictures: Tensor, size: int) -> Tensor:
    """Return (B, C, size, size), bilinear from the corner as TensorFlow 1 scales, not from centres."""
    rows, columns = (_places(side, size, pictures) for side in pictures.shape[-2:])
    upper, lower = pictures[:, :, rows[0]], pictures[:, :, rows[1]]  # (B, C, size, W)
    top = _between(upper, columns)
    return top + (_between(lower, columns) - top) * rows[2][:, None]


def _between(lines: Tensor, columns: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    left, right, share = columns
    return lines[..., left] + (lines[..., right] - lines[..., left]) * share


def _places(side: int, size: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two neighbours (size,) of each new place and its share of the second."""
    place = torch.arange(size, device=like.device, dtype=torch.float32) * torch.tensor(side / size)
    first = place.long()
    return first, (first + 1).clamp(max=side - 1), place - first


class _Conv(nn.Module):
    def __init__(self, channels: int, out: int, kernel: int | tuple[int, int], **options: Any):
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, bias=False, **options)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, values: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(values)))


class _BlockA(nn.Module):
    def __init__(self, channels: int, pooled: int):
        super().__init__()
        self.branch1x1 = _Conv(channels, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = _Conv(channels, 48, 1), _Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = _Conv(channels, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, padding=1)
        self.branch_pool = _Conv(channels, pooled, 1)

    def forward(self, values: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(values)))
        pooled = self.branch_pool(_mean_pool(values))
        return torch.cat(
            [self.branch1x1(values), self.branch5x5_2(self.branch5x5_1(values)), double, pooled], 1
        )


class _BlockB(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.branch3x3 = _Conv(channels, 384, 3, stride=2)
        self.branch3x3dbl_1 = _Conv(channels, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, stride=2)

    def forward(self, values: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(values)))
        return torch.cat([self.branch3x3(values), double, functional.max_pool2d(values, 3, stride=2)], 1)


class _BlockC(nn.Module):
    def __init__(self, inner: int):
        super().__init__()
        wide, tall = {"kernel": (1, 7), "padding": (0, 3)}, {"kernel": (7, 1), "padding": (3, 0)}
        self.branch1x1 = _Conv(768, 192, 1)
        self.branch7x7_1 = _Conv(768, inner, 1)
        self.branch7x7_2, self.branch7x7_3 = _Conv(inner, inner, **wide), _Conv(inner, 192, **tall)
        self.branch7x7dbl_1 = _Conv(768, inner, 1)
        self.branch7x7dbl_2, self.branch7x7dbl_3 = _Conv(inner, inner, **tall), _Conv(inner, inner, **wide)
        self.branch7x7dbl_4, self.branch7x7dbl_5 = _Conv(inner, inner, **tall), _Conv(inner, 192, **wide)
        self.branch_pool = _Conv(768, 192, 1)

    def forward(self, values: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(values)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(values)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(values), single, double, self.branch_pool(_mean_pool(values))], 1)


class _BlockD(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = _Conv(768, 192, 1), _Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = _Conv(768, 192, 1)
        self.branch7x7x3_2 = _Conv(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = _Conv(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = _Conv(192, 192, 3, stride=2)

    def forward(self, values: Tensor) -> Tensor:
        long = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(values))))
        short = self.branch3x3_2(self.branch3x3_1(values))
        return torch.cat([short, long, functional.max_pool2d(values, 3, stride=2)], 1)


class _BlockE(nn.Module):
    def __init__(self, channels: int, *, largest: bool):
        super().__init__()
        self._largest = largest
        wide, tall = {"kernel": (1, 3), "padding": (0, 1)}, {"kernel": (3, 1), "padding": (1, 0)}
        self.branch1x1 = _Conv(channels, 320, 1)
        self.branch3x3_1 = _Conv(channels, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = _Conv(384, 384, **wide), _Conv(384, 384, **tall)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Conv(channels, 448, 1), _Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = _Conv(384, 384, **wide), _Conv(384, 384, **tall)
        self.branch_pool = _Conv(channels, 192, 1)

    def forward(self, values: Tensor) -> Tensor:
        single = self.branch3x3_1(values)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(values))
        pooled = (
            functional.max_pool2d(values, 3, stride=1, padding=1) if self._largest else _mean_pool(values)
        )
        parts = [self.branch1x1(values), self.branch3x3_2a(single), self.branch3x3_2b(single)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double), self.branch_pool(pooled)]
        return torch.cat(parts, 1)


def _mean_pool(values: Tensor) -> Tensor:
    return functional.avg_pool2d(values, 3, stride=1, padding=1, count_include_pad=False)


# The image model, as metrics take it.


class InceptionImage:
    """Sees whole pictures of any one size as 2048 features; `path` is the file that holds the weights.

    It is safetensors, or the released file, which torch opens as tensors only.
    """

    def __init__(self, path: str, *, device: str = "cpu"):
        self.name, self.device = path, device
        self._path = Path(path).expanduser()
        if not self._path.is_file():
            raise ModelError(f"evaluate.inception={path!r}: there is no such file; {RELEASED} is meant")

    @cached_property
    def model(self) -> Any:
        """The network, loaded at the first use."""
        return load_inception(self._path).to(self.device)

    def crop(self, picture: Pixels) -> Pixels:
        """Return the picture as it is: the network scales it as the published code does."""
        return picture

    @torch.inference_mode()
    def __call__(self, pictures: Pixels) -> NDArray[np.float32]:
        """Return features (B, 2048) of pictures (B, H, W, 3); row i belongs to picture i."""
        pixels = torch.from_numpy(np.array(pictures)).to(self.device).permute(0, 3, 1, 2)
        features: NDArray[np.float32] = self.model(pixels).float().cpu().numpy()
        return features


def load_inception(path: Path) -> Inception:
    """Return the frozen network; ModelError where a tensor is missing, surplus or of another shape."""
    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path} holds more than tensors, so it is not opened") from error
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise ModelError(f"Inception in {path} cannot be loaded: {one_line(error)}") from error
    if not isinstance(tensors, dict):
        raise ModelError(f"{path} holds no Inception: it names no tensors")
    network = Inception()
    own = {name: value for name, value in network.state_dict().items() if not name.endswith(_COUNTERS)}
    loaded = {name: value for name, value in tensors.items() if not str(name).endswith(_COUNTERS)}
    differing = sorted(own.keys() ^ loaded.keys())
    differing += [
        name for name in sorted(own.keys() & loaded.keys()) if own[name].shape != loaded[name].shape
    ]
    if differing:
        raise ModelError(
            f"Inception in {path} is of another architecture: {len(differing)} tensors differ, {differing[0]}"
        )
    network.load_state_dict(loaded, strict=False)
    return network.eval().requires_grad_(False)
