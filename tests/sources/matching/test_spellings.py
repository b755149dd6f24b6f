import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.sources.matching.spellings import same_spelling, spellings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("P!nk", "Pink"),
        ("A$AP", "ASAP"),
        ("Curren$y", "Currensy"),
        ("R3HAB", "Rehab"),
        ("MF D00M", "MF Doom"),
        ("M.I.A.", "MIA"),
        ("Jay-Z", "JayZ"),
        ("/\\/\\/\\Y/\\", "Maya"),
        ("Œuvre", "Oeuvre"),
        ("The Vol. 4", "Vol 4"),
        ("Vol. IV", "Volume Four"),
        ("Sgt. Rain", "Sergeant Rain"),
        ("Salt-N-Pepa", "Salt 'n' Pepa"),
        ("S**t Happens", "Shit Happens"),
        ("Twenty", "20"),
        ("Thirty Seconds", "30 Seconds"),
        ("Twenty One Pilots", "21 Pilots"),
        ("Three 6", "Three Six"),
        ("Boyz II Men", "Boyz 2 Men"),
        ("Zoë X", "Zoë 10"),
        ("Rain³", "Rain 3"),
        ("CHVRCHES", "Churches"),
        ("ALVVAYS", "Always"),
    ],
)
def test_two_spellings_of_a_name(one, other):
    assert same_spelling(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("!!!", "???"),
        ("", ""),
        ("D12", "DIZ"),
        ("Maroon 5", "Maroons"),
        ("Two Volumes", "2"),
        ("Panic!", "Panici"),
        ("Я", "R"),
        ("ДИСКО", "ДNСКО"),
        ("S**t", "Salt"),
        ("U2", "UZ"),
        ("I Am", "1 Am"),
        ("X Rain", "10 Rain"),
        ("Twenty Ten", "2010"),
    ],
)
def test_names_that_stay_two(one, other):
    assert not same_spelling(one, other)


@given(st.text(), st.text())
def test_any_text_is_spelt_as_itself(one, other):
    assert spellings(one) or not one.strip() or not one.isprintable()
    assert same_spelling(one, other) == same_spelling(other, one)
