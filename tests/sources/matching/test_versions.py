import pytest

from covergen.sources.matching.matching import Candidate, best
from covergen.sources.matching.versions import version
from covergen.sources.web_source import Wanted


@pytest.mark.parametrize(
    "title", ["Discover", "Mixed Feelings", "Coverdale", "Tributary", "Karaokean", "Remixed"]
)
def test_words_that_only_begin_alike_are_none(title):
    assert version((title,), ("Blue",)) is None


@pytest.mark.parametrize(
    ("title", "artist"),
    [
        ("Mixed", "Zoë"),
        ("Run for Cover", "Zoë"),
        ("Tribute", "Tenacious D"),
        ("Karaoke", "Zoë"),
        ("Lullaby Renditions of Blue", "Rockabye Baby!"),
        ("Slowed", "Minus One"),
    ],
)
def test_who_asks_for_a_rendition_gets_it(title, artist):
    offered = (f"{title} (Remastered)", title)
    assert version((title, artist), (title, artist)) is None
    assert best(Wanted("w", artist, title), [Candidate(each, artist, each) for each in offered]).id == title
