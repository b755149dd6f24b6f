"""The predecessor's two fusions and its adapter, as it had them."""

import torch
from torch import nn

from covergen.fusion import build
from covergen.fusion.adapted import AudioAdapter

FEATURES = (1, 9, 10)


def test_the_adapter_is_linear_in_the_music_up_to_its_norm():
    torch.manual_seed(0)
    adapter = AudioAdapter(10, 32)
    adapter.norm = nn.Identity()
    one, other = torch.randn(1, 9, 10), torch.randn(1, 9, 10)
    nothing = adapter(torch.zeros(1, 9, 10), 77)
    both = adapter(one + other, 77) - nothing
    assert torch.allclose(both, adapter(one, 77) + adapter(other, 77) - 2 * nothing, atol=1e-5)
    assert both.shape == (1, 77, 32)
    assert (adapter.convolve.kernel_size, adapter.convolve.stride, adapter.convolve.padding) == (
        (3,),
        (2,),
        (1,),
    )


def test_concatenation_mixes_twice_the_width_and_replaces_the_text(unet, inputs):
    fusion = build("concat", unet, FEATURES)
    assert (fusion.mix.in_features, fusion.mix.out_features) == (64, 32)
    states, frames = inputs[2], torch.randn(3, *FEATURES)
    out = fusion.condition(states, frames)
    assert out.shape == states.shape
    assert torch.allclose(out.mean(dim=-1), torch.zeros(3, 7), atol=1e-5)  # a LayerNorm has the last word


def test_cross_attention_sees_the_text_only_as_queries(unet, inputs):
    fusion = build("cross_attention", unet, FEATURES)
    assert fusion.attention.num_heads == 8
    with torch.no_grad():  # without values nothing of the text may be left: there is no residual
        fusion.attention.in_proj_weight[64:].zero_()
    states, frames = inputs[2], torch.randn(3, *FEATURES)
    out = fusion.condition(states, frames)
    assert torch.allclose(out[0], out[1], atol=1e-6)


def test_both_change_the_picture_before_any_training(unet, inputs):
    latents, timesteps, states, _ = inputs
    base = unet(latents, timesteps, encoder_hidden_states=states).sample
    for name in ("concat", "cross_attention"):
        fusion = build(name, unet, FEATURES)
        conditioning = fusion.condition(states, torch.randn(3, *FEATURES))
        assert not torch.allclose(unet(latents, timesteps, encoder_hidden_states=conditioning).sample, base)


def test_the_control_is_linear_in_the_words_and_deaf(unet, inputs):
    fusion = build("linear_text", unet, FEATURES)
    states, frames = inputs[2], torch.randn(3, *FEATURES)
    out = fusion.condition(states, frames)
    assert torch.equal(out, states @ fusion.linear.weight.T + fusion.linear.bias)
    assert set(fusion.trained()) == {"linear.weight", "linear.bias"}
