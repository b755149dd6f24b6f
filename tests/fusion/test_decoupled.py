"""The default fusion: silent at first, then as loud as it is asked to be."""

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0

from covergen.errors import ConfigError, ModelError
from covergen.fusion import build
from covergen.fusion.attached import pooled_latents
from covergen.models import stable_diffusion
from covergen.serving.service import SHIPPED_FUSION
from covergen.training import checkpoint

FEATURES = (2, 6, 10)


@pytest.fixture
def fusion(unet):
    fusion = build("decoupled", unet, FEATURES)
    fusion.attach(unet)
    return fusion


def loud(fusion):
    """Give the music's values weights, as training would."""
    torch.manual_seed(5)
    for layer in fusion.attention:
        torch.nn.init.normal_(layer.to_v.weight, std=0.5)


def predict(unet, inputs, conditioning):
    return unet(inputs[0], inputs[1], encoder_hidden_states=conditioning).sample


def test_at_step_zero_the_picture_is_the_base_models_bit_for_bit(unet, inputs):
    base = predict(unet, inputs, inputs[2])
    fusion = build("decoupled", unet, FEATURES)
    fusion.attach(unet)
    assert torch.equal(predict(unet, inputs, fusion.condition(inputs[2], inputs[3])), base)


def test_scale_zero_is_the_base_and_other_scales_are_not(fusion, unet, inputs):
    base = predict(unet, inputs, fusion.words_only(inputs[2]))
    loud(fusion)
    silent = predict(unet, inputs, fusion.condition(inputs[2], inputs[3], audio_scale=0.0))
    heard = predict(unet, inputs, fusion.condition(inputs[2], inputs[3], audio_scale=0.5))
    assert torch.equal(silent, base)
    assert (heard - base).abs().max() > 1e-3


def test_each_row_has_its_own_scale(fusion, unet, inputs):
    loud(fusion)
    scales = torch.tensor([0.0, 0.5, 1.0])
    mixed = predict(unet, inputs, fusion.condition(inputs[2], inputs[3], audio_scale=scales))
    for row, scale in enumerate(scales):
        alone = predict(unet, inputs, fusion.condition(inputs[2], inputs[3], audio_scale=float(scale)))
        assert torch.allclose(mixed[row], alone[row], atol=1e-6)


def test_the_unets_other_layers_are_left_alone(fusion, unet):
    assert sum(isinstance(p, AttnProcessor2_0) for p in unet.attn_processors.values()) == 4
    fusion.detach(unet)
    assert all(isinstance(p, AttnProcessor2_0) for p in unet.attn_processors.values())


def test_attaching_to_another_architecture_is_refused(fusion, unet):
    unet.mid_block = None
    with pytest.raises(ModelError, match="mid_block"):
        fusion.attach(unet)


def test_the_order_of_the_frames_is_heard(fusion, inputs):
    backwards = inputs[3].flip(2)
    assert not torch.allclose(fusion.audio_tokens(inputs[3]), fusion.audio_tokens(backwards), atol=1e-3)


def test_the_size_follows_the_base_and_is_recorded(unet, wide_unet):
    small, full = build("decoupled", unet, FEATURES), build("decoupled", wide_unet, FEATURES)
    assert (small.arguments, full.arguments) == ({"size": "small"}, {"size": "full"})
    assert small.audio_tokens(torch.zeros(1, *FEATURES)).shape == (1, 8, 32)
    assert full.audio_tokens(torch.zeros(1, *FEATURES)).shape == (1, 16, 768)
    assert sum(weight.numel() for weight in small.parameters()) < 700_000
    assert {layer.to_q.out_features // layer.heads for layer in full.resampler.layers} == {64}
    with pytest.raises(ConfigError, match="choose one of small, full"):
        build("decoupled", unet, FEATURES, size="huge")


def test_single_numbers_of_a_size_can_be_replaced(unet):
    fusion = build("decoupled", unet, FEATURES, size="small", tokens=5, depth=1)
    assert fusion.arguments == {"size": "small", "tokens": 5, "depth": 1}
    assert fusion.audio_tokens(torch.zeros(1, *FEATURES)).shape == (1, 5, 32)
    assert len(fusion.resampler.layers) == 1


def test_the_shipped_weights_are_of_the_size_that_can_be_exported():
    unet = stable_diffusion.load_unet("tiny")
    fusion, facts = checkpoint.load(SHIPPED_FUSION, unet, base_digest=stable_diffusion.digest("tiny"))
    assert facts.arguments == {"size": "small"}
    assert {layer.heads for layer in fusion.resampler.layers} == {2}
    assert fusion.attention[0].to_v.weight.abs().max() > 0


def test_features_are_normalised_with_the_training_music(fusion):
    frames = torch.randn(50, *FEATURES) * 7 + 3
    fusion.fit_features(frames)
    normal = fusion.features(frames)
    assert normal.mean().abs() < 0.05
    assert fusion.features(frames * 1000).abs().max() <= 5.0


def test_pooled_latents_are_quarters():
    latents = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert pooled_latents(latents).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
