import csv
from collections import Counter

import pytest

from covergen.catalog.agreement import Disagreement, agreement, names_the_same
from covergen.catalog.genre_tree import BROAD, ENDINGS, FAMILIES, HINTS, KIN
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
        (["country rock"], "rock"),
        (["rock", "folk"], "folk"),
        (["folk", "rock", "rock and roll"], "rock"),
        (["pop", "folk"], "pop"),
        (["pop", "dance pop", "art pop", "rock", "garage rock", "metal", "death metal"], "metal"),
        (["singer-songwriter", "rock"], "rock"),
        (["british singer-songwriter"], "folk"),
        (["ccm", "worship", "hard rock"], "rock"),
        (["new jersey indie"], "rock"),
        (["synthpop"], "pop"),
        (["k-pop boy group"], "pop"),
        (["ectofolk"], "folk"),
        (["indietronica"], "pop"),
        (["folktronica"], "electronic"),
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
    assert {*HINTS.values(), *ENDINGS.values(), *KIN, *KIN.values(), *BROAD} <= set(FAMILIES)
    assert not set(KIN) & set(KIN.values()), "kin have one head, and heads have none"


def test_no_leaf_is_in_two_families():
    counts = Counter(leaf for leaves in FAMILIES.values() for leaf in leaves)
    assert [leaf for leaf, count in counts.items() if count > 1 or leaf in FAMILIES] == []


@pytest.mark.parametrize(
    ("theirs", "ours", "same"),
    [
        ("Hip-Hop", "hip hop", True),
        ("R&B", "soul", True),
        ("Alternative", "rock", True),
        ("Rock", "metal", True),
        ("Metal", "rock", False),
        ("Electronic", "ambient", True),
        ("Pop", "rock", False),
        ("Rock", None, False),
        ("Nonsense", None, False),
    ],
)
def test_their_word_holds_ours_or_is_it(theirs, ours, same):
    assert names_the_same(theirs, ours) is same


def test_disagreements_are_grouped_the_largest_first():
    albums = [
        (["bebop"], "Jazz"),
        (["Bebop", "swing"], "Rock"),
        (["bebop"], "Rock"),
        (["x"], "Pop"),
        (["jazz"], " "),
    ]
    found = agreement(albums)
    assert (found.albums, found.agreed, found.share) == (4, 1, 0.25)
    assert found.disagreements == (
        Disagreement("Rock", "jazz", 2, ("bebop", "swing")),
        Disagreement("Pop", None, 1, ("x",)),
    )
    assert agreement([]).share == 1


@pytest.mark.samples
def test_nine_in_ten_albums_of_a_real_catalogue_agree(samples):
    with (samples / "samples/catalogue/predecessor_train.csv").open(encoding="utf-8") as file:
        found = agreement(([row["genres"]], row["singular_genre"]) for row in csv.DictReader(file))
    assert found.albums == 3429
    assert found.share >= 0.90
    assert sum(group.albums for group in found.disagreements if group.ours is None) < 0.01 * found.albums
