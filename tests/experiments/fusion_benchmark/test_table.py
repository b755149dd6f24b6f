"""The benchmark's table, its differences, targets and page, from measurements made up to a known effect."""

from dataclasses import replace

import numpy as np
import pytest

from covergen.evaluation.tables.table import GREY, TRUE_COVERS
from covergen.experiments.fusion_benchmark import page as benchmark_page
from covergen.experiments.fusion_benchmark.page import TARGETS, judged
from covergen.experiments.fusion_benchmark.rows import Measurement
from covergen.experiments.fusion_benchmark.table import compared, rival, table_lines

ALBUMS = tuple(f"album{k}" for k in range(60))
PAINTER = {"noise_scheduler": "ddim", "steps": 12, "guidance_scale": 2.5}


def recipe(fusion="decoupled", steps=600, shift=0.0):
    return {"train": {"fusion": fusion, "steps": steps}, "generate": {**PAINTER, "noise_shift": shift}}


def measured(name, system, *, seed=0, hears=0.0, frechet=10.0, made_of=None, shift=0.0):
    """A row whose pictures follow the factors by the share `hears`."""
    rng = np.random.default_rng([seed, round(100 * hears), len(system)])
    truth = {
        factor: np.random.default_rng(9).uniform(size=len(ALBUMS)) for factor in ("brightness", "energy")
    }
    truth["density"] = np.random.default_rng(8).uniform(size=len(ALBUMS))
    noise = {factor: rng.uniform(size=len(ALBUMS)) for factor in truth}
    read = {factor: hears * truth[factor] + (1 - hears) * noise[factor] for factor in truth}
    values = {
        "hue_error": 90 * (1 - hears) + rng.uniform(-5, 5, len(ALBUMS)),
        **{f"{factor}_error": np.abs(read[factor] - truth[factor]) for factor in truth},
        **read,
        **{f"true_{factor}": column for factor, column in truth.items()},
        "genre_accuracy": np.ones(len(ALBUMS)),
        "motif_accuracy": np.ones(len(ALBUMS)),
        "recall": (rng.uniform(size=len(ALBUMS)) < 0.05 + 0.9 * hears).astype(float),
        "mse": 0.1 * (1 - 0.5 * hears) + rng.uniform(0, 0.01, len(ALBUMS)),
    }
    return Measurement(
        world="w",
        recipe=recipe(shift=shift) if made_of is None else made_of,
        name=name,
        system=system,
        seed=seed,
        noise_shift=shift,
        albums=ALBUMS,
        values={key: tuple(map(float, column)) for key, column in values.items()},
        distances={"frechet": frechet, "joint_frechet": frechet * (1 - 0.3 * hears), "kernel": 0.5},
        seconds={"train": 100.0 + seed, "paint": 0.5},
    )


@pytest.fixture(scope="module")
def measurements():
    rows = []
    for seed in range(3):
        rows += [
            measured("decoupled", "audio", seed=seed, hears=0.9, frechet=9.0 + seed),
            measured("decoupled", "shuffled", seed=seed),
            measured("words", "prompt_only", seed=seed, made_of=recipe("text_only")),
        ]
    rows += [measured("concat", "audio"), measured("concat", "shuffled")]
    grey = measured(GREY, GREY, made_of={})
    rows.append(replace(grey, values={"mse": grey.values["mse"]}, distances={}, seconds={}))
    rows.append(replace(measured(TRUE_COVERS, TRUE_COVERS, hears=1.0, made_of={}), seconds={}))
    return rows


@pytest.fixture(scope="module")
def lines(measurements):
    return table_lines(measurements, resamples=300, names=["words", "decoupled"])


def line_of(lines, name, system):
    return next(line for line in lines if (line.name, line.system) == (name, system))


def test_seeds_make_one_line_in_the_order_of_the_config(lines):
    assert [(line.name, line.system) for line in lines] == [
        ("words", "prompt_only"),
        ("decoupled", "audio"),
        ("decoupled", "shuffled"),
        ("concat", "audio"),
        ("concat", "shuffled"),
        (TRUE_COVERS, TRUE_COVERS),
        (GREY, GREY),
    ]
    ours = line_of(lines, "decoupled", "audio")
    assert ours.seeds == (0, 1, 2) and ours.n == len(ALBUMS)
    assert (ours.distances["frechet"].low, ours.distances["frechet"].mean) == (9.0, 10.0)
    assert ours.seconds == {"train": 101.0, "paint": 0.5}
    assert all(i.low <= i.estimate <= i.high for i in ours.metrics.values())
    assert set(line_of(lines, GREY, GREY).metrics) == {"mse"}


def test_another_budget_is_another_line(measurements):
    longer = measured("decoupled", "audio", hears=0.95, made_of=recipe(steps=900))
    lines = table_lines([*measurements, longer], resamples=100)
    assert sum((line.name, line.system) == ("decoupled", "audio") for line in lines) == 2


