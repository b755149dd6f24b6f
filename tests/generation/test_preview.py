import io

import numpy as np
import torch
from PIL import Image

from covergen.generation.preview import Preview
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.procedural.covers import paint
from covergen.procedural.factors import draw_album


def small(picture, side):
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BOX)).astype(int)


def test_the_tiny_models_preview_looks_like_the_picture():
    vae = stable_diffusion.load_vae("tiny", offline=True)
    preview = Preview(vae)
    albums = [draw_album(seed, "eval") for seed in range(6)]
    drawn = np.stack([paint(album.factors, album.seed) for album in albums])
    latents = stable_diffusion.scale_latents(vae, stable_diffusion.encode_images(vae, drawn)[0])
    for one, picture in zip(latents, stable_diffusion.decode_latents(vae, latents), strict=True):
        shown = preview(one)
        assert len(shown) < 4000 and images.mime_of(shown) == "image/jpeg"
        pixels = images.decode(shown)
        assert pixels.shape == (64, 64, 3)
        assert np.abs(small(pixels, 64) - small(picture, 64)).mean() < 18
        assert np.abs(small(pixels, 8) - small(picture, 8)).mean() < 12


def test_the_decoder_is_not_run_to_fit_it(model, monkeypatch):
    """It is two thirds of a full-size VAE's work, and the drawn pictures do as well."""
    monkeypatch.delattr(type(model.vae), "decode")
    assert Preview(model.vae)(torch.zeros(4, 16, 16))


def test_a_preview_follows_any_vae_and_takes_latents_of_any_size(model):
    preview = Preview(model.vae)
    latents = torch.randn(1, 4, 16, 16)
    assert Image.open(io.BytesIO(preview(latents))).size == (32, 32)
    assert preview(latents[0]) == preview(latents)
    assert Image.open(io.BytesIO(preview(torch.randn(4, 96, 96)))).size == (128, 128)
    assert preview(latents + 3) != preview(latents)
