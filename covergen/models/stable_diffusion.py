"""Frozen parts of Stable Diffusion by preset name: tokenizer, text encoder, VAE, U-Net, noise scheduler.

A name is a preset or a local folder in diffusers' layout. Weights are safetensors; no code that comes with
weights is ever run. Sampling and training are left to `generation` and `training`.

B batch, T text tokens, D text width, C latent channels, H W pixels, h w latent cells.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from covergen.errors import ModelError, one_line
from covergen.models import hub
from covergen.models.hub import Release
from covergen.models.noise_schedulers import build_noise_scheduler
from covergen.models.weights import commit_digest, files_digest

TEXT_PARTS: Final = ("tokenizer", "text_encoder")
PARTS: Final = (*TEXT_PARTS, "vae", "unet", "scheduler")
# Where the class of each model stands: who needs a name or a digest does not wait for seconds of imports.
_MODEL_CLASSES: Final[dict[str, tuple[str, str]]] = {
    "text_encoder": ("transformers", "CLIPTextModel"),
    "vae": ("diffusers", "AutoencoderKL"),
    "unet": ("diffusers", "UNet2DConditionModel"),
}
_SMALL_FILES: Final = ("*.json", "*.txt")
# Without it there is nothing to read in a part.
_CONFIGS: Final[dict[str, tuple[str, ...]]] = {
    "tokenizer": ("tokenizer.json", "vocab.json"),
    "scheduler": ("scheduler_config.json",),
}


@dataclass(frozen=True)
class Preset:
    """Where weights lie, under which licence, and the side of their pictures in pixels."""

    size: int
    licence: str
    repo: str = ""
    revision: str = ""
    folder: Path | None = None


PRESETS: Final[dict[str, Preset]] = {
    "tiny": Preset(128, "Apache-2.0", folder=Path(__file__).parent.parent / "assets" / "tiny"),
    # The main branch (26ed8a9b) holds pickles alone; this is the hub's own converter's commit, refs/pr/9.
    "miniSD": Preset(
        256,
        "CreativeML-OpenRAIL-M",
        "lambdalabs/miniSD-diffusers",
        "bb17f50b88ae45623313769b086d3e91e4cda5ec",
    ),
    "stable-diffusion-v1-5": Preset(
        512,
        "CreativeML-OpenRAIL-M",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    ),
}


@dataclass(frozen=True)
class StableDiffusion:
    """All parts of one base model, frozen, on one device."""

    name: str
    digest: str
    size: int
    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    noise_scheduler_config: Mapping[str, Any]

    @cached_property
    def latent_shape(self) -> tuple[int, int, int]:
        """The shape (C, h, w) of one picture's latents."""
        side = self.size // 2 ** (len(self.vae.config.block_out_channels) - 1)
        return (self.unet.config.in_channels, side, side)

    def noise_scheduler(self, kind: str) -> Any:
        """Return a new noise scheduler of a kind in NOISE_SCHEDULERS."""
        return build_noise_scheduler(self.noise_scheduler_config, kind)


def load(
    name: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32, offline: bool = False
) -> StableDiffusion:
    """Return every part of a preset or local folder; ModelError where weights are missing or damaged."""
    tokenizer, text_encoder = load_text(name, device=device, dtype=dtype, offline=offline)
    return StableDiffusion(
        name=name,
        digest=digest(name),
        size=size(name, offline=offline),
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=load_vae(name, device=device, dtype=dtype, offline=offline),
        unet=load_unet(name, device=device, dtype=dtype, offline=offline),
        noise_scheduler_config=read_config(name, "scheduler", offline=offline),
    )


def load_text(
    name: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32, offline: bool = False
) -> tuple[Any, Any]:
    """Return the tokenizer and the text encoder alone."""
    from transformers import CLIPTokenizer

    path = folder(name, ("tokenizer",), offline=offline) / "tokenizer"
    try:
        tokenizer = CLIPTokenizer.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{name}: the tokenizer in {path} cannot be read: {error}") from error
    return tokenizer, _load_part(name, "text_encoder", device, dtype, offline)


def load_vae(
    name: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32, offline: bool = False
) -> Any:
    """Return the VAE alone."""
    return _load_part(name, "vae", device, dtype, offline)


def load_unet(
    name: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32, offline: bool = False
) -> Any:
    """Return the U-Net alone."""
    return _load_part(name, "unet", device, dtype, offline)


def load_noise_scheduler(name: str, kind: str, *, offline: bool = False) -> Any:
    """Return a noise scheduler of a kind in NOISE_SCHEDULERS, on the betas the preset was trained with."""
    return build_noise_scheduler(read_config(name, "scheduler", offline=offline), kind)


def size(name: str, *, offline: bool = False) -> int:
    """Return the side, in pixels, of the pictures a preset or folder paints."""
    if name in PRESETS:
        return PRESETS[name].size
    cells = int(read_config(name, "unet", offline=offline)["sample_size"])
    return cells << (len(read_config(name, "vae", offline=offline)["block_out_channels"]) - 1)


def read_config(name: str, part: str, *, offline: bool = False) -> dict[str, Any]:
    """Return the configuration of one part, without its weights."""
    file = "scheduler_config.json" if part == "scheduler" else "config.json"
    path = folder(name, (part,), offline=offline, weights=False) / part / file
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{name}: {path} cannot be read: {error}") from error
    return config


