"""MusicBrainz: releases, their groups and recordings as JSON; 403 for agents without a contact."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.sites import ids, search
from tests.sites.answers import answer_json, plain_json, whole
from tests.sites.catalogue import Record, Song
from tests.sites.world import World

_CONTACT = re.compile(r"@|https?://|www\.")
_FIELDS = {
    "artist": "artist", "artistname": "artist", "creditname": "artist", "release": "album",
    "releasegroup": "album", "releaseaccent": "album", "recording": "track", "isrc": "isrc",
    "barcode": "upc", "date": "year", "firstreleasedate": "year", "reid": "id", "rgid": "id",
}  # fmt: skip


class MusicBrainz:
    """The web service, version 2."""

    def __init__(self, world: World):
        self.catalogue = world.catalogue

    def routes(self) -> list[Route]:
        return [
            Route("/release", self.releases),
            Route("/release/{id}", self.release),
            Route("/release-group", self.groups),
            Route("/release-group/{id}", self.group),
            Route("/recording", self.recordings),
            Route("/recording/{id}", self.recording),
            Route("/isrc/{isrc}", self.isrc),
        ]

    async def releases(self, request: Request) -> Response:
        found = search.albums(self.catalogue, request.query_params.get("query", ""), _FIELDS)
        if group := request.query_params.get("release-group"):
            found = [record for record in self.catalogue.sold if record.group_id == group]
        return _searched(request, "releases", [_release(r) | {"score": 100} for r in found])

    async def groups(self, request: Request) -> Response:
        found = search.albums(self.catalogue, request.query_params.get("query", ""), _FIELDS)
        return _searched(request, "release-groups", [_group(r) | {"score": 100} for r in found])

    async def recordings(self, request: Request) -> Response:
        found = search.songs(self.catalogue, request.query_params.get("query", ""), _FIELDS)
        told = [_recording(s) | {"releases": [_release(r)], "score": 100} for r, s in found]
        return _searched(request, "recordings", told)

    async def release(self, request: Request) -> Response:
        asked = _included(request)
        for record in self.catalogue.sold:
            if record.release_id == request.path_params["id"]:
                return _told(request, _whole_release(record, asked))
        return _not_found(request)

    async def group(self, request: Request) -> Response:
        asked = _included(request)
        for record in self.catalogue.sold:
            if record.group_id == request.path_params["id"]:
                told = _group(record) | (_genres(record) if "genres" in asked else {})
                return _told(
                    request, told | ({"releases": [_release(record)]} if "releases" in asked else {})
                )
        return _not_found(request)

    async def recording(self, request: Request) -> Response:
        for record, song in self.catalogue.songs:
            if song.recording_id == request.path_params["id"]:
                return _told(request, _recording(song) | {"releases": [_release(record)]})
        return _not_found(request)

    async def isrc(self, request: Request) -> Response:
        asked = request.path_params["isrc"].upper()
        found = [
            _recording(s) | {"releases": [_release(r)]} for r, s in self.catalogue.songs if s.isrc == asked
        ]
        return _told(request, {"isrc": asked, "recordings": found}) if found else _not_found(request)


def _told(request: Request, value: dict[str, Any]) -> Response:
    if not _CONTACT.search(request.headers.get("user-agent", "")):
        said = "Your User-Agent does not identify your application and its contact."
        return plain_json({"error": said}, 403)
    if request.query_params.get("fmt") != "json" and "json" not in request.headers.get("accept", ""):
        return Response('<?xml version="1.0" encoding="UTF-8"?><metadata/>', media_type="application/xml")
    return answer_json(request, value)


def _not_found(request: Request) -> Response:
    return plain_json({"error": "Not Found", "help": "For usage, please see: ..."}, 404)


def _searched(request: Request, name: str, found: list[dict[str, Any]]) -> Response:
    limit = min(max(whole(request.query_params.get("limit"), 25), 1), 100)
    start = max(whole(request.query_params.get("offset"), 0), 0)
    told = {
        "created": "2026-11-26T00:00:00.000Z",
        "count": len(found),
        "offset": start,
        name: search.page_of(found, start, limit),
    }
    return _told(request, told)


def _included(request: Request) -> set[str]:
    return set(re.split(r"[+ ]", request.query_params.get("inc", "")))


def _credit(name: str) -> list[dict[str, Any]]:
    first, _, last = name.rpartition(" ")
    artist = {
        "id": ids.mbid("artist", name),
        "name": name,
        "sort-name": f"{last}, {first}" if first else name,
        "disambiguation": "",
    }
    return [{"name": name, "joinphrase": "", "artist": artist}]


def _genres(record: Record) -> dict[str, Any]:
    names = {record.genre: 7} | ({"electronic": 2} if record.genre == "ambient" else {})
    told = [
        {"id": ids.mbid("genre", name), "name": name, "count": count, "disambiguation": ""}
        for name, count in names.items()
    ]
    return {"genres": told, "tags": [{"name": g["name"], "count": g["count"]} for g in told]}


def _group(record: Record) -> dict[str, Any]:
    return {
        "id": record.group_id,
        "title": record.title,
        "first-release-date": record.released.isoformat(),
        "primary-type": "EP" if record.kind == "ep" else "Album",
        "secondary-types": [],
        "disambiguation": "",
        "artist-credit": _credit(record.artist),
    }


def _release(record: Record) -> dict[str, Any]:
    return {
        "id": record.release_id,
        "title": record.title,
        "status": "Official",
        "disambiguation": "",
        "date": record.released.isoformat(),
        "country": "XW",
        "barcode": record.upc,
        "track-count": len(record.songs),
        "artist-credit": _credit(record.artist),
        "release-group": {
            "id": record.group_id,
            "title": record.title,
            "primary-type": "EP" if record.kind == "ep" else "Album",
        },
        "media": [{"format": "Digital Media", "track-count": len(record.songs)}],
    }


def _whole_release(record: Record, asked: set[str]) -> dict[str, Any]:
    told = _release(record) | {
        "packaging": None,
        "quality": "normal",
        "text-representation": {"language": "eng", "script": "Latn"},
        "cover-art-archive": {"front": True, "back": False, "artwork": True, "darkened": False, "count": 1},
        "release-group": _group(record) | (_genres(record) if "genres" in asked else {}),
    }
    if "labels" in asked:
        label = {"id": ids.mbid("label", record.label), "name": record.label}
        told["label-info"] = [{"catalog-number": None, "label": label}]
    if "genres" in asked:
        told |= _genres(record)
    if asked & {"recordings", "isrcs"}:
        tracks = [_track(song, asked) for song in record.songs]
        told["media"] = [
            {
                "position": 1,
                "format": "Digital Media",
                "title": "",
                "track-offset": 0,
                "track-count": len(tracks),
                "tracks": tracks,
            }
        ]
    return told


def _track(song: Song, asked: set[str]) -> dict[str, Any]:
    recording = _recording(song)
    if "isrcs" not in asked:
        del recording["isrcs"]
    return {
        "id": ids.mbid("track", song.key),
        "position": song.number,
        "number": str(song.number),
        "title": song.title,
        "length": song.seconds * 1000,
        "artist-credit": _credit(song.artist),
        "recording": recording,
    }


def _recording(song: Song) -> dict[str, Any]:
    return {
        "id": song.recording_id,
        "title": song.title,
        "length": song.seconds * 1000,
        "video": False,
        "disambiguation": "",
        "isrcs": [song.isrc],
        "artist-credit": _credit(song.artist),
    }
