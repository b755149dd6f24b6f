"""The heuristic tagger on real music: every song gets a row, in range, and well-known pieces their key."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from covergen.tagging.signal import FASTEST, MODES, SLOWEST, TONICS
from covergen.tagging.stage import TagTracks

# Their keys are in their titles or in every score of them.
KNOWN = {
    "Toccata and Fugue in D Minor": ("D", "minor"),
    "Für Elise": ("A", "minor"),
    "Gnossienne No. 1": ("F", "minor"),
    "The Stars and Stripes Forever": ("D#", "major"),
}


@pytest.mark.samples
def test_every_real_song_gets_a_row_in_range(samples):
    with (samples / "music" / "catalog.csv").open(encoding="utf-8") as file:
        paths = [samples / "music" / row["path"] for row in csv.DictReader(file)]
    columns = {
        "track_id": [path.stem for path in paths],
        "input_digest": [str(path) for path in paths],
        "uri": [path.resolve().as_uri() for path in paths],
        "bytes": pa.array([None] * len(paths), pa.binary()),
    }
    tagged = TagTracks("signal")(pa.table(columns)).to_pylist()
    assert len(tagged) == len(paths) > 100
    assert [row["reject_reason"] for row in tagged if row["reject_code"]] == []
    for row in tagged:
        assert row["key"] in {*TONICS, None} and row["mode"] in {*MODES, None}
        assert 0 <= row["energy"] <= 1 and 0 <= row["brightness"] <= 1
        assert row["tempo"] is None or SLOWEST <= row["tempo"] <= FASTEST
    assert sum(row["key"] is None for row in tagged) < 0.4 * len(tagged)
    moods = {word for row in tagged for word, _ in row["mood"]}
    assert len(moods) >= 5 and any(not row["mood"] for row in tagged)
    _check_known(paths, tagged)


def _check_known(paths: list[Path], tagged: list[dict]) -> None:
    for title, (key, mode) in KNOWN.items():
        (row,) = (row for path, row in zip(paths, tagged, strict=True) if title in path.stem)
        assert (row["key"], row["mode"]) == (key, mode), title
