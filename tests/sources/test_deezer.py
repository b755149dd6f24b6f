import json
from urllib.parse import parse_qs, urlsplit

import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources import deezer
from covergen.sources.deezer import DeezerSource
from covergen.sources.identity import album_id, track_id
from covergen.sources.web_source import Request, Wanted, WantedTrack
from tests.sources.open_sources import answer, check, followed, only, refused, sample, wanted

SOURCE = DeezerSource(base="http://local/")
GENRES = {"data": [{"id": 0, "name": "All"}, {"id": 106, "name": "Electro"}, {"id": 132, "name": "Pop"}]}


def song(id=1, title="Rain", **more):
    return {
        "id": id, "title": title, "duration": 61, "rank": 512_345,
        "preview": f"https://p/{id}.mp3?hdnea=exp=1738408232~x",
        "link": f"https://www.deezer.com/track/{id}", "artist": {"id": 5, "name": "Zoë"}, **more,
    }  # fmt: skip


def listed(id=1, title="Rain", number=1, disc=1, **more):
    return song(id, title, **{"isrc": "GBDUW0000059", "track_position": number, "disk_number": disc, **more})


def album(*songs, **more):
    return {
        "id": 77, "title": "Blue", "upc": "602475093060", "link": "https://www.deezer.com/album/77",
        "cover_big": "https://c/500.jpg", "cover_xl": "https://c/1000.jpg", "genres": GENRES,
        "label": "Indigo", "nb_tracks": len(songs), "release_date": "1994-05-21", "record_type": "album",
        "artist": {"id": 5, "name": "Zoë"},
        "contributors": [{"name": "Zoë", "role": "Main"}, {"name": "Sun", "role": "Featured"}],
        "tracks": {"data": list(songs)}, **more,
    }  # fmt: skip


def search(*titles, **more):
    hits = [
        {"id": k, "title": title, "record_type": "album", "artist": {"name": "Zoë"}, **more}
        for k, title in enumerate(titles)
    ]
    return answer({"data": hits, "total": len(hits)})


def error(code):
    return answer({"error": {"type": "X", "message": "told so", "code": code}})


def by_search(*songs, **changes):
    """The lookup that follows a search with one hit."""
    request = only(SOURCE.requests([wanted(*songs, **changes)]))
    return followed(SOURCE.parse(request, search("Blue")))


def test_an_album_with_a_upc_is_asked_for_by_it():
    request = only(SOURCE.requests([wanted(upc="00602475093060")]))
    assert (request.kind, request.url) == ("album", "http://local/album/upc:602475093060")
    assert SOURCE.refusal(request, error(800)) is None
    fallen = followed(SOURCE.parse(request, error(800)))
    assert fallen.kind == "search"
    other = answer(album(listed(), upc="1", title="Red"))
    assert followed(SOURCE.parse(request, other)) == fallen
    renamed = answer(album(listed(), title="Blau"))
    assert SOURCE.parse(request, renamed).found.tracks


def test_a_search_names_the_fields_then_words():
    request = only(SOURCE.requests([wanted(title='The "Blue" (Deluxe Edition)', artist="Zoë & Rain")]))
    assert parse_qs(urlsplit(request.url).query)["q"] == ['artist:"Zoë" album:"The Blue"']
    again = followed(SOURCE.parse(request, search()))
    assert parse_qs(urlsplit(again.url).query)["q"] == ["zoë blue"]
    assert again.about["title"] == 'The "Blue" (Deluxe Edition)'
    key, code, reason = refused(SOURCE.parse(again, search("Blue (Karaoke)")))
    assert (key, code) == ('Zoë & Rain: The "Blue" (Deluxe Edition) (deezer)', "no_match")
    assert "'Blue (Karaoke)' by Zoë: karaoke" in reason


