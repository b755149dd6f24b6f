"""Frozen parts from a folder, and the four noise schedulers on both kinds of schedule."""

import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from covergen.errors import ConfigError, ModelError
from covergen.models import stable_diffusion
from covergen.models.noise_schedulers import NOISE_SCHEDULERS
from tests import toys

# DPM-Solver of diffusers 0.42 hands a tensor to numpy 2.4 in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return toys.save_stable_diffusion(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="module")
def epsilon_folder(tmp_path_factory) -> Path:
    return toys.save_stable_diffusion(tmp_path_factory.mktemp("sd1"), zero_snr=False)


def test_load_freezes_every_part(folder):
    base = stable_diffusion.load(str(folder))
    assert base.size == toys.PICTURE_SIZE
    assert base.latent_shape == (4, 16, 16)
    for part in (base.text_encoder, base.vae, base.unet):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())


def test_loading_twice_gives_the_saved_weights(folder):
    first, second = stable_diffusion.load_unet(str(folder)), stable_diffusion.load_unet(str(folder))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_dtype_reaches_every_part(folder):
    base = stable_diffusion.load(str(folder), dtype=torch.bfloat16)
    assert {base.text_encoder.dtype, base.vae.dtype, base.unet.dtype} == {torch.bfloat16}


def test_encode_text_pads_and_truncates_by_tokens(folder):
    tokenizer, text_encoder = stable_diffusion.load_text(str(folder))
    texts = ["", "blue dunes", "x" * 500, "x" * 600]
    states, pooled = stable_diffusion.encode_text(tokenizer, text_encoder, texts)
    assert states.shape == (4, toys.TEXT_TOKENS, toys.TEXT_WIDTH)
    assert pooled.shape == (4, toys.TEXT_WIDTH)
    assert torch.equal(states[2], states[3]), "both are cut at the same token"
    assert not torch.allclose(states[1], states[2], atol=1e-3)


def test_pooled_is_the_state_at_the_end_of_the_text(folder):
    tokenizer, text_encoder = stable_diffusion.load_text(str(folder))
    states, pooled = stable_diffusion.encode_text(tokenizer, text_encoder, ["abc"])
    assert torch.allclose(states[0, 4], pooled[0], atol=1e-6), "start, a, b, c, end"


def test_encode_and_decode_are_the_vae_with_its_own_scale(folder):
    vae = stable_diffusion.load_vae(str(folder))
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    mean, std = stable_diffusion.encode_images(vae, images)
    assert mean.shape == std.shape == (2, 4, 16, 16)
    assert bool((std > 0).all())
    decoded = stable_diffusion.decode_latents(vae, stable_diffusion.scale_latents(vae, mean))
    assert decoded.shape == images.shape
    with torch.no_grad():
        expected = vae.decode(mean).sample.permute(0, 2, 3, 1).numpy()
    expected = np.clip(np.round((expected + 1) * 127.5), 0, 255)
    assert np.abs(decoded.astype(int) - expected.astype(int)).max() <= 1


def test_scale_latents_shifts_then_scales(folder):
    vae = stable_diffusion.load_vae(str(folder))
    assert torch.allclose(stable_diffusion.scale_latents(vae, torch.full((1,), 1.1)), torch.tensor(0.5))


@pytest.mark.parametrize(
    ("kind", "steps"),
    [("ddim", 1), ("dpm++", 1), ("ddpm", 1), *product(NOISE_SCHEDULERS, (5, 20))],
)
def test_every_noise_scheduler_finds_the_picture_a_perfect_model_knows(folder, kind, steps):
    """A model that knows the clean latents exactly must lead any sampler to them, from zero SNR on."""
    target = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    latents = _sample(stable_diffusion.load_noise_scheduler(str(folder), kind), target, steps)
    assert bool(torch.isfinite(latents).all())
    assert (latents - target).abs().mean() < 0.08, (latents - target).abs().mean()


@pytest.mark.parametrize("kind", NOISE_SCHEDULERS)
def test_every_noise_scheduler_samples_with_epsilon_prediction(epsilon_folder, kind):
    target = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    latents = _sample(stable_diffusion.load_noise_scheduler(str(epsilon_folder), kind), target, 20)
    assert (latents - target).abs().mean() < 0.1, (latents - target).abs().mean()


def _sample(noise_scheduler, target, steps):
    generator = torch.Generator().manual_seed(2)
    noise_scheduler.set_timesteps(steps)
    latents = torch.randn(target.shape, generator=generator) * noise_scheduler.init_noise_sigma
    alphas = noise_scheduler.alphas_cumprod
    for timestep in noise_scheduler.timesteps:
        alpha = alphas[int(timestep)].double()
        noise = (latents.double() - alpha.sqrt() * target) / (1 - alpha).sqrt()
        if noise_scheduler.config.prediction_type == "v_prediction":
            prediction = alpha.sqrt() * noise - (1 - alpha).sqrt() * target
        else:
            prediction = noise
        arguments = {"generator": generator} if type(noise_scheduler).__name__ != "PNDMScheduler" else {}
        latents = noise_scheduler.step(prediction.float(), timestep, latents, **arguments).prev_sample
    return latents


