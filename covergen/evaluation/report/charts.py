"""Small SVG charts that follow the page: width in percent, text in pixels, colours from the page's style.

Text keeps its size on a phone because no chart is scaled as a whole; only the lines of a loss chart are.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape

from covergen.evaluation.report.content import Curve, LossChart

_LABEL_END = 30
_BAR_REACH = 56
_POINTS = 300


def bar_chart(
    values: Mapping[str, float], *, title: str, text: Callable[[float], str], most: int = 24
) -> Markup:
    """Return horizontal bars, longest first; what is beyond `most` is summed as "other"."""
    rows = sorted(values.items(), key=lambda item: -item[1])
    if len(rows) > most:
        rows = [*rows[: most - 1], ("other", sum(value for _, value in rows[most - 1 :]))]
    longest = max((value for _, value in rows), default=0) or 1
    bars = Markup("").join(
        _bar(k, name, value / longest, text=text(value)) for k, (name, value) in enumerate(rows)
    )
    return Markup('<svg class="bars" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        len(rows) * 26 + 4, f"{title}: " + ", ".join(f"{n} {text(v)}" for n, v in rows), bars
    )


def _bar(row: int, name: str, share: float, *, text: str) -> Markup:
    middle = row * 26 + 14
    return Markup(
        '<text x="{}%" y="{}" dy="-.5em" transform="translate(-10 9)" text-anchor="end">{}</text>'
        '<rect class="bar" x="{}%" y="{}" width="{:.2f}%" height="14" rx="2"/>'
        '<text class="value" x="{:.2f}%" y="{}" dx="8" dy="4.5">{}</text>'
    ).format(
        _LABEL_END, middle + 2, _short(name),
        _LABEL_END, middle - 7, max(share * _BAR_REACH, 0.4),
        _LABEL_END + max(share * _BAR_REACH, 0.4), middle, text,
    )  # fmt: skip


def line_chart(chart: LossChart) -> Markup:
    """Return the curves over steps, with a few labelled grid lines; its legend is left to the page."""
    curves = [thin(curve) for curve in chart.curves]
    steps = np.concatenate([curve.steps for curve in curves])
    values = np.concatenate([curve.values for curve in curves])
    low, high = _padded(float(values.min()), float(values.max()))
    first, last = float(steps.min()), float(steps.max())
    reach = (last - first) or 1.0
    grid = Markup("").join(_level(v, (high - v) / (high - low)) for v in levels(low, high))
    ends = Markup(
        '<text class="tick" x="0" y="100%" dy="20">step {:.0f}</text>'
        '<text class="tick" x="100%" y="100%" dy="20" text-anchor="end">{:.0f}</text>'
    ).format(first, last)
    lines = Markup("").join(
        Markup('<polyline class="line line-{}" points="{}"/>').format(
            k % 4,
            " ".join(
                f"{100 * (s - first) / reach:.2f},{100 * (high - v) / (high - low):.2f}"
                for s, v in zip(curve.steps, curve.values, strict=True)
            ),
        )
        for k, curve in enumerate(curves)
    )
    return Markup(
        '<svg class="lines" width="100%" height="220" role="img" aria-label="{}">{}'
        '<svg width="100%" height="100%" viewBox="0 0 100 100" preserveAspectRatio="none">{}</svg>{}</svg>'
    ).format(_spoken(chart), grid, lines, ends)


def interval_mark(low: float, estimate: float, *, high: float, reach: float) -> Markup:
    """Return an interval as a bar with a dot, on an axis from -reach to +reach with zero in the middle."""
    share = [50 + 48 * value / (reach or 1.0) for value in (low, estimate, high)]
    return Markup(
        '<svg class="interval" width="100%" height="22" aria-hidden="true">'
        '<line class="zero" x1="50%" x2="50%" y1="1" y2="21"/>'
        '<line class="span" x1="{:.2f}%" x2="{:.2f}%" y1="11" y2="11"/>'
        '<circle cx="{:.2f}%" cy="11" r="5"/></svg>'
    ).format(share[0], share[2], share[1])


def thin(curve: Curve, *, points: int = _POINTS) -> Curve:
    """Return a curve of at most `points` points, each the mean of its neighbours."""
    if len(curve.steps) <= points:
        return curve
    parts = np.array_split(np.arange(len(curve.steps)), points)
    steps, values = np.asarray(curve.steps), np.asarray(curve.values)
    return Curve(
        curve.name,
        tuple(float(steps[p].mean()) for p in parts),
        tuple(float(values[p].mean()) for p in parts),
    )


def _level(value: float, share: float) -> Markup:
    return Markup(
        '<line class="grid" x1="0" x2="100%" y1="{0:.2f}%" y2="{0:.2f}%"/>'
        '<text class="tick" x="-8" y="{0:.2f}%" dy="4" text-anchor="end">{1}</text>'
    ).format(100 * share, f"{value:.4g}")


def levels(low: float, high: float) -> list[float]:
    """Return three to seven round values within the range."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _padded(low: float, high: float) -> tuple[float, float]:
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _spoken(chart: LossChart) -> str:
    ends = [f"{c.name} from {c.values[0]:.3g} to {c.values[-1]:.3g}" for c in chart.curves]
    return f"{chart.title}: " + "; ".join(ends)


def _short(name: str, length: int = 18) -> Markup:
    return escape(name if len(name) <= length else f"{name[: length - 1]}…")


def drawable(charts: Sequence[LossChart]) -> tuple[LossChart, ...]:
    """Return the charts without empty curves, and without those that then hold none."""
    kept = [LossChart(c.title, tuple(k for k in c.curves if k.steps), c.note) for c in charts]
    return tuple(chart for chart in kept if chart.curves)
