import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from covergen.errors import BadInput, RejectCode
from covergen.sources.matching import matching
from covergen.sources.matching.matching import Candidate, TrackCandidate, best, best_track, leads
from covergen.sources.web_source import Wanted, WantedTrack


def wanted(title="Blue", artist="Zoë", year="1994", upc=None, songs=()):
    tracks = tuple(WantedTrack(f"t{k}", song, artist) for k, song in enumerate(songs))
    return Wanted("w", artist, title, year, upc, tracks)


def offer(*titles, artist="Zoë", year="1994", **more):
    return [Candidate(str(k), artist, title, year, **more) for k, title in enumerate(titles)]


def refusal(album, candidates) -> str:
    with pytest.raises(BadInput) as problem:
        best(album, candidates)
    assert problem.value.code is RejectCode.NO_MATCH
    assert not problem.value.retriable
    return problem.value.reason


def test_a_upc_decides_whatever_else_is_told():
    offered = [*offer("Blue"), Candidate("x", "Zoe & Band", "Blue (Karaoke)", "2020", "0602475093060")]
    assert best(wanted(upc="602475093060"), offered).id == "x"
    assert best(wanted(upc="00602475093060"), offered).id == "x"
    assert best(wanted(upc="602475093061"), offered).id == "0"
    assert best(wanted(), offered).id == "0"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("602475093060", "00602475093060"),
        ("0077778147923", "00077778147923"),
        ("77778147923", "00077778147923"),
        ("0 77778-14792 3", "00077778147923"),
        ("000000000000", None),
        ("123", None),
        ("", None),
        (None, None),
        ("60247509306O", None),
        ("６０２４７５０９３０６０", None),
        ("999999999999999", None),
    ],
)
def test_a_upc_is_a_number_with_leading_zeros(text, key):
    assert matching.upc_key(text) == key


def test_an_isrc_is_spelt_in_one_way():
    assert matching.isrc_key("gb-duw-00-00059") == matching.isrc_key("GBDUW0000059") == "GBDUW0000059"
    assert matching.isrc_key("GBDUW000005") is matching.isrc_key(None) is None


@pytest.mark.parametrize(
    ("title", "artist"),
    [
        ("blue!", "ZOE"),
        ("Blue (Deluxe Edition)", "Zoë"),
        ("Blue", "Zoë; Rain"),
        ("Blue", "Zoë feat. Rain"),
        ("Blue (feat. Rain)", "Zoë"),
        ("The Blue", "Zoë"),
        ("Blue", "The Zoë"),
    ],
)
def test_spellings_of_the_album_match(title, artist):
    assert best(wanted(), offer(title, artist=artist)).title == title


