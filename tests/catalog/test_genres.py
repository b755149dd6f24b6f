import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from covergen.catalog.genre_tree import ENDINGS, FAMILIES, HINTS
from covergen.catalog.genres import CANONICAL, canonical_genre, family_of, split_genres
from covergen.procedural.factors import GENRES


@pytest.mark.parametrize(
    ("raw", "genre"),
    [
        (["Hip-Hop"], "hip hop"),
        (["HIP_HOP/Rap"], "hip hop"),
        (["R&B/Soul"], "soul"),
        (["Drum & Bass"], "electronic"),
        (["rock en español"], "latin"),
        (["greek metal"], "metal"),
        (["metal from Athens"], "metal"),
        (["contemporary country"], "country"),
        (["country rock"], "country"),
        (["k-pop boy group"], "pop"),
        (["ectofolk"], "folk"),
        (["indietronica"], "electronic"),
        (["nwobhm, rock, hard rock, alternative metal, metal"], "metal"),
        (["soundtrack", "ambient"], "ambient"),
        (["soundtrack", "piano", "ambient"], "ambient"),
        (["soundtrack", "piano"], "classical"),
        (["video game music"], "soundtrack"),
        (["electronic", "ambient"], "electronic"),
        (["ambient", "electronic"], "ambient"),
        (["instrumental"], None),
        (["", " / ; "], None),
        ([], None),
    ],
)
def test_canonical(raw, genre):
    assert canonical_genre(raw) == genre


def test_splitting_keeps_words_and_order():
    assert split_genres(["House/Electronic; R&B", "electronic", "baroque, organ"]) == [
        "House",
        "Electronic",
        "R&B",
        "baroque",
        "organ",
    ]


def test_the_controlled_worlds_genres_are_canonical():
    assert set(GENRES) <= set(CANONICAL)
    assert all(canonical_genre([genre]) == genre for genre in GENRES)


def test_every_family_and_leaf_leads_home():
    for family, leaves in FAMILIES.items():
        assert family_of(family) == family
        assert all(family_of(leaf) == family for leaf in leaves)
    assert {*HINTS.values(), *ENDINGS.values()} <= set(FAMILIES)


def test_no_leaf_is_in_two_families():
    counts = Counter(leaf for leaves in FAMILIES.values() for leaf in leaves)
    assert [leaf for leaf, count in counts.items() if count > 1 or leaf in FAMILIES] == []


@pytest.mark.samples
def test_real_genres_are_known():
    folder = os.environ.get("COVERGEN_SAMPLES")
    if not folder:
        pytest.skip("COVERGEN_SAMPLES is unset")
    with Path(folder, "samples/catalogue/predecessor_train.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    unknown = [row["genres"] for row in rows if canonical_genre([row["genres"]]) is None]
    assert len(unknown) < 0.01 * len(rows)
    agree = {"Hip-Hop": "hip hop", "Country": "country", "Jazz": "jazz", "R&B": "soul", "Blues": "blues"}
    told = [
        (agree[r["singular_genre"]], canonical_genre([r["genres"]]))
        for r in rows
        if r["singular_genre"] in agree
    ]
    assert sum(one == other for one, other in told) > 0.85 * len(told)
