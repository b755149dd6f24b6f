"""The section of a config that says what the controlled benchmark compares."""

from typing import Any

from pydantic import Field, field_validator

from covergen.config.sources import Section


class BenchmarkRow(Section):
    """A fusion of the table, trained and painted once a seed."""

    name: str = Field(min_length=1, description="how the row is called in the table")
    fusion: str = Field(description="name in the registry of fusions")
    seeds: tuple[int, ...] = Field(
        (0,), min_length=1, description="seeds of training; cover number `seed` of each album is painted"
    )
    train: dict[str, Any] = Field(
        {}, description="what is other than in the section `train`; a preset takes its place"
    )
    generate: dict[str, Any] = Field({}, description="what is other than in the section `generate`")

    @field_validator("seeds")
    @classmethod
    def _differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("seeds are different numbers from 0")
        return seeds


class Benchmark(Section):
    """Fusions on the same frozen base with the same budget, measured on albums whose factors are known."""

    rows: tuple[BenchmarkRow, ...] = Field((), description="the rows of the table")
    noise_shift: float = Field(
        1.0, gt=0, le=1, description="each row that promises a cover is also painted with this noise shift"
    )
    judged: str = Field("decoupled", description="the row that the targets are for")
    resamples: int = Field(2000, ge=100, description="bootstrap resamples")
    reader_covers: int = Field(
        2000, ge=200, description="covers the evaluator is fitted on, where none is shipped"
    )

    @field_validator("rows")
    @classmethod
    def _names_differ(cls, rows: tuple[BenchmarkRow, ...]) -> tuple[BenchmarkRow, ...]:
        if len({row.name for row in rows}) < len(rows):
            raise ValueError("two rows have one name; the table could not tell them apart")
        return rows
