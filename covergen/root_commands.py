"""A root as the commands see it: it holds tables, a service's requests and covers, or both."""

from covergen.lineage.verify import Problem
from covergen.lineage.verify import verify as verify_tables
from covergen.serving import retention
from covergen.serving.queue import Allowance
from covergen.storage import upkeep
from covergen.storage.root import MARKER, Root


def verify(uri: str) -> list[Problem]:
    """Return everything that is wrong with a root; raises RootError if it is none or of another version."""
    served = [Problem("service", kind, message) for kind, message in retention.verify(uri)]
    return served + (verify_tables(uri) if _has_tables(uri) else [])


def sweep(
    uri: str,
    *,
    hours: int = upkeep.SAFE_HOURS,
    dry_run: bool = False,
    allowance: Allowance = retention.KEEP_ALL,
) -> dict[str, int]:
    """Remove what no reader sees, as `storage.upkeep` does; return how many files by table.

    Of a service's store goes what was half written or belongs to nothing, and what an `allowance` does not
    keep. Raises RootError and ConfigError before anything is removed.
    """
    upkeep.check_hours(hours)
    removed = upkeep.sweep(uri, hours=hours, dry_run=dry_run) if _has_tables(uri) else {}
    if retention.is_service(uri):
        counts = retention.sweep(uri, hours=hours, dry_run=dry_run, allowance=allowance)
        removed |= {f"service {kind}": count for kind, count in counts.items()}
    return removed


def _has_tables(uri: str) -> bool:
    """Whether a root's tables are to be looked at: where nothing else is there, to say that it is no root."""
    return Root(uri).exists(MARKER) or not retention.is_service(uri)
