"""The three ways to train that `benchmarks.train` compares, at full size or at toy size, with random weights.

B batch, H W pixels, T text tokens, D text width, K windows of N samples, L layers, F frames, W feature width,
C latent channels, h w latent cells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, HubertConfig, HubertModel

from benchmarks.mert import MERT_95M
from benchmarks.mert import TOY as TOY_MERT
from covergen.embeddings.hidden_states import pooled
from covergen.fusion import Fusion, build
from covergen.training import objective
from covergen.training.examples import Examples
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import ConditionedUNet, Trainer

Step = Callable[[], float]
"""One optimiser step; returns its loss."""

RATE, WINDOWS, FRAMES, ROWS = 1e-4, 5, 10, 64  # five windows of 5 s, ten frames kept of each; rows of data


@dataclass(frozen=True)
class Sizes:
    """Architectures: of Stable Diffusion 1.4 with MERT-95M at 256 px, or toys of the same build."""

    pixels: int
    samples: int  # of a window
    unet: dict[str, Any]
    vae: dict[str, Any]
    text: dict[str, Any]
    mert: dict[str, Any]
    layers: tuple[int, ...]
    fusion: str


_DOWN: Final = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
_UP: Final = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
FULL: Final = Sizes(
    pixels=256,
    samples=5 * 24_000,
    unet={"block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768, "attention_head_dim": 8},
    vae={"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2},
    text={"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    mert=MERT_95M,
    layers=(3, 6, 9, 12),
    fusion="full",
)
TOY: Final = Sizes(
    pixels=64,
    samples=8_000,
    unet={
        "block_out_channels": (8, 8, 16, 16),
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    },
    vae={"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 4},
    text={"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
    mert=TOY_MERT,
    layers=(1, 2, 3, 4),
    fusion="small",
)


class Stored:
    """Ours: the trainer over latents, states and frames that were encoded once."""

    def __init__(self, sizes: Sizes, batch: int, device: str):
        unet = make_unet(sizes)
        fusion = make_fusion(sizes, unet)
        cells, tokens, width = sizes.pixels // 8, 77, sizes.text["hidden_size"]
        examples = Examples(
            album_ids=tuple(map(str, range(ROWS))),
            latent_means=torch.randn(ROWS, 4, cells, cells),
            latent_stds=torch.full((ROWS, 4, cells, cells), 0.1),
            states=torch.randn(ROWS, 3, tokens, width).half(),
            frames=torch.randn(ROWS, *fusion.feature_shape).half(),
            null_states=torch.randn(tokens, width),
        )
        # on a GPU the trainer autocasts; the last step is far away, so the rate stays what it is
        settings = TrainingSettings(
            steps=100_000, warmup_steps=0, batch_size=batch, learning_rate=RATE, bf16=device != "cpu"
        )
        self.trainer = Trainer(
            unet.to(device),
            fusion,
            noise_scheduler=make_noise_scheduler(),
            examples=examples,
            settings=settings,
            device=device,
        )
        self.trained = _count(fusion.trained().values())

    def __call__(self) -> float:
        """Take a step."""
        return float(self.trainer.train_step()["loss"])


class Online:
    """The peer: the same U-Net and the same trained weights; everything frozen is computed at every step.

    As diffusers' scripts do, what is frozen runs in the precision of the step, and pictures, token ids and
    windows lie ready: neither decoding nor tokenising is counted.
    """

    def __init__(self, sizes: Sizes, batch: int, device: str):
        self.frozen = Frozen(sizes, batch, device, hears=True)
        unet = make_unet(sizes).to(device)
        fusion = make_fusion(sizes, unet).to(device)
        self.module = ConditionedUNet(unet, fusion).to(device).train()
        self.audio_mask = torch.ones(batch, dtype=torch.bool, device=device)
        weights = list(fusion.trained().values())
        self.optimizer, self.trained = torch.optim.AdamW(weights, lr=RATE), _count(weights)

    def __call__(self) -> float:
        """Encode, then take a step."""
        latents, states = self.frozen.see(), self.frozen.read()
        frames = self.frozen.hear()

        def predict(noised: Tensor, timesteps: Tensor) -> Tensor:
            prediction: Tensor = self.module(noised, timesteps, states, frames, self.audio_mask)[0]
            return prediction

        return self.frozen.step(latents, predict, optimizer=self.optimizer)


class FineTuned:
    """The other peer: diffusers' full fine-tuning, in which all of the U-Net is trained; nothing is heard."""

    def __init__(self, sizes: Sizes, batch: int, device: str):
        self.frozen = Frozen(sizes, batch, device, hears=False)
        self.unet = make_unet(sizes).to(device).train()
        weights = list(self.unet.parameters())
        self.optimizer, self.trained = torch.optim.AdamW(weights, lr=RATE), _count(weights)

    def __call__(self) -> float:
        """Encode, then take a step."""
        latents, states = self.frozen.see(), self.frozen.read()

        def predict(noised: Tensor, timesteps: Tensor) -> Tensor:
            prediction: Tensor = self.unet(noised, timesteps, encoder_hidden_states=states).sample
            return prediction

        return self.frozen.step(latents, predict, optimizer=self.optimizer)


