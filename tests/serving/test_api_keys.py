"""Keys that are guessed."""

import hashlib

import pytest

from covergen.serving.api_keys import GUESSES, GUESSES_SECONDS, Doors, Key
from covergen.serving.problems import Problem
from covergen.serving.queue import Allowance


@pytest.fixture
def doors(clock):
    names = ("label", "shop")
    return Doors((Key(n, hashlib.sha256(n.encode()).hexdigest(), Allowance()) for n in names), clock=clock)


def status(doors, key, address):
    try:
        doors.caller({"x-api-key": key} if key else {}, address=address)
    except Problem as problem:
        return problem.status
    return 200


def test_an_address_has_few_guesses_a_minute_and_learns_nothing_after_them(doors, clock):
    assert status(doors, "shop", "10.0.0.1") == 200
    assert {status(doors, f"guess {k}", "10.0.0.1") for k in range(GUESSES)} == {401}
    assert status(doors, "guess", "10.0.0.1") == 429
    assert status(doors, "label", "10.0.0.1") == 429  # right, but not known to come from there
    assert status(doors, "shop", "10.0.0.1") == 200
    assert status(doors, "label", "10.0.0.2") == 200 and status(doors, "guess", "10.0.0.2") == 401
    clock.now = GUESSES_SECONDS + 1
    assert status(doors, "label", "10.0.0.1") == 200


def test_no_key_is_no_guess(doors):
    assert {status(doors, "", "10.0.0.1") for _ in range(3 * GUESSES)} == {401}
    assert status(doors, "label", "10.0.0.1") == 200


def test_a_network_of_ipv6_is_one_address(doors):
    for k in range(GUESSES):
        status(doors, "guess", f"2001:db8::{k:x}")
    assert status(doors, "guess", "2001:db8::ffff") == 429
    assert status(doors, "guess", "2001:db8:0:1::1") == 401


def test_the_seconds_to_wait_are_told(doors, clock):
    for _ in range(GUESSES):
        status(doors, "guess", "")
    clock.now = 20.5
    with pytest.raises(Problem) as refused:
        doors.caller({"x-api-key": "guess"})
    assert refused.value.headers["Retry-After"] == "40"
