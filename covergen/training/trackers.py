"""Where the numbers of a training go besides its checkpoint: a tracker takes each row of the history.

Adding one is a class and a line in `TRACKERS`.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from covergen.errors import ConfigError
from covergen.training.alignment import Row


class Tracker:
    """Takes rows and sheets of one training. This one lets them go: the checkpoint's history is enough."""

    def __init__(self, folder: Path, *, name: str, settings: Mapping[str, Any]):
        del folder, name, settings

    def add(self, row: Row) -> None:
        """Take in one row of the history."""

    def show(self, name: str, picture: Any, *, step: int) -> None:
        """Take in a picture (H, W, 3) of 8 bits."""

    def close(self) -> None:
        """Write out what is held back."""


class TensorBoardTracker(Tracker):
    """Writes event files into `folder`, for `tensorboard --logdir`."""

    def __init__(self, folder: Path, *, name: str, settings: Mapping[str, Any]):
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder))
        self._writer.add_text(name, "\n".join(f"    {key}: {value}" for key, value in settings.items()))

    def add(self, row: Row) -> None:
        """Write each number of the row as a scalar."""
        for name, value in scalars(row).items():
            self._writer.add_scalar(name, value, int(row["step"]))

    def show(self, name: str, picture: Any, *, step: int) -> None:
        """Write the picture."""
        self._writer.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()


class MlflowTracker(Tracker):
    """Tells the MLflow server that `MLFLOW_TRACKING_URI` names; needs the extra `mlflow`."""

    def __init__(self, folder: Path, *, name: str, settings: Mapping[str, Any]):
        try:
            import mlflow
        except ImportError as error:
            raise ConfigError(
                "train.tracker=mlflow needs the extra: pip install 'covergen[mlflow]', or take tensorboard"
            ) from error
        self._mlflow = mlflow
        del folder
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            raise ConfigError("train.tracker=mlflow: name the server in MLFLOW_TRACKING_URI, on every worker")
        mlflow.set_experiment("covergen")
        mlflow.start_run(run_name=name)
        mlflow.log_params({key: str(value)[:250] for key, value in settings.items()})

    def add(self, row: Row) -> None:
        """Log each number of the row as a metric."""
        self._mlflow.log_metrics(scalars(row), step=int(row["step"]))

    def show(self, name: str, picture: Any, *, step: int) -> None:
        """Log the picture as an artifact."""
        self._mlflow.log_image(picture, f"{name}/{step:06}.png")

    def close(self) -> None:
        """End the run."""
        self._mlflow.end_run()


TRACKERS: Final[Mapping[str, Callable[..., Tracker]]] = {
    "none": Tracker,
    "tensorboard": TensorBoardTracker,
    "mlflow": MlflowTracker,
}


def scalars(row: Row) -> dict[str, float]:
    """Return the numbers of a row by name: `train/loss`, `validation/true/bin_4`."""
    if row["stage"] == "validation":
        return {f"validation/{row['sound']}/bin_{row['bin']}": float(row["loss"])}
    numbers = {key: value for key, value in row.items() if key not in {"stage", "step"}}
    return {f"{row['stage']}/{key}": float(value) for key, value in numbers.items()}
