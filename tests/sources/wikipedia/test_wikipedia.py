import calendar
import csv

import pytest

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.identity import album_id
from covergen.sources.wikipedia.source import YEARS, WikipediaSource, months_of, page_titles
from covergen.storage.tables import ALBUMS
from tests.sources.wikipedia.wiki_pages import (
    CHART,
    LEGACY,
    answer,
    document,
    facts_of,
    found,
    heading,
    monthly,
    parse,
    request_of,
    short,
    without_months,
)


def test_titles_by_rule():
    assert page_titles(1980) == ["1980 in music"]
    assert page_titles(2005) == ["List of 2005 albums"]
    assert page_titles(2021) == ["List of 2021 albums (January–June)", "List of 2021 albums (July–December)"]
    assert sum(len(page_titles(year)) for year in YEARS) == 46


@pytest.mark.samples
def test_titles_are_those_of_the_samples(samples):
    with (samples / "samples/wikipedia/page_titles_1980_2024.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert page_titles(int(row["year"])) == row["page_titles"].split("|")


def test_requests_ask_as_a_reader_does():
    source = WikipediaSource(years=[2021, 1999, 1999], base="http://127.0.0.1:8000/")
    assert [request.url for request in source.requests([])] == [
        "http://127.0.0.1:8000/wiki/1999_in_music",
        "http://127.0.0.1:8000/wiki/List_of_2021_albums_(January%E2%80%93June)",
        "http://127.0.0.1:8000/wiki/List_of_2021_albums_(July%E2%80%93December)",
    ]
    assert len(list(WikipediaSource().requests([]))) == 46
    rate_limit = source.rate_limit(request_of(1999))
    assert (rate_limit.count, rate_limit.seconds, rate_limit.at_once) == (200, 60, 3)


@pytest.mark.parametrize("years", [[], [1979], [2012, 2025]])
def test_years_without_a_list_are_refused(years):
    with pytest.raises(ConfigError, match="1980 to 2024"):
        WikipediaSource(years=years)


def test_an_empty_answer_and_a_missing_page_are_refusals():
    source, request = WikipediaSource(), request_of(2012)
    assert source.refusal(request, answer(b" ", request)).again
    assert source.refusal(request, answer(b"", request, 404)).code == RejectCode.NOT_FOUND
    assert source.refusal(request, answer(b"", request, 429)).code == RejectCode.RATE_LIMITED
    assert source.refusal(request, answer(document("x"), request)) is None


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"<!DOCTYPE html><title>Wikimedia Error</title><p>maintenance</html>", "titled 'Wikimedia Error'"),
        (document("<p>" * 900)[:-8], "titled 'List - Wikipedia'"),  # its end is missing
        (b"{}", "2 bytes of something else"),
        (b"\n", "with nothing"),
    ],
)
def test_what_is_no_whole_page_is_asked_for_again(body, seen):
    refusal = WikipediaSource().refusal(request_of(2012), answer(body, request_of(2012)))
    assert (refusal.code, refusal.again) == (RejectCode.SOURCE_ERROR, True)
    assert seen in refusal.reason


def test_a_record_says_where_it_is_from():
    album = found(LEGACY, 1980).albums[0]
    assert album["album_id"] == album_id("The Bs", "The A", "1980")
    assert album["source_url"] == "https://en.wikipedia.org/wiki/1980_in_music#January%E2%80%93March"
    assert (album["source"], album["source_revision"]) == ("wikipedia", "1234567")
    assert (album["licence"], album["release_date_precision"]) == ("CC-BY-SA-4.0", "day")
    known = {column.name for column in ALBUMS.columns} - {"checksum"}
    assert set(album) - {"kind"} == known - {"kind"}


@pytest.mark.parametrize(
    ("year", "content", "words"),
    [
        (1980, heading("Events") + CHART, "no section 'Albums released' among 'Events'"),
        (2012, "<p>Welcome</p>", "no table of albums among 0"),
        (1980, heading("Albums released") + "<p>moved</p>", "no table of albums"),
    ],
)
def test_a_page_without_a_list_is_a_new_layout(year, content, words):
    with pytest.raises(BadInput, match=words) as raised:
        parse(content, year)
    assert raised.value.code == RejectCode.NEW_LAYOUT


def test_a_page_that_only_points_elsewhere_is_followed_once():
    pointer = (
        "<a href='/wiki/List_of_2012_albums_(January%E2%80%93June)'>first</a> <a href='/wiki/Other'>x</a>"
    )
    parsed = parse(pointer)
    (request,) = parsed.follow
    assert request.url.endswith("/wiki/List_of_2012_albums_(January%E2%80%93June)")
    with pytest.raises(BadInput):
        WikipediaSource().parse(request, answer(document(pointer), request))


def months(*numbers: int, links: str = "") -> str:
    row = "<tr><th>{0}<br>7</th><td>A {0}</td><td><i>B</i></td><td></td><td></td><td></td></tr>"
    names = [calendar.month_name[number] for number in numbers]
    return links + "".join(monthly(row.format(name), month=name) for name in names)


SECOND = "List of 2022 albums (July–December)"
TO_SECOND = f"<p>For the rest see <a href='/wiki/{SECOND.replace(' ', '_')}'>there</a>.</p>"


def test_half_a_year_is_followed_to_the_other_half():
    content = months(*range(1, 7), links=TO_SECOND)
    parsed = parse(content, 2022)
    assert len(parsed.found.albums) == 6
    assert not parsed.found.rejects
    (request,) = parsed.follow
    assert request.about["title"] == SECOND
    second = WikipediaSource().parse(
        request, answer(document(months(*range(7, 13), links=TO_SECOND)), request)
    )
    assert (len(second.found.albums), second.found.rejects, second.follow) == (6, [], ())


