import pickle
from dataclasses import replace

import pytest

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.identity import album_id, track_id
from covergen.sources.spotify.source import SpotifySource
from covergen.sources.web_source import Wanted, WantedTrack
from covergen.storage import rows
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS
from tests.sources.spotify.spotify_answers import (
    LANTERNS,
    MOMENT,
    WANTED,
    album,
    answer,
    artist,
    in_search,
    page,
    query,
    song,
    spotify_id,
)

BASE = "https://api.spotify.com/v1"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "the-client-id")
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "the-client-secret")


@pytest.fixture
def development() -> SpotifySource:
    return SpotifySource(accept_terms=True)


@pytest.fixture
def extended() -> SpotifySource:
    return SpotifySource(accept_terms=True, surface="extended")


def known(number: int = 1, wanted: Wanted = WANTED) -> Wanted:
    """A wanted album whose Spotify id is known."""
    ids = {"spotify_album": spotify_id(number)}
    first = WantedTrack("song", "A Song", wanted.artist, ids=ids)
    return replace(wanted, album_id=f"{wanted.album_id[:-4]}{number:04}", tracks=(*wanted.tracks, first))


def first(source: SpotifySource, *wanted: Wanted):
    return next(source.requests(wanted))


def looked_up(source: SpotifySource, body, wanted: Wanted = WANTED):
    """The album's answer, as it is read after the search."""
    search = first(source, wanted)
    (request,) = source.parse(search, answer(search, {"albums": page([in_search()])})).follow
    return source.parse(request, answer(request, body))


def as_tables(found) -> None:
    for table, records in ((ALBUMS, found.albums), (TRACKS, found.tracks), (MEDIA, found.media)):
        assert len(rows.from_records(table, records)) == len(records)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "accept_terms=true"),
        ({"accept_terms": True, "surface": "old"}, "development or extended"),
        ({"accept_terms": True, "market": "Germany"}, "market='Germany'"),
        ({"accept_terms": True, "artist_genres": True}, "surface=extended"),
    ],
)
def test_what_it_is_not_built_with(arguments, said):
    with pytest.raises(ConfigError, match=said):
        SpotifySource(**arguments)


@pytest.mark.parametrize("name", ["SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET"])
def test_it_needs_credentials(monkeypatch, name):
    monkeypatch.setenv(name, " ")
    with pytest.raises(ConfigError, match=f"{name} is not set"):
        SpotifySource(accept_terms=True)


def test_searches_go_from_the_upc_in_all_its_spellings_to_words_to_no_match(development):
    request, queries = first(development, replace(WANTED, upc="602577411809")), []
    nothing = {"albums": page([])}
    while True:
        queries.append(query(request))
        parsed = development.parse(request, answer(request, nothing))
        if not parsed.follow:
            break
        (request,) = parsed.follow
    assert [each["q"] for each in queries] == [
        "upc:602577411809",
        "upc:0602577411809",
        "upc:00602577411809",
        'album:"Night Ferry" artist:"Paper Lanterns"',
    ]
    assert {each["limit"] for each in queries} == {"10"} and {each["type"] for each in queries} == {"album"}
    (rejected,) = parsed.found.rejects
    assert (rejected.stage, rejected.key) == ("answers", "Paper Lanterns: Night Ferry")
    assert rejected.problem.code is RejectCode.NO_MATCH


def test_a_upc_decides_and_gets_its_leading_zeros(development):
    request = first(development, replace(WANTED, title="The Ferry at Night", upc="67003168052"))
    assert query(request)["q"] == "upc:067003168052"
    (lookup,) = development.parse(request, answer(request, {"albums": page([None, in_search(7)])})).follow
    assert lookup.url == f"{BASE}/albums/{spotify_id(7)}"


def test_an_isrc_finds_the_album_of_its_song(extended):
    track = WantedTrack("1", "Harbour", "Paper Lanterns", isrc="GB-ABC-19-00001")
    request = first(extended, replace(WANTED, tracks=(track,)))
    assert query(request) == {"q": "isrc:GBABC1900001", "type": "track", "limit": "50"}
    songs = [None, {**song(1, "Harbour"), "album": in_search(4)}]
    (lookup,) = extended.parse(request, answer(request, {"tracks": page(songs)})).follow
    assert lookup.url == f"{BASE}/albums/{spotify_id(4)}"


