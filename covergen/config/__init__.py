"""What a run does: one frozen, typed section a job, read from YAML with `section.key=value` overrides.

Unknown keys are refused with the nearest right name. Only `jobs/` and `cli.py` import this module.
"""

import difflib
from pathlib import Path
from typing import Any, Literal, TypedDict

import yaml
from pydantic import Field, ValidationError, model_validator

from covergen.config.benchmark import Benchmark, BenchmarkRow
from covergen.config.sources import Section, SourceConfig
from covergen.config.train import Train
from covergen.errors import ConfigError

System = Literal["audio", "shuffled", "prompt_only"]


class Evaluate(Section):
    """Covers to a report."""

    resamples: int = Field(2000, ge=100, description="bootstrap resamples")
    contact_sheet: int = Field(60, ge=1, description="covers shown at once; the others are folded away")
    reader_covers: int = Field(
        2000, ge=200, description="covers the evaluator is fitted on, where none is shipped"
    )
    clip: str | None = Field(
        None,
        description="CLIP of CMMD, CLIPScore and retrieval: preset name, or a folder; nothing leaves out",
    )
    dinov2: str | None = Field(
        None, description="DINOv2 of FD-DINOv2: preset name, or a folder; nothing leaves it out"
    )
    inception: str | None = Field(
        None, description="file with the Inception weights of FID and KID; nothing leaves them out"
    )
    training_covers: int = Field(
        5000, ge=10, description="training covers, at most, that painted ones are compared with"
    )
    batch_size: int = Field(32, ge=1, description="pictures an image model sees at once")
    gpus: float = Field(0, ge=0, description="GPUs of the task that measures")

    @property
    def device(self) -> str:
        """The torch device that the image models use."""
        return "cuda" if self.gpus else "cpu"


class RayCluster(Section):
    """Where the jobs run."""

    address: str | None = Field(None, description="'auto' for a running cluster; nothing starts a local one")
    cpus: int | None = Field(
        None,
        ge=1,
        description="logical CPUs of a local Ray; 4 at least by default, so that no pool waits on another",
    )
    timeout_seconds: float = Field(
        7200, gt=0, description="a job without any progress for so long is stopped"
    )


class Scrape(Section):
    """Sources to albums, tracks and media."""

    sources: tuple[SourceConfig, ...] = Field(min_length=1, description="where the catalogue comes from")
    max_file_mb: float = Field(512, gt=0, description="larger files are refused")
    max_seconds: float = Field(3 * 3600, gt=0, description="longer audio is refused")
    min_seconds: float = Field(1, gt=0, description="shorter audio is refused")
    cover_pixels: int | None = Field(
        None,
        ge=16,
        description="a cover's shorter side, to which larger ones are scaled as they are downloaded (JPEG, "
        "quality 95); nothing keeps them as they come; your own files are never touched",
    )
    contact: str | None = Field(
        None, description="an address for whoever runs a site that is asked: stands in every request"
    )
    actors: int = Field(4, ge=1, description="actors that ask sites on the web")
    at_once: int = Field(8, ge=1, description="requests of an actor that are under way at once")
    max_age_days: float | None = Field(
        None, gt=0, description="answers that are older are asked for again; nothing keeps them for ever"
    )


class Clean(Section):
    """Albums, tracks and media to one clean row per album, and to prompts."""

    default_genre: str = Field("unknown", min_length=1, description="genre of an album when nobody tells")
    validation: float = Field(0.05, ge=0, lt=1, description="share of artists to validate on")
    test: float = Field(0.1, ge=0, lt=1, description="share of artists to test on")
    genre_score: float = Field(
        0.1, ge=0, le=1, description="least score of a genre that a tagger heard; by chance it is about 0.01"
    )
    prompt_style: str = Field("album_genre", description="name in the registry of prompt styles")
    prompt_tokens: int = Field(77, ge=8, description="longest prompt in tokens, its two ends included")
    prompt_words: int = Field(3, ge=1, description="moods or themes that a prompt names at most")
    export: tuple[Literal["parquet", "csv", "json"], ...] = Field(
        ("parquet", "csv", "json"), description="forms in which the catalogue is written to ROOT/exports"
    )
    prompt_template: str | None = Field(
        None, description="text of the style 'custom', with {album}, {artist}, {genre}"
    )

    @model_validator(mode="after")
    def _shares_leave_room(self) -> "Clean":
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation + test is {self.validation + self.test:g}; leave artists to train on"
            )
        if (self.prompt_style == "custom") != (self.prompt_template is not None):
            raise ValueError("prompt_template belongs to prompt_style=custom; give both or neither")
        return self


class Actors(Section):
    """An actor pool of one job."""

    actors: int = Field(1, ge=1, description="actors, each with its own copy of the model")
    cpus: float = Field(1, gt=0, description="CPUs of each actor; torch uses as many threads")
    gpus: float = Field(0, ge=0, description="GPUs of each actor")
    batch_size: int = Field(16, ge=1, description="rows a model sees at once")
    bf16: bool = Field(False, description="run the model in bfloat16")
    commit_rows: int = Field(256, ge=1, description="rows of one commit; fewer lose less to a kill")

    @property
    def device(self) -> str:
        """The torch device that the actors use."""
        return "cuda" if self.gpus else "cpu"

    @property
    def threads(self) -> int:
        """Torch threads of each actor."""
        return max(1, round(self.cpus))


