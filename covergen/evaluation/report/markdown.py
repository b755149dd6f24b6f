"""The report as Markdown: the same facts, with its pictures as files."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from covergen.evaluation.report import charts, report_real, wording
from covergen.evaluation.report.content import CoverPair, Picture, ReportContent, SongStrip
from covergen.evaluation.report.pictures import contact_sheet
from covergen.evaluation.tables.predecessor import ComparedRow
from covergen.evaluation.tables.real_table import RealTable
from covergen.evaluation.tables.table import SystemRow, SystemsTable

_COLUMNS: Final = 8
_SHEET: Final = 24
_BLANK: Final = np.full((1, 1, 3), 255, np.uint8)


def write_markdown(path: Path, content: ReportContent, *, files: Path) -> None:
    """Write the report to `path` and the pictures it shows into `files`."""
    files.mkdir(parents=True, exist_ok=True)
    parts = [
        f"# {content.title}",
        content.summary,
        *content.notes,
        _numbers(content),
        *_covers(content.covers, files),
    ]
    if content.strip:
        parts += _strip(content.strip, files)
    if content.table:
        parts += _table(content.table)
    parts += real_parts(content, files)
    parts += _lists(content)
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _numbers(content: ReportContent) -> str:
    return " · ".join(f"**{value}** {label}" for label, value in content.numbers.items())


def _covers(covers: Sequence[CoverPair], files: Path) -> list[str]:
    if not covers:
        return []
    shown = covers[:_SHEET]
    tiles: list[Picture] = []
    for start in range(0, len(shown), _COLUMNS):
        row = shown[start : start + _COLUMNS]
        tiles += [cover.painted for cover in row]
        if all(cover.truth is not None for cover in shown):
            short = _COLUMNS - len(row) if len(shown) > _COLUMNS else 0
            tiles += [_BLANK] * short
            tiles += [cover.truth for cover in row if cover.truth is not None]
    paired = len(tiles) > len(shown)
    columns = min(_COLUMNS, len(shown))
    contact_sheet(tiles, columns=columns).save(files / "contact_sheet.jpg", quality=90)
    words = "Painted covers, each above the album's true one" if paired else "Painted covers"
    return [f"![{words}]({files.name}/contact_sheet.jpg)", f"{words}; {len(shown)} of {len(covers)}."]


def _strip(strip: SongStrip, files: Path) -> list[str]:
    sheet = contact_sheet([song.picture for song in strip.songs], columns=len(strip.songs), tile=256)
    sheet.save(files / "songs.jpg", quality=90)
    rows = [
        (song.name, "–" if song.difference is None else f"{100 * song.difference:.1f}%")
        for song in strip.songs
    ]
    return [
        "## One prompt, only the song changed",
        f"> {strip.prompt}",
        f"![Covers of {len(rows)} songs under one prompt]({files.name}/songs.jpg)",
        markdown_table(("song", "difference from the first"), rows),
        f"Seed {strip.seed}. The rounding floor is {100 * strip.floor:.1f}%.",
    ]


def _table(table: SystemsTable) -> list[str]:
    names = tuple(wording.label(metric, table.k) for metric in wording.METRICS)
    distances = tuple(label for label, _ in wording.DISTANCES.values())
    rows = [_system(row) for row in table.rows]
    parts = ["## Systems", markdown_table(("system", "N", *names, *distances), rows)]
    if table.differences:
        lines = [
            (
                wording.label(d.metric, table.k),
                wording.system_name(d.other),
                wording.number(d.metric, d.interval.estimate, signed=True),
                wording.span(d.metric, d.interval, signed=True),
                d.verdict,
            )
            for d in table.differences
        ]
        heading = f"True audio minus the others, 95% paired bootstrap, N = {table.n}. "
        parts += [heading + wording.conclusion(table.differences) + "."]
        parts += [markdown_table(("measure", "against", "difference", "interval", "verdict"), lines)]
    return parts


def _system(row: SystemRow) -> tuple[str, ...]:
    cells = [_value(metric, row) for metric in wording.METRICS]
    distances = [wording.distance(getattr(row, field)) for field in wording.DISTANCES]
    return (wording.system_name(row.system), str(row.n), *cells, *distances)


def _value(metric: str, row: SystemRow) -> str:
    interval = row.metrics.get(metric)
    if interval is None:
        return "–"
    return f"{wording.number(metric, interval.estimate)} ({wording.span(metric, interval)})"


def _lists(content: ReportContent) -> list[str]:
    parts = []
    if content.genres:
        counts = sorted(content.genres.items(), key=lambda item: -item[1])
        parts += ["## Genres", markdown_table(("genre", "albums"), [(n, str(c)) for n, c in counts])]
    if losses := charts.drawable(content.losses):
        ends = [
            (c.title, k.name, f"{k.values[0]:.4g}", f"{k.values[-1]:.4g}") for c in losses for k in c.curves
        ]
        parts += ["## Losses", markdown_table(("chart", "curve", "first", "last"), ends)]
    if content.rejects:
        rows = [(row.name, f"`{row.code}`", row.reason) for row in content.rejects]
        parts += ["## Rejects", markdown_table(("file", "code", "reason"), rows)]
    if content.stages:
        stages = [(name, f"{seconds:.1f}") for name, seconds in content.stages.items()]
        parts += ["## Seconds per stage", markdown_table(("stage", "seconds"), stages)]
    for group, facts in content.facts.items():
        parts += [f"## {group}", markdown_table(("fact", "value"), list(facts.items()))]
    if content.missing:
        missing = [(row.metric, f"needs {row.needs}") for row in content.missing]
        parts += ["## Not computed", markdown_table(("metric", "why"), missing)]
    return parts


# The report's part on real albums as Markdown: the same facts, with its pictures as files.


def real_parts(content: ReportContent, files: Path) -> list[str]:
    """Return the paragraphs about real albums; pictures go into `files`."""
    parts: list[str] = []
    if content.sheet:
        tiles = [picture for own in content.sheet.pictures.values() for picture in own]
        contact_sheet(tiles, columns=len(content.sheet.names)).save(files / "systems.jpg", quality=90)
        rows = "; ".join(wording.system_name(system) for system in content.sheet.pictures)
        parts += [
            "## The same albums, system by system",
            f"![Albums as each system painted them]({files.name}/systems.jpg)",
            f"From top to bottom: {rows}. Albums: {'; '.join(content.sheet.names)}.",
        ]
    if content.real:
        parts += _real_table(content.real)
    if content.memory:
        pairs: list[Picture] = []
        for pair in content.memory.pairs:
            pairs += [pair.painted, pair.training]
        parts += [f"## {report_real.memory_heading(content.memory)}"]
        parts += [" ".join(report_real.memory_words(content.memory))]
        if pairs:
            contact_sheet(pairs, columns=6).save(files / "nearest.jpg", quality=90)
            parts += [f"![Painted covers, each before its nearest training cover]({files.name}/nearest.jpg)"]
        lines = [(p.painted_name, p.training_name, f"{p.distance:.3f}") for p in content.memory.pairs]
        parts += [markdown_table(("painted", "nearest training cover", "distance"), lines)]
    return parts + (_predecessor(content.predecessor) if content.predecessor else [])


def _real_table(real: RealTable) -> list[str]:
    shown = report_real.table(real)
    rows = [
        (row["label"], row["n"], *("; ".join(filter(None, cell.values())) for cell in row["cells"]))
        for row in shown["rows"]
    ]
    heading = ("measure", "N", *shown["names"])
    return [
        f"## Measured on {real.n} held-out albums",
        " ".join(shown["notes"]),
        markdown_table(heading, rows),
    ]


def _predecessor(rows: tuple[ComparedRow, ...]) -> list[str]:
    heading = ("method", "sampler", "published MSE", "published FID", "MSE", "FID", "N")
    names = ("method", "sampler", "published_mse", "published_fid", "mse", "fid", "n")
    lines = [tuple(row[name] for name in names) for row in report_real.predecessor(rows)]
    return [
        "## Beside the predecessor",
        "Published by the predecessor, other data: not comparable. Beside it what this run measured.",
        markdown_table(heading, lines),
    ]


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose cells may hold bars and line breaks."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
