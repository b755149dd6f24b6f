"""A toy task: the cover's latents follow the music, so there is something to learn."""

import pytest
import torch
from diffusers import UNet2DConditionModel

from covergen.models.stable_diffusion import build_noise_scheduler
from covergen.training.examples import Examples

FEATURES = (1, 6, 10)
WIDTH = 32


def make_unet():
    torch.manual_seed(3)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
    ).requires_grad_(False)


def make_examples(count=48, seed=0):
    generator = torch.Generator().manual_seed(seed)
    colour = torch.randn(count, 4, 1, 1, generator=generator)
    frames = torch.randn(count, *FEATURES, generator=generator) * 0.3
    frames[..., :4] += colour.reshape(count, 1, 1, 4)
    return Examples(
        album_ids=tuple(f"album {i}" for i in range(count)),
        latent_means=colour + 0.1 * torch.randn(count, 4, 8, 8, generator=generator),
        latent_stds=torch.full((count, 4, 8, 8), 0.05),
        states=torch.randn(count, 3, 7, WIDTH, generator=generator),
        frames=frames,
        null_states=torch.zeros(7, WIDTH),
    )


@pytest.fixture
def unet():
    return make_unet()


@pytest.fixture
def examples():
    return make_examples()


@pytest.fixture
def noise_scheduler():
    config = {
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
    }
    return build_noise_scheduler(config, "ddpm")


@pytest.fixture
def make():
    """The makers themselves, for tests that need several."""
    return make_unet, make_examples