class Embed(Actors):
    """Songs to audio embeddings, prompts to text embeddings, covers to image embeddings."""

    encoder: str = Field("logmel", description="name in the registry of audio encoders")
    seconds: float = Field(10, gt=0, description="seconds of each song that are heard")
    frame_rate: float = Field(2, gt=0, description="pooled frames per second that are kept")
    layers: tuple[int, ...] | None = Field(
        None, description="layers that are kept; nothing keeps the encoder's own four"
    )
    resample: Literal["cpu", "device"] = Field(
        "cpu", description="where songs are resampled; device is the GPU, by torchaudio of the extra gpu"
    )
    allow_noncommercial: bool = Field(False, description="allow encoders with a non-commercial licence")
    image_encoder: str | None = Field(
        None, description="name of an image encoder, or a folder; nothing leaves covers unembedded"
    )

    @model_validator(mode="after")
    def _device_is_there(self) -> "Embed":
        if self.resample == "device" and not self.gpus:
            raise ValueError("resample=device needs a GPU; give the actors one (gpus) or take resample=cpu")
        return self


class Tag(Actors):
    """Songs to tags: what the music says in words and numbers."""

    taggers: tuple[str, ...] = Field(("signal",), description="names in the registry of taggers; may be none")
    seconds: float = Field(30, gt=0, description="seconds of each song that are heard")
    clap: str = Field("clap", description="CLAP that clap-zero-shot hears with: preset name, or a folder")


class Models(Section):
    """The frozen Stable Diffusion."""

    stable_diffusion: str = Field("tiny", description="preset name, or a folder in diffusers' format")
    offline: bool = Field(True, description="never ask the hub for weights")


class Generate(Actors):
    """Embeddings and a checkpoint to covers."""

    split: Literal["test", "validation", "train", "all"] = Field(
        "all", description="whose covers are painted"
    )
    limit: int | None = Field(None, ge=1, description="paint this many albums at most")
    systems: tuple[System, ...] = Field(("audio",), min_length=1, description="whose sound is heard")
    variants: int = Field(1, ge=1, description="covers per album and system")
    first_variant: int = Field(0, ge=0, description="number of the first of them; each has a seed of its own")
    noise_scheduler: Literal["ddim", "pndm", "ddpm", "dpm++"] = Field(
        "ddim", description="name in the registry of noise schedulers"
    )
    steps: int = Field(20, ge=1, le=1000, description="sampler steps")
    guidance_scale: float = Field(2.5, ge=0, description="guidance by the words")
    audio_guidance_scale: float | None = Field(
        3.0, ge=0, description="guidance by the sound; null: one guidance for both, two thirds of the work"
    )
    audio_scale: float = Field(1.0, ge=0, le=2, description="weight of the audio layers")
    noise_shift: float = Field(
        0, ge=0, le=1, description="how far the first noise leans to what the sound promises"
    )


class ModelOptions(TypedDict):
    """How a stage runs its model, as the stages take it."""

    device: str
    bf16: bool
    offline: bool
    threads: int
    batch_size: int


class Config(Section):
    """A whole run."""

    root: str = Field(min_length=1, description="folder or s3:// address of all tables")
    ray: RayCluster = RayCluster()
    models: Models = Models()
    scrape: Scrape
    tag: Tag = Tag()
    clean: Clean = Clean()
    embed: Embed = Embed()
    encode: Actors = Actors()
    train: Train = Train()
    generate: Generate = Generate()
    evaluate: Evaluate = Evaluate()
    benchmark: Benchmark = Benchmark()
    retry: tuple[str, ...] = Field((), description="reject codes that are taken up again")
    dry_run: bool = Field(False, description="scrape: say what it will take and do nothing")

    def model_options(self, actors: Actors) -> ModelOptions:
        """Return how a pool of actors runs its model."""
        return {
            "device": actors.device,
            "bf16": actors.bf16,
            "offline": self.models.offline,
            "threads": actors.threads,
            "batch_size": actors.batch_size,
        }


def load(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Return the config of a YAML file with `section.key=value` overrides.

    Raises ConfigError with the key, its value and the remedy.
    """
    try:
        tree = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Config {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"Config {path} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"Config {path} holds no sections.")
    for override in overrides or []:
        _apply(tree, override)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(problem, path) for problem in error.errors())) from error


def _apply(tree: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise ConfigError(f"Override {override!r} is not of the form section.key=value.")
    *sections, key = dotted.split(".")
    for section in sections:
        tree = _inner(tree, section, override)
    try:
        tree[key] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"Override {override!r}: the value is not YAML.") from error


def _inner(tree: Any, section: str, override: str) -> Any:
    if isinstance(tree, list) and section.isdigit() and int(section) < len(tree):
        tree = tree[int(section)]
    elif isinstance(tree, dict):
        tree = tree.setdefault(section, {})
    if not isinstance(tree, dict | list):
        raise ConfigError(f"Override {override!r}: {section} is not a section.")
    return tree


def _explain(problem: Any, path: str | Path) -> str:
    where = [str(part) for part in problem["loc"] if part not in {"folder", "table", "procedural"}]
    key, value = ".".join(where), problem.get("input")
    if problem["type"] == "extra_forbidden":
        names = _siblings(where[:-1])
        near = difflib.get_close_matches(where[-1], names, n=1, cutoff=0)
        return f"{path}: there is no key {key}. Did you mean {near[0]}?" if near else f"{path}: no key {key}."
    if problem["type"] == "missing":
        return f"{path}: {key} is missing."
    message = problem["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(value, dict) else f"={value!r}"
    return f"{path}: {key}{shown}: {message}."


def _siblings(sections: list[str]) -> list[str]:
    model: Any = Config
    for section in sections:
        if section.isdigit():
            return (
                [*BenchmarkRow.model_fields]
                if "rows" in sections
                else ["name", "path", "train", "evaluation", "seed"]
            )
        field = model.model_fields.get(section)
        if field is None:
            break
        if section == "sources":
            continue
        model = field.annotation
    return list(model.model_fields)
