"""What every fusion in the registry keeps, one parametrised test a promise."""

import pytest
import torch

from covergen.errors import ConfigError
from covergen.fusion import FUSIONS, build
from covergen.fusion.registry import name_of

FEATURES = (2, 6, 10)
MOST_STEPS = 60  # a fusion may learn slowly, but it has to learn


HEARING = [name for name, kind in FUSIONS.items() if kind.hears]
STARTING_AT_ZERO = [name for name, kind in FUSIONS.items() if kind.zero_start]


@pytest.fixture(params=list(FUSIONS))
def fusion(request, unet):
    return attached(request.param, unet)


def attached(name, unet):
    fusion = build(name, unet, FEATURES)
    fusion.attach(unet)
    return fusion


def predict(unet, latents, timesteps, conditioning):
    return unet(latents, timesteps, encoder_hidden_states=conditioning).sample


def one_step(unet, fusion, inputs):
    latents, timesteps, states, frames = inputs
    optimizer = torch.optim.Adam(
        fusion.trained().values(), lr=0.01
    )  # moves small gradients as far as large ones
    predict(unet, latents, timesteps, fusion.condition(states, frames)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def train_until(reached, unet, fusion, inputs, *, why: str):
    """Train step by step until `reached()`, three steps at least; fail with `why` where it never is."""
    for step in range(MOST_STEPS):
        one_step(unet, fusion, inputs)
        if step >= 2 and reached():
            return
    pytest.fail(f"{name_of(fusion)}: after {MOST_STEPS} steps {why}")


def test_words_only_paints_as_the_base_does(fusion, unet, inputs):
    latents, timesteps, states, _frames = inputs
    if fusion.trained():
        one_step(unet, fusion, inputs)
        one_step(unet, fusion, inputs)
    fused = predict(unet, latents, timesteps, fusion.words_only(states))
    fusion.detach(unet)
    assert torch.equal(fused, predict(unet, latents, timesteps, states))


@pytest.mark.parametrize("name", STARTING_AT_ZERO)
def test_a_zero_start_leaves_the_base_bit_for_bit(name, unet, inputs):
    latents, timesteps, states, frames = inputs
    fusion = attached(name, unet)
    fused = predict(unet, latents, timesteps, fusion.condition(states, frames))
    fusion.detach(unet)
    assert torch.equal(fused, predict(unet, latents, timesteps, states)), "fresh, it changes the base"


@pytest.mark.parametrize("name", [name for name in STARTING_AT_ZERO if name in HEARING])
def test_scale_zero_is_the_base_after_training_and_rows_have_their_own(name, unet, inputs):
    latents, timesteps, states, frames = inputs
    fusion = attached(name, unet)
    scales = torch.tensor([0.0, 1.0, 0.0])

    @torch.no_grad()
    def painted(scale):
        return predict(unet, latents, timesteps, fusion.condition(states, frames, audio_scale=scale))

    silent = painted(0.0)
    moved = "the picture is the same with the sound as without it"
    train_until(lambda: differ(painted(1.0), silent).all(), unet, fusion, inputs, why=moved)
    assert torch.equal(painted(0.0), silent), "training moves what is painted at audio_scale 0"
    assert differ(painted(scales), silent).tolist() == [False, True, False], "audio_scale is not a row's own"
    fusion.detach(unet)
    assert torch.equal(silent, predict(unet, latents, timesteps, states)), "audio_scale 0 is not the base"


def differ(a, b):
    """Say of each row whether the two differ by more than rounding."""
    return (a - b).abs().amax(dim=(1, 2, 3)) > 1e-6


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
    audio_mask = torch.tensor([True, False, True])
    out = fusion.condition(states, frames, audio_mask=audio_mask)
    quiet = fusion.condition(states, fusion.silence(3), audio_mask=torch.zeros(3, dtype=torch.bool))
    assert torch.allclose(out[1], quiet[1], atol=1e-6)


def test_swapped_music_changes_the_output_after_training_and_nothing_else_does(fusion, unet, inputs):
    latents, timesteps, states, frames = inputs

    @torch.no_grad()
    def painted(music):
        return predict(unet, latents, timesteps, fusion.condition(states, music))

    def swapped():
        return differ(painted(frames), painted(frames.flip(0)))[[0, 2]]

    if fusion.hears:
        train_until(
            lambda: swapped().all(), unet, fusion, inputs, why="the picture is the same with other music"
        )
    assert swapped().all() == fusion.hears, "it hears though it says that it does not"
    assert torch.equal(painted(frames), painted(frames.clone()))
    middle = painted(frames)[1], painted(frames.flip(0))[1]
    assert torch.allclose(*middle, atol=1e-6), "a row hears the music of another"


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
