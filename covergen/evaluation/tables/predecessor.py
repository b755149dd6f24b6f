"""The predecessor's published table, and what this run measured in the same shape.

Its numbers were taken on its own albums and reward grey pictures: they are quoted, and not comparable.
"""

from dataclasses import dataclass, replace
from typing import Final

from covergen.evaluation.metrics.bootstrap import Interval
from covergen.evaluation.tables.real_table import RealTable
from covergen.evaluation.tables.table import SystemsTable

METHODS: Final = {
    "prompt_only": "Prompt only",
    "concat": "Concatenation",
    "cross_attention": "Cross attention",
}
SAMPLERS: Final = {"ddpm": "DDPM", "pndm": "PNDM", "ddim": "DDIM", "dpm++": "DPM-Solver++"}


@dataclass(frozen=True)
class ComparedRow:
    """One method under one sampler: the published pixel MSE and FID, and ours where they were measured.

    `fid` is that of all `n` painted against all true covers, the customary number.
    """

    method: str
    sampler: str
    published_mse: float | None = None
    published_fid: float | None = None
    mse: Interval | None = None
    fid: float | None = None

    @property
    def n(self) -> int | None:
        """The albums that ours were measured on."""
        return self.mse.n if self.mse else None


PUBLISHED: Final = (
    ComparedRow("Prompt only", "DDPM", 0.2050, 170.07),
    ComparedRow("Prompt only", "PNDM", 0.1995, 218.85),
    ComparedRow("Concatenation", "DDPM", 0.2119, 528.74),
    ComparedRow("Concatenation", "PNDM", 0.2475, 551.53),
    ComparedRow("Cross attention", "DDPM", 0.2034, 740.92),
    ComparedRow("Cross attention", "PNDM", 0.2896, 620.47),
)


def beside(
    real: RealTable | None, controlled: SystemsTable | None, *, fusion: str, noise_scheduler: str
) -> tuple[ComparedRow, ...]:
    """Return the published rows with this run's beside them; methods that only we have follow.

    Empty where this run measured nothing to stand beside them.
    """
    if real is None and controlled is None:
        return ()
    sampler = SAMPLERS.get(noise_scheduler, noise_scheduler)
    rows = {(row.method, row.sampler): row for row in PUBLISHED}
    for system, name in (("prompt_only", "prompt_only"), ("audio", fusion)):
        mse, fid = _measured(real, controlled, system)
        if mse is not None:
            method = METHODS.get(name, name.replace("_", " ").capitalize())
            quoted = rows.get((method, sampler), ComparedRow(method, sampler))
            rows[method, sampler] = replace(quoted, mse=mse, fid=fid)
    return tuple(rows.values())


def _measured(
    real: RealTable | None, controlled: SystemsTable | None, system: str
) -> tuple[Interval | None, float | None]:
    if real is not None and system in real.systems:
        lines = {line.metric: line for line in real.lines}
        return lines["mse"].values[system], lines["fid"].whole[system] if "fid" in lines else None
    if controlled is not None:
        found = [row.metrics["mse"] for row in controlled.rows if row.system == system]
        return (found[0] if found else None), None
    return None, None