def test_words_fit_a_query_and_hold_no_quotes(development):
    title = 'The "Ballad" of ' + "a very long name " * 9
    request = first(development, Wanted("a", "Various Artists", title))
    said = query(request)["q"]
    assert said.startswith('album:"The Ballad of a very long name') and said.count('"') == 2
    assert 90 < len(said) <= 100 and "artist" not in said
    request = first(development, Wanted("a", "雨" * 60 + "; Zoë", "夜" * 120))
    assert len(query(request)["q"]) <= 100


def test_a_search_chooses_the_album_and_no_single_of_its_name(development):
    request = first(development, WANTED)
    offered = [
        None,
        in_search(1, album_type="single", total_tracks=1),
        in_search(2, name="Night Ferry (Karaoke)"),
        in_search(3),
        {"id": None},
    ]
    (lookup,) = development.parse(request, answer(request, {"albums": page(offered)})).follow
    assert lookup.url == f"{BASE}/albums/{spotify_id(3)}"


def test_market_is_asked_for_everywhere():
    source = SpotifySource(accept_terms=True, market="DE")
    assert query(first(source, WANTED))["market"] == "DE"
    assert first(source, known()).url == f"{BASE}/albums/{spotify_id(1)}?market=DE"


def test_development_takes_songs_as_the_album_tells_them(development):
    found = looked_up(development, album()).found
    as_tables(found)
    assert not found.rejects
    assert [(t["title"], t["number"], t["duration_ms"]) for t in found.tracks] == [
        ("Harbour", 1, 200_001),
        ("Tide (feat. Salt)", 2, 200_002),
        ("Harbour", 3, 200_003),
    ]
    harbour, tide, again = found.tracks
    assert harbour["track_id"] == WANTED.tracks[0].track_id
    assert tide["track_id"] == track_id(LANTERNS, 1, 2, "Tide (feat. Salt)")
    assert again["track_id"] == track_id(LANTERNS, 1, 3, "Harbour")
    assert {t["album_id"] for t in found.tracks} == {LANTERNS}
    assert harbour["popularity"] is harbour["isrc"] is harbour["preview_url"] is None
    assert harbour["external_ids"] == {
        "spotify": spotify_id(1, "t"),
        "spotify_album": spotify_id(1),
        "upc": "00602577411809",
    }
    assert harbour["source_url"] == f"https://open.spotify.com/track/{spotify_id(1, 't')}"
    assert found.media == [
        {
            "owner_id": LANTERNS,
            "kind": "cover",
            "uri": "https://i.scdn.co/image/640",
            "source": "spotify",
            "source_url": f"https://open.spotify.com/album/{spotify_id(1)}",
            "licence": "spotify-terms",
        }
    ]
    assert not found.albums  # its id would be the wanted one's, and no genre is told


def test_another_spelling_is_told_as_an_album_of_its_own(development):
    (record,) = looked_up(development, album(release_date="2020", release_date_precision="year")).found.albums
    assert record["album_id"] == album_id("Paper Lanterns", "Night Ferry", "2020")
    assert (record["release_date"], record["release_date_precision"]) == ("2020", "year")
    assert (record["licence"], record["fetched_at"]) == ("spotify-terms", MOMENT)


def test_pages_follow_and_a_known_song_is_met_once(development):
    following = f"{BASE}/albums/{spotify_id(1)}/tracks?offset=50&limit=50"
    songs = [song(1, "Harbour"), None, song(3, "")]
    parsed = looked_up(development, album(tracks=page(songs, total=52, following=following)))
    assert [(r.key, r.problem.code) for r in parsed.found.rejects] == [
        ("Paper Lanterns: Night Ferry, song 2", RejectCode.MISSING_FIELD),
        ("Paper Lanterns: Night Ferry, song 3", RejectCode.MISSING_FIELD),
    ]
    (request,) = parsed.follow
    assert (request.kind, request.url) == ("page", following)
    second = development.parse(request, answer(request, page([song(51, "Harbour")], offset=50)))
    (last,) = second.found.tracks
    assert last["track_id"] == track_id(LANTERNS, 1, 51, "Harbour") and not second.follow


@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.example/v1/albums/1/tracks?offset=50",
        f"{BASE}/albums/1/tracks?offset=0",
        f"{BASE}/x",
        7,
    ],
)
def test_no_page_elsewhere_is_followed(development, following):
    parsed = looked_up(development, album(tracks=page([song(1, "Harbour")], following=following)))
    assert not parsed.follow and len(parsed.found.tracks) == 1
    assert [r.problem.code for r in parsed.found.rejects] == [RejectCode.NEW_LAYOUT]