@pytest.mark.parametrize(
    ("year", "content", "missing"),
    [
        (2022, months(*range(1, 7)), "July, August, September, October, November, December 2022"),
        (2022, months(1, 2, 3, 4, 6, links=TO_SECOND), "May 2022"),
        (2021, months(1, 2, 3, 5, 6), "April 2021"),  # its page of January to June
        (1980, LEGACY, "March, April, May, June, July, August, September, October, November, December 1980"),
    ],
)
def test_months_that_no_page_lists_are_told(year, content, missing):
    parsed = parse(content, year)
    (reject,) = [reject for reject in parsed.found.rejects if reject.key.endswith(", months")]
    assert (reject.problem.code, reject.in_summary) == (RejectCode.NOT_FOUND, True)
    assert f"(revision 1234567) lists no albums of {missing} and" in reject.problem.reason


def test_a_half_asks_for_no_page_that_led_to_it():
    whole = "<a href='/wiki/List_of_2021_albums'>both</a> <a href='/wiki/List_of_2020_albums'>other</a>"
    assert parse(months(1, 2, links=whole), 2021).follow == ()


@pytest.mark.parametrize(
    ("title", "first", "last"),
    [
        ("1999 in music", 1, 12),
        ("List of 2021 albums (January–June)", 1, 6),
        ("List of 2022 albums (July to December)", 7, 12),
        ("List of 2022 albums (second half)", 7, 12),
    ],
)
def test_the_months_of_a_page_by_its_title(title, first, last):
    assert months_of(title) == set(range(first, last + 1))


def test_an_album_listed_twice_is_kept_once():
    row = "<tr><th>January<br>{}</th><td>A</td><td><i>B</i></td></tr>"
    page = found(monthly(row.format(1) + row.format(9)))
    assert short(page.albums) == [("A", "B", "2012-01-01")]
    assert page.rejects[0].problem.code == RejectCode.DUPLICATE


@pytest.mark.parametrize(
    ("script", "revision"),
    [
        ('<script>{"wgRevisionId":42}</script>', "42"),
        ('<li id="t-permalink"><a href="/w/index.php?title=X&amp;oldid=43">', "43"),
        ('<div class="printfooter">Retrieved from "<a href="https://x/?title=X&amp;oldid=44">', "44"),
        ("<a href='/w/index.php?title=Other&amp;oldid=45'>other</a>", None),
    ],
)
def test_the_revision_is_read_wherever_it_stands(script, revision):
    request = request_of(1980)
    body = f"<html><body>{LEGACY}{script}".encode()
    page = WikipediaSource().parse(request, answer(body, request)).found
    assert page.albums[0]["source_revision"] == revision


def sample(samples, name: str, year: int):
    request = request_of(year)
    body = (samples / "samples/wikipedia" / name).read_bytes()
    return without_months(WikipediaSource().parse(request, answer(body, request)).found)


@pytest.mark.samples
def test_the_sample_of_a_years_page(samples):
    page = sample(samples, "legacy_1980_in_music.RECONSTRUCTED.html", 1980)
    assert [(*row, a["kind"]) for row, a in zip(short(page.albums), page.albums, strict=True)] == [
        ("The Buggles", "The Age of Plastic", "1980-01-10", "album"),
        ("Pretenders", "Pretenders", "1980-01-10", "album"),
        ("Rush", "Permanent Waves", "1980-01-14", "album"),
        ("Some Band & Guest", "Untitled EP", "1980-01", "ep"),
        ("Elvis Costello and the Attractions", "Get Happy!!", "1980-02-15", "album"),
        ("Example Artist", "Example Album", "1980", "album"),
        ("Artist With Hyphen-Name", "Dash-in-title – Part 2", "1980", "album"),
    ]
    assert not page.rejects


@pytest.mark.samples
def test_the_sample_of_a_list(samples):
    page = sample(samples, "list_of_2012_albums.RECONSTRUCTED.html", 2012)
    day = "2012-01-06"
    assert [facts_of(album) for album in page.albums] == [
        ("Raekwon", "Unexpected Victory", "2012-01-01", (), "Raekwon", "album"),
        ("Alcest", "Les Voyages de l'âme", "2012-01-06", ("Blackgaze", "post-rock"), "Prophecy", "album"),
        ("The Little Willies", "For the Good Times", day, ("Country",), "Milking Bull, Parlophone", "album"),
        ("Rick Ross", "Rich Forever", day, ("Hip-hop",), "Maybach, Def Jam, Warner Bros.", "mixtape"),
        ("The Maccabees", "Given to the Wild", "2012-01-09", ("Hip-hop",), "Fiction, Polydor", "album"),
    ]  # fmt: skip
    assert [reject.problem.code for reject in page.rejects] == [RejectCode.MISSING_FIELD]  # TBA


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("1995_in_British_music_rev587030796.html", 1995),
        ("List_of_Billboard_200_number_one_albums_of_1984_rev575854993.html", 2012),
        ("Meek_Mill_discography_rev598217211.html", 2012),
    ],
)
def test_neighbouring_pages_give_no_albums(samples, name, year):
    try:
        page = sample(samples, name, year)
    except BadInput as problem:
        assert problem.code == RejectCode.NEW_LAYOUT
    else:
        assert not page.albums
        assert {reject.problem.code for reject in page.rejects} == {RejectCode.NEW_LAYOUT}
