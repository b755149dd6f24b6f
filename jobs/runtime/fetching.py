"""The polite client as workers get it: one limiter for the whole cluster, a cache of each machine's own."""

import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from covergen.config import Config
from covergen.errors import ConfigError
from covergen.sources.http.fetch import Fetcher
from covergen.sources.limiter.limiter import Limiter
from covergen.storage.root import Root
from jobs.runtime.limiter import limiter


def fetcher_of(root: Root, config: Config) -> "Making":
    """Return what makes a worker's client. Raises ConfigError where nobody says who asks."""
    contact = config.scrape.contact
    if not contact:
        raise ConfigError(
            "scrape.contact is empty: sites on the web are told who asks. Give an e-mail address or a page "
            "that answers for this run."
        )
    unruled = frozenset(
        each.name for each in config.scrape.sources if getattr(each, "override_robots", False)
    )
    return Making(root.uri, f"covergen/{version('covergen')} ({contact})", unruled)


@dataclass(frozen=True)
class Making:
    """Makes a worker's client, and its limiter alone; travels to the worker as it is."""

    root: str
    user_agent: str
    unruled: frozenset[str]

    def __call__(self) -> Fetcher:
        """Return the client."""
        cache = Path(tempfile.gettempdir(), "covergen", "http")
        return Fetcher(self.user_agent, self.limiter(), cache=cache, unruled=self.unruled)

    def limiter(self) -> Limiter:
        """Return the cluster's limiter as this process has it."""
        return limiter(self.root)
