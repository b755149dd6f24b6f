"""What the first worker shows while it trains: sheets of covers in the root, numbers to a tracker."""

import tempfile
from dataclasses import replace
from pathlib import Path

from covergen.config import Config
from covergen.generation.pipeline import PaintSettings
from covergen.generation.sheet import SampleSheet
from covergen.media import images
from covergen.storage import objects
from covergen.storage.root import Root
from covergen.training.examples import Examples
from covergen.training.trackers import TRACKERS
from covergen.training.trainer import Trainer
from jobs.train_parts import recipe_of


class Watch:
    """Follows one training; what it writes lies beside the checkpoint, in `samples` and `tracked`."""

    def __init__(
        self, config: Config, root: Root, folder: str, *, trainer: Trainer, held_out: Examples | None
    ):
        self._root, self._folder, self._trainer = root, folder, trainer
        self._told = len(trainer.history) if trainer.step else 0  # a run that goes on has told these before
        self._away = tempfile.TemporaryDirectory(prefix="covergen-") if objects.is_s3(root.uri) else None
        self._local = Path(self._away.name if self._away else root.path(folder, "tracked"))
        recipe = recipe_of(config)
        settings = {**{k: v for k, v in recipe.items() if k != "settings"}, **recipe["settings"]}
        self._tracker = TRACKERS[config.train.tracker](self._local, name=folder, settings=settings)
        self._every = config.train.sample_every
        self._sheet: SampleSheet | None = None
        if self._every is not None and held_out is not None:
            self._sheet = SampleSheet(
                config.models.stable_diffusion,
                trainer.module.unet,
                examples=held_out,
                # some fusions promise no cover to lean to
                settings=replace(PaintSettings.of(config.generate), noise_shift=0.0),
                offline=config.models.offline,
            )

    def look(self) -> None:
        """Tell what is new in the history and paint a sheet where one is due."""
        self.tell()
        step = self._trainer.step
        if self._sheet is not None and self._every is not None and step % self._every == 0:
            with self._trainer.average.swapped_in():
                sheet = self._sheet.paint(self._trainer.fusion)
            self._root.write(f"{self._folder}/samples/{step:06}.png", images.encode_png(sheet))
            self._tracker.show("samples", sheet, step=step)

    def tell(self) -> None:
        """Tell the tracker what is new in the history."""
        for row in self._trainer.history[self._told :]:
            self._tracker.add(row)
        self._told = len(self._trainer.history)

    def close(self) -> None:
        """Close the tracker; its files go to the root where that is in S3."""
        self._tracker.close()
        if self._away is not None:
            for path in sorted(self._local.rglob("*")):
                if path.is_file():
                    name = path.relative_to(self._local).as_posix()
                    self._root.write(f"{self._folder}/tracked/{name}", path.read_bytes())
            self._away.cleanup()
