"""Licences whose albums training leaves out unless the user says that he may learn from them."""

from collections.abc import Collection, Mapping
from typing import Final

import pyarrow as pa

REFUSED: Final[Mapping[str, str]] = {
    "spotify-terms": "the terms of Spotify are said to forbid training on its content",
}
"""Licence -> why; as they stand in the column `licence`, several joined by '; '."""


def usable(catalog: pa.Table, allowed: Collection[str] = ()) -> pa.Table:
    """Return the rows of a table that carry no refused licence, or only allowed ones."""
    kept = [not _refused(licence, allowed) for licence in catalog["licence"].to_pylist()]
    return catalog.filter(pa.array(kept, pa.bool_()))


def left_out(catalog: pa.Table, allowed: Collection[str] = ()) -> str | None:
    """Return a sentence about the rows that `usable` leaves out; None where it keeps all."""
    told = [_refused(licence, allowed) for licence in catalog["licence"].to_pylist()]
    names = sorted({name for refused in told for name in refused})
    if not names:
        return None
    reasons = "; ".join(f"{name}: {REFUSED[name]}" for name in names)
    count = sum(map(bool, told))
    return (
        f"{count} of {len(told)} albums are left out by their licence ({reasons}); "
        f"train.allow_licences=[{', '.join(names)}] takes them"
    )


def _refused(licence: str | None, allowed: Collection[str]) -> list[str]:
    names = [name.strip() for name in (licence or "").split(";")]
    return [name for name in names if name in REFUSED and name not in allowed]
