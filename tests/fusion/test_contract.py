"""What every fusion in the registry keeps, one parametrised test a promise."""

import pytest
import torch

from covergen.errors import ConfigError
from covergen.fusion import FUSIONS, build
from covergen.fusion.registry import name_of

FEATURES = (2, 6, 10)
ZERO_START = ("decoupled", "audio_tokens", "gated_concat", "gated_cross_attention")
DEAF = ("text_only", "linear_text")


@pytest.fixture(params=list(FUSIONS))
def fusion(request, unet):
    fusion = build(request.param, unet, FEATURES)
    fusion.attach(unet)
    return fusion


def predict(unet, latents, timesteps, conditioning):
    return unet(latents, timesteps, encoder_hidden_states=conditioning).sample


def one_step(unet, fusion, inputs):
    latents, timesteps, states, frames = inputs
    optimizer = torch.optim.SGD(fusion.trained().values(), lr=0.5)
    predict(unet, latents, timesteps, fusion.condition(states, frames)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_words_only_paints_as_the_base_does(fusion, unet, inputs):
    latents, timesteps, states, _frames = inputs
    if fusion.trained():
        one_step(unet, fusion, inputs)
        one_step(unet, fusion, inputs)
    fused = predict(unet, latents, timesteps, fusion.words_only(states))
    fusion.detach(unet)
    assert torch.equal(fused, predict(unet, latents, timesteps, states))


@pytest.mark.parametrize("name", ZERO_START)
def test_a_zero_start_leaves_the_base_bit_for_bit(name, unet, inputs):
    latents, timesteps, states, frames = inputs
    base = predict(unet, latents, timesteps, states)
    fusion = build(name, unet, FEATURES)
    fusion.attach(unet)
    assert torch.equal(predict(unet, latents, timesteps, fusion.condition(states, frames)), base)


@pytest.mark.parametrize("name", ZERO_START)
def test_scale_zero_is_the_base_after_training_and_rows_have_their_own(name, unet, inputs):
    latents, timesteps, states, frames = inputs
    base = predict(unet, latents, timesteps, states)
    fusion = build(name, unet, FEATURES)
    fusion.attach(unet)
    for _ in range(3):
        one_step(unet, fusion, inputs)
    scales = torch.tensor([0.0, 1.0, 0.0])
    heard = predict(unet, latents, timesteps, fusion.condition(states, frames, audio_scale=scales))
    assert torch.equal(heard[[0, 2]], base[[0, 2]])
    assert (heard[1] - base[1]).abs().max() > 1e-4
    silent = predict(unet, latents, timesteps, fusion.condition(states, frames, audio_scale=0.0))
    assert torch.equal(silent, base)


def test_after_one_step_gradients_reach_every_trained_weight(fusion, unet, inputs):
    latents, timesteps, states, frames = inputs
    if not fusion.trained():
        pytest.skip("nothing is trained")
    one_step(unet, fusion, inputs)
    conditioning = fusion.condition(states, frames)
    tokens = fusion.tokens_in(conditioning)
    loss = predict(unet, latents, timesteps, conditioning).square().mean()
    if tokens is not None:
        loss = loss + fusion.read_cover(tokens).square().mean()
    loss.backward()
    starved = [name for name, weight in fusion.trained().items() if not weight.grad.abs().sum() > 0]
    assert starved == []


def test_the_unet_itself_gets_no_gradient(fusion, unet, inputs):
    own = {id(weight) for weight in fusion.parameters()}
    assert all(not weight.requires_grad for weight in unet.parameters() if id(weight) not in own)


def test_unheard_music_counts_for_nothing_even_where_it_is_not_finite(fusion, inputs):
    _, _, states, frames = inputs
    frames[1] = float("nan")
    heard = torch.tensor([True, False, True])
    out = fusion.condition(states, frames, heard=heard)
    quiet = fusion.condition(states, fusion.silence(3), heard=torch.zeros(3, dtype=torch.bool))
    assert torch.allclose(out[1], quiet[1], atol=1e-6)


def test_swapped_music_changes_the_output_after_training_and_nothing_else_does(fusion, unet, inputs):
    latents, timesteps, states, frames = inputs
    if fusion.trained():
        for _ in range(3):
            one_step(unet, fusion, inputs)
    own, again, swapped = (
        predict(unet, latents, timesteps, fusion.condition(states, music))
        for music in (frames, frames.clone(), frames.flip(0))
    )
    assert torch.equal(own, again)
    assert torch.allclose(own[1], swapped[1], atol=1e-6)  # the row in the middle kept its own
    moved = (own - swapped)[[0, 2]].abs().amax(dim=(1, 2, 3))
    assert (moved == 0).all() if name_of(fusion) in DEAF else (moved > 1e-4).all()


def test_rows_do_not_see_each_other(fusion, inputs):
    _, _, states, frames = inputs
    whole, alone = fusion.condition(states, frames), fusion.condition(states[1:2], frames[1:2])
    assert torch.allclose(whole[1:2], alone, atol=1e-6)


def test_the_weights_depend_on_the_seed_alone(fusion, unet):
    fusion.detach(unet)
    again = build(name_of(fusion), unet, FEATURES)
    assert all(torch.equal(a, b) for a, b in zip(fusion.parameters(), again.parameters(), strict=True))


def test_an_unknown_name_says_which_there_are(unet):
    with pytest.raises(ConfigError, match="decoupled"):
        build("decoupeld", unet, FEATURES)
