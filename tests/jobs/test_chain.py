"""The jobs in order on a small controlled catalogue, in a folder and in a bucket alike."""

import json
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from covergen.evaluation.report.report import page_of
from covergen.evaluation.tables.gather import made_up
from covergen.lineage.verify import verify
from covergen.media import images
from covergen.storage import objects, rejects
from covergen.storage.root import Root
from covergen.storage.rows import read_tensor
from covergen.storage.tables import (  # fmt: skip
    ALBUMS,
    AUDIO_EMBEDDINGS,
    CATALOG,
    GENERATED,
    IMAGE_EMBEDDINGS,
    LATENTS,
    MEDIA,
    PROMPTS,
    TEXT_EMBEDDINGS,
    TRACKS,
)
from jobs import clean, embed, encode, evaluate, generate, scrape, train
from tests import toy_encoders
from tests.jobs.conftest import config_for

pytestmark = pytest.mark.ray
ALL = 18
EVALUATED = 6


def test_scrape_finds_every_album_with_song_and_cover(small_root: str) -> None:
    scrape.main(config_for(small_root))
    root = Root.open(small_root)
    assert root.current(ALBUMS).count() == root.current(TRACKS).count() == ALL
    media = root.current(MEDIA).read(["kind", "sha256", "seconds", "width"]).to_pylist()
    assert sorted(row["kind"] for row in media) == ["audio"] * ALL + ["cover"] * ALL
    assert {row["width"] for row in media if row["kind"] == "cover"} == {128}
    assert all(row["seconds"] > 5 for row in media if row["kind"] == "audio")


def test_clean_makes_a_row_and_three_prompts_of_every_album(small_root: str) -> None:
    clean.main(config_for(small_root))
    root = Root.open(small_root)
    rows = root.current(CATALOG).read().to_pylist()
    assert len(rows) == ALL and root.current(PROMPTS).count() == 3 * ALL
    assert sum(row["split"] == "test" for row in rows) == EVALUATED
    assert {row["genre"] for row in rows} <= {album.genre for album in made_up(root).values()}
    assert {name.rsplit(".", 1)[-1] for name in objects.children(root.path("exports"))} == {
        "parquet",
        "csv",
        "json",
    }


def test_embed_hears_reads_and_sees_everything_in_one_shape(small_root: str, tmp_path: Path) -> None:
    toy_encoders.save_clip_vision(tmp_path)
    embed.main(config_for(small_root, embed={"batch_size": 8, "image_encoder": str(tmp_path)}))
    root = Root.open(small_root)
    frames = read_tensor(root.current(AUDIO_EMBEDDINGS).read(["frames"]), "frames")
    states = read_tensor(root.current(TEXT_EMBEDDINGS).read(["states"]), "states")
    assert frames.shape[0] == ALL and frames.ndim == 4 and np.isfinite(frames).all()
    assert states.shape[:2] == (3 * ALL, 77) and np.isfinite(states).all()
    assert len(np.unique(frames.reshape(ALL, -1), axis=0)) == ALL
    seen = read_tensor(root.current(IMAGE_EMBEDDINGS).read(["pooled"]), "pooled")
    assert seen.shape == (ALL, 24) and len(np.unique(seen, axis=0)) == ALL


def test_encode_makes_latents_of_every_cover(small_root: str) -> None:
    encode.main(config_for(small_root))
    rows = Root.open(small_root).current(LATENTS).read()
    assert len(rows) == ALL
    assert read_tensor(rows, "mean").std() > 0.1


def test_train_goes_on_from_the_shipped_fusion(small_root: str) -> None:
    config = config_for(small_root, train={"start_from": "shipped"})
    train.main(config)
    root = Root.open(small_root)
    pointer = json.loads(root.read(train.CURRENT))
    facts = json.loads(root.read(f"{pointer['folder']}/fusion.json"))
    assert facts["step"] == 4
    assert [row["step"] for row in facts["history"] if row["stage"] == "train"] == [1, 2, 3, 4]
    before = objects.children(root.path("checkpoints"))
    train.main(config)
    assert objects.children(root.path("checkpoints")) == before


