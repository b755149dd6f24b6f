import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.sources.matching.editions import artist_key, fold, title_key, without_edition


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Little Feat and Friends", "Little"),
        ("Tyler, The Creator", "Tyler"),
        ("The The", "The Who"),
        ("The The", "The"),
        ("Ft. Worth", "Ft. Lauderdale"),
        ("", "The"),
    ],
)
def test_artists_that_only_look_alike(one, other):
    assert artist_key(one) != artist_key(other)


def test_titles_that_are_all_edition_keep_their_words():
    assert title_key("(Deluxe Edition)") == ("deluxe edition", False, False)
    assert title_key("Deluxe") == ("deluxe", False, False)
    assert title_key("The Blue (Deluxe Edition)") == ("blue", True, True)


@pytest.mark.parametrize(
    ("title", "rest"),
    [
        ("Blue (2010 - Remaster)", "Blue"),
        ("Blue - 2010 - Remaster", "Blue"),
        ("Blue [Deluxe Apple Music Version]", "Blue"),
        ("Blue (with Bonus Tracks)", "Blue (with Bonus Tracks)"),
        ("Blue (Deluxe Edition 2)", "Blue (Deluxe Edition 2)"),
        ("Blue Deluxe", "Blue Deluxe"),
        ("Happy Anniversary", "Happy Anniversary"),
        ("The Special Edition", "The Special Edition"),
        ("Blue - The Moonlight Edition", "Blue"),
        ("Blue - Live Edition", "Blue - Live Edition"),
        ("Blue: Moonlight Edition", "Blue: Moonlight Edition"),
        ("Blue (Pt. 2 Edition)", "Blue (Pt. 2 Edition)"),
    ],
)
def test_what_an_edition_is_without(title, rest):
    assert without_edition(title) == rest


@given(st.text(), st.text())
def test_keys_are_made_of_any_text(one, other):
    assert fold(fold(one)) == fold(one)
    if one.strip() and other.strip():
        assert artist_key(one) == artist_key(f" {one}\t")
        assert title_key(one).key or not fold(one)
