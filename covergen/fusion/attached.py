"""What fusions share that put layers into the U-Net: a resampler's music tokens, and layers that read them.

B batch, T text tokens, N music tokens, D text width, L layers, F frames, W feature width, C latent channels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from torch import Tensor, nn
from torch.nn import functional

from covergen.errors import ConfigError, ModelError
from covergen.fusion.attention import MusicAttention, join
from covergen.fusion.protocol import Fusion, UNet
from covergen.fusion.resampler import Resampler

SIZES: Final[Mapping[str, Mapping[str, Any]]] = {
    # heads of 64, as IP-Adapter Plus has
    "small": {"tokens": 8, "width": 128, "depth": 2, "heads": 2},
    "full": {"tokens": 16, "width": 768, "depth": 4, "heads": 12},
}
_FULL_FROM: Final = 512  # text width: Stable Diffusion 1.x has 768, made-up bases have less
_COVER_GRID: Final = 2


class AttachedFusion(Fusion):
    """A resampler turns the music into N tokens, which every cross-attention layer reads beside the text.

    A linear head also predicts the cover's low-frequency latents from the tokens: training aligns the tokens
    with it, and sampling may shift its first noise by it (`noise_shift`). `size` is one of SIZES and follows
    the base's text width unless named; more `arguments` replace single numbers of that size.
    """

    layer: ClassVar[type[MusicAttention]]

    def __init__(
        self, unet: UNet, feature_shape: Sequence[int], *, size: str | None = None, **arguments: int
    ):
        width = int(unet.config.cross_attention_dim)
        size = size or ("full" if width >= _FULL_FROM else "small")
        if size not in SIZES:
            raise ConfigError(f"a fusion has no size {size!r}; choose one of {', '.join(SIZES)}")
        super().__init__(unet, feature_shape, size=size, **arguments)
        shape = {**SIZES[size], **arguments}
        self.tokens = shape["tokens"]
        self.resampler = Resampler(self.feature_shape[2], width, **shape)
        layers = _cross_attention(unet)
        self.layer_names = tuple(layers)
        self.attention = nn.ModuleList(self.layer(layer, tokens=self.tokens) for layer in layers.values())
        self.channels = int(unet.config.in_channels)
        self.cover_head = nn.Linear(self.tokens * width, self.channels * _COVER_GRID**2)
        self._replaced: dict[str, Any] = {}

    def attach(self, unet: UNet) -> None:
        """Give every cross-attention layer of `unet` its reader of music."""
        processors = dict(unet.attn_processors)
        if missing := set(self.layer_names) - set(processors):
            raise ModelError(f"the U-Net has no layer {min(missing)}: load the base the fusion was made for")
        # the rest of the fusion keeps its own precision: only these layers run inside the U-Net
        self.attention.to(device=unet.device, dtype=unet.dtype)
        self._replaced = {name: processors[name] for name in self.layer_names}
        processors |= dict(zip(self.layer_names, self.attention, strict=True))
        unet.set_attn_processor(processors)  # empties the dictionary it is given

    def detach(self, unet: UNet) -> None:
        """Give `unet` back the processors it had before `attach`."""
        unet.set_attn_processor({**unet.attn_processors, **self._replaced})

    def combine(self, states: Tensor, features: Tensor, audio_scale: float | Tensor) -> Tensor:
        """Return (B, T + N + 1, D): the text states as they are, the music tokens, the scale."""
        return join(states, self.resampler(features), audio_scale)

    def words_only(self, states: Tensor) -> Tensor:
        """Return conditioning whose music weighs nothing: the base model bit for bit."""
        return join(states, states.new_zeros(len(states), self.tokens, states.shape[2]), 0.0)

    def audio_tokens(self, frames: Tensor) -> Tensor:
        """Return the music tokens (B, N, D)."""
        tokens: Tensor = self.resampler(self.features(frames))
        return tokens

    def tokens_in(self, conditioning: Tensor) -> Tensor:
        """Return the tokens (B, N, D) out of conditioning (B, T + N + 1, D)."""
        return conditioning[:, -self.tokens - 1 : -1]

    def read_cover(self, tokens: Tensor) -> Tensor:
        """Return (B, C, 2, 2) for tokens (B, N, D)."""
        flat: Tensor = self.cover_head(tokens.flatten(1))
        return flat.view(-1, self.channels, _COVER_GRID, _COVER_GRID)


def _cross_attention(unet: nn.Module) -> dict[str, Any]:
    """Return the cross-attention layers by the name of their processor, in the U-Net's own order."""
    from diffusers.models.attention_processor import Attention

    return {
        f"{name}.processor": module
        for name, module in unet.named_modules()
        if isinstance(module, Attention) and module.is_cross_attention
    }


def pooled_latents(latents: Tensor) -> Tensor:
    """Return the means of latents (B, C, h, w) over a grid of 2 x 2: what `read_cover` is held against."""
    return functional.adaptive_avg_pool2d(latents, _COVER_GRID)
