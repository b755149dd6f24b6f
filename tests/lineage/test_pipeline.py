"""The declared pipeline: whole, in an order that can be run, and what README says."""

import re
from pathlib import Path

from covergen.config import Config
from covergen.lineage.pipeline import JOBS, OUTPUTS, PIPELINE, Step
from covergen.storage.tables import REJECTS, TABLES

REPOSITORY = Path(__file__).parent.parent.parent


def read_by(step: Step) -> set[str]:
    return {table.name for table in step.reads}


def test_each_table_has_one_job_that_writes_it_in_the_order_of_their_declaration() -> None:
    assert sum(len(step.writes) for step in PIPELINE) == len(OUTPUTS)
    assert [*OUTPUTS, REJECTS.name] == list(TABLES)


def test_a_job_reads_what_jobs_before_it_wrote() -> None:
    written: set[str] = {REJECTS.name}
    for step in PIPELINE:
        assert read_by(step) <= written, step.job
        written |= {output.table.name for output in step.writes}


def test_a_table_is_compared_with_what_its_job_reads_or_wrote_before_it() -> None:
    for step in PIPELINE:
        known = read_by(step)
        for output in step.writes:
            assert {table.name for table in output.compared} <= known, output.table.name
            assert output.required is None or output.compared, output.table.name
            known = known | {output.table.name}


def test_each_job_is_a_module_with_a_section_of_the_config() -> None:
    for job in JOBS:
        assert (REPOSITORY / "jobs" / f"{job}.py").is_file() and job in Config.model_fields


def test_the_table_of_jobs_in_the_readme_is_the_pipeline() -> None:
    _, _, section = (REPOSITORY / "README.md").read_text().partition("## The jobs")
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert [row[0].strip("`") for row in rows] == [*JOBS, "benchmark", "demo"]
    for step, (_, reads, writes, *_) in zip(PIPELINE, rows, strict=False):
        every = reads == "all of it"
        assert (set(TABLES) if every else tables_in(reads)) == read_by(step), step.job
        assert tables_in(writes) == {output.table.name for output in step.writes}, step.job


def tables_in(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell)) & set(TABLES)
