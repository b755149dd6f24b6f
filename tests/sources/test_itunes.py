from urllib.parse import parse_qs, urlsplit

import pytest

from covergen.errors import ConfigError, RejectCode
from covergen.sources.identity import album_id, track_id
from covergen.sources.itunes import ITunesSource, larger
from covergen.sources.web_source import Wanted, WantedTrack
from tests.sources.open_sources import answer, check, followed, only, refused, sample, wanted

SOURCE = ITunesSource(base="http://local/", cover_size=600)
ART = "https://is1-ssl.mzstatic.com/image/thumb/Music/v4/0e/a4/c.jpg/100x100bb.jpg"


def album(id=7, name="Blue", artist="Zoë", date="1994-05-21T07:00:00Z", **more):
    return {
        "wrapperType": "collection", "collectionId": id, "collectionName": name, "artistName": artist,
        "releaseDate": date, "artworkUrl100": ART, "primaryGenreName": "Pop",
        "collectionViewUrl": f"https://music.apple.com/us/album/blue/{id}?uo=4", **more,
    }  # fmt: skip


def song(id=1, name="Rain", number=1, disc=1, **more):
    return {
        "wrapperType": "track", "kind": "song", "collectionId": 7, "trackId": id, "trackName": name,
        "artistName": "Zoë", "discNumber": disc, "trackNumber": number, "trackTimeMillis": 61_500,
        "previewUrl": f"https://p/{id}.m4a",
        "trackViewUrl": f"https://music.apple.com/us/album/blue/7?i={id}&uo=4", **more,
    }  # fmt: skip


def results(*found):
    return answer({"resultCount": len(found), "results": list(found)})


def query(request):
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}


def lookup(*songs, **changes):
    request = only(SOURCE.requests([wanted(*songs, **changes)]))
    return followed(SOURCE.parse(request, results(album())))


def test_a_search_leads_to_one_lookup():
    request = only(SOURCE.requests([wanted(title="Blue (Deluxe)", artist="Zoë & Rain")]))
    assert (request.kind, urlsplit(request.url).path) == ("search", "/search")
    assert query(request) == {
        "term": "Zoë Blue", "entity": "album", "media": "music", "limit": "25", "country": "us"
    }  # fmt: skip
    hits = results(
        album(1, "Red"), album(2, "Blue - Single"), album(3, "Blue", date="2001-01-01T07:00:00Z"), album(4)
    )
    found = followed(SOURCE.parse(only(SOURCE.requests([wanted()])), hits))
    assert query(found) == {"id": "4", "entity": "song", "limit": "200", "country": "us"}


def test_what_is_not_the_album_is_refused():
    request = only(SOURCE.requests([wanted()]))
    key, code, reason = refused(
        SOURCE.parse(request, results(album(name="Blue (Karaoke Version)"), album(name="Blue - Single")))
    )
    assert (key, code) == ("Zoë: Blue (itunes)", "no_match")
    assert reason.endswith("'Blue (Karaoke Version)' by Zoë (1994): karaoke; 'Blue' by Zoë (1994): a single")
    assert refused(SOURCE.parse(request, results(song())))[1] == "no_match"
    ep = followed(
        SOURCE.parse(only(SOURCE.requests([wanted(title="Blue EP")])), results(album(5, "Blue - EP")))
    )
    assert query(ep)["id"] == "5"


def test_a_lookup_gives_genre_cover_and_previews():
    other = song(9, "Sun", collectionId=8)
    video = song(8, "Rain", 4, kind="music-video")
    response = results(
        album(), song(1, "Rain (feat. Sun)"), song(2, "Wind", 1, 2, previewUrl=None), other, video
    )
    parsed = check(SOURCE.parse(lookup("Rain"), response), "itunes")
    (record,) = parsed.found.albums
    assert record["album_id"] == album_id("Zoë", "Blue", "1994")
    assert (record["genres"], record["release_date"]) == (["Pop"], "1994-05-21")
    wind = track_id("w", 2, 1, "Wind")
    assert [track["track_id"] for track in parsed.found.tracks] == ["t0", wind]
    rain = parsed.found.tracks[0]
    assert (rain["duration_ms"], rain["number"], rain["disc"], rain["popularity"]) == (61_500, 1, 1, None)
    assert rain["external_ids"] == {"itunes": "1", "itunes_album": "7"}
    assert [(m["owner_id"], m["kind"], m["uri"], m["licence"]) for m in parsed.found.media] == [
        ("w", "cover", ART.replace("100x100", "600x600"), "itunes-promotional"),
        ("t0", "audio", "https://p/1.m4a", "itunes-promotional"),
    ]
    assert not parsed.found.rejects


