import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from covergen.training import objective


def parts(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 4, 8, 8, generator=generator), torch.randn(3, 4, 8, 8, generator=generator)


def test_noised_latents_and_targets_agree_with_diffusers(noise_scheduler):
    latents, noise = parts()
    timesteps = torch.tensor([0, 500, 999])
    signal = noise_scheduler.alphas_cumprod[timesteps]
    assert torch.allclose(
        objective.noised(latents, noise, signal),
        noise_scheduler.add_noise(latents, noise, timesteps),
        atol=1e-5,
    )
    velocity = objective.prediction_target(latents, noise, signal, prediction_type="v_prediction")
    assert torch.allclose(velocity, noise_scheduler.get_velocity(latents, noise, timesteps), atol=1e-5)
    assert objective.prediction_target(latents, noise, signal, prediction_type="epsilon") is noise
    with pytest.raises(ValueError, match="sample"):
        objective.prediction_target(latents, noise, signal, prediction_type="sample")


@given(st.floats(0, 1))
def test_min_snr_weights_are_finite_down_to_zero_signal(alpha):
    signal = torch.tensor([alpha])
    for kind in ("epsilon", "v_prediction"):
        weight = float(objective.min_snr_weights(signal, prediction_type=kind))
        assert math.isfinite(weight)
        assert 0 <= weight <= 1


def test_min_snr_weights_are_the_papers():
    signal = torch.tensor([0.5, 0.9])  # SNR 1 and 9
    epsilon = objective.min_snr_weights(signal, prediction_type="epsilon")
    velocity = objective.min_snr_weights(signal, prediction_type="v_prediction")
    assert torch.allclose(epsilon, torch.tensor([1.0, 5 / 9]), atol=1e-4)
    assert torch.allclose(velocity, torch.tensor([1 / 2, 5 / 10]), atol=1e-4)


def test_the_last_timestep_still_counts_for_velocity():
    assert objective.min_snr_weights(torch.zeros(1), prediction_type="v_prediction", floor=0.1) == 0.1


def test_timesteps_are_drawn_per_sample_and_uniformly():
    drawn = objective.draw_timesteps(20_000, 1000, generator=torch.Generator().manual_seed(0))
    assert drawn.unique().numel() > 900
    counts = torch.histc(drawn.float(), bins=10, min=0, max=1000)
    assert (counts - 2000).abs().max() < 200


def test_emphasis_moves_timesteps_to_high_noise():
    drawn = objective.draw_timesteps(20_000, 1000, generator=torch.Generator().manual_seed(0), high_noise=1.0)
    assert abs(float(drawn.float().mean()) - 667) < 10
    assert drawn.max() <= 999


def test_halves_of_a_batch_average_to_the_whole():
    prediction, target = parts()
    prediction, target = prediction.repeat(2, 1, 1, 1), target.repeat(2, 1, 1, 1) * 0.5
    weights = torch.rand(6)
    whole = objective.denoising_loss(prediction, target, weights)
    halves = [objective.denoising_loss(prediction[h::2], target[h::2], weights[h::2]) for h in (0, 1)]
    assert torch.allclose(whole, sum(halves) / 2)


def test_contrastive_loss_prefers_the_right_pairs():
    vectors = torch.randn(16, 8)
    assert objective.contrastive_loss(vectors, vectors) < 0.2
    assert objective.contrastive_loss(vectors, vectors.roll(1, 0)) > 2


def test_cover_features_tell_colour_contrast_and_density_apart():
    flat = torch.ones(1, 1, 16, 16)
    board = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    fine, coarse = board.repeat(8, 8), board.repeat_interleave(4, 0).repeat_interleave(4, 1).repeat(2, 2)
    rows = objective.cover_features(torch.cat([flat, fine[None, None], coarse[None, None]]))
    assert rows.shape == (3, 20)
    assert rows[0, :16].eq(1).all()
    assert rows[0, 16:].eq(0).all()  # no contrast, no edges
    assert rows[1, 17] > 2 * rows[2, 17]  # finer pattern, more steps across
