"""The local Spotify: tokens, two surfaces, and the shapes of its published description."""

import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.sites.asking import token
from tests.sites.running import Running


def test_spotify_asks_for_a_token_that_lives(sites: Running, client: httpx2.Client) -> None:
    album = f"/spotify/v1/albums/{sites.catalogue()[0]['spotify']}"
    assert client.get(album).status_code == 401
    assert client.get(album, headers={"Authorization": "Bearer made-up"}).status_code == 401
    good = {"Authorization": f"Bearer {token(client)}"}
    assert client.get(album, headers=good).status_code == 200
    old = {"Authorization": f"Bearer {token(client, expires_in='0')}"}
    time.sleep(0.01)
    expired = client.get(album, headers=old)
    assert (expired.status_code, expired.json()["error"]["message"]) == (401, "The access token expired")
    refused = client.post(
        "/spotify-accounts/api/token", data={"grant_type": "client_credentials"}, auth=("somebody", "wrong")
    )
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client")


def test_spotify_extended_and_development_differ(sites: Running, spotify: httpx2.Client) -> None:
    wanted = sites.catalogue()[0]
    one, many = f"/albums/{wanted['spotify']}", f"/albums?ids={wanted['spotify']},none"
    extended = spotify.get(f"/spotify/v1{one}").json()
    development = spotify.get(f"/spotify-dev/v1{one}").json()
    assert {"popularity", "label"} <= set(extended)
    assert not {"popularity", "label", "available_markets"} & set(development)
    assert extended["external_ids"] == development["external_ids"]
    assert extended["external_ids"]["upc"].lstrip("0") == wanted["upc"].lstrip("0")
    assert extended["genres"] == []
    assert "popularity" not in extended["tracks"]["items"][0]
    assert spotify.get(extended["tracks"]["items"][0]["preview_url"]).status_code == 200
    assert development["tracks"]["items"][0]["preview_url"] is None
    batch = spotify.get(f"/spotify/v1{many}").json()["albums"]
    assert (batch[0]["id"], batch[1]) == (wanted["spotify"], None)
    assert spotify.get(f"/spotify-dev/v1{many}").status_code == 403
    search = "/v1/search?q=karaoke&type=track&limit="
    assert spotify.get(f"/spotify{search}11").status_code == 200
    assert spotify.get(f"/spotify-dev{search}11").status_code == 400
    page = spotify.get(f"/spotify-dev{search}10").json()["tracks"]
    assert len(page["items"]) == 10
    following = spotify.get(page["next"]).json()["tracks"]
    assert following["offset"] == 10
    assert not {item["id"] for item in page["items"]} & {item["id"] for item in following["items"]}


def test_spotify_finds_by_upc_and_isrc(sites: Running, spotify: httpx2.Client) -> None:
    wanted = sites.catalogue()[5]
    found = spotify.get("/spotify/v1/search", params={"q": f"upc:{wanted['upc']}", "type": "album"}).json()
    assert [item["id"] for item in found["albums"]["items"]] == [wanted["spotify"]]
    song = wanted["songs"][-1]
    found = spotify.get(
        "/spotify-dev/v1/search", params={"q": f"isrc:{song['isrc']}", "type": "track"}
    ).json()
    assert [item["id"] for item in found["tracks"]["items"]] == [song["spotify"]]


@pytest.mark.samples
def test_spotify_answers_fit_its_openapi_description(
    sites: Running, spotify: httpx2.Client, samples: Path
) -> None:
    text = (samples / "samples" / "spotify" / "openapi.yml").read_text(encoding="utf-8")
    described = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    wanted = sites.catalogue()[0]
    song = wanted["songs"][0]["spotify"]
    artist = spotify.get(f"/spotify/v1/tracks/{song}").json()["artists"][0]["id"]
    asked = {
        f"/albums/{wanted['spotify']}": "AlbumObject",
        f"/albums/{wanted['spotify']}/tracks?limit=2&offset=1": "PagingSimplifiedTrackObject",
        f"/tracks/{song}": "TrackObject",
        f"/artists/{artist}": "ArtistObject",
    }
    for path, name in asked.items():
        fits(described, name, spotify.get(f"/spotify/v1{path}").json())
    search = spotify.get("/spotify/v1/search?q=karaoke&type=album,track&limit=2").json()
    fits(described, "PagingSimplifiedAlbumObject", search["albums"])
    fits(described, "PagingTrackObject", search["tracks"])


def fits(described: dict[str, Any], name: str, value: Any) -> None:
    """Hold a value against a schema of an OpenAPI 3.0 description."""
    import jsonschema

    root = {"components": nullable(described["components"]), "$ref": f"#/components/schemas/{name}"}
    jsonschema.Draft202012Validator(root).validate(value)


def nullable(node: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema lists the type null."""
    if isinstance(node, list):
        return [nullable(part) for part in node]
    if not isinstance(node, dict):
        return node
    changed = {key: nullable(part) for key, part in node.items() if key != "nullable"}
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        changed["type"] = [node["type"], "null"]
    return changed
