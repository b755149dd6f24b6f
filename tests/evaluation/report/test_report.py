import dataclasses
import html.parser
import io
import re

import numpy as np
import pytest
from PIL import Image

from covergen.evaluation.metrics.bootstrap import Interval
from covergen.evaluation.report import pictures, report
from covergen.evaluation.report.content import (
    CoverPair,
    Curve,
    LossChart,
    Missing,
    RejectedFile,
    ReportContent,
    Song,
    SongStrip,
)
from covergen.evaluation.report.pictures import PictureBook, contact_sheet
from covergen.evaluation.report.report import write_report
from covergen.evaluation.tables import predecessor
from covergen.evaluation.tables.table import (
    HIGHER_IS_BETTER,
    LOWER_IS_BETTER,
    Difference,
    SystemRow,
    SystemsTable,
)

RNG = np.random.default_rng(0)
METRICS = (*LOWER_IS_BETTER, *HIGHER_IS_BETTER)


def picture(size=32):
    return RNG.integers(0, 256, (size, size, 3), dtype=np.uint8)


def opened(path):
    with Image.open(path) as image:
        return image.convert("RGB")


def png(size=32):
    buffer = io.BytesIO()
    Image.fromarray(picture(size)).save(buffer, "PNG")
    return buffer.getvalue()


def systems():
    values = {name: Interval(0.25, 0.2, 0.3, 40) for name in METRICS}
    differences = [
        Difference(name, "shuffled", Interval(-0.5, -0.6, -0.0, 40), "no difference seen") for name in METRICS
    ]
    rows = (
        SystemRow("audio", 40, values, 12.5, 0.125, -0.01),
        SystemRow("shuffled", 40, values, 13.5, 0.75, 0.02),
        SystemRow("constant grey", 40, {"mse": Interval(0.0934, 0.09, 0.1, 40)}),
    )
    return SystemsTable(40, 10, rows, tuple(differences))


@pytest.fixture
def content():
    return ReportContent(
        title="Covers <of> music",
        summary="Forty albums & their songs.",
        shown=16,
        covers=tuple(
            CoverPair("Björk", f"Album {k} | <i>", "folk", png(), picture(), moods="vivid blue")
            for k in range(20)
        ),
        numbers={"albums": "40"},
        table=systems(),
        strip=SongStrip(
            "A cover.", "77", (Song("one", picture()), Song("two", picture(), 0.125)), floor=2 / 255
        ),
        genres={"folk": 12, "jazz": 28},
        losses=(
            LossChart("Training loss", (Curve("training", (1.0, 2.0), (0.9, 0.4)), Curve("none", (), ()))),
        ),
        rejects=(RejectedFile("Кино/03.mp3", "shortened", "41 s of 285 s"),),
        stages={"scrape": 12.0, "train": 96.0},
        facts={"Weights": {"fusion started from": "covergen/assets/tiny/fusion"}},
        missing=(Missing("CMMD", "CLIP image weights"),),
    )


