"""Real answers of the Web API; what is expected was read off them by eye."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from covergen.errors import RejectCode
from covergen.sources.identity import album_id
from covergen.sources.spotify.requests import SURFACES
from covergen.sources.spotify.source import SpotifySource, refusal_of
from covergen.sources.web_source import Found, Request, Wanted, WantedTrack
from tests.sources.spotify.spotify_answers import album, answer, in_search, page, song

pytestmark = pytest.mark.samples


@pytest.fixture
def folder(samples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "id")
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "secret")
    return samples / "samples" / "spotify"


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def ask(body: Any, artist: str, title: str, year: str | None = None, surface: str = "development"):
    """Return the source, the lookup of an album and what its answer tells."""
    source = SpotifySource(accept_terms=True, surface=surface)
    track = WantedTrack("?", "?", artist, ids={"spotify_album": body["id"]})
    wanted = Wanted(album_id(artist, title, year), artist, title, year, tracks=(track,))
    (request,) = source.requests([wanted])
    return source, request, source.parse(request, answer(request, body))


def test_an_album_of_2026(folder):
    body = read(folder, "get_album.json")
    _, request, parsed = ask(body, "Area 11", "SINGLARITY")
    found: Found = parsed.found
    assert request.url.endswith("/albums/3IqzqH6ShrRtie9Yd2ODyG")
    (record,) = found.albums
    assert (record["artist"], record["title"], record["label"]) == (
        "Area 11", "SINGLARITY", "Smihilism Records",
    )  # fmt: skip
    assert (record["release_date"], record["genres"]) == ("2020-12-18", [])
    assert record["source_url"] == "https://open.spotify.com/album/3IqzqH6ShrRtie9Yd2ODyG"
    assert [(t["number"], t["title"], t["duration_ms"]) for t in found.tracks] == [
        (1, "All Your Friends", 260372),
        (2, "New Magiks", 206613),
        (3, "Everybody Gets a Piece", 237266),
        (4, "Curtain Fall", 244813),
        (5, "Tear Up", 227517),
        (6, "ØCULIST", 231891),
        (7, "Kaleidoscope", 235540),
        (8, "Desaturate", 264000),
        (9, "(Break) In Case Of...", 234493),
        (10, "Dancing on the Head of a Pin", 267080),
        (11, "Singularity", 288493),
    ]
    assert {t["external_ids"]["upc"] for t in found.tracks} == {"195916707034"}
    assert [m["uri"] for m in found.media] == [
        "https://i.scdn.co/image/ab67616d0000b273a61a28c2f084761f8833bce6"
    ]
    assert not found.rejects and not parsed.follow


def test_saved_albums_each_parse_or_say_why_not(folder):
    items = read(folder, "saved_albums.json")["items"]
    assert len(items) == 45 and items[12] is None
    songs = 0
    for item in filter(None, items):
        body = item["album"]
        _, _, parsed = ask(body, body["artists"][0]["name"], body["name"], body["release_date"][:4])
        assert not parsed.found.rejects and not parsed.follow
        assert (
            len(parsed.found.tracks)
            == len({t["track_id"] for t in parsed.found.tracks})
            == body["total_tracks"]
        )
        assert [m["kind"] for m in parsed.found.media] == ["cover"]
        songs += len(parsed.found.tracks)
    assert songs == 438
    body = items[0]["album"]  # "Wildlive (Live at Olympiahalle) [Deluxe Version]", four discs
    _, _, parsed = ask(body, "Powerwolf", "Wildlive (Live at Olympiahalle)", "2026")
    assert {t["disc"] for t in parsed.found.tracks} == {1, 2, 3, 4}
    body = items[8]["album"]
    _, _, parsed = ask(body, "The Knocks", "Revelation", "2025")
    assert parsed.found.albums[0]["artist"] == "The Knocks; Dragonette"


def test_songs_of_an_album_in_a_page(folder):
    body = read(folder, "album_tracks.json")
    without_songs = {
        "id": "4aawyAB9vmqN3uQ7FjRGTy",
        "name": "Global Warming",
        "artists": [{"name": "Pitbull"}],
    }
    source, _, parsed = ask(without_songs, "Pitbull", "Global Warming", "2012")
    (request,) = parsed.follow
    assert request.url.endswith("/albums/4aawyAB9vmqN3uQ7FjRGTy/tracks?limit=50")
    parsed = source.parse(request, answer(request, body))
    assert len(parsed.found.tracks) == 18 and not parsed.follow and not parsed.found.rejects
    first, last = parsed.found.tracks[0], parsed.found.tracks[-1]
    assert (first["title"], first["artist"], first["duration_ms"]) == (
        "Global Warming (feat. Sensato)", "Pitbull; Sensato", 85400,
    )  # fmt: skip
    assert (last["number"], last["title"]) == (
        18, "International Love (feat. Chris Brown) - Jump Smokers Extended Mix",
    )  # fmt: skip


def test_an_album_of_before_2024_has_a_preview(folder):
    body = read(folder, "album_before_2024.json")
    _, _, parsed = ask(body, "Cyndi Lauper", "She's So Unusual", "1983")
    assert not parsed.found.albums  # all it could tell beside songs and cover is known
    (track,) = parsed.found.tracks
    assert (track["title"], track["number"]) == ("Money Changes Everything", 1)
    cover, preview = parsed.found.media
    assert cover["uri"] == "https://i.scdn.co/image/07c323340e03e25a8e5dd5b9a8ec72b69c50089d"
    assert preview["uri"] == "https://p.scdn.co/mp3-preview/01bb2a6c9a89c05a4300aea427241b1719a26b06"
    assert preview["owner_id"] == track["track_id"]


def test_a_song_in_full(folder):
    body = read(folder, "track_before_2024.json")
    in_album = {name: body[name] for name in ("id", "name", "artists", "disc_number", "track_number")}
    of = {**body["album"], "tracks": page([in_album])}
    source, _, parsed = ask(of, "The Killers", "Hot Fuss", "2004", surface="extended")
    (request,) = parsed.follow
    assert request.url.endswith("/tracks?ids=3n3Ppam7vgaVa1iaRUc9Lp")
    (track,) = source.parse(request, answer(request, {"tracks": [body]})).found.tracks
    assert (track["title"], track["popularity"], track["isrc"]) == ("Mr. Brightside", 73, "GBFFP0300052")
    assert (track["number"], track["duration_ms"]) == (2, 222200)


@pytest.mark.parametrize(
    ("title", "chosen"),
    [("Absolution", "0HcHPBu9aaF1MxOiZmUQTl"), ("Showbiz", "6AyUVv7MnxxTuijp4WmrhO"), ("Muse", None)],
)
def test_a_search_of_before_2024(folder, title, chosen):
    source = SpotifySource(accept_terms=True)
    (request,) = source.requests([Wanted("a", "Muse", title)])
    parsed = source.parse(request, answer(request, read(folder, "search_albums_before_2024.json")))
    assert [r.url.rpartition("/")[2] for r in parsed.follow] == ([chosen] if chosen else [])
    assert [r.problem.code for r in parsed.found.rejects] == ([] if chosen else [RejectCode.NO_MATCH])


def test_a_recorded_rate_limit(folder):
    request = Request("spotify", "album", "https://api.spotify.com/v1/albums/1")
    refused = refusal_of(request, answer(request, read(folder, "rate_limit.json"), 429))
    assert refused.refusal.code is RejectCode.RATE_LIMITED


def as_json_schema(node: Any) -> Any:
    """What OpenAPI 3.0 calls nullable may be null."""
    if isinstance(node, list):
        return [as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    schema = {name: as_json_schema(value) for name, value in node.items()}
    if schema.pop("nullable", False) is True:
        return {"anyOf": [{"type": "null"}, schema]}
    return schema


def test_the_answers_made_by_hand_are_those_of_the_description(folder):
    described = yaml.load(
        (folder / "openapi.yml").read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    (limit,) = (p for p in described["paths"]["/search"]["get"]["parameters"] if p.get("name") == "limit")
    assert limit["schema"]["maximum"] == SURFACES["development"].search
    for path in ("/albums", "/tracks", "/artists"):
        assert described["paths"][path]["get"]["deprecated"]
    components = as_json_schema(described["components"])
    for name, body in {
        "AlbumObject": album(extended=True),
        "SimplifiedAlbumObject": {**in_search(), "available_markets": []},
        "TrackObject": song(1, "Harbour", whole=True),
        "SimplifiedTrackObject": song(1, "Harbour"),
    }.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": components}
        jsonschema.Draft7Validator(schema).validate(body)
