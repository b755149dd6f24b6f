"""What a root knows, as a report shows it."""

import json
from pathlib import Path

import numpy as np
import pytest

from covergen.evaluation.tables import gather
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, GENERATED, TAGS
from tests.evaluation import toy_root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root.create(str(tmp_path / "root"))


def test_songs_that_sound_most_different_are_chosen() -> None:
    frames = np.zeros((5, 1, 3, 2), np.float16)
    frames[1:4] += 0.1  # three that are nearly the first
    frames[2, ..., 1] = 4
    frames[4, ..., 0] = 9
    assert set(gather.farthest(frames, 3)) == {0, 2, 4}
    assert len(gather.farthest(frames[:2], 3)) == 2


def test_losses_show_training_and_the_newest_validation(root: Root) -> None:
    history = [{"stage": "train", "step": step, "loss": 2.0 - step / 10} for step in range(1, 11)]
    for step in (5, 10):
        history += [
            {"stage": "validation", "step": step, "bin": b, "sound": sound, "loss": step + b}
            for sound in ("true", "shuffled", "silent")
            for b in range(2)
        ]
    root.write("checkpoints/x/fusion.json", json.dumps({"history": history}).encode())
    training, validation = gather.losses(root, "checkpoints/x")
    (loss,) = training.curves
    assert loss.steps == tuple(range(1, 11)) and loss.values[-1] < loss.values[0]
    assert [curve.name for curve in validation.curves] == ["true", "shuffled", "silent"]
    assert {curve.values for curve in validation.curves} == {(10, 11)}


def test_seconds_are_those_of_the_newest_run(root: Root) -> None:
    root.write("runs/embed/20260101T000000Z.json", b'{"seconds": 9}')
    root.write("runs/embed/20260102T000000Z.json", b'{"seconds": 4}')
    assert gather.seconds(root) == {"embed": 4.0}


def test_covers_tell_the_moods_that_were_heard(tmp_path: Path) -> None:
    root = toy_root.make(tmp_path / "root", held=2, training=1)
    assert [cover.moods for cover in gather.covers(root)] == ["", ""]
    moods = {"calm": 0.9, "dark": 0.7}
    row = {"track_id": "ta000", "tagger": "signal", "basis": "heuristic", "mood": list(moods.items())}
    toy_root.put(root, TAGS, [{**row, "input_digest": "d"}])
    assert [cover.moods for cover in gather.covers(root)] == ["calm, dark", ""]


def test_made_up_albums_of_which_no_one_was_painted_by_all_systems_make_no_table(tmp_path: Path) -> None:
    root = toy_root.make(tmp_path / "root", held=2, training=0)
    root.current(ALBUMS).remove({"a000", "a001"})
    made_up = [
        {"album_id": f"a00{k}", "source": "procedural", "source_url": f"procedural:eval/{k}"} for k in (0, 1)
    ]
    toy_root.append(root, ALBUMS, [{**row, "title": "T", "artist": "A"} for row in made_up])
    root.current(GENERATED).delta().delete(
        "album_id = 'a000' AND system = 'audio' OR album_id = 'a001' AND system <> 'audio'"
    )
    assert gather.controlled_table(root, None, reconstruct=lambda pictures: pictures, resamples=100) is None
