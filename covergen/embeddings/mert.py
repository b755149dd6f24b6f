"""MERT (Li et al. 2023, arXiv:2306.00107): music as a HuBERT hears it, several layers pooled over time.

The weights are HuBERT's, so transformers loads them and no remote code is run. They are released as a pickle,
which torch opens as tensors only (`weights_only`); safetensors are read where a folder has them.
B windows, N samples a window, L layers, F frames a window, W width.
"""

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from covergen.embeddings.loading import check_frame_rate, kept_states, pooled, quarters, read_config
from covergen.embeddings.windows import Windows, on_device
from covergen.errors import ModelError, one_line
from covergen.models import hub
from covergen.models.hub import Release
from covergen.models.weights import commit_digest, files_digest

VERSION: Final = 1  # raise it whenever a frame changes


@dataclass(frozen=True)
class MertPreset:
    """A release on the hub: its commit, depth, width and the hidden states that are kept by default."""

    repo: str
    revision: str
    depth: int
    width: int
    layers: tuple[int, ...]


# The 95M commit stands in many public repositories, the 330M commit was seen in one.
PRESETS: Final[dict[str, MertPreset]] = {
    "mert-v1-95m": MertPreset(
        "m-a-p/MERT-v1-95M", "12af15fef9d0ac838c3f475bfbbf26d2060dd4f5", 12, 768, (3, 6, 9, 12)
    ),
    "mert-v1-330m": MertPreset(
        "m-a-p/MERT-v1-330M", "0e06c986db0527c0fd1b47181c40f006805e3de0", 24, 1024, (6, 12, 18, 24)
    ),
}
_WEIGHT_FILES: Final = ("model.safetensors", "pytorch_model.bin")
# Left over from pre-training, or made at construction: no frame depends on them.
_UNUSED_KEYS: Final = frozenset({"masked_spec_embed"})


class Mert:
    """Hears 5 s windows at 24 kHz and keeps some hidden states, 75 frames a second pooled to a few.

    `name` is a preset or a folder in the released layout; `layers` are indices of hidden states, 0 before the
    first layer. `bf16` autocasts; 330M overflows in fp16, so that is not offered.
    """

    sample_rate = 24_000
    segment_seconds = 5.0
    licence = "CC-BY-NC-4.0"
    commercial = False

    def __init__(
        self,
        name: str,
        *,
        frame_rate: float = 2.0,
        layers: Sequence[int] | None = None,
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = False,
    ):
        self.name, self.device, self.bf16, self.offline = name, device, bf16, offline
        depth, self.width, chosen = _shape(name)
        self.states = kept_states(name, layers, default=chosen, depth=depth)
        check_frame_rate(name, frame_rate, segment_seconds=self.segment_seconds, highest=75)
        self.layers = len(self.states)
        self.frame_rate = frame_rate

    @cached_property
    def digest(self) -> str:
        """Names weights and parameters; of a folder its files are read once, of a preset nothing."""
        preset = PRESETS.get(self.name)
        if preset:
            weights = commit_digest(preset.repo, preset.revision)
        else:
            folder = Path(self.name).expanduser()
            weights = files_digest((path.name, path) for path in (folder / "config.json", _weights(folder)))
        settings = [weights, VERSION, self.frame_rate, *self.states, self.bf16]
        return commit_digest("mert", json.dumps(settings))

    @cached_property
    def model(self) -> Any:
        """The HuBERT, loaded at the first use."""
        return load_hubert(self._folder()).to(self.device)

    @property
    def release(self) -> Release | None:
        """What a preset needs of the hub."""
        preset = PRESETS.get(self.name)
        if preset is None:
            return None
        # A release with safetensors would be preferred by `_weights`; today there is only the pickle.
        files = ("config.json", *_WEIGHT_FILES)
        return Release(preset.repo, preset.revision, files, (("config.json",), _WEIGHT_FILES))

    def _folder(self) -> Path:
        release = self.release
        return (
            Path(self.name).expanduser() if release is None else hub.download(release, offline=self.offline)
        )

    @torch.inference_mode()
    def __call__(self, windows: Windows) -> NDArray[np.float32]:
        """Return frames (B, L, F, W) of windows (B, N)."""
        waveforms = on_device(windows, self.device)  # (B, N)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            output = self.model(_normalised(waveforms), output_hidden_states=True)
        hidden = [*output.hidden_states[:-1], output.last_hidden_state]
        frames = round(self.frame_rate * self.segment_seconds)
        kept = [pooled(hidden[index].float(), frames) for index in self.states]
        result: NDArray[np.float32] = torch.stack(kept, dim=1).cpu().numpy()  # (B, L, F, W)
        return result


def _shape(name: str) -> tuple[int, int, tuple[int, ...]]:
    """Return depth, width and the default hidden states of a preset or folder, without its weights."""
    if name in PRESETS:
        return PRESETS[name].depth, PRESETS[name].width, PRESETS[name].layers
    config = _read_config(Path(name).expanduser())
    depth = int(config["num_hidden_layers"])
    return depth, int(config["hidden_size"]), quarters(depth)


def load_hubert(folder: Path) -> Any:
    """Return a frozen MERT from a folder in the released layout; ModelError for anything else.

    The last of its hidden states is before the final norm where the norm comes first (330M): callers take
    `last_hidden_state`, which is after it, as earlier versions of transformers did.
    """
    from transformers import HubertConfig, HubertModel

    weights = _weights(folder)
    config = HubertConfig.from_dict(
        {key: v for key, v in _read_config(folder).items() if key != "model_type"}
    )
    loader: Any = HubertModel  # typed as if it returned the model alone
    try:
        model, report = loader.from_pretrained(
            folder,
            config=config,
            use_safetensors=weights.suffix == ".safetensors",
            local_files_only=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"MERT in {folder}: {weights.name} holds more than tensors, so it is not opened"
        ) from error
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"MERT in {folder} cannot be loaded: {one_line(error)}") from error
    found = {*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]} - _UNUSED_KEYS
    if found:
        raise ModelError(
            f"MERT in {folder} is of another architecture: {len(found)} keys differ, {min(found)}"
        )
    # Training mode would mask parts of what is heard.
    return model.eval().requires_grad_(False)


def _read_config(folder: Path) -> dict[str, Any]:
    config = read_config(folder, what="MERT", presets=PRESETS)
    for key in ("feature_extractor_cqt", "deepnorm"):
        if config.get(key):
            raise ModelError(
                f"MERT in {folder} has {key}=true, which HuBERT cannot compute; take a v1 release"
            )
    return config


def _weights(folder: Path) -> Path:
    for name in _WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"MERT in {folder} has no weights; {' or '.join(_WEIGHT_FILES)} must lie there")


def _normalised(waveforms: Tensor) -> Tensor:
    """Return each window (B, N) at zero mean and unit variance, as the model was trained."""
    centred = waveforms - waveforms.mean(dim=1, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(dim=1, keepdim=True) + 1e-7)
