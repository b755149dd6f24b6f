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

from covergen.errors import ModelError, one_line
from covergen.evaluation.models.inception_network import Inception
from covergen.media.images import Pixels

RELEASED: Final = "weights-inception-2015-12-05-6726825d.pth"
_COUNTERS: Final = "num_batches_tracked"  # of training; older files lack them, nothing depends on them


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
    told = {name: value for name, value in tensors.items() if not str(name).endswith(_COUNTERS)}
    differing = sorted(own.keys() ^ told.keys())
    differing += [name for name in sorted(own.keys() & told.keys()) if own[name].shape != told[name].shape]
    if differing:
        raise ModelError(
            f"Inception in {path} is of another architecture: {len(differing)} tensors differ, {differing[0]}"
        )
    network.load_state_dict(told, strict=False)
    return network.eval().requires_grad_(False)
