"""Curves over time, over thresholds and over sample sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from riskml.reporting.figures.canvas import (
    ACCENT,
    DASHED,
    GREY,
    INK,
    PALE,
    Series,
    canvas,
    finite,
    legend,
    nothing,
    numbers,
    percent_axis,
    svg,
)
from riskml.reporting.words import MINUS
from riskml.runtime.shares import percent


def survival_curve(
    name: str,
    times: Sequence[float],
    value: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    reference: Sequence[float],
    *,
    marks: Sequence[float],
    title: str,
    scale: str = "event-free",
) -> str:
    """S(t) of one patient with its band, beside the average of the training cohort.

    Parameters
    ----------
    name, title : str
        Id, unique in the page, and text alternative.
    times : sequence of float of length n_times
        Months, rising from 0.
    value, low, high, reference : sequences of float of length n_times
        Survival of the patient, its interval, and the average's.
    marks : sequence of float
        Members of ``times`` whose value is written at the curve.
    scale : str
        What the share is of.
    """
    with canvas(3.0) as (figure, axes):
        draw_survival(axes, times, value, low, high, reference, marks=marks, scale=scale)
        legend(figure)
        return svg(figure, name, title)


def draw_survival(
    axes: Any,
    times: Sequence[float],
    value: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    reference: Sequence[float],
    *,
    marks: Sequence[float],
    scale: str,
) -> None:
    """Draw a survival curve on axes of a figure that is there; parameters as for :func:`survival_curve`."""
    axes.fill_between(times, low, high, color=PALE, linewidth=0)
    axes.plot(times, reference, color=GREY, linestyle=DASHED, linewidth=1.3, label="average of the cohort")
    axes.plot(times, value, color=ACCENT, linewidth=2, label="this patient, with interval")
    for mark in marks:
        level = value[list(times).index(mark)]
        axes.plot(mark, level, marker="o", color=ACCENT, markersize=5)
        # Away from the average's curve, unless that is where the axis is.
        side = -1 if 0.15 < level < reference[list(times).index(mark)] else 1
        style = {"ha": "right" if mark == times[-1] else "center", "va": "top" if side < 0 else "bottom"}
        place = {"xytext": (0, 6 * side), "textcoords": "offset points"}
        axes.annotate(percent(level), (mark, level), weight="bold", **style, **place)
    axes.set(xlim=(times[0], times[-1]), ylim=(0, 1.14), xlabel="months", ylabel=scale)
    axes.set_xticks([month for month in month_ticks(times[-1]) if month >= times[0]])
    percent_axis(axes.yaxis, 1.0)


def month_ticks(last: float) -> list[float]:
    """Round months from 0 to the last, seven or eight of them at most."""
    step = next((size for size in (1, 2, 3, 6, 12, 24) if last / size <= 7), 60)
    return [k * step for k in range(int(last // step) + 1)]


def decision_curve(
    name: str,
    thresholds: Sequence[float],
    net_benefit: Series,
    low: Series,
    high: Series,
    treat_all: Series,
    *,
    comparator: Series | None = None,
    title: str,
) -> str:
    """Net benefit over the risk from which one would treat, beside treating everybody and nobody.

    Parameters
    ----------
    name, title : str
        As for :func:`survival_curve`.
    thresholds : sequence of float of length n_thresholds
        Shares in (0, 1), rising.
    net_benefit, low, high, treat_all, comparator : sequences of float or None of length n_thresholds
        Net benefit a patient; of the model with its band, of treating everybody, of another model. Curves break at
        None. Below zero the plot reaches as far as the model's own curve, not as far as treating everybody or the band.

    References
    ----------
    Vickers AJ, Elkin EB. Decision curve analysis. Med Decis Making 2006;26:565-574.
    """
    model, lower, upper, everybody = ([100 * v for v in numbers(s)] for s in (net_benefit, low, high, treat_all))
    other = [100 * v for v in numbers(comparator or ())]
    if not finite(model):
        return nothing(name, title)
    top = max(1e-3, *finite(model, other, everybody, upper))
    # A model that does harm is shown to do so, but no further down than the best of the others is up.
    bottom = max(min(-0.12 * top, *(1.1 * v for v in finite(model))), -top)
    with canvas(3.3) as (figure, axes):
        axes.fill_between(thresholds, lower, upper, color=PALE, linewidth=0)
        axes.plot(thresholds, everybody, color=INK, linestyle=DASHED, linewidth=1.3, label="treat everybody")
        axes.axhline(0, color=GREY, linewidth=1.3, linestyle=(0, (1, 2)), label="treat nobody")
        if other:
            axes.plot(thresholds, other, color=INK, linestyle=(0, (7, 2, 1, 2)), linewidth=1.3, label="the comparator")
        lone = {"marker": "o", "markersize": 4} if len(finite(model)) < 3 else {}  # a line needs two points
        axes.plot(thresholds, model, color=ACCENT, linewidth=2.2, label="this model, with 95 % band", **lone)
        axes.set(ylim=(bottom, 1.08 * top), xlabel="treat from this predicted risk on")
        axes.set_ylabel("net benefit in 100 patients")
        axes.margins(x=0)
        axes.locator_params(nbins=6)
        axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.3g} %")
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:.3g}".replace("-", MINUS))
        legend(figure, columns=2)
        return svg(figure, name, title)


def learning_curve(
    name: str,
    sizes: Sequence[float],
    mean: Series,
    low: Series,
    high: Series,
    *,
    fitted: tuple[Sequence[float], Series] | None = None,
    target: tuple[str, float] | None = None,
    title: str,
    measure: str,
) -> str:
    """A measure over the number of patients learned from, continued beyond those there are.

    Parameters
    ----------
    name, title : str
        As for :func:`survival_curve`.
    sizes : sequence of float of length n_sizes
        Patients in training, rising; the last is what there is now.
    mean, low, high : sequences of float or None of length n_sizes
    fitted : pair of sequences, optional
        Sizes, rising, and the fitted curve there; dashed beyond the last of ``sizes``.
    target : (label, value), optional
        A level to compare with.
    measure : str
        Name of the axis.
    """
    points, lower, upper = numbers(mean), numbers(low), numbers(high)
    if not finite(points):
        return nothing(name, title)
    now = max(size for size, value in zip(sizes, points, strict=True) if value == value)  # noqa: PLR0124
    with canvas(3.2) as (figure, axes):
        if fitted:
            _fitted(axes, fitted[0], numbers(fitted[1]), now)
        if target:
            axes.axhline(target[1], color=INK, linewidth=1, linestyle=(0, (1, 2)), label=target[0])
        axes.vlines(sizes, lower, upper, color=ACCENT, linewidth=1.4)
        axes.plot(sizes, points, "o", color=ACCENT, markersize=5, label="measured, with spread over samples")
        axes.set(xlabel="patients in training", ylabel=measure)
        axes.locator_params(nbins=6)
        axes.margins(x=0.06, y=0.08)
        legend(figure)
        return svg(figure, name, title)


def _fitted(axes: Any, sizes: Sequence[float], values: Sequence[float], now: float) -> None:
    """The fitted curve up to the present size, dashed from there on."""
    pairs = list(zip(sizes, values, strict=True))
    inside = [pair for pair in pairs if pair[0] <= now]
    beyond = [pair for pair in pairs if pair[0] >= now]
    if inside and beyond and inside[-1] != beyond[0]:
        beyond.insert(0, inside[-1])
    for part, style, label in ((inside, "-", "fitted curve"), (beyond, DASHED, f"expected beyond {now:,.0f}")):
        if len(part) > 1:
            axes.plot(*zip(*part, strict=True), color=GREY, linestyle=style, linewidth=1.4, label=label)