@pytest.mark.parametrize(
    ("title", "artist", "reason"),
    [
        ("Blue (Karaoke Version)", "Zoë", "karaoke"),
        ("Blue", "Zoë; Karaoke All-Stars", "karaoke"),
        ("Blue (Tribute to Zoë)", "Various Artists", "a tribute"),
        ("Blue (Made Famous by Zoë)", "The Cover Crew", "made famous by another"),
        ("Blue (Originally Performed By Zoë)", "Hit Crew", "made famous by another"),
        ("Blue (In the Style of Zoë)", "Zoë", "in another's style"),
        ("Lullaby Renditions of Zoë", "Rockabye Baby!", "a lullaby"),
        ("Blue (Mixed)", "Zoë", "mixed by a DJ"),
        ("Blue [Mixed]", "Zoë", "mixed by a DJ"),
        ("Blue (DJ Mix)", "Zoë", "mixed by a DJ"),
        ("Blue (Cover)", "Zoë", "a cover version"),
        ("Blue (Backing Track)", "Zoë", "a backing track"),
        ("Blue (Sped Up)", "Zoë", "at another speed"),
        ("ブルーカラオケ", "Zoë", "karaoke"),
        ("Blue (караоке)", "Zoë", "karaoke"),
        ("Blue (Live)", "Zoë", "another title"),
        ("Blue II", "Zoë", "another title"),
        ("Blue", "Zoe Quartet", "another artist"),
        ("Blue", "Rain", "another artist"),
    ],
)
def test_what_is_not_the_album_is_named_with_the_reason(title, artist, reason):
    message = refusal(wanted(), offer(title, artist=artist))
    assert message == (f"for the album 'Blue' by Zoë (1994) there was {title!r} by {artist} (1994): {reason}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("雨", "雪"),
        ("ночь", "ночи"),
        ("ก้าว", "กาว"),
        ("カ", "ガ"),
        ("שלום", "עולם"),
        ("!!!", "???"),
        ("밤", "낮"),
        ("ليل", "نهار"),
    ],
)
def test_other_scripts_match_themselves_alone(one, other):
    assert best(wanted(one, one), offer(other, one, artist=one)).id == "1"
    assert "another title" in refusal(wanted(one, one), offer(other, artist=one))
    assert "another artist" in refusal(wanted(one, one), offer(one, artist=other))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Lady Gaga; Bruno Mars", "Lady Gaga & Bruno Mars", True),
        ("Jay-Z and Kanye West", "Kanye West, JAY-Z", True),
        ("宇多田ヒカル、椎名林檎", "宇多田ヒカル; 椎名林檎", True),
        ("Earth, Wind & Fire", "Earth Wind and Fire", True),
        ("AC/DC", "AC DC", True),
        ("Simon & Garfunkel", "Simon", False),
        ("Tyler, The Creator", "Tyler", False),
        ("+/-", "&&&", False),
        ("Andy", "Candy", False),
        ("Max", "Ma x", False),
        ("P!nk", "Pink", True),
        ("!!! (Chk Chk Chk)", "!!!", False),  # in part: it needs the same year
        ("Various Artists", "Various", True),
        ("Various Artists", "Unknown Artist", False),
        ("Nirvana (band)", "Nirvana", True),
        ("Nirvana (UK)", "Nirvana", False),
        ("The The", "The", False),
        ("The, The", "The The", True),
        ("The Who", "Who, The", True),
    ],
)
def test_artists_joined_otherwise_are_the_same(one, other, same):
    assert matching.same_artist(one, other) is matching.same_artist(other, one) is same


@pytest.mark.parametrize(
    ("artist", "first"),
    [
        ("AC/DC", "AC/DC"),
        ("Earth, Wind & Fire", "Earth, Wind & Fire"),
        ("Crosby, Stills, Nash and Young", "Crosby, Stills, Nash and Young"),
        ("Tyler, The Creator", "Tyler, The Creator"),
        ("+/-", "+/-"),
        ("Lil Nas X", "Lil Nas X"),
        ("Earth, Wind & Fire; Rain", "Earth, Wind & Fire"),
        ("Zoë & Rain", "Zoë"),
        ("Zoë / Rain", "Zoë"),
        ("Zoë, Rain", "Zoë"),
        ("Zoë feat. Rain", "Zoë"),
        ("; Rain", "Rain"),
        ("", ""),
    ],
)
def test_who_is_searched_for_is_never_half_a_name(artist, first):
    assert matching.first_artist(artist) == first


def test_the_first_artist_alone_needs_the_same_year():
    album = wanted("Watch", "Jay-Z & Kanye West", "2011")
    assert best(album, offer("Watch", artist="JAY-Z", year="2011")).id == "0"
    whole = Candidate("whole", "Kanye West, Jay-Z", "Watch", "2012")
    assert best(album, [*offer("Watch", artist="JAY-Z", year="2011"), whole]) is whole
    for year in ("2012", None):
        assert "only in part" in refusal(album, offer("Watch", artist="JAY-Z", year=year))
    assert "another artist" in refusal(album, offer("Watch", artist="Kanye West", year="2011"))


