"""CLAP (Wu et al. 2023, arXiv:2211.06687): music as an audio tower hears it that was trained beside words.

The encoder keeps the last hidden state of the tower, an HTSAT (Chen et al. 2022, arXiv:2202.00874), and so
what happens when; one vector a window is what the tagger takes. Both towers are native in transformers, and
the weights are safetensors. B windows, N samples a window, T mel frames, M mel bands, F frames, W width.
"""

import json
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
from torch.nn import functional

from covergen.embeddings.windows import Windows, on_device
from covergen.errors import ConfigError, ModelError, one_line
from covergen.models import hub
from covergen.models.hub import Release
from covergen.models.weights import commit_digest, files_digest

VERSION: Final = 1  # raise it whenever a frame changes


@dataclass(frozen=True)
class ClapPreset:
    """A release on the hub: its commit and the width of its audio tower."""

    repo: str
    revision: str
    width: int


# The commit that adds safetensors to the release, beside its main branch (8fa0f1c6, often seen, pickle only);
# four public repositories were seen to pin it.
# laion/larger_clap_music must not stand here: its text tower gives all words one direction.
PRESETS: Final = {
    "clap": ClapPreset("laion/clap-htsat-unfused", "79b58ed25fc00386262a2bea4b19fd21dc4310a0", 768),
}
WEIGHTS: Final = "model.safetensors"
_FILES: Final = ("config.json", "preprocessor_config.json", WEIGHTS)
_SAMPLE_RATE, _SEGMENT_SECONDS = 48_000, 10.0
_FFT, _HOP, _MELS, _LOWEST, _HIGHEST = 1024, 480, 64, 50.0, 14_000.0  # samples, bands and Hz of a mel frame
_FLOOR: Final = 1e-10
_MEL_SETTINGS: Final = {
    "sampling_rate": _SAMPLE_RATE,
    "fft_window_size": _FFT,
    "hop_length": _HOP,
    "feature_size": _MELS,
    "frequency_min": _LOWEST,
    "frequency_max": _HIGHEST,
    "truncation": "rand_trunc",  # names the mel filters; nothing is ever cut at random here
}
# Made at construction and stored by some versions only: nothing depends on them.
_COUNTERS: Final = ("position_ids", "token_type_ids", "relative_position_index")
_TEXT_KEYS: Final = ("text_model.", "text_projection.", "logit_scale_")


class Clap:
    """Hears 10 s windows at 48 kHz: the tower's 32 steps a window, averaged over frequency, pooled to a few.

    `name` is a preset or a folder in the released layout. There is one layer, 0, the last one; earlier ones
    have other widths. `bf16` autocasts.
    """

    sample_rate = _SAMPLE_RATE
    segment_seconds = _SEGMENT_SECONDS
    layers = 1
    licence = "Apache-2.0"
    commercial = True

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
        if layers is not None and tuple(layers) != (0,):
            raise ConfigError(f"{name} has one layer, 0; layers={list(layers)} cannot be kept")
        frames = frame_rate * self.segment_seconds
        if frames != round(frames) or not 1 <= frames <= 32:
            raise ConfigError(
                f"{name} cannot give {frame_rate:g} frames per second; take 0.1 to 3.2, such as 2"
            )
        preset = PRESETS.get(name)
        self.width = preset.width if preset else _width(Path(name).expanduser())
        self.frame_rate = frame_rate

    @cached_property
    def digest(self) -> str:
        """Names weights and parameters; of a folder its files are read once, of a preset nothing."""
        settings = [clap_digest(self.name), VERSION, self.frame_rate, self.bf16]
        return commit_digest("clap", json.dumps(settings))

    @property
    def release(self) -> Release | None:
        """What a preset needs of the hub."""
        return clap_release(self.name)

    @cached_property
    def model(self) -> Any:
        """The audio tower, loaded at the first use."""
        return load_clap(clap_folder(self.name, offline=self.offline), with_text=False).to(self.device)

    @torch.inference_mode()
    def __call__(self, windows: Windows) -> NDArray[np.float32]:
        """Return frames (B, 1, F, W) of windows (B, N)."""
        features = log_mel(on_device(windows, self.device))
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            hidden = self.model(features).last_hidden_state  # (B, W, frequency, time), time last
        frames = round(self.frame_rate * self.segment_seconds)
        pooled = functional.adaptive_avg_pool1d(hidden.float().mean(dim=2), frames)  # (B, W, F)
        result: NDArray[np.float32] = pooled.transpose(1, 2)[:, None].cpu().numpy()
        return result


