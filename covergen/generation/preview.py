"""What a cover that is still being painted looks like, at a thousandth of the VAE's work.

A linear map from each latent cell, its neighbours and the mean of all cells (the VAE's attention lets that
tint every pixel) to a patch of pixels, fitted by least squares to a few drawn pictures and what the VAE's
encoder makes of them. It shows colours and forms, softly; it leaves grain to the VAE.

N neighbourhoods, C latent channels, h w latent cells, p pixels along a patch.
"""

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from covergen.media import images
from covergen.models.stable_diffusion import encode_images, scale_latents
from covergen.procedural.covers import paint
from covergen.procedural.factors import draw_album

# Twelve small pictures fit nearly as well as sixteen of 128 px at a fifth of the work; the pictures
# that the decoder makes of them, at twice the work of the encoder, fit no better.
_PICTURES: Final = 12
_SIDE: Final = 64  # the VAE does not mind the size
_PATCH: Final = 4  # pixels, at most, for each latent cell along one side
_LARGEST: Final = 128  # pixels along a preview
_NEIGHBOURS: Final = 3
_RIDGE: Final = 1e-3
_QUALITY: Final = 70


class Preview:
    """Turns latents into a small JPEG."""

    def __init__(self, vae: Any):
        factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self._patch = min(_PATCH, factor)
        albums = [draw_album(seed, "train") for seed in range(_PICTURES)]
        drawn = np.stack([paint(album.factors, album.seed, _SIDE) for album in albums])
        latents = scale_latents(vae, encode_images(vae, drawn)[0])
        shown = torch.from_numpy(drawn).permute(0, 3, 1, 2)  # (N, 3, H, W)
        small = functional.avg_pool2d(shown.float(), factor // self._patch)
        patches = functional.unfold(small, self._patch, stride=self._patch)  # (N, 3 p p, h w)
        seen, wanted = _neighbours(latents.cpu()), patches.transpose(1, 2).flatten(0, 1)
        gram = seen.T @ seen + _RIDGE * len(seen) * torch.eye(seen.shape[1])
        self._map = torch.linalg.solve(gram, seen.T @ wanted)  # (10 C + 1, 3 p p)

    @torch.inference_mode()
    def __call__(self, latents: Tensor) -> bytes:
        """Return the JPEG of one cover's latents (C, h, w) or (1, C, h, w), as the U-Net sees them."""
        one = latents.detach().reshape(1, *latents.shape[-3:]).cpu()
        height, width = one.shape[-2:]
        patch = self._patch
        flat = (_neighbours(one) @ self._map).T[None]  # (1, 3 p p, h w)
        pixels = functional.fold(flat, (height * patch, width * patch), patch, stride=patch)
        if max(pixels.shape[-2:]) > _LARGEST:
            pixels = functional.interpolate(pixels, size=(_LARGEST, _LARGEST), mode="area")
        levels = pixels[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
        return images.encode_jpeg(levels.contiguous().numpy(), quality=_QUALITY)


def _neighbours(latents: Tensor) -> Tensor:
    """Return each cell of (B, C, h, w) with those around it, the mean of all, and a one: (N, 10 C + 1)."""
    mean = (
        latents.float().mean(dim=(2, 3)).repeat_interleave(latents.shape[2] * latents.shape[3], 0)
    )  # (N, C)
    padded = functional.pad(latents.float(), (1, 1, 1, 1), mode="replicate")
    cells = functional.unfold(padded, _NEIGHBOURS).transpose(1, 2).flatten(0, 1)  # (N, 9 C)
    return torch.cat([cells, mean, cells.new_ones(len(cells), 1)], dim=1)
