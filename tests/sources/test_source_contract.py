import json

import pytest

from covergen.sources.registry import SOURCES
from covergen.storage import rows
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS


@pytest.fixture
def source(request, song, tmp_path):
    """Each source of the registry, with a little to read."""
    if request.param == "folder":
        song("A/B/01 - C.flac")
        return SOURCES["folder"](tmp_path)
    if request.param == "table":
        (tmp_path / "t.json").write_text(
            json.dumps([{"artist": "A", "album": "B", "song": "C", "path": "c.mp3"}])
        )
        return SOURCES["table"](tmp_path / "t.json")
    return SOURCES["procedural"](1, 1, seconds=1.0, cover_size=16)


@pytest.mark.parametrize("source", SOURCES, indirect=True)
def test_contract(source):
    assert type(source).__doc__
    assert SOURCES[source.name] is type(source)
    pieces = list(source.read())
    albums, tracks, media = (
        [record for piece in pieces for record in getattr(piece, what)]
        for what in ("albums", "tracks", "media")
    )
    for table, records in ((ALBUMS, albums), (TRACKS, tracks), (MEDIA, media)):
        assert rows.from_records(table, records).num_rows > 0
        keys = [tuple(record[name] for name in table.key) for record in records]
        assert len(keys) == len(set(keys))
        assert {record["source"] for record in records} == {source.name}
    assert {track["album_id"] for track in tracks} == {album["album_id"] for album in albums}
    owners = {track["track_id"] for track in tracks} | {album["album_id"] for album in albums}
    assert {medium["owner_id"] for medium in media} <= owners
    assert [p.tracks for p in pieces] == [p.tracks for p in source.read()]
