"""Keys that are guessed."""

import hashlib

import pytest

from covergen.serving.api_keys import GUESSES, GUESSES_SECONDS, ApiKeys, Key
from covergen.serving.problems import Problem
from covergen.serving.queue import Allowance


@pytest.fixture
def api_keys(clock):
    names = ("label", "shop")
    return ApiKeys((Key(n, hashlib.sha256(n.encode()).hexdigest(), Allowance()) for n in names), clock=clock)


def status(api_keys, key, address):
    try:
        api_keys.caller({"x-api-key": key} if key else {}, address=address)
    except Problem as problem:
        return problem.status
    return 200


def test_an_address_has_few_guesses_a_minute_and_learns_nothing_after_them(api_keys, clock):
    assert status(api_keys, "shop", "10.0.0.1") == 200
    assert {status(api_keys, f"guess {k}", "10.0.0.1") for k in range(GUESSES)} == {401}
    assert status(api_keys, "guess", "10.0.0.1") == 429
    assert status(api_keys, "label", "10.0.0.1") == 429  # right, but not known to come from there
    assert status(api_keys, "shop", "10.0.0.1") == 200
    assert status(api_keys, "label", "10.0.0.2") == 200 and status(api_keys, "guess", "10.0.0.2") == 401
    clock.now = GUESSES_SECONDS + 1
    assert status(api_keys, "label", "10.0.0.1") == 200


def test_no_key_is_no_guess(api_keys):
    assert {status(api_keys, "", "10.0.0.1") for _ in range(3 * GUESSES)} == {401}
    assert status(api_keys, "label", "10.0.0.1") == 200


def test_a_network_of_ipv6_is_one_address(api_keys):
    for k in range(GUESSES):
        status(api_keys, "guess", f"2001:db8::{k:x}")
    assert status(api_keys, "guess", "2001:db8::ffff") == 429
    assert status(api_keys, "guess", "2001:db8:0:1::1") == 401


def test_the_seconds_to_wait_are_told(api_keys, clock):
    for _ in range(GUESSES):
        status(api_keys, "guess", "")
    clock.now = 20.5
    with pytest.raises(Problem) as refused:
        api_keys.caller({"x-api-key": "guess"})
    assert refused.value.headers["Retry-After"] == "40"
