import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covergen.errors import BadInput
from covergen.sources.deezer import DeezerSource
from covergen.sources.http import json_fields
from covergen.sources.itunes import ITunesSource
from covergen.sources.musicbrainz import MusicBrainzSource
from covergen.sources.web_source import Parsed
from tests.sources import test_deezer, test_itunes, test_musicbrainz
from tests.sources.open_sources import answer, check, only, wanted

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([None]))


@settings(deadline=None)
@given(LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(st.text(max_size=2), LEAVES, max_size=3))
def test_any_value_is_read_without_a_crash(value):
    thing = {"a": value}
    assert all(isinstance(each, dict) for each in json_fields.objects(thing, "a"))
    assert isinstance(json_fields.part(thing, "a"), dict)
    assert isinstance(json_fields.words(thing, "a"), str)
    number = json_fields.whole(thing, "a")
    assert number is None or 0 < number < 2**31
    assert (json_fields.address(thing, "a") or "http://x").startswith("http")


def test_what_is_read():
    thing = {"number": 3, "float": 2.9, "half": 0.5, "text": " a\n b ", "yes": True, "url": "https://x/ü"}
    assert (
        json_fields.words(thing, "number"),
        json_fields.words(thing, "text"),
        json_fields.words(thing, "yes"),
    ) == (
        "3",
        "a b",
        "",
    )
    assert [json_fields.whole(thing, name) for name in ("number", "float", "half", "yes", "none")] == [
        3,
        2,
        None,
        None,
        None,
    ]
    assert (json_fields.address(thing, "url"), json_fields.address(thing, "text")) == ("https://x/ü", None)
    with pytest.raises(BadInput, match="did not answer with a JSON object"):
        json_fields.object_in(answer([]))
    with pytest.raises(BadInput, match="without the list 'data'"):
        json_fields.items_in({"data": {}}, "data", answer({}))


def lookups():
    """A source, a request and the answer to it, of each kind that tells of songs."""
    rain = test_deezer.listed()
    disc = [test_musicbrainz.track(1, "Rain", isrcs=["GBDUW0000059"])]
    return [
        (test_deezer.SOURCE, test_deezer.by_search("Rain"), test_deezer.album(rain)),
        (
            test_itunes.SOURCE,
            test_itunes.lookup("Rain"),
            {"results": [test_itunes.album(), test_itunes.song()]},
        ),
        (test_musicbrainz.SOURCE, test_musicbrainz.to_release("Rain"), test_musicbrainz.release(disc)),
        (
            test_musicbrainz.SOURCE,
            test_musicbrainz.to_group("Rain"),
            test_musicbrainz.group(
                releases=[test_musicbrainz.release()], genres=[{"name": "pop", "count": 1}]
            ),
        ),
    ]


def spoilt(value, draw):
    """The value with a leaf or a branch of it replaced by something else."""
    if draw.random() < 0.15:
        return draw.choice([None, True, -1, 10**30, 0.5, "", "x", [], [None], {}, [[1]], {"id": None}])
    if isinstance(value, dict):
        return {name: spoilt(each, draw) for name, each in value.items() if draw.random() < 0.95}
    return [spoilt(each, draw) for each in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_spoilt_answers_end_in_rows_that_fit_or_in_rejects(draw, which):
    source, request, body = lookups()[which]
    spoilt_answer = answer(spoilt(body, draw))
    source.refusal(request, spoilt_answer)
    check(source.parse(request, spoilt_answer), source.name)


@pytest.mark.parametrize(
    "source", [DeezerSource(), ITunesSource(), MusicBrainzSource()], ids=lambda each: each.name
)
def test_what_is_wanted_rides_along(source):
    """Requests are of text alone, stay the same, and never lose the album's songs."""
    album = wanted("Rain", "雨", upc="602475093060")
    request = only(source.requests([album]))
    assert request == only(source.requests([album]))
    assert request.source == source.name
    assert all(isinstance(value, str) for value in request.about.values())
    assert [track["title"] for track in json.loads(request.about["tracks"])] == ["Rain", "雨"]
    assert request.url.startswith("https://")
    empty = answer({"releases": [], "results": [], "data": [], "error": {"code": 800}})
    parsed = source.parse(request, empty)
    assert isinstance(parsed, Parsed)
    assert only(parsed.follow).about["tracks"] == request.about["tracks"]
