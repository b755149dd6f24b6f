"""Listening to real music: features stay in the range that every song's do, and songs differ."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from covergen.embeddings.audio_stage import HearTracks
from covergen.media.audio import AUDIO_SUFFIXES

SAMPLES = os.environ.get("COVERGEN_SAMPLES")


@pytest.mark.samples
@pytest.mark.skipif(not SAMPLES, reason="COVERGEN_SAMPLES is unset")
def test_real_songs_are_heard_or_refused_with_a_reason():
    files = sorted(p for p in Path(SAMPLES).resolve().rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
    chosen = files[:: max(1, len(files) // 6)]
    columns = {
        "track_id": [str(path) for path in chosen],
        "input_digest": [str(path) for path in chosen],
        "uri": [path.as_uri() for path in chosen],
        "bytes": pa.array([None] * len(chosen), pa.binary()),
    }
    heard = HearTracks("logmel", seconds=10)(pa.table(columns))
    frames = [np.frombuffer(value, "<f2") for value in heard["frames"].to_pylist() if value is not None]
    assert all(heard["reject_reason"].filter(heard["frames"].is_null()).to_pylist())
    assert len(frames) >= len(chosen) // 2, heard["reject_reason"].to_pylist()
    stacked = np.stack(frames).astype(np.float32)
    assert np.abs(stacked).max() < 10
    assert stacked.std(axis=0).mean() > 0.1