def test_the_likeliest_albums_are_looked_up_until_the_year_is_right():
    request = only(SOURCE.requests([wanted()]))
    hits = search("Blue (Deluxe)", "Red", "Blue", "Blue", "Blue")
    first = followed(SOURCE.parse(request, hits))
    assert first.url == "http://local/album/2"
    second = followed(SOURCE.parse(first, answer(album(release_date="2001-01-01"))))
    assert second.url == "http://local/album/3"
    third = followed(SOURCE.parse(second, answer(album(release_date="2002-01-01"))))
    assert SOURCE.parse(third, answer(album(listed()))).found.tracks
    assert refused(SOURCE.parse(third, answer(album(release_date="2003"))))[1] == "no_match"


def test_an_album_that_tells_all_needs_no_second_call():
    request = by_search("Rain (feat. Sun)", "Snow")
    body = album(listed(1, "Rain"), listed(2, "Wind", 2, preview=""), listed(3, "Fog", 1, 2))
    parsed = check(SOURCE.parse(request, answer(body)), "deezer")
    assert not parsed.follow
    found = parsed.found
    (record,) = found.albums
    assert record["album_id"] == album_id("Zoë", "Blue", "1994")
    assert (record["genres"], record["label"], record["release_date"]) == (
        ["Electro", "Pop"],
        "Indigo",
        "1994-05-21",
    )
    assert (record["licence"], record["source_url"]) == ("deezer-terms", "https://www.deezer.com/album/77")
    ids = ["t0", track_id("w", 1, 2, "Wind"), track_id("w", 2, 1, "Fog")]
    assert [track["track_id"] for track in found.tracks] == ids
    rain = found.tracks[0]
    assert {track["album_id"] for track in found.tracks} == {"w"}
    assert (rain["isrc"], rain["duration_ms"], rain["popularity"]) == ("GBDUW0000059", 61_000, 51.2345)
    assert rain["external_ids"] == {"deezer": "1", "deezer_album": "77"}
    assert (rain["artist"], rain["cover_url"]) == ("Zoë", "https://c/1000.jpg")
    media = [(m["owner_id"], m["kind"], m["uri"].partition("?")[0]) for m in found.media]
    assert media == [
        ("w", "cover", "https://c/1000.jpg"),
        ("t0", "audio", "https://p/1.mp3"),
        (ids[2], "audio", "https://p/3.mp3"),
    ]
    assert found.tracks[1]["preview_url"] is None


def test_an_album_without_isrcs_is_followed_by_its_list_of_songs():
    request = by_search("Rain", "Rain")
    parsed = check(SOURCE.parse(request, answer(album(song(1), song(2)))), "deezer")
    assert [m["kind"] for m in parsed.found.media] == ["cover"]
    assert not parsed.found.tracks
    first = only(parsed.follow)
    assert first.url == "http://local/album/77/tracks?limit=100&index=0"
    page = {"data": [listed(1, "Rain")], "total": 101, "next": "https://api/next"}
    parsed = check(SOURCE.parse(first, answer(page)), "deezer")
    assert parsed.found.tracks[0]["cover_url"] == "https://c/1000.jpg"
    second = only(parsed.follow)
    assert second.url.endswith("index=100")
    parsed = check(SOURCE.parse(second, answer({"data": [listed(2, "Rain", 2)], "total": 101})), "deezer")
    assert parsed.found.tracks[0]["track_id"] == "t1"
    assert not parsed.follow


def test_songs_that_cannot_be_used_are_named():
    request = by_search()
    body = album(listed(1, "Rain"), listed(2, None, 2), None, listed(3, "Rain"))
    body["nb_tracks"] = 3
    parsed = check(SOURCE.parse(request, answer(body)), "deezer")
    assert [(r.key, str(r.problem.code)) for r in parsed.found.rejects] == [
        ("Zoë: Blue (deezer), song 2", "missing_field"),
        ("Zoë: Blue (deezer), song 3", "duplicate"),
    ]
    assert len(parsed.found.tracks) == 1