def test_names_for_many_artists_and_articles_need_the_same_year():
    various = wanted("Blue Note Hits", "Various Artists")
    assert best(various, offer("Blue Note Hits", artist="Various Artists")).id == "0"
    assert refusal(various, offer("Blue Note Hits", artist="Various Artists", year=None))
    assert refusal(wanted(), offer("The Blue", year="1995"))
    assert refusal(wanted(year=None), offer("The Blue"))


def test_years_count_between_plain_titles_alone():
    assert best(wanted(), offer("Blue", year="1995-03-01")).id == "0"
    assert "another year" in refusal(wanted(), offer("Blue", year="1996"))
    assert best(wanted(), offer("Blue", year=None)).id == "0"
    assert best(wanted(), offer("Blue (25th Anniversary Edition)", year="2019")).id == "0"
    assert best(wanted("Blue (Deluxe)", year="2014"), offer("Blue")).id == "0"
    assert refusal(wanted("Blue (Deluxe)", year="2014"), offer("Blue (Deluxe)", year="2020"))


def test_an_edition_is_never_older_than_what_it_is_an_edition_of():
    assert "another year" in refusal(wanted(year="1993"), offer("Blue (2010 Remaster)", year="1981"))
    assert "another year" in refusal(wanted("Blue (2010 Remaster)", year="1981"), offer("Blue", year="1993"))
    assert best(wanted("Blue (Deluxe)", year="2014"), offer("Blue (2011 Remaster)", year="1994")).id == "0"


def test_an_album_named_after_its_artist_holds_to_the_year():
    album = wanted("Zoë", year="1981")
    assert "another year" in refusal(album, offer("Zoë (Deluxe Edition)", year="2001"))
    assert best(album, offer("Zoë (Deluxe Edition)", year="1981")).id == "0"
    assert best(album, offer("Zoë (20th Anniversary Edition)", year="2001")).id == "0"
    assert "another year" in refusal(album, offer("Zoë (20th Anniversary Edition)", year="2013"))
    assert "another year" in refusal(wanted(), offer("Blue (20th Anniversary Edition)", year="2003"))
    part = Wanted("w", "Zoë Blue", "Zoë", "1956")
    assert outcome(part, [Candidate("x", "Zoë Blue", "Zoë (Remastered)", "1973")]) is None


def test_two_nicknames_of_one_year_are_not_equals():
    two = offer("Zoë (The Red Album)", "Zoë (The Grey Album)", year="2001")
    assert "several" in refusal(wanted("Zoë", year="2001"), two)
    assert best(wanted("Zoë (Red Album)", year="2001"), two).id == "0"


def test_the_album_proper_wins():
    offered = [
        Candidate("ep", "Zoë", "Blue EP", "1994", kind="ep"),
        Candidate("deluxe", "Zoë", "Blue (Deluxe)", "1994"),
        Candidate("next", "Zoë", "Blue", "1995"),
        Candidate("single", "Zoë", "Blue", "1994", kind="single"),
        Candidate("undated", "Zoë", "Blue", None),
        Candidate("album", "Zoë", "Blue", "1994", kind="album"),
        Candidate("again", "Zoë", "BLUE", "1994", kind="album"),
    ]
    random.Random(1).shuffle(offered)
    order = []
    while offered:
        try:
            order.append(best(wanted(), offered).id)
        except BadInput:
            break
        offered = [each for each in offered if each.id != order[-1]]
    assert order[2:] == ["next", "undated", "deluxe", "ep"]
    assert sorted(order[:2]) == ["again", "album"]
    assert [each.id for each in offered] == ["single"]


def test_an_edition_that_is_asked_for_wins():
    offered = offer("Blue", "Blue [Deluxe]", "Blue (Deluxe)", "Blue (2011 Remaster)")
    assert best(wanted("Blue (Deluxe)"), offered).id == "1"
    assert best(wanted("Blue (Deluxe)"), [offered[3], offered[0]]).id == "0"


