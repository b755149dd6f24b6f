import hashlib

import torch
from hypothesis import given
from hypothesis import strategies as st

from covergen.generation.noise import between, first_noise, generators
from covergen.generation.seeds import seed_of


def test_the_seed_is_the_first_eight_bytes_of_the_digest():
    assert seed_of("ab12", 3) == int(hashlib.sha256(b"ab12/3").hexdigest()[:16], 16)
    assert seed_of("ab12", 3) != seed_of("ab12", 4)


def test_noise_does_not_depend_on_the_batch():
    seeds = [seed_of("a", i) for i in range(8)]
    whole = first_noise(generators(seeds), (4, 8, 8))
    for i, seed in enumerate(seeds):
        assert torch.equal(whole[i], first_noise(generators([seed]), (4, 8, 8))[0])


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1))
def test_both_halves_of_a_seed_count(low, high):
    one, other = first_noise(generators([low, low + (high << 32)]), (4,))
    assert not torch.equal(one, other)


def test_every_seed_of_64_bits_is_taken():
    noise = first_noise(generators([0, 2**64 - 1]), (1000,))
    assert noise.dtype == torch.float32
    assert abs(float(noise.std()) - 1) < 0.05


@given(st.floats(0.0, 1.0))
def test_between_two_noises_there_is_noise_as_loud(strength):
    own, other = first_noise(generators([1, 2]), (4, 16, 16))
    varied = between(own, other, strength)
    assert abs(float(varied.std()) - 1) < 0.05
    near, far = (
        torch.nn.functional.cosine_similarity(varied.flatten(), x.flatten(), 0) for x in (own, other)
    )
    assert abs(strength - 0.5) < 0.05 or (near > far) == (strength < 0.5)


def test_the_way_begins_and_ends_at_the_two_noises():
    own, other = first_noise(generators([1, 2]), (4, 16, 16))
    assert torch.allclose(between(own, other, 0.0), own, atol=1e-5)
    assert torch.allclose(between(own, other, 1.0), other, atol=1e-5)
    assert torch.equal(between(own, own, 0.3), own)
