"""Tracks of the catalogue: what the embed job heard is what the painter is given."""

import asyncio

import numpy as np
import pyarrow as pa
import pytest

from covergen.embeddings.audio_stage import HearTracks
from covergen.errors import BadInput
from covergen.serving.listener import ListenerWorker
from covergen.serving.service import CoverService
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS


@pytest.fixture(scope="module")
def service():
    return CoverService()


def embedded(place, hearing, songs):
    """A catalogue as the embed job leaves it."""
    root = Root.create(str(place))
    told = pa.schema(
        [(name, pa.string()) for name in ("track_id", "input_digest", "uri")] + [("bytes", pa.binary())]
    )
    rows = [
        {"track_id": name, "input_digest": name, "uri": None, "bytes": song} for name, song in songs.items()
    ]
    heard = hearing.hear()(hearing.cut()(pa.Table.from_pylist(rows, schema=told)))
    generation = root.generation(AUDIO_EMBEDDINGS, hearing.recipe(), shapes=hearing.shapes())
    generation.append(heard.select(["track_id", "frames", "seconds", "input_digest"]))
    return str(place)


def find(service, catalogue, track):
    return asyncio.run(ListenerWorker(service, catalogue=catalogue).track(track))


def test_a_track_is_heard_as_its_song_is(service, low_song, high_song, tmp_path):
    catalogue = embedded(tmp_path / "root", HearTracks("logmel"), {"t-low": low_song, "t-high": high_song})
    for name, song in (("t-low", low_song), ("t-high", high_song)):
        assert np.array_equal(find(service, catalogue, name).frames, service.listen(song).frames)
    for name in ("t-other", "it's"):
        with pytest.raises(BadInput) as refused:
            find(service, catalogue, name)
        assert refused.value.code == "not_found"


def test_a_track_that_was_heard_in_another_way_is_refused(service, low_song, tmp_path):
    catalogue = embedded(tmp_path / "root", HearTracks("logmel", seconds=5.0), {"t-low": low_song})
    with pytest.raises(BadInput) as refused:
        find(service, catalogue, "t-low")
    assert refused.value.code == "no_audio_embedding" and "seconds=5.0" in refused.value.reason


def test_tracks_that_come_later_are_found(service, low_song, high_song, tmp_path):
    catalogue = embedded(tmp_path / "root", HearTracks("logmel"), {"t-low": low_song})
    listening = ListenerWorker(service, catalogue=catalogue)
    asyncio.run(listening.track("t-low"))
    embedded(tmp_path / "root", HearTracks("logmel"), {"t-high": high_song})
    assert asyncio.run(listening.track("t-high")).seconds > 0
