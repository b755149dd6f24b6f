from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.errors import RejectCode
from covergen.sources import musicbrainz
from covergen.sources.identity import album_id, track_id
from covergen.sources.musicbrainz import MusicBrainzSource, phrase
from covergen.sources.web_source import WantedTrack
from tests.sources.open_sources import answer, check, followed, only, refused, sample, wanted

SOURCE = MusicBrainzSource(base="http://local/ws/2/", covers="http://covers/")


def credit(*names, joined=" & "):
    return [{"name": name, "joinphrase": joined, "artist": {"name": f"{name} (real)"}} for name in names]


def group(id="g1", title="Blue", artist=("Zoë",), **more):
    return {
        "id": id, "title": title, "first-release-date": "1994-05-21", "primary-type": "Album",
        "secondary-types": [], "artist-credit": credit(*artist), **more,
    }  # fmt: skip


def track(number, title, disc=1, length=61_000, **recording):
    fields = {"id": f"rec{disc}{number}", "title": title, "video": False, "length": 60_000, **recording}
    return {"position": number, "number": f"A{number}", "title": title, "length": length, "recording": fields}


def release(*media, id="r1", title="Blue", **more):
    discs = [{"position": place, "format": "CD", "tracks": list(disc)} for place, disc in enumerate(media, 1)]
    votes = [{"name": "pop", "count": 7}, {"name": "folk", "count": 9}]
    return {
        "id": id, "title": title, "status": "Official", "date": "1994", "barcode": "", "disambiguation": "",
        "artist-credit": credit("Zoë"), "release-group": group(genres=votes),
        "genres": [{"name": "pop", "count": 1}, {"name": "noise", "count": 0}, {"name": "rock", "count": 2}],
        "label-info": [{"catalog-number": "1", "label": None}, {"label": {"name": "Indigo"}}],
        "media": discs, **more,
    }  # fmt: skip


def query(request):
    return parse_qs(urlsplit(request.url).query).get("query", [""])[0]


def start(**changes):
    return only(SOURCE.requests([wanted(**changes)]))


def to_group(*songs, **changes):
    request = only(SOURCE.requests([wanted(*songs, **changes)]))
    about = request.about
    hit = group(title=about["title"], artist=(about["artist"],), **{"first-release-date": about["year"]})
    return followed(SOURCE.parse(request, answer({"release-groups": [hit]})))


def to_release(*songs, genres=(), **changes):
    body = group(releases=[release()], genres=list(genres))
    return followed(SOURCE.parse(to_group(*songs, **changes), answer(body)))


def test_an_album_is_searched_among_groups_with_its_words_quoted():
    request = start(title='Blue "2" \\ (Deluxe Edition)', artist="Zoë & Rain")
    assert urlsplit(request.url).path == "/ws/2/release-group"
    assert query(request) == r'releasegroup:"Blue \"2\" \\" AND artist:"Zoë"'
    assert query(start(artist="Various Artists")) == 'releasegroup:"Blue"'
    found = followed(
        SOURCE.parse(start(), answer({"release-groups": [group("g0", "Blue (Live)"), None, group("g1")]}))
    )
    assert found.url == "http://local/ws/2/release-group/g1?inc=artist-credits+genres+releases+media&fmt=json"


@given(st.text())
def test_a_phrase_ends_where_it_ends(text):
    quoted = phrase(text)
    inner, place = "", 1
    while quoted[place] != '"':
        place += quoted[place] == "\\"
        inner += quoted[place]
        place += 1
    assert place == len(quoted) - 1
    assert inner == text


def test_a_barcode_is_searched_first():
    request = start(upc="00602475093060")
    assert urlsplit(request.url).path == "/ws/2/release"
    assert query(request) == "barcode:602475093060 OR barcode:0602475093060"
    hits = [release(id="r7", title="Blau", barcode="602475093060"), release(barcode="")]
    found = followed(SOURCE.parse(request, answer({"releases": hits})))
    assert urlsplit(found.url).path == "/ws/2/release/r7"
    assert followed(SOURCE.parse(request, answer({"releases": []}))).kind == "search"


def test_no_group_that_matches_is_said():
    response = answer(
        {"release-groups": [group(title="Blue (A Tribute to Zoë)", artist=("Many",)), group(artist=("Zoo",))]}
    )
    key, code, reason = refused(SOURCE.parse(start(), response))
    assert (key, code) == ("Zoë: Blue (musicbrainz)", "no_match")
    assert reason.endswith(
        "'Blue (A Tribute to Zoë)' by Many (1994): a tribute; 'Blue' by Zoo (1994): another artist"
    )


def test_an_album_proper_goes_before_one_played_live():
    live = group("live", **{"secondary-types": ["Live"]})
    score = group("score", **{"secondary-types": ["Soundtrack"]})
    for groups, id in (([live, group()], "g1"), ([live], "live"), ([live, score], "score")):
        found = followed(SOURCE.parse(start(), answer({"release-groups": groups})))
        assert urlsplit(found.url).path.endswith(f"/{id}")