def test_known_songs_are_found_by_isrc_first():
    known = (WantedTrack("a", "Rain", "Zoë"), WantedTrack("b", "Regen", "Zoë", isrc="gb-duw-00-00059"))
    parsed = SOURCE.parse(
        by_search(tracks=known), answer(album(listed(1, "Rain"), listed(2, "Rain", 2, isrc=None)))
    )
    assert not parsed.found.tracks  # the second has no ISRC: the list of songs is asked
    page = {"data": [listed(1, "Rain"), listed(2, "Rain", 2, isrc="")], "total": 2}
    parsed = SOURCE.parse(only(parsed.follow), answer(page))
    assert [track["track_id"] for track in parsed.found.tracks] == ["b", "a"]


def test_a_year_that_was_forgiven_does_not_make_a_second_album():
    later = album(listed(), release_date="1995-01-01", title="blue!")
    (record,) = SOURCE.parse(by_search(), answer(later)).found.albums
    assert record["album_id"] == album_id("Zoë", "Blue", "1994")
    assert (record["release_date"], record["release_date_precision"]) == ("1994", "year")


@pytest.mark.parametrize(
    ("code", "reject", "again"),
    [
        (4, RejectCode.RATE_LIMITED, True),
        ("4", RejectCode.RATE_LIMITED, True),
        (200, RejectCode.FORBIDDEN, False),
        (300, RejectCode.FORBIDDEN, False),
        (500, RejectCode.SOURCE_ERROR, False),
        (600, RejectCode.SOURCE_ERROR, False),
        (700, RejectCode.SERVER_FAILED, True),
        (800, RejectCode.NOT_FOUND, False),
        (None, RejectCode.SOURCE_ERROR, False),
    ],
)
def test_errors_come_with_status_200(code, reject, again):
    refusal = SOURCE.refusal(by_search(), error(code))
    assert (refusal.code, refusal.problem.retriable) == (reject, again)
    assert refusal.wait == (5.0 if code in {4, "4"} else None)
    assert f"error {code}: told so" in refusal.reason


def test_other_refusals_and_manners():
    request = by_search()
    assert SOURCE.refusal(request, answer({}, 503)).code is RejectCode.SERVER_FAILED
    assert SOURCE.refusal(request, answer(album())) is None
    rate_limit = SOURCE.rate_limit(request)
    assert (rate_limit.bucket, rate_limit.count, rate_limit.seconds) == ("deezer", 50, 5.0)
    assert "authorization" not in SOURCE.headers()


@pytest.mark.parametrize(
    "body", [b"<title>Maintenance</title>", b"", b'{"data":[{', b"[" * 9000, [1], {}, {"data": None}]
)
def test_what_is_no_answer_is_asked_for_again(body):
    request = only(SOURCE.requests([wanted()]))
    refusal = SOURCE.refusal(request, answer(body))
    assert (refusal.code, refusal.again) == (RejectCode.SOURCE_ERROR, True)
    assert "answered 200 with" in refusal.reason
    assert refused(SOURCE.parse(request, answer(body)))[1] == "new_layout"


def test_a_lookup_without_an_album_is_no_answer():
    for request, body in ((by_search(), {"title": "Blue"}), (by_search(), {"id": None})):
        assert SOURCE.refusal(request, answer(body)).again


def test_403_without_a_word_is_for_a_while():
    for body in (b"", b"\n"):
        refusal = SOURCE.refusal(by_search(), answer(body, 403))
        assert (refusal.code, refusal.wait) == (RejectCode.RATE_LIMITED, 60.0)
        assert refusal.problem.retriable
    assert SOURCE.refusal(by_search(), answer(b"<p>Forbidden", 403)).code is RejectCode.FORBIDDEN


def test_an_unknown_upc_is_an_answer_to_who_knows_the_address_alone():
    request = only(SOURCE.requests([wanted(upc="602475093060")]))
    bare = Request(request.source, request.kind, request.url)
    assert SOURCE.refusal(bare, error(800)) is None


