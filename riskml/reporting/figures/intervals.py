"""Estimates with intervals, one a line: centres and subgroups, before and after, differences in case mix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from riskml.reporting.figures.canvas import (
    ACCENT,
    DASHED,
    GREY,
    INK,
    LONGEST,
    canvas,
    finite,
    line_text,
    nothing,
    numbers,
    svg,
)
from riskml.reporting.figures.reach import Part, Reach, Scale
from riskml.reporting.words import NOT_ESTIMABLE, decimal, ratio, signed

Estimate = tuple[float | None, float | None, float | None]
Row = tuple[str, float | None, float | None, float | None, str]
# Height of a line with a bar and of one in words only, in lines.
_BAR, _WORDS = 1.0, 0.62
# Characters of a label beside an estimate with its interval.
_BESIDE_INTERVAL = 34
# Standardised differences that are called small (Austin 2009) and large (Rubin 2001), and the last one in scale.
_SMALL, _LARGE, _FURTHEST = 0.1, 0.25, 1.5


def forest(
    name: str,
    rows: Sequence[Row],
    *,
    summary: Row | None = None,
    prediction: tuple[float | None, float | None] | None = None,
    reference: float | None = None,
    title: str,
    measure: str,
    scale: Scale = "linear",
) -> str:
    """One measure in centres or subgroups, a line each, over their random-effects summary.

    Parameters
    ----------
    name, title : str
        Id, unique in the page, and text alternative.
    rows : sequence of (label, value, low, high, note)
        The note is written where there is no value (``"not estimable: <5 events"``), else beside the estimate's label.
    summary : (label, value, low, high, note), optional
        Drawn as a diamond.
    prediction : (low, high), optional
        Interval in which the measure of a new centre is expected.
    reference : float, optional
        Where a line is drawn: chance, or the ideal.
    measure : str
        Name of the axis.
    scale : {"linear", "log"}
        Logarithmic for ratios. Intervals beyond the axis end in an arrow; their numbers stand beside them.

    References
    ----------
    Riley RD, Higgins JPT, Deeks JJ. Interpretation of random effects meta-analyses. BMJ 2011;342:d549.
    """
    if not rows:
        return nothing(name, title)
    everything = [*rows, *([summary] if summary else [])]
    estimates = [numbers(row[1:4]) for row in everything]
    expected = [[math.nan, *numbers(prediction)]] if prediction else []
    reach = Reach.of([*estimates, *expected], [] if reference is None else [reference], scale)
    heights = [_height(*pair) for pair in zip(everything, estimates, strict=True)] + [_BAR] * bool(prediction)
    tops = list(accumulate(heights, initial=0.0))
    with canvas(0.62 + 0.42 * tops[-1]) as (figure, axes):
        bottom = tops[-1] - 0.5
        if reference is not None:
            axes.plot([reach.place(reference)] * 2, [-0.6, bottom], color=GREY, linestyle=DASHED, linewidth=1)
        if summary:
            axes.axhline(tops[len(rows)] - 0.56, color=GREY, linewidth=0.6)
        for place, row, (value, low, high) in zip(tops, everything, estimates, strict=False):
            _label(axes, place - 0.3, row, _estimate(value, low, high, log=reach.log))
            if row is summary:
                _diamond(axes, reach, place + 0.12, value, low, high)
            else:
                _bar(axes, reach, place + 0.12, value, low, high)
        if prediction:
            low, high = numbers(prediction)
            line_text(axes, tops[-2] - 0.3, "expected in a new one")
            line_text(axes, tops[-2] - 0.3, _interval(low, high, log=reach.log), end=True)
            _bar(axes, reach, tops[-2] + 0.12, math.nan, low, high, dashed=True)
        _finish(axes, reach, bottom, measure)
        if not finite(*estimates):
            axes.set(xticks=[], xlabel="")
            axes.spines["bottom"].set_visible(False)
        return svg(figure, name, title)


def before_after(
    name: str, rows: Sequence[tuple[str, Estimate, Estimate, float | None]], *, title: str,
    labels: tuple[str, str] = ("before", "after"),
) -> str:  # fmt: skip
    """Measures of a model and of the one made from it, each on an axis of its own.

    Parameters
    ----------
    name, title : str
        As for :func:`forest`.
    rows : sequence of (label, before, after, ideal)
        The estimates as (value, low, high); the ideal, or None where there is none.
    labels : pair of str
        What the upper, hollow, and the lower, filled, mark of each pair stand for.
    """
    if not rows:
        return nothing(name, title)
    step = 1.75
    with canvas(0.2 + 0.4 * step * len(rows)) as (figure, axes):
        for number, (label, *pair, ideal) in enumerate(rows):
            top = step * number
            estimates = [numbers(estimate) for estimate in pair]
            inside = [*(e[0] for e in estimates), *([] if ideal is None else [ideal])]
            unit = Part(Reach.of(estimates, inside, "linear"), 0.15, 0.62)
            line_text(axes, top - 0.32, label, weight="bold")
            if ideal is not None:
                axes.plot([unit.place(ideal)] * 2, [top + 0.02, top + 1.12], color=GREY, linestyle=DASHED, linewidth=1)
                line_text(axes, top - 0.32, f"ideal {ideal:g} (dashed)", end=True, fontsize=8, color=GREY)
            marks = [(unit.place(e[0]), top + 0.3 + 0.6 * k) for k, e in enumerate(estimates) if math.isfinite(e[0])]
            if len(marks) == len(estimates):
                axes.plot(*zip(*marks, strict=True), color=GREY, linewidth=0.8)
            for k, (word, (value, low, high)) in enumerate(zip(labels, estimates, strict=True)):
                place = top + 0.3 + 0.6 * k
                axes.text(0, place, word, va="center", fontsize=8)
                _bar(axes, unit, place, value, low, high, hollow=not k)
                text = _estimate(value, low, high) or NOT_ESTIMABLE
                axes.text(1, place, text, va="center", ha="right", fontsize=8)
        axes.set(xlim=(0, 1), ylim=(step * len(rows) - 0.45, -0.65))
        axes.set_axis_off()
        return svg(figure, name, title)


def contrast(name: str, rows: Sequence[tuple[str, float | None]], *, title: str) -> str:
    """Standardised mean differences between two groups of patients, with guides at 0.1 and 0.25.

    Parameters
    ----------
    name, title : str
        As for :func:`forest`.
    rows : sequence of (label, difference)
        New patients minus those of the training, in standard deviations; None where it cannot be given.

    References
    ----------
    Austin PC. Balance diagnostics for comparing the distribution of baseline covariates between treatment groups in
    propensity-score matched samples. Stat Med 2009;28:3083-3107. Rubin DB. Using propensity scores to help design
    observational studies. Health Serv Outcomes Res Methodol 2001;2:169-188.
    """
    if not rows:
        return nothing(name, title)
    values = [numbers([value])[0] for _, value in rows]
    widest = max([1.2 * _LARGE, *(1.08 * min(abs(value), _FURTHEST) for value in finite(values))])
    reach, bottom = Reach(-widest, widest, False), len(rows) - 0.5
    with canvas(0.78 + 0.42 * len(rows)) as (figure, axes):
        for guide, style in ((0.0, "-"), (_SMALL, (0, (1, 2))), (_LARGE, DASHED)):
            for side in {guide, -guide}:
                axes.plot([side] * 2, [-0.6, bottom], color=GREY, linestyle=style, linewidth=0.8)
        for row, ((label, _), value) in enumerate(zip(rows, values, strict=True)):
            line_text(axes, row - 0.3, label, longest=_BESIDE_INTERVAL)
            line_text(axes, row - 0.3, _size_of_difference(value), end=True)
            if math.isfinite(value):
                axes.plot([0, reach.place(value)], [row + 0.12] * 2, color=ACCENT, linewidth=1.2)
                _mark(axes, reach, row + 0.12, value, "D" if abs(value) >= _LARGE else "o")
        _finish(
            axes, reach, bottom, "lower here \N{LEFTWARDS ARROW} difference, in SD \N{RIGHTWARDS ARROW} higher here"
        )
        return svg(figure, name, title)


def _size_of_difference(value: float) -> str:
    if not math.isfinite(value):
        return NOT_ESTIMABLE
    word = "alike" if abs(value) < _SMALL else "differs" if abs(value) < _LARGE else "differs much"
    return f"{word}, {signed(value, 2)}"


def _finish(axes: Any, reach: Reach, bottom: float, label: str) -> None:
    reach.apply(axes)
    axes.set(ylim=(bottom, -0.6), yticks=[], xlabel=label)
    axes.spines["left"].set_visible(False)


def _shown(value: float, log: bool) -> str:
    return ratio(value) if log and (0 < value < 0.01 or value >= 9.95) else decimal(value)


def _interval(low: float, high: float, *, log: bool = False) -> str:
    both = math.isfinite(low) and math.isfinite(high)
    return f"{_shown(low, log)} to {_shown(high, log)}" if both else NOT_ESTIMABLE


def _estimate(value: float, low: float, high: float, *, log: bool = False) -> str:
    """An estimate with its interval; "" where there is none."""
    if not math.isfinite(value):
        return ""
    interval = _interval(low, high, log=log)
    return f"{_shown(value, log)} ({'no interval' if interval == NOT_ESTIMABLE else interval})"


def _height(row: Row, estimate: Sequence[float]) -> float:
    """Room for a line: one in words alone needs less, unless its words need a line of their own."""
    return _BAR if math.isfinite(estimate[0]) or _crowded(row) else _WORDS


def _crowded(row: Row) -> bool:
    return len(row[0]) + len(row[4]) > LONGEST - 2


def _label(axes: Any, place: float, row: Row, text: str) -> None:
    """Label and estimate, or label and why there is none."""
    label, note = row[0], row[4]
    if text:
        line_text(axes, place, f"{label} ({note})" if note else label, longest=LONGEST - len(text))
        line_text(axes, place, text, end=True)
        return
    crowded = _crowded(row)
    line_text(axes, place, label)
    line_text(axes, place + 0.4 * crowded, note or NOT_ESTIMABLE, end=not crowded, color=GREY, fontsize=8)


def _bar(
    axes: Any, reach: Reach | Part, place: float, value: float, low: float, high: float, *,
    hollow: bool = False, dashed: bool = False,
) -> None:  # fmt: skip
    """An interval with its estimate; an end beyond the axis is an arrow."""
    if math.isfinite(low) and math.isfinite(high):
        ends = [reach.place(low), reach.place(high)]
        axes.plot(ends, [place] * 2, color=ACCENT, linewidth=1.4, linestyle=DASHED if dashed else "-")
        for number, end, arrow in ((low, ends[0], "<"), (high, ends[1], ">")):
            if reach.side(number):
                axes.plot(end, place, marker=arrow, color=ACCENT, markersize=5, clip_on=False)
    if math.isfinite(value):
        _mark(axes, reach, place, value, "o", hollow=hollow)


def _mark(axes: Any, reach: Reach | Part, place: float, value: float, shape: str, *, hollow: bool = False) -> None:
    """An estimate; one beyond the axis is an arrow at its end."""
    x = reach.place(value)
    shape = {-1: "<", 0: shape, 1: ">"}[reach.side(value)]
    axes.plot(
        x, place, marker=shape, markersize=6, color=ACCENT, markerfacecolor="white" if hollow else ACCENT,
        zorder=3, clip_on=False,
    )  # fmt: skip


def _diamond(axes: Any, reach: Reach, place: float, value: float, low: float, high: float) -> None:
    """The summary: as wide as its interval, highest at its estimate."""
    if not math.isfinite(value):
        return
    if not (math.isfinite(low) and math.isfinite(high)):
        _mark(axes, reach, place, value, "D")
        return
    left, middle, right = (reach.place(v) for v in (low, value, high))
    axes.fill(
        [left, middle, right, middle], [place, place - 0.16, place, place + 0.16], color=INK, linewidth=0, zorder=3
    )
