import pytest

from covergen.catalog.splits import split_of
from covergen.media import audio, images
from covergen.sources.procedural import SAMPLE_RATE, ProceduralSource, fetch
from covergen.sources.protocol import Found
from covergen.storage import rows
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS


@pytest.fixture(scope="module")
def pieces() -> list[Found]:
    return list(ProceduralSource(4, 3, seconds=1.5, cover_size=32).read())


def test_counts_and_tables(pieces):
    assert len(pieces) == 7
    for table, what in ((ALBUMS, "albums"), (TRACKS, "tracks"), (MEDIA, "media")):
        records = [record for piece in pieces for record in getattr(piece, what)]
        found = rows.from_records(table, records)
        keys = {tuple(record[name] for name in table.key) for record in records}
        assert len(keys) == found.num_rows == (14 if table is MEDIA else 7)
        assert set(found["licence"].to_pylist()) == {"CC0-1.0"}


def test_songs_and_covers_can_be_decoded(pieces):
    song, cover = pieces[0].media
    clip = audio.decode(fetch(song["uri"]), SAMPLE_RATE)
    assert clip.seconds == pytest.approx(1.5)
    assert images.decode(fetch(cover["uri"])).shape == (32, 32, 3)


def test_the_generators_split_is_kept_and_shares_no_artist(pieces):
    splits = {}
    for piece in pieces:
        album = piece.albums[0]
        split = split_of(album["artist"], validation=0.2, test=0.5, source_url=album["source_url"])
        splits.setdefault(split == "test", set()).add(album["artist"])
    assert not splits[True] & splits[False]
    assert [piece.albums[0]["source_url"] for piece in pieces[3:5]] == [
        "procedural:train/3",
        "procedural:eval/0",
    ]


def test_reading_twice_gives_the_same_bytes(pieces):
    again = next(ProceduralSource(1, 0, seconds=1.5, cover_size=32).read())
    assert again.media == pieces[0].media
    assert [fetch(m["uri"]) for m in again.media] == [fetch(m["uri"]) for m in pieces[0].media]


def test_seed_moves_the_catalogue(pieces):
    other = next(ProceduralSource(1, 0, seed=2, seconds=1.5, cover_size=32).read())
    assert other.albums[0]["album_id"] == pieces[2].albums[0]["album_id"]


def test_no_album_comes_twice_in_many():
    ids = [piece.albums[0]["album_id"] for piece in ProceduralSource(3000, 0).read()]
    assert len(ids) == len(set(ids)) == 3000
