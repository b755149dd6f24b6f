import csv
from collections import defaultdict

import pytest
import yaml

from covergen.catalog import genres
from covergen.catalog.agreement import Disagreement, agreement, names_the_same
from covergen.catalog.genres import (
    BROAD,
    CANONICAL,
    FAMILIES,
    HINTS,
    KIN,
    canonical_genre,
    family_of,
    genre_note,
    near_genres,
    plain,
    split_genres,
)
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
        (["dream pop"], "pop"),
        (["deathmetal"], "metal"),
        (["norwegian blackmetal"], "metal"),
        (["bardcore"], "folk"),
        (["lo-fi"], "hip hop"),
        (["Lofi", "indie rock"], "rock"),
        (["rap latina"], "hip hop"),
        (["nwobhm, rock, hard rock, alternative metal, metal"], "metal"),
        (["soundtrack", "ambient"], "ambient"),
        (["soundtrack", "piano", "ambient"], "ambient"),
        (["soundtrack", "piano"], "classical"),
        (["video game music"], "soundtrack"),
        (["electronic", "ambient"], "electronic"),
        (["ambient", "electronic"], "ambient"),
        (["Piano Music"], "classical"),
        (["Acoustic Guitar Music"], "folk"),
        (["A Capella"], "pop"),
        (["music"], None),
        (["instrumental"], None),
        (["", " / ; "], None),
        ([], None),
    ],
)
def test_canonical(raw, genre):
    assert canonical_genre(raw) == genre


@pytest.mark.parametrize(
    "word",
    [
        "bananacore",
        "popcorn",
        "discore",
        "rocket",
        "cottagecore",
        "technoblade",
        "Jazzercise",
        "metallica",
        "soulless",
        "popular",
        "operation",
        "trapeze",
        "blueside",
        "punkt",
        "folkloric",
        "regain",
        "Рокот",
    ],
)
def test_a_word_is_never_known_by_a_part_of_it(word):
    assert family_of(word) is None
    assert canonical_genre([word, f"old {word}"]) is None


@pytest.mark.parametrize(
    ("spelled", "genre"),
    [
        (("R&B", "R & B", "R'n'B", "R’n’B", "RnB", "r and b", "Rhythm & Blues"), "soul"),
        (("Drum & Bass", "Drum'n'Bass", "Drum ’n’ Bass", "drum n bass", "D&B", "DnB"), "electronic"),
        (("Rock'n'Roll", "Rock & Roll", "ROCK ‘N’ ROLL", "rock n roll", "Rock and Roll"), "rock"),
        (("Singer/Songwriter", "Singer-Songwriter", "singer / songwriter", "Singer／Songwriter"), "folk"),
        (("Children's Music", "Children’s Music", "childrens music"), "pop"),
        (("Folk, World, & Country", "folk, world & country"), "folk"),
        (
            ("hip\u2010hop", "hip\u2011hop", "hip\u2013hop", "Hip_Hop", "HIP  HOP", "ｈｉｐ　ｈｏｐ"),
            "hip hop",
        ),
        (("rock en español", "rock en espan\u0303ol", "ROCK EN ESPANOL"), "latin"),
    ],
)
def test_all_ways_to_write_a_name_are_one(spelled, genre):
    assert {canonical_genre([word]) for word in spelled} == {genre}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("17", ["Rock"]),
        ("(17)", ["Rock"]),
        (" (4)(9) ", ["Disco", "Metal"]),
        ("(4)Eurodisco", ["Disco", "Eurodisco"]),
        ("17;8", ["Rock", "Jazz"]),
        ("17/8", ["Rock", "Jazz"]),
        ("17, 8, Bebop", ["Rock", "Jazz", "Bebop"]),
        ("(17);(8)", ["Rock", "Jazz"]),
        ("1981", ["1981"]),
        ("(255)", ["(255)"]),
        ("80s", ["80s"]),
    ],
)
def test_numbers_of_id3v1_are_words(raw, words):
    assert split_genres([raw]) == words


def test_a_name_with_a_slash_stays_whole_where_lists_are_split():
    raw = ["Singer/Songwriter/Pop; Folk, World, & Country, Jazz", "ヒップ・ホップ・ロック"]
    assert split_genres(raw) == [
        "Singer/Songwriter", "Pop", "Folk, World, & Country", "Jazz", "ヒップ・ホップ", "ロック",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("genre", "words"),
    [
        ("rock", ["Rockmusik", "РОК", "рок-музыка", "ロック", "ﾛｯｸ", "摇滚", "搖滾", "록", "Anadolu rock"]),
        (
            "classical",
            ["Klassik", "klassische Klaviermusik", "Classique", "Música clásica", "Musica classica"],
        ),
        (
            "classical",
            ["Erudita", "Klassiek", "Muzyka poważna", "MUZYKA POWAZNA", "Классика", "Класична музика"],
        ),
        (
            "classical",
            ["クラシック", "古典", "古典音樂", "클래식", "Klasik müzik", "Klassiskt", "Vážná hudba"],
        ),
        ("pop", ["Schlager", "Variété française", "Musica leggera", "Эстрада", "J-ポップ", "流行", "가요"]),
        (
            "folk",
            ["Volksmusik", "TÜRK HALK MÜZİĞİ", "Muzyka ludowa", "Народная", "民謡", "민요", "Liedermacher"],
        ),
        ("electronic", ["Électronique", "Eletrônica", "Elektronika", "Электронная музыка", "電子音楽"]),
        ("hip hop", ["хип-хоп", "ヒップホップ", "嘻哈", "힙합", "Türkçe rap"]),
        (
            "soundtrack",
            ["Filmmusik", "Bande originale", "Colonne sonore", "Саундтрек", "サントラ", "电影原声"],
        ),
        ("spoken word", ["Hörbuch", "Livre audio", "Ljudbok", "Аудиокниги", "Audioknihy", "有声书"]),
    ],
)
def test_other_languages_are_read(genre, words):
    assert {word: canonical_genre([word]) for word in words} == dict.fromkeys(words, genre)


def test_names_of_other_languages_stand_for_names_of_the_tree_and_never_for_two_genres():
    languages = yaml.safe_load(genres._NAMES.read_text(encoding="utf-8"))
    assert len(languages) >= 15
    told = defaultdict(set)
    for names in languages.values():
        for name, others in names.items():
            stands_for = canonical_genre([name])
            assert stands_for, name
            for other in others:
                told[plain(other)].add(stands_for)
                assert canonical_genre([other]) == stands_for, other
    assert {name: found for name, found in told.items() if len(found) > 1} == {}


def test_what_the_tree_does_not_know_is_said_and_near_misses_are_offered():
    assert genre_note("bananacore").startswith("bananacore is unknown; painted as: unknown. Near: ")
    assert "(electronic)" in genre_note("bananacore")
    assert genre_note(" clasical ") == (
        "clasical is unknown; painted as: unknown. "
        "Near: classical, neoclassical (classical), musical (soundtrack)."
    )
    assert genre_note("zzz").endswith("Known: " + ", ".join(CANONICAL) + ".")
    assert [genre_note(known) for known in ("jazz", "Klassik", "rock, zzz", "unknown", " ", "17")] == [
        None
    ] * 6
    assert near_genres("клсика")[0] == "класика"


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
    assert {*HINTS.values(), *KIN, *KIN.values(), *BROAD} <= set(FAMILIES)
    assert not set(KIN) & set(KIN.values()), "kin have one head, and heads have none"


def test_no_leaf_is_in_two_families():
    names = [plain(name) for family, leaves in FAMILIES.items() for name in (family, *leaves)]
    assert len(names) == len(set(names))


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
