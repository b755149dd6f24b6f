"""docs/config.md, docs/rejects.md and the flow of tables in docs/architecture.md from the code.

`python -m jobs.runtime.reference_docs` writes them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from covergen.config import Config
from covergen.config.sources import Section
from covergen.errors import RejectCode
from covergen.lineage.pipeline import PIPELINE
from covergen.storage.tables import TABLES
from jobs.runtime.help_text import parts_of, sections_in, title_of
from jobs.runtime.service_config import Serve

DOCS: Final = Path(__file__).parent.parent.parent / "docs"
MADE: Final = "Made from the code: `python -m jobs.runtime.reference_docs`; a test holds it current.\n"


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text)


def pages() -> dict[str, str]:
    """Return the pages by the names of their files."""
    return {"architecture.md": _architecture(), "config.md": _config(), "rejects.md": _rejects()}


def _architecture() -> str:
    """Return the page as it was written by hand, with the flow of tables as it is now."""
    text = (DOCS / "architecture.md").read_text()
    return re.sub(r"(?s)(?<=```mermaid\nflowchart TD\n).*?(?=```)", "".join(_flow()), text)


def _flow() -> Iterator[str]:
    """Yield a line of Mermaid for each job: what it reads --> the job --> what it writes."""
    for step in PIPELINE:
        read = [table.name for table in step.reads] if len(step.reads) < len(TABLES) else ["all[all tables]"]
        ends = read, [f"{step.job}([{step.job}])"], [output.table.name for output in step.writes]
        yield "  " + " --> ".join(" & ".join(names) for names in ends if names) + "\n"


def _config() -> str:
    plain = [name for name, field in Config.model_fields.items() if not sections_in(field.annotation)]
    sections = [name for name in Config.model_fields if name not in plain]
    lines = [
        "# Every key of a config",
        "",
        MADE,
        "A config is a YAML file; `section.key=value` after it on the command line goes over it, and an",
        "unknown key is refused. `python -m jobs.NAME --help` tells those that a job reads.",
        "",
        "## At the top",
        *_table(Config, only=plain),
    ]
    for name in sections:
        (model,) = sections_in(Config.model_fields[name].annotation)[:1]
        lines += ["", f"## `{name}`", _first(model), "", *_table(model, prefix=f"{name}.")]
    lines += [
        "",
        "## `args` of the service, in `serve_config.yaml`",
        _first(Serve),
        "",
        *_table(Serve),
    ]
    return "\n".join(lines) + "\n"


def _table(model: type[Section], *, prefix: str = "", only: list[str] | None = None) -> Iterator[str]:
    """Yield a section's keys as rows; the sections inside of it follow as tables of their own."""
    inner: dict[str, type[Section]] = {}
    yield from ("| key | type | default | what it says |", "|---|---|---|---|")
    for name, field in model.model_fields.items():
        if only is not None and name not in only:
            continue
        found = sections_in(field.annotation)
        inner |= {f"{prefix}{name}" + (f", {title_of(one)}" if title_of(one) else ""): one for one in found}
        kind, default = parts_of(field, several=bool(found))
        cells = (
            f"`{prefix}{name}`",
            kind,
            default if field.is_required() else f"`{default}`",
            field.description or "",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    for title, one in inner.items():
        yield from ("", f"### `{title}`", _first(one), "", *_table(one))


def _first(model: type[Section]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _rejects() -> str:
    lines = [
        "# Why a row was refused",
        "",
        MADE,
        "A row that cannot be used stands in the table `rejects` with one of these codes and a sentence that",
        "says what was seen. It stops nothing and is not lost: `--retry CODE` takes it up again, and what",
        "may pass by itself is taken up later without being asked.",
        "",
        "| code | what happened | what to do |",
        "|---|---|---|",
        *(f"| `{code}` | {code.cause} | {code.remedy} |" for code in RejectCode),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
