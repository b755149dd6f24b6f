"""Songs a second: the embedding stages against a tight loop of decode and forward, same encoder and clips."""

import sys
import time

import numpy as np
import pyarrow as pa

from benchmarks.outcome import Outcome
from covergen import audio
from covergen.embeddings.registry import build_encoder
from covergen.embeddings.stage import HearTracks
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise

SECONDS, RATE = 10.0, 24_000


def main(quick: bool) -> None:
    """Alternate stage and loop over the same FLAC clips, twice each, and print the better of each."""
    began, n = time.perf_counter(), 16 if quick else 96
    clips = [audio.encode_flac(synthesise(draw_album(k, "eval"), SECONDS + 2, RATE), RATE) for k in range(n)]
    stage, encoder = HearTracks("logmel", seconds=SECONDS), build_encoder("logmel")
    keys = [str(k) for k in range(n)]
    batch = pa.table(
        {
            "track_id": keys,
            "input_digest": keys,
            "uri": pa.nulls(n, pa.string()),
            "bytes": pa.array(clips, pa.binary()),
        }
    )
    stage(batch.slice(0, 2))
    ours, loop = [], []
    for _ in range(1 if quick else 2):
        start = time.perf_counter()
        for first in range(0, n, 16):
            stage(batch.slice(first, 16))
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        for clip in clips:
            waveform = audio.decode(clip, encoder.sample_rate, seconds=SECONDS).waveform
            samples = round(encoder.segment_seconds * encoder.sample_rate)
            usable = len(waveform) // samples * samples
            encoder(np.asarray(waveform[:usable], np.float32).reshape(-1, samples))
        loop.append(time.perf_counter() - start)
    seconds = time.perf_counter() - began
    Outcome("embed", n / min(ours), n / min(loop), n, "songs/s", seconds).show(peer="tight loop")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
