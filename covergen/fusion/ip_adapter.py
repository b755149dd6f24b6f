"""The default fusion in the key layout of IP-Adapter Plus, as stock diffusers' `load_ip_adapter` reads it.

That layout has no place for feature statistics, the mix of layers and the order of frames. The first two are
kept beside the adapter, under `features.`, and applied to what the adapter is fed; the order of frames enters
as F more channels that say which frame it is, which `proj_in` maps to the resampler's sinusoids.

B batch, L layers, F frames, W feature width, N tokens, H inner width, D text width.
"""

from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from covergen.errors import ModelError
from covergen.fusion.attached import AttachedFusion
from covergen.fusion.decoupled import DecoupledFusion
from covergen.fusion.features import FeatureMix
from covergen.fusion.protocol import Fusion
from covergen.fusion.resampler import ResamplerLayer, positions

_DEPTH: Final = 4  # diffusers reads this many layers, and takes the number of heads to be width / 64
_HEAD_WIDTH: Final = 64
_LAYER_KEYS: Final = {
    "norm_frames.": "0.norm1.",
    "norm_latents.": "0.norm2.",
    "to_": "0.to_",
    "feed_forward.": "1.",
}


def adapter_tensors(fusion: Fusion) -> dict[str, Tensor]:
    """Return the fusion as `image_proj.`, `ip_adapter.` and `features.` tensors, fp32.

    ModelError for a fusion that this layout cannot hold.
    """
    if not isinstance(fusion, DecoupledFusion):
        raise ModelError(
            f"{type(fusion).__name__} has no keys and values of its own for the sound, which is all an "
            "IP-Adapter is; export a `decoupled` fusion"
        )
    _check_shape(fusion)
    tensors = {f"image_proj.{name}": value for name, value in _projection(fusion).items()}
    for index, layer in enumerate(fusion.attention):
        # diffusers counts all attention layers; each cross attention stands after a self-attention
        for name, value in layer.state_dict().items():
            tensors[f"ip_adapter.{2 * index + 1}.{name.replace('.', '_ip.')}"] = value
    tensors |= {f"features.{name}": value for name, value in fusion.features.state_dict().items()}
    return {
        name: (value.float() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in tensors.items()
    }


def _check_shape(fusion: AttachedFusion) -> None:
    size = fusion.arguments["size"]
    remedy = "train one of size small or full (train.fusion=decoupled takes the one that fits the base)"
    for layer in fusion.resampler.layers:
        if isinstance(layer, ResamplerLayer) and layer.to_q.out_features != _HEAD_WIDTH * layer.heads:
            width = layer.to_q.out_features // layer.heads
            raise ModelError(
                f"the fusion of size {size!r} has heads of width {width}, and IP-Adapter Plus has heads of "
                f"{_HEAD_WIDTH}: {remedy}"
            )
    if len(fusion.resampler.layers) > _DEPTH:
        raise ModelError(
            f"the fusion has {len(fusion.resampler.layers)} layers, and diffusers reads {_DEPTH}: {remedy}"
        )
    if odd := [name for name in fusion.layer_names if not name.endswith("attn2.processor")]:
        raise ModelError(f"diffusers loads no IP-Adapter into {odd[0]}: this base cannot have one")


def _projection(fusion: AttachedFusion) -> dict[str, Tensor]:
    """Return the resampler; layers that are missing up to four are there and add nothing."""
    resampler = fusion.resampler
    width = resampler.proj_in.out_features
    places = positions(fusion.feature_shape[1], width).to(resampler.proj_in.weight)  # (F, H)
    tensors = {
        "latents": resampler.latents[None],  # (1, N, H)
        "proj_in.weight": torch.cat([resampler.proj_in.weight, places.T], dim=1),  # (H, W + F)
        "proj_in.bias": resampler.proj_in.bias,
    }
    for name in ("proj_out", "norm_out"):
        tensors |= {f"{name}.{key}": value for key, value in getattr(resampler, name).state_dict().items()}
    layers: list[nn.Module] = list(resampler.layers)
    shape = layers[0].state_dict()
    for index in range(_DEPTH):
        own = layers[index].state_dict() if index < len(layers) else {n: 0 * v for n, v in shape.items()}
        tensors |= {f"layers.{index}.{_renamed(name)}": value for name, value in own.items()}
    return tensors


def _renamed(name: str) -> str:
    ours, theirs = next(pair for pair in _LAYER_KEYS.items() if name.startswith(pair[0]))
    return theirs + name.removeprefix(ours)


def read_features(path: str | Path) -> FeatureMix:
    """Return the feature statistics of an exported adapter. Raises ModelError."""
    try:
        tensors = load_file(path)
        own = {name.removeprefix("features."): tensors[name] for name in tensors if "features." in name}
        layers, _, width = own["mean"].shape
        features = FeatureMix((layers, 0, width))
        features.load_state_dict(own)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is no adapter that `covergen export-adapter` wrote: {error}") from error
    return features.requires_grad_(False)


def image_embeds(features: FeatureMix, frames: Tensor, *, guided: bool = True) -> Tensor:
    """Return what stock diffusers takes for `ip_adapter_image_embeds`, of music frames (B, L, F, W).

    Guided it is (2B, 1, F, W + F), silence before music as pipelines with guidance want it, else
    (B, 1, F, W + F).
    """
    audio_mask = torch.ones(len(frames), dtype=torch.bool, device=frames.device)
    parts = [mixed_features(features, frames, audio_mask)]
    if guided:
        parts.insert(0, mixed_features(features, frames, ~audio_mask))
    return torch.cat(parts)[:, None]


def mixed_features(features: FeatureMix, frames: Tensor, audio_mask: Tensor | None = None) -> Tensor:
    """Return (B, F, W + F) for frames (B, L, F, W): normalised, layers mixed, and which frame each is."""
    mixed = features(frames, audio_mask)  # (B, F, W)
    places = torch.eye(mixed.shape[1], dtype=mixed.dtype, device=mixed.device).expand(len(mixed), -1, -1)
    return torch.cat([mixed, places], dim=2)
