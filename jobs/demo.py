"""The whole story, in order: a catalogue goes in, songs are heard, a fusion is trained, covers come out."""

import time
from importlib import import_module

from covergen.config import Config
from covergen.errors import CovergenError
from covergen.evaluation.report.report import link
from covergen.lineage.pipeline import JOBS
from covergen.models import stable_diffusion
from covergen.storage.root import Root
from covergen.storage.tables import GENERATED
from jobs import embed, train
from jobs.runtime import check_weights, entry
from jobs.runtime.progress import say


def main(config: Config) -> None:
    """Run every job on one config, and end with the path of the report."""
    start = time.monotonic()
    check_weights.check_all(config)
    if config.train.start_from is not None:  # what does not fit is told before an hour of listening
        base, hearing = stable_diffusion.digest(config.models.stable_diffusion), embed.hearing(config)
        train.start_of(config, base_digest=base, audio={**hearing.recipe(), **hearing.facts()})
    for job in [import_module(f"jobs.{name}") for name in JOBS]:
        job.main(config)
    say(f"demo: {time.monotonic() - start:.0f} s in all")
    root = Root.open(config.root)
    if not root.current(GENERATED).count():
        raise CovergenError(f"No cover was painted; {link(root)} tells what was refused, and why.")


if __name__ == "__main__":
    entry.run(main, reads=(*JOBS, "models"))
