"""The sections of a config that name sources, and what every section is."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A frozen section that knows its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FolderSource(Section):
    """One's own music: a folder with tagged files."""

    name: Literal["folder"]
    path: str = Field(description="the folder")


class TableSource(Section):
    """A catalogue as CSV, JSON or Parquet."""

    name: Literal["table"]
    path: str = Field(description="the file")


class ProceduralSource(Section):
    """Albums of the controlled world."""

    name: Literal["procedural"]
    train: int = Field(ge=0, description="albums to train on")
    evaluation: int = Field(ge=0, description="albums no training may see")
    seed: int = Field(0, ge=0, description="where in each split's seeds to begin")


SourceConfig = Annotated[FolderSource | TableSource | ProceduralSource, Field(discriminator="name")]