def test_the_original_release_is_looked_up():
    releases = [
        release(id="promo", status="Promotion", date="1994-01-01"),
        release(id="deluxe", title="Blue (Deluxe)", date="1990"),
        release(id="special", disambiguation="20th anniversary edition", date="1994-01-01"),
        release(id="later", date="1995-01-01"),
        release(id="year", date="1994"),
        release(id="day", date="1994-05-21"),
        release(id="undated", date=None),
        release(id="untitled", title=None),
    ]
    plain = {"title": "Blue"}
    order = []
    while releases:
        order.append(musicbrainz.original(wanted(**plain), {"releases": releases}))
        if order[-1] is None:
            break
        releases = [each for each in releases if each["id"] != order[-1]]
    assert order == ["day", "year", "later", "undated", "special", "promo", "deluxe", None]
    both = {"releases": [release(id="a"), release(id="b", title="Blue (Deluxe)", date="2014")]}
    assert musicbrainz.original(wanted(title="Blue (Deluxe)"), both) == "b"


def test_a_group_without_releases_still_tells_genres_and_cover():
    parsed = SOURCE.parse(to_group(), answer(group(genres=[{"name": "pop", "count": 2}])))
    found = check(parsed, "musicbrainz").found
    assert not parsed.follow
    assert found.albums[0]["genres"] == ["pop"]
    assert found.albums[0]["source_url"] == "https://musicbrainz.org/release-group/g1"
    assert [each["uri"] for each in found.media] == ["http://covers/release-group/g1/front-1200"]


def test_a_release_becomes_rows():
    request = to_release("Rain", genres=[{"name": "rock", "count": 8}])
    assert urlsplit(request.url).path == "/ws/2/release/r1"
    discs = [
        [track(1, "Rain", isrcs=["GBDUW0000060", "GBDUW0000059", "no"]), track(2, "Sun", length=None)],
        [track(1, "Film", 2, video=True), track(2, "Fog", 2, **{"artist-credit": credit("Zoë", "Rain")})],
    ]
    parsed = check(SOURCE.parse(request, answer(release(*discs, date="2001"))), "musicbrainz")
    assert not parsed.follow
    found = parsed.found
    (record,) = found.albums
    assert record["album_id"] == album_id("Zoë", "Blue", "1994")
    assert record["genres"] == ["folk", "rock", "pop"]
    assert (record["label"], record["release_date"], record["licence"]) == ("Indigo", "1994-05-21", "CC0-1.0")
    ids = ["t0", track_id("w", 1, 2, "Sun"), track_id("w", 2, 2, "Fog")]
    assert [each["track_id"] for each in found.tracks] == ids
    rain, sun, fog = found.tracks
    assert (rain["isrc"], rain["duration_ms"], sun["duration_ms"]) == ("GBDUW0000059", 61_000, 60_000)
    assert (fog["disc"], fog["number"], fog["artist"], sun["artist"]) == (2, 2, "Zoë; Rain", "Zoë")
    assert rain["external_ids"] == {
        "musicbrainz": "rec11", "musicbrainz_release": "r1", "musicbrainz_release_group": "g1"
    }  # fmt: skip
    assert rain["source_url"] == "https://musicbrainz.org/recording/rec11"
    (cover,) = found.media
    assert (cover["owner_id"], cover["kind"], cover["licence"]) == ("w", "cover", "label-copyright")


def test_discs_of_films_are_no_songs():
    body = release([track(1, "Rain")], [track(1, "Rain", 2)])
    body["media"][1]["format"] = "DVD-Video"
    assert [each["disc"] for each in SOURCE.parse(to_release(), answer(body)).found.tracks] == [1]


def test_the_isrc_that_is_known_stays():
    known = (WantedTrack("t", "Regen", "Zoë", isrc="GBDUW0000060"),)
    body = release([track(1, "Rain", isrcs=["GBDUW0000059", "GBDUW0000060"])])
    (row,) = SOURCE.parse(to_release(tracks=known), answer(body)).found.tracks
    assert (row["track_id"], row["isrc"]) == ("t", "GBDUW0000060")


def test_refusals():
    request = start()
    for status in (503, 429):
        refusal = SOURCE.refusal(request, answer(b"", status))
        assert (refusal.code, refusal.wait) == (RejectCode.RATE_LIMITED, 2.0)
    assert "contact" in SOURCE.refusal(request, answer({"error": "x"}, 403)).reason
    assert SOURCE.refusal(request, answer({"error": "Not Found"}, 404)).code is RejectCode.NOT_FOUND
    assert SOURCE.refusal(request, answer({"error": "Invalid mbid."}, 400)).code is RejectCode.SOURCE_ERROR
    assert SOURCE.refusal(request, answer({"error": "odd"})).code is RejectCode.SOURCE_ERROR
    assert SOURCE.refusal(request, answer({"release-groups": []})) is None
    rate_limit = SOURCE.rate_limit(request)
    assert (rate_limit.count, rate_limit.seconds, rate_limit.at_once) == (1, 1.0, 1)


