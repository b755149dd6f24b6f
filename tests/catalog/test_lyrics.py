import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.catalog.lyrics import (
    EXPLICIT,
    STEM,
    STOP_WORDS,
    THEMES,
    is_explicit,
    language_of,
    quotes,
    themes,
)
from covergen.sources.matching.editions import fold

# Written for these tests.
SONGS = {
    "en": (
        "the ocean is so wide and I sail it with you\n"
        "waves are all that we have on the shore\n"
        "and I am not in love with the sea"
    ),
    "de": (
        "das Meer ist weit und ich bin nicht bei dir\n"
        "die Wellen sind so hoch wie nie\n"
        "und ich segel mit dir auf dem Ozean"
    ),
    "fr": (
        "la plage est vide et je pense à toi\n"
        "les vagues sont là et tu ne viens pas\n"
        "l'océan dans mes yeux quand je suis sans toi"
    ),
    "es": (
        "el mar está lejos y yo no te veo\n"
        "las olas son altas en la playa de mi vida\n"
        "y el océano que no se va con la marea"
    ),
    "pt": (
        "o mar é tão longe e eu não te vejo\n"
        "as ondas são altas na praia da minha vida\n"
        "e o oceano que não vai com a maré"
    ),
    "it": (
        "il mare è lontano e io non ti vedo\n"
        "le onde sono alte sulla spiaggia della mia vita\n"
        "e l'oceano che non va con la marea"
    ),
}


@pytest.mark.parametrize("language", SONGS)
def test_each_language_and_its_themes_are_told(language):
    assert language_of(fold(SONGS[language]).split()) == language
    assert themes(SONGS[language], 1) == ("the sea",)
    assert "the sea" in themes(SONGS[language].upper(), 3)


@pytest.mark.parametrize(
    "lyrics",
    [
        "",
        "la la la la la la la la la la la la la la",
        "sea ocean waves",
        "海は広いな 大きいな 月がのぼるし 日が沈む\n" * 4,
        "море волны океан и ты со мной и я с тобой и море\n" * 4,
        "de zee is breed en ik ben hier met jou\nde golven zijn zo hoog als nooit",
    ],
)
def test_nothing_is_told_of_what_is_not_understood(lyrics):
    assert themes(lyrics, 3) == ()


def test_a_line_counts_once_however_often_it_is_sung():
    refrain = "the moon is over me and you\n"
    rest = "and I will not be there for you when we are all that they have\n"
    assert themes(rest + refrain * 9, 3) == ()
    assert themes(rest + refrain + "and the midnight is here\n", 3) == ("night",)


def test_explicit_lines_tell_nothing():
    lines = SONGS["en"].splitlines()
    assert themes("\n".join(f"{line} fucking" for line in lines), 3) == ()


def test_explicit_titles_by_the_language_of_the_song():
    assert is_explicit("Love Bite", SONGS["fr"]) and not is_explicit("Love Bite", SONGS["en"])
    assert is_explicit("FUCK it", SONGS["de"]) and is_explicit("Mierda", "")
    assert not is_explicit("Blue", "")


def test_quoting_is_five_words_in_a_row():
    song = "One two, three\nfour five six"
    assert quotes("... 'two THREE four five six'!", song)
    assert not quotes("two three four five seven six", song)
    assert not quotes("two three four five", song)


@given(st.text(), st.integers(1, 3))
def test_any_text_is_read_and_only_our_own_words_come_out(lyrics, count):
    told = themes(lyrics, count)
    assert len(told) <= count and set(told) <= set(THEMES)


def test_word_lists_are_in_their_own_spelling():
    languages = set(STOP_WORDS)
    assert set(EXPLICIT) == languages == set(SONGS)
    for by_language in THEMES.values():
        assert set(by_language) == languages
        for word in " ".join(by_language.values()).split():
            stem = word.removesuffix("*")
            assert fold(stem) == stem and (word == stem or len(stem) >= STEM), word
    for words in (*STOP_WORDS.values(), *EXPLICIT.values()):
        assert all(fold(word) == word for word in words.split())
    assert not set(" ".join(EXPLICIT.values()).split()) & set(" ".join(THEMES).split())