@pytest.mark.parametrize("kind", NOISE_SCHEDULERS)
def test_every_noise_scheduler_keeps_the_betas_of_the_training(folder, kind):
    reference = stable_diffusion.load_noise_scheduler(str(folder), "ddim")
    noise_scheduler = stable_diffusion.load_noise_scheduler(str(folder), kind)
    assert torch.allclose(noise_scheduler.alphas_cumprod, reference.alphas_cumprod, atol=1e-6)
    assert noise_scheduler.alphas_cumprod[-1] < 1e-6
    noise_scheduler.set_timesteps(10)
    assert int(noise_scheduler.timesteps[0]) == 999, "trailing: the first step sees pure noise"
    assert noise_scheduler.config.steps_offset == 1
    assert not noise_scheduler.config.get("clip_sample", False)


def test_an_unknown_noise_scheduler_is_refused_by_name(folder):
    with pytest.raises(ConfigError, match="'euler' is unknown; choose one of ddim, pndm, ddpm"):
        stable_diffusion.load_noise_scheduler(str(folder), "euler")


def test_digest_follows_weights_and_only_the_chosen_parts(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert stable_diffusion.digest(str(copy)) == stable_diffusion.digest(str(folder))
    text = stable_diffusion.digest(str(folder), stable_diffusion.TEXT_PARTS)
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    assert stable_diffusion.digest(str(copy)) != stable_diffusion.digest(str(folder))
    assert stable_diffusion.digest(str(copy), stable_diffusion.TEXT_PARTS) == text


def test_hub_presets_are_pinned_to_commits_and_named_without_a_download():
    hub = {name: preset for name, preset in stable_diffusion.PRESETS.items() if preset.repo}
    assert set(hub) == {"miniSD", "stable-diffusion-v1-5"}
    for preset in hub.values():
        assert len(preset.revision) == 40
        assert int(preset.revision, 16)
    assert len({stable_diffusion.digest(name) for name in hub}) == 2


def test_absent_weights_end_in_one_sentence():
    with pytest.raises(ModelError, match=r"are not in the local cache .* offline was chosen"):
        stable_diffusion.load_unet("miniSD", offline=True)
    with pytest.raises(ModelError, match=r"there is no unet in .*nowhere; name a preset"):
        stable_diffusion.load_unet("/nowhere")


def test_pickled_weights_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(ModelError, match="holds no safetensors"):
        stable_diffusion.load_vae(str(copy))


@pytest.mark.parametrize("part", ["text_encoder", "vae", "unet"])
def test_damaged_weights_end_in_a_model_error(folder, tmp_path, part):
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = next((copy / part).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match=part):
        stable_diffusion._load_part(str(copy), part, "cpu", torch.float32, offline=True)


def test_weights_of_another_architecture_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"layers_per_block": 2}))
    with pytest.raises(ModelError, match="size mismatch"):
        stable_diffusion.load_unet(str(copy))


@pytest.mark.parametrize("part", ["text_encoder", "vae", "unet"])
def test_a_missing_tensor_is_never_left_random(folder, tmp_path, part):
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = next((copy / part).glob("*.safetensors"))
    tensors = load_file(path)
    tensors.pop(max(tensors))
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks 1 tensors"):
        stable_diffusion._load_part(str(copy), part, "cpu", torch.float32, offline=True)


def test_the_layout_of_the_real_releases_loads_to_the_same_model(folder, tmp_path):
    """Older names of tensors, a buffer nobody needs, and a tokenizer as two lists, as on the hub."""
    copy = toys.as_released(shutil.copytree(folder, tmp_path / "copy"))
    assert not (copy / "tokenizer" / "tokenizer.json").exists()
    old, new = stable_diffusion.load(str(copy)), stable_diffusion.load(str(folder))
    for part in ("text_encoder", "vae", "unet"):
        for name, value in getattr(new, part).state_dict().items():
            assert torch.equal(getattr(old, part).state_dict()[name], value), name
    texts = ["blue dunes, 1997", "Ünïcödé"]
    read = [stable_diffusion.encode_text(base.tokenizer, base.text_encoder, texts) for base in (old, new)]
    for first, second in zip(*read, strict=True):
        assert torch.equal(first, second)


def test_a_hub_preset_is_read_from_the_cache_at_its_commit(folder, tmp_path, monkeypatch):
    preset = stable_diffusion.PRESETS["miniSD"]
    cached = tmp_path / f"models--{preset.repo.replace('/', '--')}" / "snapshots" / preset.revision
    shutil.copytree(folder, cached)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    base = stable_diffusion.load("miniSD", offline=True)
    assert base.size == 256
    assert base.digest == stable_diffusion.digest("miniSD")
    assert torch.equal(base.vae.quant_conv.weight, stable_diffusion.load_vae(str(folder)).quant_conv.weight)


def test_the_tiny_preset_is_complete():
    if not (stable_diffusion.PRESETS["tiny"].folder / "unet").is_dir():
        pytest.skip("covergen/assets/tiny is not there")
    base = stable_diffusion.load("tiny")
    states, _ = stable_diffusion.encode_text(base.tokenizer, base.text_encoder, ["a cover"])
    assert states.shape[-1] == base.unet.config.cross_attention_dim
    assert stable_diffusion.decode_latents(base.vae, torch.zeros(1, *base.latent_shape)).shape == (
        1,
        128,
        128,
        3,
    )