class Page(html.parser.HTMLParser):
    """Collects what a browser would load, and whether every picture says what it is."""

    def __init__(self):
        super().__init__()
        self.loads, self.mute, self.open = [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.loads += [values[name] for name in ("src", "href") if name in values]
        if tag == "img" and not values.get("alt"):
            self.mute.append(values)
        if tag not in {"img", "meta", "link", "line", "rect", "circle", "polyline"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(path):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.open == []
    return page


def test_the_page_is_well_formed_needs_no_host_and_describes_every_picture(tmp_path, content):
    page = parsed(write_report(tmp_path / "out", content))
    assert page.mute == []
    assert (
        len([address for address in page.loads if address.startswith("data:image/jpeg")]) == 20 * 2 + 16 + 2
    )
    assert all(address.startswith("data:") for address in page.loads)


def test_the_page_says_every_fact(tmp_path, content):
    text = write_report(tmp_path, content).read_text(encoding="utf-8")
    for fact in (
        "Covers &lt;of&gt; music", "Forty albums &amp; their songs.", "Björk", "vivid blue", "R@10", "0.0934",
        "Two songs, one prompt", "12.5% from the first", "within 0.8%", "no difference seen", "Кино/03.mp3",
        "shortened", "41 s of 285 s", "covergen/assets/tiny/fusion", "CMMD", "needs CLIP image weights",
        "96.0 s",
    ):  # fmt: skip
        assert fact in text, fact
    assert "<i>" not in text and "<of>" not in text


def test_markdown_says_the_same_and_its_pictures_exist(tmp_path, content):
    write_report(tmp_path, content)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for fact in (
        "R@10",
        "N = 40",
        "| jazz | 28 |",
        "`shortened`",
        "0.4",
        "needs CLIP image weights",
        "12.5%",
    ):
        assert fact in text, fact
    linked = re.findall(r"!\[[^]]+]\(([^)]+)\)", text)
    assert len(linked) == 2
    for name in linked:
        assert opened(tmp_path / name).size[0] > 300
    rows = [line for line in text.splitlines() if line.startswith("| Кино")]
    assert rows == ["| Кино/03.mp3 | `shortened` | 41 s of 285 s |"]


def test_an_almost_empty_report_leaves_sections_out(tmp_path):
    path = write_report(tmp_path, ReportContent("Nothing yet", "No album was painted.", ()))
    page, text = parsed(path), path.read_text(encoding="utf-8")
    assert "<section" not in text and "<img" not in text and page.mute == []


def test_real_music_without_true_covers_is_shown_alone(tmp_path):
    covers = tuple(CoverPair("A", f"T{k}", "rock", picture()) for k in range(9))
    text = write_report(tmp_path, ReportContent("Real", "Real music.", covers)).read_text(encoding="utf-8")
    assert "Every cover" in text and "Beside the truth" not in text
    assert text.count('class="pair single"') == 9


def test_pictures_beyond_the_budget_lie_beside_the_page(tmp_path, content, monkeypatch):
    monkeypatch.setattr(report, "_PICTURE_BUDGET", 20_000)
    page = parsed(write_report(tmp_path, content))
    beside = [address for address in page.loads if not address.startswith("data:")]
    assert beside and all((tmp_path / address).is_file() for address in beside)
    assert (tmp_path / "report.html").stat().st_size < 60_000 + 20_000


def test_a_second_writing_leaves_no_partial_file_and_the_same_page(tmp_path, content):
    first = write_report(tmp_path, content).read_bytes()
    assert write_report(tmp_path, content).read_bytes() == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "report.md", "report_files"]


def test_a_picture_keeps_its_colours_and_is_made_smaller(tmp_path):
    wide = np.full((900, 900, 3), (200, 30, 60), np.uint8)
    book = PictureBook(tmp_path / "files", budget=0)
    image = opened(tmp_path / book.address(wide))
    assert image.size == (512, 512)
    np.testing.assert_allclose(np.asarray(image).mean(axis=(0, 1)), (200, 30, 60), atol=3)


def test_a_contact_sheet_reads_from_left_to_right():
    red, blue = np.full((8, 8, 3), (255, 0, 0), np.uint8), np.full((8, 8, 3), (0, 0, 255), np.uint8)
    sheet = np.asarray(contact_sheet([red, blue, red], columns=2, tile=10, gap=2))
    assert sheet.shape == (22, 22, 3)
    assert sheet[5, 5].tolist() == [255, 0, 0] and sheet[5, 17].tolist() == [0, 0, 255]
    assert sheet[17, 17].tolist() == [255, 255, 255]
    assert pictures.open_picture(red).size == (8, 8)


def test_what_was_left_out_is_said_under_the_title(content, tmp_path):
    note = "Training was skipped: no album has a cover."
    path = write_report(tmp_path, dataclasses.replace(content, notes=(note,)))
    assert f'<p class="left-out">{note}</p>' in path.read_text()
    assert f"\n\n{note}\n\n" in (tmp_path / "report.md").read_text()


def test_a_report_without_any_cover_is_a_report(tmp_path):
    path = write_report(tmp_path, ReportContent(title="Nothing", summary="0 covers.", covers=()))
    assert "0 covers." in path.read_text() and "<img" not in path.read_text()


def test_the_predecessors_table_stands_only_beside_something_that_was_measured():
    assert predecessor.beside(None, None, fusion="decoupled", noise_scheduler="ddim") == ()
