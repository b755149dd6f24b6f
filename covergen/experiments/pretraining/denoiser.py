"""The tiny U-Net: v-prediction under a noise schedule that ends in pure noise.

The first noise then carries nothing of the picture, so the words, and later the sound, decide its colours
(Lin et al., 2024). B batch, C latent channels, s side of a latent, T tokens, W width.
"""

from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from covergen.experiments.pretraining.language import vary_caption
from covergen.experiments.pretraining.loop import Phase, train, warm_then_decay
from covergen.experiments.pretraining.text import WIDTH, token_ids
from covergen.experiments.pretraining.vae import measured_scale
from covergen.procedural.factors import draw_album


def build_unet(widths: tuple[int, ...] = (64, 128, 160)) -> UNet2DConditionModel:
    """Return a new U-Net for 16 x 16 latents, cross-attention at 8 x 8 and below."""
    last = len(widths) - 1
    down = ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (last - 1) + ("DownBlock2D",)
    up = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (last - 1) + ("UpBlock2D",)
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=down,
        up_block_types=up,
        block_out_channels=widths,
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
    )


def build_noise_scheduler() -> DDIMScheduler:
    """Return the noise schedule: 1000 steps, zero terminal signal, trailing timesteps, v-prediction."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        steps_offset=1,
        clip_sample=False,
    )


def draw_timesteps(count: int) -> Tensor:
    """Return timesteps (B,), two in three leaning to high noise, where the composition is decided."""
    uniform = torch.rand(count)
    leaning = 2.2 * uniform / (1 + 1.2 * uniform)
    chosen = torch.where(torch.rand(count) < 0.67, leaning, uniform)
    return (chosen * 1000).long().clamp(0, 999)


def denoiser_loss(
    unet: UNet2DConditionModel, noise_scheduler: DDIMScheduler, latents: Tensor, conditioning: Tensor
) -> Tensor:
    """Return the squared error of the predicted velocity for latents (B, C, s, s), conditioning (B, T, W)."""
    timesteps, noise = draw_timesteps(len(latents)), torch.randn_like(latents)
    noised = noise_scheduler.add_noise(latents, noise, timesteps)
    target = noise_scheduler.get_velocity(latents, noise, timesteps)
    with torch.autocast("cpu", torch.bfloat16):
        predicted = unet(noised, timesteps, encoder_hidden_states=conditioning).sample
    return functional.mse_loss(predicted.float(), target)


def train_denoiser(
    rank: int, folder: Path, minutes: float, stored: Path, text: Path, *, batch: int = 16
) -> None:
    """Train one worker's share of the U-Net on stored latents, its text encoder frozen."""
    latents = np.load(stored, mmap_mode="r")
    scale = measured_scale(latents)
    tokenizer = CLIPTokenizer.from_pretrained(text / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(text / "text_encoder", dtype=torch.float32)
    encoder.eval().requires_grad_(False)
    torch.manual_seed(0)
    unet = build_unet()
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01)
    phase = Phase("unet", unet, [optimizer], warm_then_decay(0.6, 0.02), minutes, folder)
    noise_scheduler = build_noise_scheduler()
    rng = np.random.default_rng([phase.step, rank])
    torch.manual_seed(phase.step + rank)
    recent = 0.0

    def loss_of() -> tuple[Tensor, str]:
        nonlocal recent
        chosen = np.sort(rng.integers(len(latents), size=batch))
        batch_latents = torch.from_numpy(latents[chosen].astype(np.float32)) * scale
        texts = [vary_caption(draw_album(int(k), "train"), rng).text for k in chosen]
        with torch.no_grad():
            conditioning = encoder(input_ids=token_ids(tokenizer, texts)).last_hidden_state
        loss = denoiser_loss(unet, noise_scheduler, batch_latents, conditioning)
        recent = 0.98 * (recent or loss.item()) + 0.02 * loss.item()
        return loss, f"loss {recent:.4f}"

    train(phase, loss_of)
