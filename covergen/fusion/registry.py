"""The fusions by name. Adding one is a file and a line here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch

from covergen.errors import ConfigError
from covergen.fusion.audio_tokens import AudioTokensFusion
from covergen.fusion.concat import ConcatFusion, GatedConcatFusion
from covergen.fusion.cross_attention import CrossAttentionFusion, GatedCrossAttentionFusion
from covergen.fusion.decoupled import DecoupledFusion
from covergen.fusion.protocol import Fusion, UNet
from covergen.fusion.text_only import LinearTextFusion, TextOnlyFusion

FUSIONS: Final[Mapping[str, type[Fusion]]] = {
    "decoupled": DecoupledFusion,
    "audio_tokens": AudioTokensFusion,
    "text_only": TextOnlyFusion,
    "linear_text": LinearTextFusion,
    "concat": ConcatFusion,
    "cross_attention": CrossAttentionFusion,
    "gated_concat": GatedConcatFusion,
    "gated_cross_attention": GatedCrossAttentionFusion,
}


def build(name: str, unet: UNet, feature_shape: Sequence[int], *, seed: int = 0, **arguments: Any) -> Fusion:
    """Return a fresh fusion for `unet` and music features (layers, frames, width); it is not yet attached.

    Its weights depend on `seed` alone, so that workers which build their own begin alike.
    """
    if name not in FUSIONS:
        raise ConfigError(f"there is no fusion {name!r}; choose one of {', '.join(FUSIONS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind: Callable[..., Fusion] = FUSIONS[name]  # each takes the U-Net first, and options of its own
        return kind(unet, feature_shape, **arguments)


def name_of(fusion: Fusion) -> str:
    """Return the registry's name of a fusion's class."""
    return next(name for name, kind in FUSIONS.items() if type(fusion) is kind)
