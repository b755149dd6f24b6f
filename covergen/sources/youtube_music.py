"""An album's page of YouTube Music, read: its songs with the ids of their videos.

No source asks for it: robots.txt closes the address to programs, as it does the results pages. A saved answer
gives ids whose views the Data API tells; the page's own plays are rounded ("26M plays") and left out.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from covergen.errors import BadInput, RejectCode
from covergen.sources.fields import parse_date
from covergen.sources.identity import album_id, track_id
from covergen.sources.protocol import Found, Record, Rejected
from covergen.sources.youtube.pages import read_length, read_text, under

NAME = "youtube_music"
LICENCE = "youtube-terms"


def read_music_album(data: Mapping[str, Any], at: datetime) -> Found:
    """Return the album, its songs and its cover. Raises BadInput, NEW_LAYOUT, where it is no album's page."""
    header = next(under(data, "musicResponsiveHeaderRenderer"), None)
    shelf = next(under(data, "musicShelfRenderer"), None)
    if header is None or shelf is None:
        missing = "musicResponsiveHeaderRenderer" if header is None else "musicShelfRenderer"
        raise BadInput(RejectCode.NEW_LAYOUT, f"an album of YouTube Music without a {missing}")
    album = _album(data, header, at)
    songs: list[Record] = []
    rejects: list[Rejected] = []
    for place, item in enumerate(under(shelf, "musicResponsiveListItemRenderer"), start=1):
        try:
            songs.append(_song(album, item))
        except BadInput as problem:
            key = f"{album['artist']}: {album['title']} ({NAME}), song {place}"
            rejects.append(Rejected("answers", key, problem))
    source = {key: album[key] for key in ("source", "source_url", "licence")}
    pictures = [picture for each in under(header, "thumbnail") for picture in each.get("thumbnails") or ()]
    largest = max(pictures, key=lambda picture: int(picture.get("width", 0)), default=None)
    cover = {"owner_id": album["album_id"], "kind": "cover", **source}
    return Found([album], songs, [{**cover, "uri": str(largest["url"])}] if largest else [], rejects)


def _album(data: Mapping[str, Any], header: Mapping[str, Any], at: datetime) -> Record:
    title, artist = read_text(header.get("title")), read_text(header.get("straplineTextOne"))
    if not (title and artist):
        raise BadInput(RejectCode.NEW_LAYOUT, "an album of YouTube Music without a title or an artist")
    date, precision = parse_date(read_text(header.get("subtitle")))  # "Album • 2017"
    page = next(under(data, "microformatDataRenderer"), {})
    return {
        "album_id": album_id(artist, title, date),
        "artist": artist,
        "title": title,
        "release_date": date,
        "release_date_precision": precision,
        "genres": [],
        "source": NAME,
        "source_url": page.get("urlCanonical"),
        "licence": LICENCE,
        "fetched_at": at,
    }


def _song(album: Record, item: Mapping[str, Any]) -> Record:
    columns = [read_text(column) for column in _columns(item.get("flexColumns"))]
    lengths = [read_length(read_text(column)) for column in _columns(item.get("fixedColumns"))]
    if not columns or not columns[0]:
        raise BadInput(RejectCode.NEW_LAYOUT, f"a song of {album['title']} has no title")
    number = read_text(item.get("index"))
    place = int(number) if number.isascii() and number.isdigit() else None
    seconds = next((length for length in lengths if length), None)
    video = next((end["videoId"] for end in under(item, "watchEndpoint") if end.get("videoId")), None)
    return {
        "track_id": track_id(album["album_id"], None, place, columns[0]),
        "album_id": album["album_id"],
        "title": columns[0],
        "artist": (columns[1] if len(columns) > 1 else "") or album["artist"],
        "number": place,
        "duration_ms": seconds and seconds * 1000,
        "external_ids": {"youtube": str(video)} if video else {},
        "source": NAME,
        "source_url": album["source_url"],
        "licence": LICENCE,
    }


def _columns(columns: Any) -> Iterator[Any]:
    for column in columns or ():
        for renderer in column.values():
            yield renderer.get("text")