def log_mel(waveforms: Tensor) -> Tensor:
    """Return the tower's input (B, 1, T, M) in decibels for waveforms (B, N) at 48 kHz.

    As transformers' ClapFeatureExtractor computes it for exactly 10 s: Hann windows, reflected ends, Slaney's
    mel filters. Its random crop of longer and its repetition of shorter audio never take place.
    """
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(
        num_frequency_bins=_FFT // 2 + 1,
        num_mel_filters=_MELS,
        min_frequency=_LOWEST,
        max_frequency=_HIGHEST,
        sampling_rate=_SAMPLE_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    taper = torch.hann_window(_FFT, device=waveforms.device)
    spectrum = torch.stft(waveforms, _FFT, _HOP, window=taper, return_complex=True)  # (B, bins, T)
    powers = torch.view_as_real(spectrum).square().sum(dim=-1).transpose(1, 2)  # (B, T, bins)
    mel = powers @ torch.from_numpy(filters).to(powers)  # (B, T, M)
    return 10 * torch.log10(mel.clamp(min=_FLOOR))[:, None]


def clap_digest(name: str, *, files: Sequence[str] = _FILES) -> str:
    """Return what names the weights of a preset or folder; `files` are those that count in a folder."""
    if preset := PRESETS.get(name):
        return commit_digest(preset.repo, preset.revision)
    folder = Path(name).expanduser()
    _width(folder)  # refuses what is no CLAP
    return files_digest((file, folder / file) for file in files if (folder / file).is_file())


def clap_folder(name: str, *, offline: bool, files: Sequence[str] = _FILES) -> Path:
    """Return the folder of a preset, downloaded where it must be, or the folder named."""
    release = clap_release(name, files=files)
    return Path(name).expanduser() if release is None else hub.download(release, offline=offline)


def clap_release(name: str, *, files: Sequence[str] = _FILES) -> Release | None:
    """Return what a preset needs of the hub; None for a folder."""
    preset = PRESETS.get(name)
    if preset is None:
        return None
    return Release(preset.repo, preset.revision, tuple(files), tuple((file,) for file in _FILES))


def load_clap(folder: Path, *, with_text: bool) -> Any:
    """Return the frozen audio tower, or the whole model; ModelError where a tensor is missing or surplus."""
    from transformers import ClapAudioModelWithProjection as AudioTower
    from transformers import ClapConfig, ClapModel

    _width(folder)
    config = ClapConfig.from_dict(_read_json(folder, "config.json"))
    loader: Any = ClapModel if with_text else AudioTower  # typed as if it returned the model alone
    try:
        model, report = loader.from_pretrained(
            folder,
            config=config if with_text else config.audio_config,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"CLAP in {folder} cannot be loaded: {one_line(error)}") from error
    surplus = {key for key in report["unexpected_keys"] if with_text or not key.startswith(_TEXT_KEYS)}
    differing = {*report["missing_keys"], *surplus, *report["mismatched_keys"]}
    found = sorted(str(key) for key in differing if not str(key).endswith(_COUNTERS))
    if found:
        raise ModelError(f"CLAP in {folder} is of another architecture: {len(found)} keys differ, {found[0]}")
    return model.eval().requires_grad_(False)


def _width(folder: Path) -> int:
    """Return the width of the audio tower in a folder; ModelError for what this module cannot run."""
    config, mel = _read_json(folder, "config.json"), _read_json(folder, "preprocessor_config.json")
    tower = config.get("audio_config") or {}
    if config.get("model_type") != "clap" or "hidden_size" not in tower:
        raise ModelError(
            f"{folder} holds no CLAP: its config.json is of another model; name clap or a folder"
        )
    if tower.get("enable_fusion"):
        raise ModelError(
            f"CLAP in {folder} mixes random crops (enable_fusion=true); take a release without, such as clap"
        )
    for key, value in _MEL_SETTINGS.items():
        if mel.get(key) != value:
            raise ModelError(
                f"CLAP in {folder} hears with {key}={mel.get(key)!r}, here it is {value!r}; take another"
            )
    return int(tower["hidden_size"])


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"there is no CLAP at {str(folder)!r}: {name} cannot be read; name clap or a folder in the "
            "released layout"
        ) from error
    return content
