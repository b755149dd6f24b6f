"""The report's part on real albums as Markdown: the same facts, with its pictures as files."""

from pathlib import Path

from covergen.evaluation.report import report_real, wording
from covergen.evaluation.report.content import Picture, ReportContent
from covergen.evaluation.report.markdown_table import markdown_table
from covergen.evaluation.report.pictures import contact_sheet
from covergen.evaluation.tables.predecessor import ComparedRow
from covergen.evaluation.tables.real_table import RealTable


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
        parts += _table(content.real)
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


def _table(real: RealTable) -> list[str]:
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