class Frozen:
    """The encoders that a loop of diffusers runs at every step, over data that lies ready in memory."""

    def __init__(self, sizes: Sizes, batch: int, device: str, *, hears: bool):
        self.sizes, self.device, self.batch = sizes, device, batch
        self.kind = torch.float32 if device == "cpu" else torch.bfloat16
        self.vae, self.text = self._at_rest(make_vae(sizes)), self._at_rest(make_text(sizes))
        self.mert = self._at_rest(make_mert(sizes)) if hears else None
        noise_scheduler = make_noise_scheduler()
        self.signal = noise_scheduler.alphas_cumprod.to(device)
        self.pixels = self._ready(torch.rand(batch, 3, sizes.pixels, sizes.pixels) * 2 - 1)
        self.ids = self._ready(torch.randint(0, self.text.config.vocab_size, (batch, 77)))
        self.windows = self._ready(torch.randn(batch * WINDOWS, sizes.samples))

    def see(self) -> Tensor:
        """Return scaled latents (B, C, h, w)."""
        with torch.no_grad():
            seen = self.vae.encode(self.pixels.to(self.device, self.kind)).latent_dist.sample()
        latents: Tensor = seen.float() * self.vae.config.scaling_factor
        return latents

    def read(self) -> Tensor:
        """Return text states (B, T, D)."""
        with torch.no_grad():
            states: Tensor = self.text(self.ids.to(self.device)).last_hidden_state.float()
        return states

    def hear(self) -> Tensor:
        """Return frames (B, L, F, W) of all windows."""
        if self.mert is None:
            raise ValueError("nothing was made to hear with")
        windows = self.windows.to(self.device)
        normal = functional.layer_norm(windows, windows.shape[1:], eps=1e-7).to(self.kind)
        with torch.no_grad():
            hidden = self.mert(normal, output_hidden_states=True).hidden_states
        kept = [pooled(hidden[layer].float(), FRAMES) for layer in self.sizes.layers]
        frames = torch.stack(kept, dim=1)  # (B K, L, F / K, W)
        frames = frames.view(self.batch, WINDOWS, *frames.shape[1:])  # (B, K, L, F / K, W)
        return frames.transpose(1, 2).flatten(2, 3)

    def step(
        self,
        latents: Tensor,
        predict: Callable[[Tensor, Tensor], Tensor],
        *,
        optimizer: torch.optim.Optimizer,
    ) -> float:
        """Take one optimiser step on the error of the predicted noise."""
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, len(self.signal), (self.batch,), device=self.device)
        noised = objective.noised(latents, noise, self.signal[timesteps])
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu"):
            prediction = predict(noised, timesteps)
        loss = functional.mse_loss(prediction.float(), noise)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    def _ready(self, data: Tensor) -> Tensor:
        """Return data as a loader with pinned memory hands it over."""
        return data if self.device == "cpu" else data.pin_memory()

    def _at_rest(self, model: Any) -> Any:
        return model.to(self.device, self.kind).eval().requires_grad_(False)


SIDES: Final[dict[str, Callable[[Sizes, int, str], Stored | Online | FineTuned]]] = {
    "covergen": Stored,
    "online": Online,
    "fine-tuning": FineTuned,
}


def make_unet(sizes: Sizes) -> Any:
    """Return a U-Net of Stable Diffusion's build."""
    blocks = {"down_block_types": _DOWN, "up_block_types": _UP}
    return UNet2DConditionModel(sample_size=sizes.pixels // 8, **blocks, **sizes.unet)


def make_fusion(sizes: Sizes, unet: Any) -> Fusion:
    """Return the default fusion for the frames that are stored."""
    shape = (len(sizes.layers), WINDOWS * FRAMES, int(sizes.mert.get("hidden_size", 768)))
    return build("decoupled", unet, shape, size=sizes.fusion)


def make_vae(sizes: Sizes, *, decoder: bool = False) -> Any:
    """Return a VAE of Stable Diffusion's build, with or without its decoder."""
    down, up = ("DownEncoderBlock2D",) * 4, ("UpDecoderBlock2D",) * 4
    vae = AutoencoderKL(
        down_block_types=down, up_block_types=up, latent_channels=4, scaling_factor=0.18215, **sizes.vae
    )
    if not decoder:
        del vae.decoder
    return vae


def make_text(sizes: Sizes) -> Any:
    """Return CLIP's text encoder."""
    return CLIPTextModel(CLIPTextConfig(**sizes.text))


def make_mert(sizes: Sizes) -> Any:
    """Return a HuBERT of MERT's build."""
    strides = {"conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_stride": [5, 2, 2, 2, 2, 2, 2]}
    return HubertModel(HubertConfig(**strides, **sizes.mert))


def make_noise_scheduler() -> Any:
    """Return Stable Diffusion 1.4's schedule."""
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return DDPMScheduler(**betas, clip_sample=False, steps_offset=1)


def _count(weights: Any) -> int:
    return sum(weight.numel() for weight in weights)
