"""What a root knows, as a report shows it."""

import json
from pathlib import Path

import numpy as np
import pytest

from covergen.evaluation import gather
from covergen.storage import Root


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