def test_an_album_without_songs_leads_to_their_page(development):
    body = album()
    del body["tracks"]
    (request,) = looked_up(development, body).follow
    assert request.url == f"{BASE}/albums/{spotify_id(1)}/tracks?limit=50"
    assert (
        len(development.parse(request, answer(request, body | page([song(1, "Harbour")]))).found.tracks) == 1
    )


def test_extended_asks_for_known_albums_by_twenties_and_a_null_is_a_reject(extended):
    requests = list(extended.requests([known(number) for number in range(1, 24)]))
    assert [query(r)["ids"].count(",") + 1 for r in requests] == [20, 3]
    bodies = [album(21, extended=True), None, album(23, extended=True, name=None)]
    parsed = extended.parse(requests[1], answer(requests[1], {"albums": bodies}))
    assert [r.problem.code for r in parsed.found.rejects] == [RejectCode.NOT_FOUND, RejectCode.MISSING_FIELD]
    assert [m["owner_id"][-4:] for m in parsed.found.media] == ["0021"]
    with pytest.raises(BadInput, match="albums that were asked for"):
        extended.parse(requests[1], answer(requests[1], {"albums": bodies[:2]}))


def test_extended_asks_for_songs_by_fifties_and_tells_them_once(extended):
    names = ["Harbour", *(f"Tide {number}" for number in range(2, 53))]
    songs = [song(number, name) for number, name in enumerate(names, 1)]
    parsed = looked_up(extended, album(extended=True, tracks=page(songs)))
    assert not parsed.found.tracks
    assert [query(r)["ids"].count(",") + 1 for r in parsed.follow] == [50, 2]
    whole = [song(number, name, whole=True) for number, name in enumerate(names, 1)]
    found = extended.parse(parsed.follow[0], answer(parsed.follow[0], {"tracks": [*whole[:49], None]})).found
    as_tables(found)
    assert len(found.tracks) == 49
    assert found.rejects[0].key == f"Paper Lanterns: Night Ferry, song {spotify_id(50, 't')}"
    record = found.tracks[0]
    assert (record["track_id"], record["popularity"], record["isrc"]) == (
        WANTED.tracks[0].track_id,
        41,
        "GBABC1900001",
    )
    assert found.media[0]["owner_id"] == record["track_id"]
    assert found.media[0]["uri"] == record["preview_url"] == whole[0]["preview_url"]


def test_artists_tell_genres_where_asked_for():
    source = SpotifySource(accept_terms=True, surface="extended", artist_genres=True)
    parsed = looked_up(source, album(extended=True))
    assert not parsed.found.albums
    songs, artists = parsed.follow
    assert (songs.kind, query(artists)["ids"]) == ("songs", spotify_id(1, "r"))
    body = {"artists": [None, {**artist(), "genres": ["dream pop", "shoegaze", "dream pop"]}]}
    (record,) = source.parse(artists, answer(artists, body)).found.albums
    assert (record["genres"], record["label"]) == (["dream pop", "shoegaze"], "Quay Records")
    silent = source.parse(artists, answer(artists, {"artists": [artist()]}))
    assert not silent.found.albums and not silent.found.rejects


@pytest.mark.parametrize("surface", ["development", "extended"])
@pytest.mark.parametrize("odd", [None, "?", [], {}, [None], 0, -1])
def test_any_field_may_be_missing_or_odd(surface, odd):
    source = SpotifySource(accept_terms=True, surface=surface)
    for name in album(extended=True):
        parsed = looked_up(source, album(extended=True, **{name: odd}))
        as_tables(parsed.found)
        assert parsed.found.tracks or parsed.found.rejects or parsed.follow
    for name in song(1, "Harbour", whole=True):
        parsed = looked_up(source, album(tracks=page([{**song(1, "Harbour", whole=True), name: odd}])))
        as_tables(parsed.found)
        assert parsed.found.tracks or parsed.found.rejects or parsed.follow


def test_a_pickled_source_asks_the_same(development):
    twin = pickle.loads(pickle.dumps(development))
    assert list(twin.requests([WANTED])) == list(development.requests([WANTED]))
    assert development.rate_limit(first(twin, WANTED)).bucket == "spotify"