def test_a_upc_is_looked_up_first():
    request = only(SOURCE.requests([wanted(upc="0602475093060")]))
    assert query(request) == {"upc": "602475093060", "entity": "song", "limit": "200", "country": "us"}
    assert followed(SOURCE.parse(request, results())).kind == "search"
    parsed = check(SOURCE.parse(request, results(album(name="Blau"), song())), "itunes")
    assert [track["title"] for track in parsed.found.tracks] == ["Rain"]
    assert parsed.found.albums[0]["title"] == "Blue"


def test_an_album_that_is_gone_and_a_song_without_a_title_are_said():
    assert refused(SOURCE.parse(lookup(), results()))[1] == "not_found"
    parsed = check(SOURCE.parse(lookup(), results(album(), song(trackName=None))), "itunes")
    assert refused(parsed)[:2] == ("Zoë: Blue (itunes), song 1", "missing_field")


def test_403_with_an_empty_body_is_the_rate_limit():
    request = lookup()
    for refusal in (SOURCE.refusal(request, answer(b"", 403)), SOURCE.refusal(request, answer(b"\n", 403))):
        assert (refusal.code, refusal.wait) == (RejectCode.RATE_LIMITED, 60.0)
        assert refusal.problem.retriable
    assert SOURCE.refusal(request, answer({"errorMessage": "no"}, 403)).code is RejectCode.FORBIDDEN
    assert SOURCE.refusal(request, answer(b"", 429)).wait == 60.0
    assert SOURCE.refusal(request, answer({"errorMessage": "Invalid key"})).code is RejectCode.SOURCE_ERROR
    assert SOURCE.refusal(request, answer(b"", 404)).code is RejectCode.NOT_FOUND
    assert SOURCE.refusal(request, results()) is None
    rate_limit = SOURCE.rate_limit(request)
    assert (rate_limit.count, rate_limit.seconds, rate_limit.at_once) == (20, 60.0, 1)
    assert SOURCE.headers() == {}


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"results":[', [], {}, {"results": None}])
def test_what_is_no_answer_is_asked_for_again(body):
    request = lookup()
    refusal = SOURCE.refusal(request, answer(body))
    assert (refusal.code, refusal.again) == (RejectCode.SOURCE_ERROR, True)
    assert "answered 200 with" in refusal.reason
    assert refused(SOURCE.parse(request, answer(body)))[1] == "new_layout"


@pytest.mark.parametrize(
    ("art", "wider"),
    [
        (ART, ART.replace("100x100bb", "1000x1000bb")),
        ("https://x/a/60x60.jpg", "https://x/a/1000x1000.jpg"),
        ("https://x/100x100/a.jpg", "https://x/100x100/a.jpg"),
        ("https://x/a/100x100bb-85.webp", "https://x/a/1000x1000bb-85.webp"),
        ("https://x/a/cover.jpg", "https://x/a/cover.jpg"),
    ],
)
def test_the_size_of_a_cover_is_the_last_part_of_its_address(art, wider):
    assert larger(art, 1000) == wider


def test_a_store_is_two_letters():
    assert ITunesSource(country="DE").country == "de"
    with pytest.raises(ConfigError, match="'Germany' is no store"):
        ITunesSource(country="Germany")


@pytest.mark.samples
def test_a_recorded_lookup_of_an_ep(samples):
    response = sample(samples / "samples/itunes/lookup_album_songs.json")
    songs = (WantedTrack("you", "You and I", "Dreamcatcher"),)
    request = only(
        SOURCE.requests([Wanted("w", "Dreamcatcher", "Nightmare·Escape the ERA", "2018", tracks=songs)])
    )
    request = followed(SOURCE.parse(request, response))
    assert query(request)["id"] == "1728639278"
    parsed = check(SOURCE.parse(request, response), "itunes")
    (record,) = parsed.found.albums
    assert (record["title"], record["genres"]) == ("Nightmare·Escape The ERA", ["K-Pop"])
    assert record["release_date"] == "2018-05-10"
    tracks = parsed.found.tracks
    assert [(track["number"], track["title"]) for track in tracks] == [
        (1, "INSIDE-OUTSIDE (Intro)"), (2, "YOU AND I"), (3, "Mayday"), (4, "Which a star"), (5, "Scar"),
        (6, "YOU AND I (Instrumental)"),
    ]  # fmt: skip
    assert tracks[1]["track_id"] == "you" != tracks[5]["track_id"]
    assert (tracks[1]["duration_ms"], tracks[1]["external_ids"]["itunes"]) == (195017, "1728639281")
    cover, *previews = parsed.found.media
    assert cover["uri"].endswith("/cover_KM0019454_1.jpg/600x600bb.jpg")
    assert len(previews) == 6
    assert all(each["uri"].endswith(".m4a") for each in previews)


@pytest.mark.samples
def test_a_recorded_search_of_songs_holds_no_album(samples):
    request = only(SOURCE.requests([Wanted("w", "Jack Johnson", "Jack Johnson", None)]))
    assert refused(SOURCE.parse(request, sample(samples / "samples/itunes/search.json")))[2].endswith(
        "there was nothing"
    )
