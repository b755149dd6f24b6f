"""Stock diffusers loads the exported fusion and paints our picture with it."""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from covergen.errors import ModelError
from covergen.fusion import build
from covergen.fusion.ip_adapter import adapter_tensors, image_embeds, mixed_features, read_features
from covergen.generation.pipeline import CoverRequest, Painter, PaintSettings
from covergen.models import stable_diffusion
from tests import toys

FEATURES = (2, 6, 10)
PROMPT = "a cover of jazz"
LAYER = {
    "0.norm1.weight", "0.norm1.bias", "0.norm2.weight", "0.norm2.bias", "0.to_q.weight", "0.to_kv.weight",
    "0.to_out.weight", "1.0.weight", "1.0.bias", "1.1.weight", "1.3.weight",
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    # diffusers' own pipeline knows no shift of latents
    return str(toys.save_stable_diffusion(tmp_path_factory.mktemp("base"), shift_factor=0.0))


def trained(unet, *, seed=0, **arguments):
    """A fusion whose weights and statistics moved as training moves them."""
    fusion = build("decoupled", unet, FEATURES, **arguments)
    torch.manual_seed(seed)
    fusion.fit_features(torch.randn(20, *FEATURES) * 4 + 2)
    with torch.no_grad():
        for parameter in fusion.trained().values():
            parameter.add_(0.2 * torch.randn_like(parameter))
        for layer in fusion.attention:  # loud
            layer.to_v.weight.mul_(3)
    return fusion.eval()


def stock(base, folder, fusion, unet=None):
    """diffusers' pipeline with the fusion loaded by its own hand."""
    save_file(adapter_tensors(fusion), folder / "adapter.safetensors")
    model = stable_diffusion.load(base)
    pipeline = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet if unet is None else unet,
        scheduler=model.noise_scheduler("ddim"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_ip_adapter(
        str(folder), subfolder="", weight_name="adapter.safetensors", image_encoder_folder=None
    )
    return pipeline


def test_diffusers_own_pipeline_paints_our_picture_at_every_scale(base, tmp_path):
    model = stable_diffusion.load(base)
    fusion = trained(model.unet)
    pipeline = stock(base, tmp_path, fusion)
    painter = Painter(model, fusion)
    states, _ = stable_diffusion.encode_text(model.tokenizer, model.text_encoder, [PROMPT])
    frames = np.random.default_rng(1).standard_normal(FEATURES).astype(np.float32) * 4 + 2
    embeds = image_embeds(read_features(tmp_path / "adapter.safetensors"), torch.from_numpy(frames)[None])

    def ours(music, scale=1.0):
        settings = PaintSettings(steps=4, audio_guidance_scale=None, audio_scale=scale)
        cover = painter.paint([CoverRequest(states[0].numpy(), 7, music)], settings)[0]
        return cover.image.astype(int)

    for scale in (0.5, 1.0):
        pipeline.set_ip_adapter_scale(scale)
        theirs = pipeline(
            PROMPT,
            ip_adapter_image_embeds=[embeds],
            num_inference_steps=4,
            guidance_scale=PaintSettings.guidance_scale,
            generator=torch.Generator().manual_seed(7),
            output_type="np",
        ).images[0]
        assert np.abs(ours(frames, scale) - (theirs * 255).round()).max() <= 2
        assert np.abs(ours(frames, scale) - ours(None)).mean() > 10


def test_a_full_size_adapter_is_read_by_a_unet_of_stable_diffusions_text_width(base, wide_unet, tmp_path):
    fusion = trained(wide_unet)
    assert fusion.arguments == {"size": "full"}
    states, latents, timesteps = torch.randn(3, 7, 768), torch.randn(3, 4, 8, 8), torch.tensor([10, 500, 999])
    frames = torch.randn(3, *FEATURES) * 4 + 2
    quiet = wide_unet(latents, timesteps, encoder_hidden_states=states).sample
    fusion.attach(wide_unet)
    ours = wide_unet(latents, timesteps, encoder_hidden_states=fusion.condition(states, frames)).sample
    fusion.detach(wide_unet)
    pipeline = stock(base, tmp_path, fusion, wide_unet)
    embeds = image_embeds(fusion.features, frames, guided=False)
    theirs = pipeline.unet(
        latents, timesteps, encoder_hidden_states=states, added_cond_kwargs={"image_embeds": [embeds]}
    ).sample
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert (ours - quiet).abs().mean() > 1e-2


@pytest.mark.parametrize(("arguments", "tokens", "width"), [({}, 8, 128), ({"size": "full"}, 16, 768)])
def test_the_keys_are_those_of_ip_adapter_plus(unet, arguments, tokens, width):
    fusion = trained(unet, **arguments)
    tensors = adapter_tensors(fusion)
    parts = {name: {n for n in tensors if n.startswith(f"{name}.")} for name in ("image_proj", "ip_adapter")}
    expected = {"latents"} | {
        f"{n}.{k}" for n in ("proj_in", "proj_out", "norm_out") for k in ("weight", "bias")
    }
    expected |= {f"layers.{index}.{name}" for index in range(4) for name in LAYER}
    assert parts["image_proj"] == {f"image_proj.{name}" for name in expected}
    assert parts["ip_adapter"] == {
        f"ip_adapter.{number}.to_{k}_ip.weight"
        for number in (1, 3, 5, 7)[: len(fusion.attention)]
        for k in "kv"
    }
    assert tensors["image_proj.latents"].shape == (1, tokens, width)
    assert tensors["image_proj.proj_in.weight"].shape == (width, FEATURES[2] + FEATURES[1])
    assert all(value.isfinite().all() for value in tensors.values())


def test_what_the_adapter_is_fed_is_normalised_mixed_and_knows_its_order(unet, tmp_path):
    fusion = trained(unet)
    save_file(adapter_tensors(fusion), tmp_path / "adapter.safetensors")
    features = read_features(tmp_path / "adapter.safetensors")
    frames = torch.randn(2, *FEATURES)
    fed = mixed_features(features, frames)
    assert torch.equal(fed[:, :, :10], fusion.features(frames))
    assert torch.equal(fed[1, :, 10:], torch.eye(6))
    embeds = image_embeds(features, frames)
    assert embeds.shape == (4, 1, 6, 16)
    assert not embeds[:2, :, :, :10].any() and torch.equal(embeds[2:, 0], fed)


@pytest.mark.parametrize("name", ["concat", "cross_attention", "audio_tokens", "text_only"])
def test_fusions_without_keys_of_their_own_are_refused(unet, name):
    with pytest.raises(ModelError, match="export a `decoupled` fusion"):
        adapter_tensors(build(name, unet, FEATURES))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"size": "small", "heads": 4}, "size 'small' has heads of width 32"),
        ({"size": "small", "depth": 5}, "has 5 layers, and diffusers reads 4"),
    ],
)
def test_sizes_that_the_layout_cannot_hold_are_refused_with_the_remedy(unet, arguments, told):
    with pytest.raises(ModelError, match=f"{told}.*train one of size small or full"):
        adapter_tensors(build("decoupled", unet, FEATURES, **arguments))


def test_a_file_of_another_origin_is_refused(tmp_path):
    save_file({"image_proj.latents": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("other", "missing"):
        with pytest.raises(ModelError, match="no adapter that `covergen export-adapter` wrote"):
            read_features(tmp_path / f"{name}.safetensors")