def test_generate_paints_every_system_once(small_root: str) -> None:
    config = config_for(small_root)
    generate.main(config)
    root = Root.open(small_root)
    rows = root.current(GENERATED).read().to_pylist()
    assert len(rows) == 3 * EVALUATED
    assert images.decode(rows[0]["image"]).shape == (128, 128, 3)
    by_album = {(row["album_id"], row["system"]): row for row in rows}
    for album in {row["album_id"] for row in rows}:
        own, other, silent = (by_album[album, system] for system in ("audio", "shuffled", "prompt_only"))
        assert own["seed"] == other["seed"] == silent["seed"]
        assert own["track_id"] != other["track_id"] and silent["track_id"] is None
        assert own["image"] != other["image"] != silent["image"]


def test_a_second_run_finds_nothing_to_do(small_root: str, capsys: pytest.CaptureFixture[str]) -> None:
    root, config = Root.open(small_root), config_for(small_root)
    tables = (ALBUMS, TRACKS, MEDIA, CATALOG, PROMPTS, AUDIO_EMBEDDINGS, TEXT_EMBEDDINGS, LATENTS, GENERATED)
    before = {table.name: root.current(table).version for table in tables}
    for job in (scrape, clean, embed, encode, generate):
        job.main(config)
    assert {table.name: root.current(table).version for table in tables} == before
    assert capsys.readouterr().err.count("nothing to do") == 7


def test_the_root_proves_whole_and_lost_covers_are_painted_again(small_root: str) -> None:
    root = Root.open(small_root)
    assert verify(small_root) == []
    assert len(rejects.latest(root)) == 0
    pictures = {row["album_id"]: row["image"] for row in _painted(root)}
    victim = min(pictures)
    root.current(GENERATED).delta().delete(f"album_id = '{victim}' AND system = 'audio'")
    assert [problem.kind for problem in verify(small_root)] == ["lost"]
    generate.main(config_for(small_root))
    again = {row["album_id"]: row["image"] for row in _painted(root)}
    apart = images.decode(again[victim]).astype(int) - images.decode(pictures[victim]).astype(int)
    assert np.abs(apart).max() <= 2
    assert verify(small_root) == []


def test_evaluate_writes_a_report_and_tells_where_it_can_be_opened(
    small_root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_for(small_root, train={"start_from": "shipped"})
    evaluate.main(config)
    told = capsys.readouterr().out.strip()
    if small_root.startswith("s3://"):
        with urlopen(told) as answer:
            assert answer.headers["content-type"] == "text/html"
            text = answer.read().decode()
        assert "report_files/" not in text, "a presigned page cannot open files beside it"
    else:
        text = Path(told).read_text()
    assert "prompt only" in text.lower() and "shuffled" in text.lower()
    page = page_of(Root.open(small_root))
    assert len(objects.read(page.removesuffix("html") + "md")) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("fusion", ["text_only", "cross_attention"])
def test_the_other_fusions_are_trained_and_painted_with(small_root: str, fusion: str) -> None:
    if small_root.startswith("s3://"):
        pytest.skip("what differs by fusion does not differ by storage")
    config = config_for(small_root, train={"fusion": fusion, "workers": 1}, generate={"systems": ["audio"]})
    train.main(config)
    root = Root.open(small_root)
    folder = json.loads(root.read(train.CURRENT))["folder"]
    facts = json.loads(root.read(f"{folder}/fusion.json"))
    assert facts["name"] == fusion and facts["step"] == (0 if fusion == "text_only" else 4)
    generate.main(config)
    assert len(_painted(root)) == EVALUATED
    assert verify(small_root) == []


def _painted(root: Root) -> list[dict[str, object]]:
    return list(root.current(GENERATED).read(where="system = 'audio'").to_pylist())
