"""No row stops a batch: what one row raises, or kills, is pinned on that row and refused.

A stage already refuses bad data itself. This is for what nobody foresaw: an exception amid a batch, a decoder
or a model that takes its process down. Errors of covergen's own (no weights, no storage) do stop.
"""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa
import ray

from covergen.errors import BadInput, CovergenError, RejectCode, one_line
from covergen.storage import rows
from covergen.storage.rejects import joined_keys
from jobs.runtime.progress import progress_board

STRIKES = 2  # deaths of a worker over one batch, then over one row, before it is taken for the cause


class Stage(Protocol):
    """What Ray maps over tables: a plain class of `covergen/` that gives one row of `outcome` per row."""

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row."""

    @property
    def outcome(self) -> pa.Schema:
        """The columns it gives, the reject columns among them."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the outcomes of the batch, in order."""


def name_of(stage: Stage) -> str:
    """Return the name under which a stage stands on the board and in Ray's own tools."""
    return type(stage).__name__


def isolate(stage: Stage, batch: pa.Table) -> pa.Table:
    """Return the stage's outcomes of the batch; what cannot be done together is done row by row."""
    keys = joined_keys(batch, stage.key)
    block = hashlib.sha256("\n".join(keys).encode()).hexdigest()
    if _begin(stage, block) < STRIKES:
        try:
            return stage(batch)
        except CovergenError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is some row's: the rows alone will tell which
            return _one_by_one(stage, batch, keys)
        finally:
            _end(stage, block)
    return _one_by_one(stage, batch, keys)


def _one_by_one(stage: Stage, batch: pa.Table, keys: Sequence[str]) -> pa.Table:
    parts = []
    for place, key in enumerate(keys):
        row = batch.slice(place, 1)
        deaths = _begin(stage, key)
        if deaths >= STRIKES:
            reason = f"its worker died {deaths} times while {name_of(stage)} had this row and no other"
            parts.append(rows.refused(stage.outcome, row, BadInput(RejectCode.POISON, reason)))
            continue
        try:
            parts.append(stage(row))
        except CovergenError:
            raise
        except Exception as error:  # noqa: BLE001 - the door where the unforeseen becomes a reject
            reason = f"{name_of(stage)} failed: {type(error).__name__}: {one_line(error)}"
            # Retriable: it may have been the machine, a full disk or a broken device, that failed the row.
            refusal = BadInput(RejectCode.STAGE_FAILED, reason, retriable=True)
            parts.append(rows.refused(stage.outcome, row, refusal))
        _end(stage, key)
    return pa.concat_tables(parts)


def _begin(stage: Stage, key: str) -> int:
    """Tell the board that work on a key begins; return how often it began before and never ended."""
    try:
        return int(ray.get(progress_board().begin.remote(name_of(stage), key)))
    except ray.exceptions.RayActorError:
        return 0  # the board's node is gone, and its memory: strikes are counted anew


def _end(stage: Stage, key: str) -> None:
    progress_board().end.remote(name_of(stage), key)