def test_an_expired_preview_is_asked_for_anew():
    parsed = SOURCE.parse(by_search("Rain"), answer(album(listed(9))))
    cover, audio = parsed.found.media
    assert SOURCE.refresh(cover) is None
    assert SOURCE.refresh({**audio, "source": "itunes"}) is None
    request = SOURCE.refresh(audio)
    assert request.url == "http://local/track/9"
    fresh = check(SOURCE.parse(request, answer(song(9, preview="https://p/new.mp3"))), "deezer").found
    assert fresh.media == [{**audio, "uri": "https://p/new.mp3"}]
    with pytest.raises(BadInput, match="no preview"):
        SOURCE.parse(request, answer(song(9, preview="")))


def test_ranks_are_scaled():
    assert [deezer.popularity(rank) for rank in (0, 997_757, 2_000_000, None, "9", True, -1)] == [
        0.0, 99.7757, 100.0, None, None, None, None,
    ]  # fmt: skip


@pytest.mark.samples
def test_a_recorded_search_leads_to_the_album_proper(samples):
    found = sample(samples / "samples/deezer/search_albums_0.json")
    for title, id in [
        ("Discovery", 302127),
        ("Homework", 301775),
        ("Daft Club", 299205),
        ("Alive 2007", 1231757),
    ]:
        request = only(SOURCE.requests([Wanted("w", "Daft Punk", title, "2001")]))
        assert followed(SOURCE.parse(request, found)).url == f"http://local/album/{id}"
    request = only(SOURCE.requests([Wanted("w", "Daft Punk", "One More Time", "2000")]))
    assert followed(SOURCE.parse(request, found)).about["by"] == "words"  # a single alone has this name


@pytest.mark.samples
def test_a_recorded_album_of_2019(samples):
    request = only(SOURCE.requests([Wanted("w", "Daft Punk", "Discovery", "2001", "0724384960650")]))
    parsed = SOURCE.parse(request, sample(samples / "samples/deezer/get_album_0.json"))
    (record,) = parsed.found.albums
    assert (record["genres"], record["label"], record["release_date"]) == (
        ["Dance"],
        "Parlophone France",
        "2001-03-07",
    )
    assert only(parsed.follow).url == "http://local/album/302127/tracks?limit=100&index=0"
    assert parsed.found.media[0]["uri"].endswith(
        "2e018122cb56986277102d2041a592c8/1000x1000-000000-80-0-0.jpg"
    )


@pytest.mark.samples
def test_a_recorded_single_of_2025_by_two_artists(samples):
    response = sample(samples / "samples/deezer/album_2025.json")
    songs = (WantedTrack("t", "Die With a Smile", "Lady Gaga"),)
    request = only(
        SOURCE.requests(
            [Wanted("w", "Lady Gaga & Bruno Mars", "Die With A Smile", "2024", "602475093060", songs)]
        )
    )
    parsed = check(SOURCE.parse(request, response), "deezer")
    (record,) = parsed.found.albums
    assert record["genres"] == ["Pop"]
    track = json.loads(response.body)["tracks"]["data"][0] | {
        "isrc": "USUM72409273",
        "track_position": 1,
        "disk_number": 1,
    }
    parsed = check(SOURCE.parse(only(parsed.follow), answer({"data": [track], "total": 1})), "deezer")
    (row,) = parsed.found.tracks
    assert (row["track_id"], row["popularity"], row["duration_ms"]) == ("t", 99.7757, 250_000)
    assert len(parsed.found.media) == 1


@pytest.mark.samples
def test_recorded_errors(samples):
    request = by_search()
    for name in ("no_album_raise_0", "no_track_raise_0"):
        refusal = SOURCE.refusal(request, sample(samples / f"samples/deezer/{name}.json"))
        assert refusal.code is RejectCode.NOT_FOUND
        assert "no data" in refusal.reason
