import numpy as np
import pytest

from covergen.errors import ConfigError
from covergen.training.trackers import TRACKERS, scalars

ROWS = [
    {"stage": "train", "step": 1, "loss": 0.5, "learning_rate": 1e-4, "gradient_norm": 2.0},
    {"stage": "train", "step": 2, "loss": 0.25, "learning_rate": 2e-4, "gradient_norm": 1.0},
    {"stage": "validation", "step": 2, "bin": 4, "low": 800, "high": 999, "sound": "true", "loss": 0.125},
]
PICTURE = np.zeros((8, 8, 3), np.uint8)


def track(name, folder):
    tracker = TRACKERS[name](folder, name="checkpoints/abc", settings={"steps": 2, "fusion": "decoupled"})
    for row in ROWS:
        tracker.add(row)
    tracker.show("samples", PICTURE, step=2)
    tracker.close()


def test_scalars_have_a_name_each():
    assert scalars(ROWS[0]) == {"train/loss": 0.5, "train/learning_rate": 1e-4, "train/gradient_norm": 2.0}
    assert scalars(ROWS[2]) == {"validation/true/bin_4": 0.125}


def test_none_leaves_nothing(tmp_path):
    track("none", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_event_files_hold_every_number(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    track("tensorboard", tmp_path)
    (file,) = tmp_path.iterdir()
    found, raw = {}, file.read_bytes()
    while raw:
        length = int.from_bytes(raw[:8], "little")
        event, raw = Event.FromString(raw[12 : 12 + length]), raw[16 + length :]
        found |= {(value.tag, event.step): value for value in event.summary.value}
    assert found["train/loss", 2].simple_value == 0.25
    assert found["validation/true/bin_4", 2].simple_value == 0.125
    assert found["samples", 2].image.height == 8


def test_mlflow_is_told_every_number(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI"):
        track("mlflow", tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "tracked").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # instead of a server
    track("mlflow", tmp_path)
    (run,) = mlflow.search_runs(experiment_names=["covergen"], output_format="list")
    assert run.data.metrics["train/loss"] == 0.25
    assert run.data.params["steps"] == "2"
