"""The report: `report.html`, which needs no other host, and `report.md` with the same facts."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import jinja2

from covergen.evaluation.report import charts, report_real, wording
from covergen.evaluation.report.content import CoverPair, LossChart, ReportContent, SongStrip
from covergen.evaluation.report.markdown import write_markdown
from covergen.evaluation.report.pictures import PictureBook
from covergen.evaluation.tables.table import Difference, SystemRow, SystemsTable
from covergen.storage import objects
from covergen.storage.root import Root

FILES: Final = "report_files"
_PICTURE_BUDGET: Final = 6_000_000
_WALL: Final = 16
PAGE = "report.html"


def write_report(folder: Path | str, content: ReportContent, *, whole: bool = False) -> Path:
    """Write `report.html` and `report.md` into `folder` and return the path of the former.

    Pictures lie inside the page until 6 MB are spent, then in `report_files` beside it; all lie inside where
    the page has to be `whole`, to be opened by a link of its own.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_markdown(folder / "report.md", content, files=folder / FILES)
    budget = sys.maxsize if whole else _PICTURE_BUDGET
    page = _template().render(_context(content, PictureBook(folder / FILES, budget=budget)))
    path, partial = folder / "report.html", folder / "report.html.partial"
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)
    return path


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _context(content: ReportContent, book: PictureBook) -> dict[str, Any]:
    strip = _strip(content.strip, book) if content.strip else None
    covers = [_cover(cover, book) for cover in content.covers]
    paired = any(cover["truth"] for cover in covers)
    wall = _wall(covers)
    seconds = charts.bar_chart(content.stages, title="Seconds per stage", text=_seconds)
    return {
        "content": content,
        "strip": strip,
        "covers": covers[: content.shown],
        "more": covers[content.shown :],
        "paired": paired,
        "wall": wall,
        "wall_columns": max(1, len(wall) // 2 if len(wall) > 7 else len(wall)),
        "proof": _proof(content.table) if content.table and content.table.differences else None,
        "systems": _systems(content.table) if content.table else None,
        "sheet": content.sheet and report_real.sheet(content.sheet, book.address),
        "real": content.real and report_real.table(content.real),
        "memory": content.memory and report_real.memory(content.memory, book.address),
        "predecessor": report_real.predecessor(content.predecessor),
        "genres": content.genres and charts.bar_chart(content.genres, title="Albums by genre", text=_count),
        "losses": [_loss(chart) for chart in charts.drawable(content.losses)],
        "stages": content.stages and seconds,
    }


def _cover(cover: CoverPair, book: PictureBook) -> dict[str, str | None]:
    truth = None if cover.truth is None else book.address(cover.truth)
    words = {name: getattr(cover, name) for name in ("artist", "title", "genre", "moods")}
    return {**words, "painted": book.address(cover.painted), "truth": truth}


def _wall(covers: Sequence[dict[str, str | None]]) -> list[dict[str, str | None]]:
    """Return an even number of covers for the two rows at the top, genres mixed by taking every n-th."""
    count = min(_WALL, len(covers) - len(covers) % 4 if len(covers) > 7 else len(covers))
    return [covers[k * len(covers) // count] for k in range(count)]


def _strip(strip: SongStrip, book: PictureBook) -> dict[str, Any]:
    return {
        "heading": f"{_spelled(len(strip.songs))} songs, one prompt",
        "prompt": strip.prompt,
        "seed": strip.seed,
        "floor": _percent(strip.floor),
        "songs": [
            {
                "name": song.name,
                "picture": book.address(song.picture),
                "difference": "the first picture"
                if song.difference is None
                else f"{_percent(song.difference)} from the first",
            }
            for song in strip.songs
        ],
    }


def _proof(table: SystemsTable) -> dict[str, Any]:
    others = list(dict.fromkeys(d.other for d in table.differences))
    reach = {
        metric: max(
            max(abs(d.interval.low), abs(d.interval.high)) for d in table.differences if d.metric == metric
        )
        for metric in {d.metric for d in table.differences}
    }
    lines = {
        other: [
            _line(d, table.k, reach=reach[d.metric])
            for metric in wording.METRICS
            for d in table.differences
            if (d.other, d.metric) == (other, metric)
        ]
        for other in others
    }
    return {
        "conclusion": wording.conclusion(table.differences),
        "n": table.n,
        "others": [{"name": wording.system_name(other), "lines": lines[other]} for other in others],
    }


def _line(difference: Difference, k: int, *, reach: float) -> dict[str, Any]:
    metric, interval = difference.metric, difference.interval
    return {
        "label": wording.label(metric, k),
        "mark": charts.interval_mark(interval.low, interval.estimate, high=interval.high, reach=reach),
        "value": wording.number(metric, interval.estimate, signed=True),
        "span": wording.span(metric, interval, signed=True),
        "verdict": difference.verdict,
        "kind": difference.verdict if difference.verdict in {"better", "worse"} else "unclear",
    }


def _systems(table: SystemsTable) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {
            "label": wording.label(name, table.k),
            "meaning": metric.meaning.format(k=table.k),
            "cells": [_cell(name, row) for row in table.rows],
        }
        for name, metric in wording.METRICS.items()
    ]
    for field, (label, meaning) in wording.DISTANCES.items():
        cells = [{"value": wording.distance(getattr(row, field)), "span": ""} for row in table.rows]
        rows.append({"label": label, "meaning": meaning, "cells": cells})
    return {"n": table.n, "names": [wording.system_name(row.system) for row in table.rows], "rows": rows}


def _cell(metric: str, row: SystemRow) -> dict[str, str]:
    interval = row.metrics.get(metric)
    if interval is None:
        return {"value": "–", "span": ""}
    return {"value": wording.number(metric, interval.estimate), "span": wording.span(metric, interval)}


def _loss(chart: LossChart) -> dict[str, Any]:
    names = [curve.name for curve in chart.curves]
    return {**dataclasses.asdict(chart), "names": names, "svg": charts.line_chart(chart)}


def _count(value: float) -> str:
    return f"{value:.0f}"


def _seconds(value: float) -> str:
    return f"{value / 60:.1f} min" if value >= 120 else f"{value:.1f} s"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _spelled(count: int) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
    return words[count] if count < len(words) else str(count)


# Where the report lies, and what a person opens to read it.


def page_of(root: Root) -> str:
    """Return where the report lies: in a folder of the root, so that it takes nobody's file away."""
    return root.path("report", PAGE)


def publish(root: Root, content: ReportContent) -> None:
    """Write the report to its place; one in S3 is a page on its own, so that a link opens all of it."""
    if not objects.is_s3(root.uri):
        write_report(Path(page_of(root)).parent, content)
        return
    with objects.outgoing(root.path("report")) as folder:
        write_report(folder, content, whole=True)


def link(root: Root) -> str:
    """Return what a person opens: a path, or a link to S3 that works for a day."""
    page = page_of(root)
    return objects.presigned(page, seconds=86_400) if objects.is_s3(page) else page