def digest(name: str, parts: Sequence[str] = PARTS) -> str:
    """Return the SHA-256, hexadecimal, that names the chosen parts of a model.

    Of a folder it is taken over configurations and weights; of a hub preset over the commit, so that nothing
    has to be downloaded.
    """
    preset = PRESETS.get(name)
    if preset and preset.repo:
        return commit_digest(preset.repo, preset.revision, parts=parts)
    root = folder(name, parts)
    return files_digest((f"{part}/{path.name}", path) for part in parts for path in _files(root / part))


def _files(part: Path) -> list[Path]:
    """Return a part's configurations and weights in order, without variants like `model.fp16.safetensors`."""
    small = [path for pattern in _SMALL_FILES for path in part.glob(pattern)]
    return sorted([*small, *(path for path in part.glob("*.safetensors") if "." not in path.stem)])


def folder(name: str, parts: Sequence[str] = PARTS, *, offline: bool = False, weights: bool = True) -> Path:
    """Return the local folder that holds the parts, downloading those of a hub preset unless `offline`.

    ModelError where a part is missing, or holds no safetensors though `weights` are wanted.
    """
    preset = PRESETS.get(name)
    if preset and preset.repo:
        root = hub.download(_release(preset, parts, weights), offline=offline)
    else:
        root = preset.folder if preset and preset.folder else Path(name).expanduser()
    for part in parts:
        _check_part(name, root / part, weights=weights and part in _MODEL_CLASSES)
    return root


def check(name: str, parts: Sequence[str] = PARTS, *, offline: bool = False) -> None:
    """Raise ModelError unless the parts are here or can be downloaded; nothing is loaded or downloaded."""
    preset = PRESETS.get(name)
    if preset and preset.repo:
        hub.check(_release(preset, parts, True), offline=offline)
    else:
        folder(name, parts)


def _release(preset: Preset, parts: Sequence[str], weights: bool) -> Release:
    small = [f"{part}/{pattern}" for part in parts for pattern in _SMALL_FILES]
    large = [f"{part}/*model.safetensors" for part in parts if weights and part in _MODEL_CLASSES]
    configs = [tuple(f"{part}/{name}" for name in _CONFIGS.get(part, ("config.json",))) for part in parts]
    needed = (*configs, *((pattern,) for pattern in large))
    return Release(preset.repo, preset.revision, (*small, *large), needed)


def _check_part(name: str, path: Path, *, weights: bool) -> None:
    if not path.is_dir():
        raise ModelError(
            f"Stable Diffusion {name!r}: there is no {path.name} in {path.parent}; name a preset "
            f"({', '.join(PRESETS)}) or a folder in diffusers' layout"
        )
    if weights and not any(file.suffix == ".safetensors" for file in _files(path)):
        raise ModelError(
            f"Stable Diffusion {name!r}: {path} holds no safetensors; save the part with diffusers' "
            "save_pretrained and give that folder as the name"
        )


def _load_part(name: str, part: str, device: str, dtype: torch.dtype, offline: bool) -> Any:
    path = folder(name, (part,), offline=offline) / part
    # transformers 5 and diffusers differ in the name; diffusers warns unless told to do without accelerate.
    options = (
        {"dtype": dtype} if part == "text_encoder" else {"torch_dtype": dtype, "low_cpu_mem_usage": False}
    )
    library, kind = _MODEL_CLASSES[part]
    try:
        model, report = getattr(import_module(library), kind).from_pretrained(
            path, use_safetensors=True, local_files_only=True, output_loading_info=True, **options
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = one_line(error)
        raise ModelError(f"{name}: the {part} in {path} cannot be loaded: {reason}") from error
    wrong = [*report["missing_keys"], *report["mismatched_keys"]]
    if wrong:
        raise ModelError(f"{name}: the {part} in {path} lacks {len(wrong)} tensors, {wrong[0]} among them")
    return model.to(device).eval().requires_grad_(False)


@torch.no_grad()
def encode_text(tokenizer: Any, text_encoder: Any, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return last hidden states (B, T, D) and pooled vectors (B, D); longer texts lose their last tokens."""
    length = text_encoder.config.max_position_embeddings
    tokens = tokenizer(
        list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids
    # Stable Diffusion was trained without an attention mask over the padding.
    output = text_encoder(tokens.to(text_encoder.device))
    return output.last_hidden_state, output.pooler_output


@torch.no_grad()
def encode_images(vae: Any, images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (B, C, h, w) of raw latents for pictures (B, H, W, 3)."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).to(vae.device).permute(0, 3, 1, 2)  # (B, 3, H, W)
    latent_dist = vae.encode((pixels.float() / 127.5 - 1).to(vae.dtype)).latent_dist
    return latent_dist.mean, latent_dist.std


def scale_latents(vae: Any, latents: Tensor) -> Tensor:
    """Return raw latents as the U-Net sees them: shifted and times the VAE's scaling factor."""
    shift, scale = vae.config.shift_factor or 0.0, float(vae.config.scaling_factor)
    return (latents - shift) * scale


@torch.no_grad()
def decode_latents(vae: Any, latents: Tensor) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) for latents (B, C, h, w) as the U-Net sees them, scaled."""
    raw = latents.to(vae.device, vae.dtype) / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
    pixels = vae.decode(raw).sample.float()  # (B, 3, H, W)
    levels = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    pictures: NDArray[np.uint8] = levels.permute(0, 2, 3, 1).cpu().numpy()
    return pictures


def reconstruct(vae: Any, images: NDArray[np.uint8], *, batch_size: int = 32) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) as the VAE can show them: encoded to the mean and decoded."""
    parts = []
    for start in range(0, len(images), batch_size):
        mean, _ = encode_images(vae, images[start : start + batch_size])
        parts.append(decode_latents(vae, scale_latents(vae, mean)))
    return np.concatenate(parts)
