"""The whole story, in order: a catalogue goes in, songs are heard, a fusion is trained, covers come out."""

import time

from covergen.config import Config
from jobs import clean, embed, encode, entry, evaluate, generate, needs, scrape, tag, train
from jobs.progress import say


def main(config: Config) -> None:
    """Run every job on one config, and end with the path of the report."""
    start = time.monotonic()
    needs.check_all(config)
    for job in (scrape, tag, clean, embed, encode, train, generate, evaluate):
        job.main(config)
    say(f"demo: {time.monotonic() - start:.0f} s in all")


if __name__ == "__main__":
    entry.run(main)
