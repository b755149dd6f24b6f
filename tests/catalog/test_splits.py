from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.catalog.splits import split_of


def test_shares_are_those_asked_for():
    counts = Counter(split_of(f"Artist {k}", validation=0.05, test=0.1) for k in range(20_000))
    assert counts["test"] == pytest.approx(2000, rel=0.1)
    assert counts["validation"] == pytest.approx(1000, rel=0.15)


@given(st.text(min_size=1))
def test_spelling_moves_nobody(artist):
    upper = f"  {artist}  "
    assert split_of(artist, validation=0.3, test=0.3) == split_of(upper, validation=0.3, test=0.3)


@pytest.mark.parametrize(
    "spelling",
    ["the zoe", "ZOË", "Zoë feat. Rain", "Zoë; Rain", "Zoe ft. Rain & Snow", "Zoë (featuring Rain)"],
)
def test_every_spelling_of_an_artist_is_in_one_split(spelling):
    for test in (0.2, 0.4, 0.6, 0.8):
        assert split_of(spelling, validation=0.1, test=test) == split_of("Zoë", validation=0.1, test=test)


@given(st.text(), st.floats(0, 0.5), st.floats(0, 0.4))
def test_a_greater_share_only_adds(artist, test, more):
    if split_of(artist, validation=0, test=test) == "test":
        assert split_of(artist, validation=0, test=test + more) == "test"


def test_splits_of_known_artists_never_change():
    assert [
        split_of(name, validation=0.05, test=0.1) for name in ("Rose Kestrelle", "1F616EMO", "Eric Skiff")
    ] == [
        "test",
        "test",
        "train",
    ]


def test_controlled_world_keeps_its_own():
    for k in range(200):
        assert split_of(f"A{k}", validation=0.3, test=0.5, source_url=f"procedural:eval/{k}") == "test"
        assert split_of(f"A{k}", validation=0.3, test=0.5, source_url=f"procedural:train/{k}") != "test"
    assert split_of("A", validation=0, test=0, source_url="procedural:train/0") == "train"
