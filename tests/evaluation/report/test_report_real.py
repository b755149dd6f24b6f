"""The report's part on real albums: what it says, and that its page is well formed."""

import dataclasses

import numpy as np
import pytest

from covergen.evaluation.metrics.bootstrap import Interval
from covergen.evaluation.metrics.memorization import Nearness
from covergen.evaluation.report import report_real
from covergen.evaluation.report.content import MemoryCheck, Neighbour, ReportContent, SystemSheet
from covergen.evaluation.report.report import write_report
from covergen.evaluation.tables.predecessor import PUBLISHED, beside
from covergen.evaluation.tables.real_table import Line, RealTable
from covergen.evaluation.tables.table import GREY, TRUE_COVERS, SystemRow, SystemsTable
from tests.evaluation.report.test_report import opened, parsed, picture

SYSTEMS = ("audio", "prompt_only", TRUE_COVERS, GREY)


def interval(value, n=40):
    return Interval(value, value - 0.01, value + 0.01, n)


def table():
    fid = Line(
        "fid",
        {"audio": interval(310.5, 20), "prompt_only": interval(320.5, 20), TRUE_COVERS: interval(280.25, 20)},
        {"audio": 250.125, "prompt_only": 260.0},
        {"prompt_only": Interval(-10, -12, -8, 20)},
    )
    mse = Line(
        "mse",
        {"audio": interval(0.11), "prompt_only": interval(0.12), GREY: interval(0.09)},
        {},
        {"prompt_only": Interval(-0.01, -0.02, 0.01, 40)},
    )
    return RealTable(40, 20, SYSTEMS, (fid, mse), "clip", 300)


@pytest.fixture
def content():
    near = Nearness(
        300, interval(0.4), interval(0.5), 0.25, Interval(0.3, 0.2, 0.4, 40), np.ones(40), np.zeros(40, int)
    )
    pairs = tuple(Neighbour(picture(), f"P{k} <b>", picture(), f"T{k}", 0.125) for k in range(6))
    return ReportContent(
        "Real",
        "Forty real albums.",
        (),
        real=table(),
        sheet=SystemSheet(("One, A", "Two, B"), {s: (picture(), picture()) for s in SYSTEMS[:3]}),
        memory=MemoryCheck("CLIP's features", near, pairs),
        predecessor=beside(table(), None, fusion="cross_attention", noise_scheduler="ddpm"),
    )


def test_the_page_is_well_formed_and_describes_every_picture(tmp_path, content):
    page = parsed(write_report(tmp_path, content))
    assert page.mute == []
    assert len([a for a in page.loads if a.startswith("data:image/jpeg")]) == 2 * 3 + 6 * 2
    assert all(address.startswith("data:") for address in page.loads)


def test_page_and_markdown_say_every_fact(tmp_path, content):
    page = write_report(tmp_path, content).read_text(encoding="utf-8")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for fact in (
        "Measured on 40 held-out albums", "FID", "310.5", "all against all 250.1", "280.2", "0.1100",
        "20 painted with 20 true covers", "20 against 20", "N = 40",
        "300 training albums", "Nearer to the training covers than chance",
        "30.0% of the painted covers (20.0% to 40.0%) lie within 0.250, as 5% of the true ones do",
        "other data: not comparable", "170.07", "740.92", "0.2034", "250.12", "True audio", "Two, B",
    ):  # fmt: skip
        assert fact in page, fact
        assert fact in text, fact
    assert "true audio is better" in page and "no difference seen" in page
    assert "<b>P0 <b>" not in page
    for name in ("systems", "nearest"):
        assert opened(tmp_path / "report_files" / f"{name}.jpg").size[0] > 300


def test_what_true_audio_is_against_another_system_is_said_in_words():
    lines = {line.metric: line for line in table().lines}
    assert lines["fid"].verdict("prompt_only") == "better"
    assert lines["mse"].verdict("prompt_only") == "no difference seen"
    worse = dataclasses.replace(lines["mse"], leads={"prompt_only": Interval(0.02, 0.01, 0.03, 40)})
    assert worse.verdict("prompt_only") == "worse"
    recall = Line("recall_5", {}, {}, {"shuffled": Interval(0.2, 0.1, 0.3, 40)})
    assert recall.verdict("shuffled") == "better"


def test_quoted_rows_stay_as_published_and_ours_stand_beside_their_own_method():
    rows = {(r.method, r.sampler): r for r in beside(table(), None, fusion="concat", noise_scheduler="pndm")}
    assert len(rows) == len(PUBLISHED) == 6
    ours = rows["Concatenation", "PNDM"]
    assert (ours.published_mse, ours.published_fid) == (0.2475, 551.53)
    assert (ours.mse.estimate, ours.fid, ours.n) == (0.11, 250.125, 40)
    assert rows["Prompt only", "PNDM"].mse.estimate == 0.12
    assert all(row.mse is None for key, row in rows.items() if key[1] == "DDPM")


def test_a_fusion_of_our_own_has_rows_of_its_own_and_made_up_albums_have_no_fid():
    controlled = SystemsTable(40, 10, (SystemRow("audio", 40, {"mse": interval(0.05)}),), ())
    rows = beside(None, controlled, fusion="decoupled", noise_scheduler="dpm++")
    assert rows[:6] == PUBLISHED
    (own,) = rows[6:]
    assert (own.method, own.sampler, own.published_mse, own.fid) == ("Decoupled", "DPM-Solver++", None, None)
    assert own.mse.estimate == 0.05
    assert report_real.predecessor(rows)[6]["published_fid"] == "–"


def test_nothing_is_claimed_where_painted_covers_are_as_far_as_true_ones(content):
    calm = dataclasses.replace(content.memory.nearness, below=Interval(0.05, 0.0, 0.1, 40))
    check = dataclasses.replace(content.memory, nearness=calm)
    assert report_real.memory_heading(check) == "Painted, not remembered"