def test_true_audio_is_held_against_its_own_shuffle_and_the_words(lines):
    ours = line_of(lines, "decoupled", "audio")
    assert rival(lines, ours, "shuffled") is line_of(lines, "decoupled", "shuffled")
    assert rival(lines, ours, "prompt_only") is line_of(lines, "words", "prompt_only")
    found = {each.metric: each for each in compared(ours, rival(lines, ours, "shuffled"), resamples=300)}
    assert found["hue_error"].verdict == found["recall"].verdict == "better"
    assert found["genre_accuracy"].verdict == "no difference seen"
    deaf = line_of(lines, "concat", "audio")
    against = compared(deaf, rival(lines, deaf, "prompt_only"), resamples=300)
    assert {each.metric: each.verdict for each in against}["recall"] == "no difference seen"


def test_other_albums_are_not_compared(measurements, lines):
    fewer = replace(measured("decoupled", "shuffled"), albums=ALBUMS[1:])
    (other,) = table_lines([fewer], resamples=100)
    assert compared(line_of(lines, "decoupled", "audio"), other, resamples=100) == []


def test_targets_are_met_by_who_hears_and_missed_by_who_does_not(lines):
    verdicts = {e.target.label: e.verdict for e in judged(lines, line_of(lines, "decoupled", "audio"))}
    assert set(verdicts.values()) == {"met"} and len(verdicts) == len(TARGETS)
    deaf = {e.target.label: e.verdict for e in judged(lines, line_of(lines, "concat", "audio"))}
    assert (
        deaf["hue error in degrees"] == deaf["R@10"] == deaf["pixel MSE over that of prompt only"] == "missed"
    )
    assert deaf["genre accuracy minus that of prompt only"] == "met"


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"hue_error": (31.0,) * 60}, "hue error in degrees"),
        ({"genre_accuracy": (1.0,) * 56 + (0.0,) * 4}, "genre accuracy minus that of prompt only"),
        ({"recall": (1.0,) * 20 + (0.0,) * 40}, "R@10"),
    ],
)
def test_a_figure_just_past_its_bound_is_missed(lines, changes, label):
    row = measured("decoupled", "audio", hears=0.9)
    (line,) = table_lines([replace(row, values={**row.values, **changes})], resamples=100)
    verdicts = {each.target.label: each.verdict for each in judged(lines, line)}
    assert verdicts.pop(label) == "missed"
    assert "missed" not in verdicts.values()


def test_what_was_not_measured_is_not_judged(measurements):
    alone = [row for row in measurements if (row.name, row.system) == ("decoupled", "audio")]
    (line,) = table_lines(alone, resamples=100)
    verdicts = {each.target.label: each.verdict for each in judged([line], line)}
    assert verdicts["FD over that of prompt only"] == "not measured"
    assert verdicts["R@10 under shuffled audio"] == "not measured"
    assert verdicts["R@10"] == "met"


@pytest.mark.parametrize(("hits", "told"), [(0, "collapsed: the words are lost"), (58, "no collapse seen")])
def test_rows_that_the_predecessor_trained_are_told_apart(lines, hits, told):
    made_of = {**recipe("concat"), "train": {"fusion": "concat", "objective": "predecessor"}}
    row = measured("concat then", "audio", made_of=made_of)
    genres = (1.0,) * hits + (0.0,) * (len(ALBUMS) - hits)
    then = table_lines([replace(row, values={**row.values, "genre_accuracy": genres})], resamples=100)
    found = benchmark_page.differences([*lines, *then], resamples=100)
    page = benchmark_page.markdown([*lines, *then], found, judging="decoupled")
    (line,) = [line for line in page.splitlines() if line.startswith("- concat then: genre read")]
    assert told in line
    assert "As the predecessor" not in benchmark_page.markdown(lines, found[:0], judging="decoupled")


def test_the_page_and_its_figures_agree(lines):
    found = benchmark_page.differences(lines, resamples=100)
    page = benchmark_page.markdown(lines, found, judging="decoupled")
    table = next(part for part in page.split("\n\n") if part.startswith("| row"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len({len(row) for row in rows}) == 1 and len(rows) == 2 + len(lines)
    grey = dict(zip(rows[0], rows[-1], strict=True))
    assert grey["row"] == "Constant grey" and grey["FD"] == "–" and grey["Pixel MSE"] != "–"
    assert "N = 60 held-out albums" in page and "by chance 0.167" in page
    assert page.count("## Targets") == 1 and "| R@10 | at least 0.35 |" in page
    tree = benchmark_page.tree(lines, found, judging="decoupled")
    assert len(tree["targets"]) == len(TARGETS) and {each["verdict"] for each in tree["targets"]} == {"met"}
    assert len(tree["lines"][1]["measurements"]) == 3
    assert {(d["name"], d["other"]) for d in tree["differences"]} == {
        (name, other) for name in ("decoupled", "concat") for other in ("shuffled", "prompt_only")
    }
