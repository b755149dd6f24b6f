"""Input that is legitimately empty: each job says so in a sentence, and the chain goes on to a report."""

import json
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest

from covergen.config import Config, load
from covergen.errors import ConfigError, CovergenError, ModelError, RootError
from covergen.evaluation.report.report import page_of
from covergen.lineage.pipeline import JOBS, PIPELINE
from covergen.lineage.verify import verify
from covergen.media import audio, images
from covergen.storage import rejects
from covergen.storage.columns import Table
from covergen.storage.root import Root
from covergen.storage.tables import (
    ANSWERS,
    AUDIO_EMBEDDINGS,
    CATALOG,
    GENERATED,
    IMAGE_EMBEDDINGS,
    PROMPTS,
    REJECTS,
)
from jobs import clean, demo, embed, encode, evaluate, generate, scrape, tag, train

pytestmark = pytest.mark.ray
RATE = 24_000
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
CHAIN = (scrape, tag, clean, embed, encode)
QUICK = [
    "generate.steps=2",
    "evaluate.resamples=100",
    "train.steps=2",
    "train.warmup_steps=1",
    "train.cpus=0.5",
]
SMALL = ["generate.actors=1", "embed.actors=1", "encode.actors=1", "train.workers=1", *QUICK]


def album(folder: Path, name: str, *, cover: bool = False) -> None:
    """Write an album of one song: a soft beat, which is calm, whose pitch the name decides."""
    (folder / name).mkdir(parents=True)
    time = np.arange(6 * RATE) / RATE
    beat = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 2 * time))
    song = folder / name / "01 - Song.flac"
    song.write_bytes(
        audio.encode_flac((0.1 * beat * np.sin(2 * np.pi * (110 + 40 * len(name)) * time)).astype("f4"), RATE)
    )
    tags = mutagen.File(song)
    tags.update(
        {"artist": ["Zoë"], "album": [name], "genre": ["jazz"], "tracknumber": ["1"], "title": ["Song"]}
    )
    tags.save()
    if cover:
        (folder / name / "cover.png").write_bytes(images.encode_png(PICTURE))


def config_of(tmp_path: Path, *changes: str) -> Config:
    """One's own music, as `make demo MUSIC=FOLDER` takes it, painted in a moment."""
    places = [f"root={tmp_path}/root", f"scrape.sources.0.path={tmp_path}/music"]
    return load("configs/music.yaml", [*places, *SMALL, *changes])


def test_one_album_without_a_cover_ends_in_a_cover_and_a_report_that_says_what_was_skipped(
    tmp_path: Path, ray_session: None, capsys: pytest.CaptureFixture[str]
) -> None:
    album(tmp_path / "music", "Night")
    mine = tmp_path / "report.md"
    mine.write_text("mine")
    config = config_of(tmp_path)
    demo.main(config)
    told = capsys.readouterr()
    why = "no album with a cover is in the split train"
    assert f"train: skipped, {why}; train.start_from=shipped paints as it is" in told.err
    root = Root.open(config.root)
    assert root.current(GENERATED).count() == 1 and verify(config.root) == []
    page = Path(told.out.strip())
    assert page == Path(page_of(root)) and page.is_relative_to(config.root)
    assert mine.read_text() == "mine" and not (tmp_path / "report.html").exists()
    note = f"Training was skipped: {why}. The covers were painted with the fusion that it would have"
    assert note in page.read_text() and note in page.with_suffix(".md").read_text()
    prompt = root.current(PROMPTS).read(["text"], where="variant = 'full'")["text"][0].as_py()
    assert prompt.startswith("Create an album cover for the album 'Night'. The genre is jazz. The mood is ")

    (tmp_path / "root" / "checkpoints" / "current.json").unlink()  # as if jobs.train had never been run
    generate.main(config)
    told = capsys.readouterr()
    assert "generate: nothing was trained on this root; train.start_from=shipped paints" in told.err
    assert "generate: nothing to do, 1 rows are there" in told.err
    with pytest.raises(ConfigError, match=r"nothing to learn from\. Give albums covers .* train.start_from"):
        train.main(config_of(tmp_path, "train.start_from=none"))
    with pytest.raises(ConfigError, match="holds 'decoupled'; leave one of the two keys out"):
        train.main(config_of(tmp_path, "train.fusion=concat"))
    heard = root.recipe(AUDIO_EMBEDDINGS)
    root.generation(AUDIO_EMBEDDINGS, {**heard, "seconds": 5.0}, shapes={"frames": (1, 10, 129)})
    for job in (generate, train):
        with pytest.raises(ModelError, match=r"music heard with seconds=10\.0, not 5\.0"):
            job.main(config)
    root.generation(AUDIO_EMBEDDINGS, heard, shapes={"frames": (1, 20, 129)})
    (tmp_path / "root" / "checkpoints" / "current.json").unlink()
    with pytest.raises(RootError, match=r"run jobs\.train first, or name a fusion that is there"):
        generate.main(config_of(tmp_path, "train.start_from=none"))


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, set[str]]]:
    """Return, for each job that is run from here on, the tables that it asks a root for, by the method."""
    tables: dict[str, dict[str, set[str]]] = {name: {"current": set(), "generation": set()} for name in JOBS}
    for name in JOBS:
        job = import_module(f"jobs.{name}")
        monkeypatch.setattr(job, "main", partial(watched, job.main, tables[name]))
    return tables


