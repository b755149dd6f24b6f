import pytest

from covergen.sources.matching.spellings import read_title, same_title


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("Blue", ("Blue", False, "", "")),
        ("Blue (Original Motion Picture Soundtrack) [Deluxe]", ("Blue", True, "soundtrack", "")),
        ("Blue (Deluxe Edition) [Original Soundtrack]", ("Blue", True, "soundtrack", "")),
        ("Blue: Music from the HBO Original Series", ("Blue", False, "soundtrack", "")),
        ("Blue (Original Score)", ("Blue", False, "score", "")),
        ("Songs from the Film “Blue”", ("Blue", False, "soundtrack", "")),
        ("Blue O.S.T.", ("Blue", False, "soundtrack", "")),
        ("Blue (Original Broadway Cast Recording)", ("Blue", False, "broadway cast", "")),
        ("Blue (feat. Rain)", ("Blue", False, "", "")),
        ("Zoë (The Blue Album)", ("Zoë", False, "", "blue")),
        ("Rain (The Blue Album)", ("Rain (The Blue Album)", False, "", "")),
        ("÷ (Divide)", ("÷", False, "", "divide")),
        ("÷ (Live)", ("÷ (Live)", False, "", "")),
        ("The Score", ("The Score", False, "", "")),
        ("The Soundtrack", ("The Soundtrack", False, "", "")),
        ("Blue Original Score", ("Blue", False, "score", "")),
        ("Soundtrack", ("Soundtrack", False, "", "")),
        ("Music for Films", ("Music for Films", False, "", "")),
        ("(Deluxe Edition)", ("(Deluxe Edition)", False, "", "")),
    ],
)
def test_a_title_taken_apart(title, parts):
    assert tuple(read_title(title, "Zoë")) == parts


def test_what_is_told_on_one_side_alone_parts_nothing():
    plain, film, stage = (read_title(f"Blue{end}") for end in ("", " (Original Score)", " (London Cast)"))
    assert same_title(plain, film)
    assert same_title(stage, plain)
    assert not same_title(film, stage)


def test_the_word_for_what_it_is_counts_unless_that_is_told():
    ep, plain = read_title("Blue EP"), read_title("Blue")
    assert same_title(ep, plain, kind="ep")
    assert not same_title(ep, plain, kind="album")
