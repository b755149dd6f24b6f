import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.evaluation.report.charts import bar_chart, drawable, interval_mark, levels, line_chart, thin
from covergen.evaluation.report.content import Curve, LossChart


def parsed(svg):
    return ElementTree.fromstring(svg)


def widths(svg):
    return [float(r.get("width").rstrip("%")) for r in parsed(svg).iter("rect")]


def test_bars_are_sorted_proportional_and_named():
    svg = bar_chart({"jazz": 5, "rock & roll <x>": 10}, title="Albums", text=lambda v: f"{v:.0f}")
    first, second = widths(svg)
    assert first == pytest.approx(2 * second, rel=0.01)
    texts = [t.text for t in parsed(svg).iter("text")]
    assert texts == ["rock & roll <x>", "10", "jazz", "5"]


def test_many_bars_end_in_one_for_the_others():
    svg = bar_chart({f"g{k}": 1 for k in range(40)}, title="A", text=lambda v: f"{v:.0f}", most=10)
    texts = [t.text for t in parsed(svg).iter("text")]
    assert len(widths(svg)) == 10 and texts[-2:] == ["other", "31"]


def test_a_line_falls_from_top_left_to_bottom_right():
    svg = line_chart(LossChart("Loss", (Curve("training", (0, 50, 100), (1.0, 0.5, 0.0)),)))
    (line,) = parsed(svg).iter("polyline")
    points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
    assert [x for x, _ in points] == [0, 50, 100]
    assert [y for _, y in points] == sorted(y for _, y in points)
    assert 0 < points[0][1] < 10 and 90 < points[-1][1] < 100


@pytest.mark.parametrize("values", [(0.5,), (0.5, 0.5), (0.0, 0.0)])
def test_flat_and_single_point_curves_can_be_drawn(values):
    svg = line_chart(LossChart("Loss", (Curve("training", tuple(range(len(values))), values),)))
    assert "nan" not in svg


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_levels_are_a_few_and_within(low, reach):
    found = levels(low, low + reach)
    assert 3 <= len(found) <= 7 or not math.isclose(found[-1] - found[0], 0)
    assert all(low - 1e-6 * reach <= v <= low + reach + 1e-6 * reach for v in found)


def test_thinning_keeps_the_mean_and_the_ends():
    curve = Curve("training", tuple(range(1000)), tuple(float(k % 7) for k in range(1000)))
    less = thin(curve, points=100)
    assert len(less.steps) == 100
    assert sum(less.values) / 100 == pytest.approx(sum(curve.values) / 1000)
    assert thin(less, points=100) is less


def test_an_interval_is_placed_about_zero():
    svg = parsed(interval_mark(-2, -1, high=0, reach=2))
    (dot,) = svg.iter("circle")
    span = svg.findall("line")[1]
    assert (dot.get("cx"), span.get("x1"), span.get("x2")) == ("26.00%", "2.00%", "50.00%")


def test_charts_without_points_are_not_drawn():
    empty, full = Curve("a", (), ()), Curve("b", (1,), (1.0,))
    kept = drawable([LossChart("x", (empty,)), LossChart("y", (empty, full))])
    assert [(c.title, [k.name for k in c.curves]) for c in kept] == [("y", ["b"])]