def watched(main: Callable[[Config], None], tables: dict[str, set[str]], config: Config) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for method, seen in tables.items():
            patch.setattr(Root, method, noting(getattr(Root, method), seen))
        main(config)


def noting(method: Callable[..., Any], seen: set[str]) -> Callable[..., Any]:
    def noted(root: Root, table: Table, *rest: Any, **named: Any) -> Any:
        seen.add(table.name)
        return method(root, table, *rest, **named)

    return noted


@pytest.mark.slow
def test_one_cover_is_enough_to_train_on_and_each_job_keeps_to_the_pipeline(
    tmp_path: Path, ray_session: None, touched: dict[str, dict[str, set[str]]]
) -> None:
    album(tmp_path / "music", "Night", cover=True)
    album(tmp_path / "music", "Morning")
    config = config_of(tmp_path)
    demo.main(config)
    root = Root.open(config.root)
    pointer = json.loads(root.read(train.CURRENT))
    assert "untrained" not in pointer and "data" in pointer["recipe"]
    assert root.current(GENERATED).count() == 2
    assert "Training was skipped" not in Path(page_of(root)).read_text()
    aside = {ANSWERS.name, IMAGE_EMBEDDINGS.name, REJECTS.name}  # not asked for, and what any job may write
    for step in PIPELINE:
        read, made = (touched[step.job][method] - aside for method in ("current", "generation"))
        written = {output.table.name for output in step.writes}
        assert made == written - aside, step.job
        assert read - made == {table.name for table in step.reads} - written - aside, step.job


def test_a_folder_of_which_nothing_can_be_used_ends_in_a_report_of_refusals(
    tmp_path: Path, ray_session: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.mp3").write_bytes(b"no music at all")
    config = config_of(tmp_path)
    with pytest.raises(CovergenError, match=r"No cover was painted; .*report\.html tells what was refused"):
        demo.main(config)
    root = Root.open(config.root)
    assert root.current(CATALOG).count() == 0 and len(rejects.latest(root)) == 2
    text = Path(page_of(root)).read_text()
    assert "No album was usable" in text and "unsupported_format" in text and "0 covers" in text
    assert "Traceback" not in capsys.readouterr().err


def test_a_catalogue_without_any_album_goes_through_every_job(
    tmp_path: Path, ray_session: None, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = "scrape.sources=[{name: procedural, train: 0, evaluation: 0}]"
    config = config_of(tmp_path, sources, "generate.systems=[audio, shuffled, prompt_only]")
    for job in (*CHAIN, train, generate, evaluate):
        job.main(config)
    told = capsys.readouterr().err
    assert told.count("nothing to do, 0 rows are there") >= 5 and "train: skipped" in told
    assert "generate: of 0 albums none is in the split all" in told
    assert "genres: none" in told


def test_what_does_not_fit_is_told_before_ray_and_before_the_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album(tmp_path / "music", "Night", cover=True)
    for module in ("entry", "stages"):
        monkeypatch.setattr(f"jobs.runtime.{module}.start_ray", lambda config: pytest.fail("Ray was started"))
    with pytest.raises(ModelError, match=r"music heard with seconds=10\.0, not 5"):
        demo.main(config_of(tmp_path, "embed.seconds=5"))
    assert not (tmp_path / "root").exists()
    with pytest.raises(
        ConfigError, match=r"train\.start_from='nowhere': there is no fusion checkpoint; name"
    ):
        demo.main(config_of(tmp_path, "train.start_from=nowhere"))
