"""What the report shows of real albums, as the page's templates take it."""

from collections.abc import Callable
from typing import Any

from covergen.evaluation.metrics.bootstrap import Interval
from covergen.evaluation.metrics.memorization import QUANTILE
from covergen.evaluation.report import wording
from covergen.evaluation.report.content import MemoryCheck, Picture, SystemSheet
from covergen.evaluation.tables.predecessor import ComparedRow
from covergen.evaluation.tables.real_table import MEASURES, SPACES, Line, Measure, RealTable
from covergen.evaluation.tables.table import GREY

Address = Callable[[Picture], str]
DASH = "–"


def table(real: RealTable) -> dict[str, Any]:
    """Return the systems table of real albums: a line a metric, a cell a system."""
    rows = [
        {
            "label": MEASURES[line.metric].label,
            "meaning": MEASURES[line.metric].meaning,
            "n": f"{real.rows} against {real.rows}" if line.whole else f"N = {real.n}",
            "cells": [cell(line, system) for system in real.systems],
        }
        for line in real.lines
    ]
    return {
        "n": real.n,
        "names": [wording.system_name(system) for system in real.systems],
        "rows": rows,
        "notes": notes(real),
    }


def cell(line: Line, system: str) -> dict[str, str]:
    """Return a value, its interval, what all N score, and what true audio is against this system."""
    interval, measure = line.values.get(system), MEASURES[line.metric]
    if interval is None:
        return {"value": DASH, "span": "", "whole": "", "verdict": ""}
    whole = line.whole.get(system)
    return {
        "value": number(interval.estimate, measure),
        "span": span(interval, measure),
        "whole": "" if whole is None else f"all against all {number(whole, measure)}",
        "verdict": line.verdict(system),
    }


def notes(real: RealTable) -> list[str]:
    """Return the sentences that a reader needs beside the table."""
    said = [
        f"The same {real.n} held-out albums, prompts and seeds for every system; under each value stands its "
        "95% interval, and in words whether true audio is better."
    ]
    if real.rows:
        said.append(
            f"Distances between sets compare {real.rows} painted with {real.rows} true covers of other "
            "albums, mean of 20 splits. The column of true covers is what true covers themselves score "
            "at that N: the floor. Distances grow as N falls; compare within this table only."
        )
    if real.fitted:
        said.append(
            f"Retrieval: a ridge regression from music to {SPACES[real.space]}, fitted on {real.fitted} "
            f"training albums; by chance R@k is k / {real.n}. True covers give what the scorer can find."
        )
    return said


def number(value: float, measure: Measure) -> str:
    """Return a value with the measure's decimals and a true minus sign."""
    return f"{round(value, measure.decimals) + 0.0:.{measure.decimals}f}".replace("-", "−")


def span(interval: Interval, measure: Measure) -> str:
    """Return an interval as "low to high"."""
    return f"{number(interval.low, measure)} to {number(interval.high, measure)}"


def predecessor(rows: tuple[ComparedRow, ...]) -> list[dict[str, str]]:
    """Return the predecessor's table in its shape, method by sampler, with ours beside it."""
    mse, fid = MEASURES["mse"], MEASURES["fid"]

    def formatted(value: float | None, measure: Measure, decimals: int | None = None) -> str:
        if value is None:
            return DASH
        return f"{value:.{decimals}f}" if decimals is not None else number(value, measure)

    return [
        {
            "method": row.method,
            "sampler": row.sampler,
            "published_mse": formatted(row.published_mse, mse),
            "published_fid": formatted(row.published_fid, fid, 2),
            "mse": DASH if row.mse is None else number(row.mse.estimate, mse),
            "span": "" if row.mse is None else span(row.mse, mse),
            "fid": formatted(row.fid, fid, 2),
            "n": DASH if row.n is None else str(row.n),
        }
        for row in rows
    ]


def memory(check: MemoryCheck, address: Address) -> dict[str, Any]:
    """Return the nearest training covers: a heading that says the finding, numbers, and the nearest pairs."""
    return {
        "heading": memory_heading(check),
        "words": memory_words(check),
        "pairs": [
            {
                "painted": address(pair.painted),
                "painted_name": pair.painted_name,
                "training": address(pair.training),
                "training_name": pair.training_name,
                "distance": f"{pair.distance:.3f}",
            }
            for pair in check.pairs
        ],
    }


def memory_heading(check: MemoryCheck) -> str:
    """Say what the check found."""
    return (
        "Nearer to the training covers than chance"
        if check.nearness.suspicious
        else "Painted, not remembered"
    )


def memory_words(check: MemoryCheck) -> list[str]:
    """Say how near painted covers come to training covers, and how near true ones do."""
    found = check.nearness
    caution = ["Plain or blurred pictures lie near many others: look at the pairs before calling it memory."]
    return [
        f"Each of {found.painted.n} painted covers beside its nearest of {found.training} training covers, "
        f"by {check.space}; 0 is the same picture, 1 an unrelated one.",
        f"Painted covers lie {found.painted.estimate:.3f} from it on average ({found.painted.low:.3f} to "
        f"{found.painted.high:.3f}), the albums' own true covers, which no training saw, "
        f"{found.truth.estimate:.3f} ({found.truth.low:.3f} to {found.truth.high:.3f}).",
        f"{100 * found.below.estimate:.1f}% of the painted covers ({100 * found.below.low:.1f}% to "
        f"{100 * found.below.high:.1f}%) lie within {found.limit:.3f}, as {100 * QUANTILE:.0f}% of the true "
        "ones do.",
        *(caution if found.suspicious else []),
    ]


def sheet(content: SystemSheet, address: Address) -> dict[str, Any]:
    """Return the albums' pictures, a row a system."""
    return {
        "names": content.names,
        "rows": [
            {"name": wording.system_name(system), "pictures": [address(picture) for picture in pictures]}
            for system, pictures in content.pictures.items()
            if system != GREY
        ],
    }
