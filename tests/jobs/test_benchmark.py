"""The controlled benchmark on a small catalogue: measured once, added to, never measured twice."""

import json
from pathlib import Path

import pytest

from covergen.evaluation.tables.table import GREY, TRUE_COVERS
from covergen.experiments.fusion_benchmark.rows import FOLDER
from covergen.lineage.verify import verify
from covergen.storage import objects
from covergen.storage.root import Root
from jobs import benchmark
from tests.jobs.conftest import config_for

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]
WORDS = {"name": "text_only", "fusion": "text_only"}
OURS = {"name": "decoupled", "fusion": "decoupled", "seeds": [1]}


def test_rows_are_kept_added_to_and_shown_in_one_table(
    tmp_path: Path, ray_session: None, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = str(tmp_path / "root")
    benchmark.main(config_for(uri, benchmark={"rows": [WORDS], "resamples": 100}))
    root = Root.open(uri)
    assert len(_rows(root)) == 3  # words alone and the two floors
    assert "0 of 1 runs are measured, 1 to do" in capsys.readouterr().err

    config = config_for(uri, benchmark={"rows": [WORDS, OURS], "resamples": 100})
    benchmark.main(config)
    captured = capsys.readouterr()
    assert "1 of 3 runs are measured, 2 to do" in captured.err
    assert len(_rows(root)) == 7  # and ours under two sounds, with and without the noise shift
    table = json.loads(captured.out.splitlines()[-1])
    assert table == json.loads(root.read("benchmark/table.json"))
    assert root.read("benchmark/table.md").decode() in captured.out
    assert [(line["name"], line["system"], line["noise_shift"]) for line in table["lines"]] == [
        ("text_only", "prompt_only", 0.0),
        ("decoupled", "audio", 0.0),
        ("decoupled", "shuffled", 0.0),
        ("decoupled", "audio", 1.0),
        ("decoupled", "shuffled", 1.0),
        (TRUE_COVERS, TRUE_COVERS, 0.0),
        (GREY, GREY, 0.0),
    ]
    assert {line["n"] for line in table["lines"]} == {6}
    assert table["lines"][1]["seconds"].keys() == {"train", "paint"}
    assert len(table["targets"]) == 20

    removed = table["lines"][2]["measurements"][0]
    Path(root.path(FOLDER, f"{removed}.json")).unlink()
    benchmark.main(config)
    captured = capsys.readouterr()
    assert "2 of 3 runs are measured, 1 to do" in captured.err and "train: nothing to do" in captured.err
    again = json.loads(captured.out.splitlines()[-1])
    assert [line["metrics"] for line in again["lines"]] == [line["metrics"] for line in table["lines"]]

    benchmark.main(config)
    assert "3 of 3 runs are measured, 0 to do" in capsys.readouterr().err
    assert verify(uri) == []


def _rows(root: Root) -> list[str]:
    return objects.children(root.path(FOLDER))