@pytest.mark.parametrize("body", [b"<metadata/>", b"", b'{"rel', [1], {}, {"release-groups": 3}])
def test_what_is_no_answer_is_asked_for_again(body):
    request = start()
    refusal = SOURCE.refusal(request, answer(body))
    assert (refusal.code, refusal.again) == (RejectCode.SOURCE_ERROR, True)
    assert "answered 200 with" in refusal.reason
    assert refused(SOURCE.parse(request, answer(body)))[1] == "new_layout"


def test_a_lookup_without_an_id_is_no_answer():
    for request in (to_group("Rain"), to_release("Rain")):
        assert SOURCE.refusal(request, answer({"title": "Blue"})).again
        assert SOURCE.refusal(request, answer({"id": "r1"})) is None


@pytest.mark.samples
def test_a_recorded_release(samples):
    request = to_release(title="The Dark Side of the Moon", artist="Pink Floyd", year="1973")
    parsed = check(SOURCE.parse(request, sample(samples / "samples/musicbrainz/release.json")), "musicbrainz")
    (record,) = parsed.found.albums
    assert (record["title"], record["artist"], record["label"]) == (
        "The Dark Side of the Moon",
        "Pink Floyd",
        "Harvest",
    )
    assert (record["genres"], record["release_date"]) == (["genre1", "genre2"], "1973-03-24")
    tracks = parsed.found.tracks
    assert [each["title"] for each in tracks] == [
        "Speak to Me", "Breathe", "On the Run", "Time", "The Great Gig in the Sky", "Money", "Us and Them",
        "Any Colour You Like", "Brain Damage", "Eclipse",
    ]  # fmt: skip
    assert [each["number"] for each in tracks] == list(range(1, 11))
    assert (tracks[2]["duration_ms"], tracks[2]["artist"]) == (230_600, "Pink Floyd")
    assert tracks[3]["external_ids"]["musicbrainz"] == "41959321-f2bb-4580-aa19-16248fe665d3"
    assert parsed.found.media[0]["uri"].endswith(
        "/release-group/f5093c06-23e3-404f-aeaa-40f72885ee3a/front-1200"
    )


@pytest.mark.samples
def test_a_recorded_group_leads_to_its_original(samples):
    request = to_group(title="The Dark Side of the Moon", artist="Pink Floyd", year="1973")
    request = followed(SOURCE.parse(request, sample(samples / "samples/musicbrainz/release_group.json")))
    body = sample(samples / "samples/musicbrainz/release_group.json").json()
    (first,) = [each["id"] for each in body["releases"] if each["date"] == "1973-03-24"]
    assert urlsplit(request.url).path.endswith(f"/release/{first}")


@pytest.mark.samples
def test_a_recorded_single_of_two_discs_in_japanese(samples):
    request = to_release(title="ケアレス", artist="ReoNa", year="2021")
    parsed = check(
        SOURCE.parse(request, sample(samples / "samples/musicbrainz/release_multidisc.json")), "musicbrainz"
    )
    assert [(each["disc"], each["number"], each["title"]) for each in parsed.found.tracks] == [
        (1, 1, "ケアレス"), (1, 2, "Bye-Bye Butterfly"), (1, 3, "Starry"), (1, 4, "ケアレス -Instrumental-"),
    ]  # fmt: skip
    assert not parsed.found.rejects


@pytest.mark.samples
def test_recorded_nulls_and_a_release_without_songs(samples):
    null = sample(samples / "samples/musicbrainz/release_null.json")
    assert refused(SOURCE.parse(to_release(), null))[1] == "missing_field"
    mixed = SOURCE.parse(to_release(), sample(samples / "samples/musicbrainz/release_djmix.json"))
    assert not (mixed.found.tracks or mixed.found.rejects)


@pytest.mark.samples
def test_recorded_credits_are_joined(samples):
    recording = sample(samples / "samples/musicbrainz/recording_multi_artists_1.json").json()
    assert musicbrainz.credit(recording) == "Ed Sheeran; Meek Mill; A Boogie Wit da Hoodie"
    body = release(
        [{"position": 1, "recording": sample(samples / "samples/musicbrainz/recording.json").json()}]
    )
    (row,) = SOURCE.parse(to_release(), answer(body)).found.tracks
    assert (row["title"], row["artist"], row["isrc"]) == ("Thinking Out Loud", "Ed Sheeran", "GBAHS1400099")
    assert row["duration_ms"] == 281_000
