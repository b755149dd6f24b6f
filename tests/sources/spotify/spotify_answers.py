"""Answers of Spotify's Web API, made by hand in the shape that its description gives, for both surfaces."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from covergen.sources.identity import album_id, track_id
from covergen.sources.web_source import Answer, Request, Wanted, WantedTrack

MOMENT = datetime(2026, 11, 26, 18, 0, tzinfo=UTC)
LANTERNS = album_id("Paper Lanterns", "Night Ferry", "2019")
WANTED = Wanted(
    LANTERNS,
    "Paper Lanterns",
    "Night Ferry",
    "2019",
    tracks=(WantedTrack(track_id(LANTERNS, None, None, "Harbour"), "Harbour", "Paper Lanterns"),),
)


def spotify_id(number: int, letter: str = "a") -> str:
    return letter * 18 + f"{number:04}"


def artist(number: int = 1, name: str = "Paper Lanterns") -> dict[str, Any]:
    own = spotify_id(number, "r")
    return {
        "id": own,
        "name": name,
        "type": "artist",
        "uri": f"spotify:artist:{own}",
        "href": f"https://api.spotify.com/v1/artists/{own}",
        "external_urls": {"spotify": f"https://open.spotify.com/artist/{own}"},
    }


def song(number: int, name: str, *, whole: bool = False, disc: int = 1) -> dict[str, Any]:
    own = spotify_id(number, "t")
    fields = {
        "id": own,
        "name": name,
        "type": "track",
        "uri": f"spotify:track:{own}",
        "href": f"https://api.spotify.com/v1/tracks/{own}",
        "external_urls": {"spotify": f"https://open.spotify.com/track/{own}"},
        "artists": [artist()],
        "disc_number": disc,
        "track_number": number,
        "duration_ms": 200_000 + number,
        "explicit": False,
        "is_local": False,
    }
    if whole:
        fields |= {
            "popularity": 40 + number % 50,
            "external_ids": {"isrc": f"GBABC19{number:05}"},
            "preview_url": f"https://p.scdn.co/mp3-preview/{number:040x}",
        }
    return fields


def page(songs: list[Any], *, offset: int = 0, total: int | None = None, following: str | None = None) -> Any:
    return {
        "href": "https://api.spotify.com/v1/albums/x/tracks",
        "items": songs,
        "limit": 50,
        "next": following,
        "offset": offset,
        "previous": None,
        "total": len(songs) if total is None else total,
    }


def in_search(number: int = 1, **changed: Any) -> dict[str, Any]:
    """An album as a search tells it."""
    own = spotify_id(number)
    fields = {
        "id": own,
        "name": "Night Ferry",
        "album_type": "album",
        "total_tracks": 3,
        "type": "album",
        "uri": f"spotify:album:{own}",
        "href": f"https://api.spotify.com/v1/albums/{own}",
        "external_urls": {"spotify": f"https://open.spotify.com/album/{own}"},
        "images": [
            {"url": f"https://i.scdn.co/image/{size}", "width": size, "height": size}
            for size in (300, 640, 64)
        ],
        "release_date": "2019-03-08",
        "release_date_precision": "day",
        "artists": [artist()],
    }
    return {**fields, **changed}


def album(number: int = 1, *, extended: bool = False, **changed: Any) -> dict[str, Any]:
    songs = [song(1, "Harbour"), song(2, "Tide (feat. Salt)"), song(3, "Harbour")]
    fields = {**in_search(number), "tracks": page(songs), "genres": [], "copyrights": []}
    fields["external_ids"] = {"upc": "00602577411809"}
    if extended:
        fields |= {"label": "Quay Records", "popularity": 51, "available_markets": ["DE", "GB"]}
    return {**fields, **changed}


def answer(request: Request, body: Any, status: int = 200, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(request.url, status, headers, raw, MOMENT)


def query(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
