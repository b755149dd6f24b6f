"""MERT (Li et al. 2023, arXiv:2306.00107): music as a HuBERT hears it, several layers pooled over time.

The weights are HuBERT's, so transformers loads them and no remote code is run. They are released as a pickle,
which torch opens as tensors only (`weights_only`); safetensors are read where a folder has them.
B windows, N samples a window, L layers, F frames a window, W width.
"""

import pickle
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from covergen.embeddings.hidden_states import HiddenStates, Preset
from covergen.embeddings.loading import read_config
from covergen.embeddings.windows import Windows, on_device
from covergen.errors import ModelError, one_line
from covergen.models.hub import Release
from covergen.models.weights import files_digest

VERSION: Final = 1  # raise it whenever a frame changes


# The 95M commit stands in many public repositories, the 330M commit was seen in one.
PRESETS: Final[dict[str, Preset]] = {
    "mert-v1-95m": Preset(
        "m-a-p/MERT-v1-95M", "12af15fef9d0ac838c3f475bfbbf26d2060dd4f5", 12, 768, (3, 6, 9, 12)
    ),
    "mert-v1-330m": Preset(
        "m-a-p/MERT-v1-330M", "0e06c986db0527c0fd1b47181c40f006805e3de0", 24, 1024, (6, 12, 18, 24)
    ),
}
_WEIGHT_FILES: Final = ("model.safetensors", "pytorch_model.bin")
# Left over from pre-training, or made at construction: no frame depends on them.
_UNUSED_KEYS: Final = frozenset({"masked_spec_embed"})


class Mert(HiddenStates):
    """Hears 5 s windows at 24 kHz and keeps some hidden states, 75 frames a second pooled to a few.

    330M overflows in fp16, so that is not offered.
    """

    presets, kind, version, rate = PRESETS, "mert", VERSION, 75
    sample_rate = 24_000
    segment_seconds = 5.0
    licence = "CC-BY-NC-4.0"
    commercial = False

    @staticmethod
    def _size(folder: Path) -> tuple[int, int]:
        config = _read_config(folder)
        return int(config["num_hidden_layers"]), int(config["hidden_size"])

    @staticmethod
    def _folder_digest(folder: Path) -> str:
        return files_digest((path.name, path) for path in (folder / "config.json", _weights(folder)))

    @staticmethod
    def _release(preset: Preset) -> Release:
        # A release with safetensors would be preferred by `_weights`; today there is only the pickle.
        files = ("config.json", *_WEIGHT_FILES)
        return Release(preset.repo, preset.revision, files, (("config.json",), _WEIGHT_FILES))

    @cached_property
    def model(self) -> Any:
        """The HuBERT, loaded at the first use."""
        return load_hubert(self.folder()).to(self.device)

    @torch.inference_mode()
    def __call__(self, windows: Windows) -> NDArray[np.float32]:
        """Return frames (B, L, F, W) of windows (B, N)."""
        waveforms = on_device(windows, self.device)  # (B, N)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            output = self.model(_normalised(waveforms), output_hidden_states=True)
        return self.kept([*output.hidden_states[:-1], output.last_hidden_state])


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
