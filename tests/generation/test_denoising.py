import pytest
import torch

from covergen.generation import denoising
from covergen.generation.noise import first_noise, generators
from covergen.models.noise_schedulers import NOISE_SCHEDULERS

# diffusers' DPM-Solver hands numpy 2 a tensor in a way that numpy announces to drop
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SEEDS = [1, 2, 3]
SHAPE = (4, 8, 8)


def denoiser_of(value):
    """A denoiser whose prediction is its conditioning's first number, plus a share of the latents."""

    def denoise(latents, timestep, conditioning):
        return conditioning[:, 0, 0, None, None, None] * torch.ones_like(latents) + value * latents

    return denoise


def branch(number, rows=3):
    return torch.full((rows, 2, 5), float(number))


def prepare(model, kind, seeds, *, branches, scales, steps):
    own = generators(seeds)
    return denoising.DenoisingState(
        model.noise_scheduler(kind),
        first_noise(own, SHAPE),
        branches=branches,
        scales=scales,
        steps=steps,
        generators=own,
    )


def test_guidance_follows_the_formula(model):
    state = prepare(
        model, "ddim", SEEDS, branches=[branch(1), branch(3), branch(4)], scales=[5.0, 2.0], steps=2
    )
    (prediction,) = denoising.predict(denoiser_of(0.0), [state])
    out = denoising.guided(prediction.chunk(3), [5.0, 2.0])
    assert torch.allclose(out, torch.full_like(out, 1 + 5 * (3 - 1) + 2 * (4 - 3)))


def test_scales_of_one_leave_the_last_branch(model):
    state = prepare(
        model, "ddim", SEEDS, branches=[branch(1), branch(3), branch(4)], scales=[1.0, 1.0], steps=2
    )
    (prediction,) = denoising.predict(denoiser_of(0.1), [state])
    out = denoising.guided(prediction.chunk(3), [1.0, 1.0])
    assert torch.allclose(out, 4 + 0.1 * state.latents, atol=1e-5)


def test_sittings_of_all_kinds_share_a_call(model):
    """At other steps, with other branches and schedulers, each is taken to where it goes alone."""

    def denoising_states():
        yield prepare(model, "ddim", [1, 2], branches=[branch(0.1, 2), branch(0.2, 2)], scales=[3.0], steps=3)
        yield prepare(
            model, "dpm++", [3], branches=[branch(k, 1) for k in range(3)], scales=[2.0, 3.0], steps=5
        )
        yield prepare(model, "ddpm", [4], branches=[branch(k, 1) for k in range(2)], scales=[2.0], steps=6)

    together, alone = list(denoising_states()), list(denoising_states())
    expected = [denoising.sample(denoiser_of(0.1), state) for state in alone]
    while left := [state for state in together if not state.done]:
        for state, prediction in zip(left, denoising.predict(denoiser_of(0.1), left), strict=True):
            state.take(prediction)
    for state, latents in zip(together, expected, strict=True):
        assert torch.allclose(state.latents, latents, atol=1e-4)


@pytest.mark.parametrize("kind", list(NOISE_SCHEDULERS))
def test_every_scheduler_paints_each_row_by_itself(model, kind):
    def paint(seeds):
        branches = [branch(number, len(seeds)) for number in (0.1, 0.2)]
        return denoising.sample(
            denoiser_of(0.1), prepare(model, kind, seeds, branches=branches, scales=[3.0], steps=6)
        )

    whole = paint(SEEDS)
    assert torch.isfinite(whole).all()
    for row, seed in enumerate(SEEDS):
        assert torch.allclose(whole[row], paint([seed])[0], atol=1e-4)


def test_a_perfect_denoiser_finds_the_latents(model):
    """Velocity of known latents, at zero SNR: the first noise must not leak into the picture."""
    truth = torch.full((3, *SHAPE), 0.7)
    alphas = model.noise_scheduler("ddim").alphas_cumprod

    def denoise(latents, timesteps, conditioning):
        signal = alphas[timesteps[0]]
        noise = (latents[:3] - signal.sqrt() * truth) / (1 - signal).sqrt()
        return (signal.sqrt() * noise - (1 - signal).sqrt() * truth).repeat(2, 1, 1, 1)

    for kind in ("ddim", "dpm++", "ddpm"):
        state = prepare(model, kind, SEEDS, branches=[branch(0), branch(0)], scales=[7.0], steps=20)
        state.take(denoising.predict(denoise, [state])[0])
        assert (state.expected() - truth).abs().max() < 0.05, kind
        assert (state.latents - truth).abs().max() > 0.5, kind
        out = denoising.sample(denoise, state)
        assert (out - truth).abs().max() < 0.05, kind


def test_shifted_noise_leans_to_the_promise_and_keeps_its_grain():
    noise = first_noise(generators([7]), (4, 16, 16))
    promised = torch.ones(1, 4, 2, 2) * 3
    shifted = denoising.shift_noise(noise, promised, weight=1.0, first_signal=0.25)
    low = torch.nn.functional.adaptive_avg_pool2d
    wanted = 0.5 * promised + 0.75**0.5 * low(noise, 2)
    assert torch.allclose(low(shifted, 2), wanted, atol=1e-5)
    assert torch.allclose(shifted.diff(dim=3)[..., :7], noise.diff(dim=3)[..., :7], atol=1e-5)
    assert torch.equal(denoising.shift_noise(noise, promised, weight=0.0, first_signal=0.25), noise)
