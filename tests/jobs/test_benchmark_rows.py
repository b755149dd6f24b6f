"""What the benchmark sets out to measure, without Ray."""

from pathlib import Path

import pytest

from covergen.config import Config, load
from covergen.errors import ConfigError
from covergen.fusion import FUSIONS
from jobs.benchmark import plan
from tests.jobs.conftest import config_for

CONFIGS = Path(__file__).parent.parent.parent / "configs"


def planned(*rows: dict[str, object], **sections: dict[str, object]) -> list:
    return plan(config_for("out/x", benchmark={"rows": list(rows), "noise_shift": 0.5}, **sections))


def test_each_seed_is_trained_and_painted_with_and_without_the_shift() -> None:
    runs = planned({"name": "ours", "fusion": "decoupled", "seeds": [0, 2]})
    assert [(r.seed, r.config.generate.noise_shift) for r in runs] == [(0, 0), (0, 0.5), (2, 0), (2, 0.5)]
    for run in runs:
        assert run.config.train.seed == run.config.generate.first_variant == run.seed
        assert run.config.generate.systems == ("audio", "shuffled")
        assert (run.config.generate.split, run.config.generate.variants) == ("test", 1)
    digests = [digest for run in runs for digest in run.digests("w").values()]
    assert len(set(digests)) == 8
    assert runs[0].digests("w") != runs[0].digests("v")


def test_a_fusion_that_hears_nothing_is_painted_once_a_seed() -> None:
    (run,) = planned({"name": "words", "fusion": "text_only"})
    assert run.config.generate.systems == ("prompt_only",) and run.config.generate.noise_shift == 0
    (longer,) = planned({"name": "words", "fusion": "text_only"}, train={"steps": 99})
    assert run.digests("w") == longer.digests("w")  # there is nothing that more steps would change


def test_a_fusion_that_promises_no_cover_has_no_shift() -> None:
    assert [run.config.generate.noise_shift for run in planned({"name": "c", "fusion": "concat"})] == [0]


def test_a_row_changes_its_own_settings_only() -> None:
    ours = {"name": "ours", "fusion": "decoupled"}
    short = {"name": "short", "fusion": "concat", "train": {"steps": 3}, "generate": {"steps": 7}}
    runs = {run.name: run.config for run in planned(ours, short, train={"workers": 2, "learning_rate": 0.5})}
    assert (runs["ours"].train.steps, runs["ours"].generate.steps) == (4, 2)
    assert (runs["short"].train.steps, runs["short"].generate.steps) == (3, 7)
    assert runs["short"].train.learning_rate == 0.5 and runs["short"].train.workers == 2


@pytest.mark.parametrize(("change", "same"), [({"workers": 1, "cpus": 2}, True), ({"steps": 5}, False)])
def test_where_it_was_trained_makes_no_new_measurement(change: dict[str, object], same: bool) -> None:
    row = {"name": "ours", "fusion": "decoupled"}
    before, after = planned(row)[0], planned(row, train=change)[0]
    assert (before.digests("w") == after.digests("w")) is same


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "benchmark.rows is empty"),
        (
            [{"name": "x", "fusion": "decupled"}],
            "benchmark.rows.0.fusion='decupled': there is no such fusion",
        ),
        (
            [{"name": "x", "fusion": "concat", "train": {"stepz": 3}}],
            r"benchmark.rows.0 \(x\): train.stepz: Extra inputs are not permitted",
        ),
    ],
)
def test_a_row_that_cannot_be_run_is_named_before_anything_is(rows: list, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        planned(*rows)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("benchmark.rows=[{name: a, fusion: concat}, {name: a, fusion: concat}]", "two rows have one name"),
        ("benchmark.rows.0.seeds=[1, 1]", "seeds are different numbers"),
        ("benchmark.rows.0.fuson=x", "Did you mean fusion?"),
        ("benchmark.noise_shift=0", "benchmark.noise_shift=0"),
    ],
)
def test_a_wrong_section_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(CONFIGS / "benchmark_small.yaml", [override])
    assert message in str(caught.value)


def test_the_small_table_compares_ours_with_words_alone() -> None:
    runs = plan(load(CONFIGS / "benchmark_small.yaml"))
    assert {run.name for run in runs} == {"text_only", "decoupled"} and len(runs) == 3
    assert _evaluated(runs[0].config) == 200 and all(run.config.train.start_from is None for run in runs)


def test_the_full_table_has_every_fusion_and_three_seeds_of_ours() -> None:
    config = load(CONFIGS / "benchmark.yaml")
    rows = {row.name: row for row in config.benchmark.rows}
    assert set(FUSIONS) <= {row.fusion for row in rows.values()}
    assert len(rows["decoupled"].seeds) == len(rows["text_only"].seeds) == 3
    assert _evaluated(config) == 200
    assert {row.fusion for row in rows.values() if row.train} == {"concat", "cross_attention"}


def _evaluated(config: Config) -> int:
    return sum(getattr(source, "evaluation", 0) for source in config.scrape.sources)