def test_a_single_is_taken_where_one_asks_for_it():
    single = offer("Blue", kind="single")
    assert "a single" in refusal(wanted(), single)
    assert "a single" in refusal(wanted(songs=["Blue", "Red"]), single)
    assert best(wanted(songs=["Blue (feat. Rain)"]), single).id == "0"
    assert best(wanted("Blue - Single"), single).id == "0"
    assert best(wanted("Blue EP"), offer("Blue", kind="ep")).id == "0"
    assert "another title" in refusal(wanted("Blue EP"), offer("Blue", kind="album"))


def test_equals_of_two_years_are_refused_and_others_go_by_their_order():
    album = wanted("Zoë", year=None)
    two = [*offer("Zoë", year="1994"), *offer("Zoë", year="2001")]
    assert refusal(album, two).endswith("none nearer than the rest: 'Zoë' by Zoë (1994); 'Zoë' by Zoë (2001)")
    assert "several" in refusal(wanted(), [*offer("Blue", year="1993"), *offer("Blue", year="1995")])
    assert best(wanted(), offer("Blue", "Blue")).id == "0"


def test_a_long_list_is_cut_and_an_empty_one_said():
    assert refusal(wanted(year=None), []) == (
        "for the album 'Blue' by Zoë (of an unknown year) there was nothing"
    )
    assert refusal(wanted(), offer(*"abcdef")).endswith("'d' by Zoë (1994): another title; and 2 more")


def test_leads_are_what_may_be_the_album_once_its_year_is_known():
    offered = [
        *offer("Blue (Deluxe)", "Blue", "The Blue", "Red", year=None),
        Candidate("first", "Zoë & Rain", "Blue", None),
        Candidate("late", "Zoë", "Blue", "2001"),
    ]
    assert [each.id for each in leads(wanted(), offered)] == ["1", "2", "0", "first"]


NAMES = st.sampled_from(["Blue", "The Blue", "Blue (Deluxe)", "Blue (Live)", "Blue EP", "Blau", "雨", "!!!"])
ARTISTS = st.sampled_from(["A", "The A", "A & B", "B; A", "A feat. B", "B", "雪", "Various Artists", ""])
YEARS = st.sampled_from([None, "1994", "1995", "2001"])
KINDS = st.sampled_from([None, "album", "ep", "single", "compilation"])
OFFERS = st.lists(st.tuples(ARTISTS, NAMES, YEARS, KINDS), max_size=8, unique=True)


@settings(deadline=None)
@given(ARTISTS, NAMES, YEARS, OFFERS, st.randoms())
def test_the_order_of_different_offers_decides_nothing_that_can_be_told(
    artist, title, year, offered, shuffle
):
    album = Wanted("w", artist, title, year)
    candidates = [Candidate(str(k), a, t, y, kind=kind) for k, (a, t, y, kind) in enumerate(offered)]
    first = outcome(album, candidates)
    if first is not None:
        assert first in leads(album, candidates)
        assert outcome(album, [first]) is first
    shuffle.shuffle(candidates)
    again = outcome(album, candidates)
    assert (first is None) == (again is None)
    if first is not None and again is not None:
        one, other = (matching.title_key(each.title).key.removesuffix(" ep") for each in (first, again))
        assert one == other
        assert first.year == again.year or None in {first.year, again.year}


@settings(deadline=None)
@example("Zoë", " ", None)
@given(st.text(min_size=1), st.text(min_size=1), st.one_of(st.none(), st.text()))
def test_any_text_finds_itself(artist, title, year):
    album = Wanted("w", artist, title, "1999")
    assert outcome(album, [Candidate("x", artist, title, "1999", upc=year)]) is not None
    assert best_track(WantedTrack("t", title, artist), [TrackCandidate("x", artist, title, year)]).id == "x"


def outcome(album, candidates):
    try:
        return best(album, candidates)
    except BadInput:
        return None
