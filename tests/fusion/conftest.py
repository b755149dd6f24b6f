"""A random U-Net at toy size, and music and words that fit it."""

import pytest
import torch
from diffusers import UNet2DConditionModel

FEATURES = (2, 6, 10)  # layers, frames, width
WIDTH = 32


def build_unet(text_width):
    torch.manual_seed(3)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=8,
        norm_num_groups=8,
    ).requires_grad_(False)


@pytest.fixture
def unet():
    return build_unet(WIDTH)


@pytest.fixture
def wide_unet():
    """Text states as wide as those of Stable Diffusion 1.x, blocks as small as ever."""
    return build_unet(768)


@pytest.fixture
def inputs():
    """Latents, timesteps, text states and frames of three rows."""
    torch.manual_seed(4)
    return (
        torch.randn(3, 4, 8, 8),
        torch.tensor([10, 500, 999]),
        torch.randn(3, 7, WIDTH),
        torch.randn(3, *FEATURES),
    )
