"""Predicted risks beside what happened, by what happened, and beside what other samples would have predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskml.reporting.figures.canvas import (
    ACCENT,
    DASHED,
    GREY,
    INK,
    PALE,
    Series,
    canvas,
    ceiling,
    finite,
    legend,
    line_text,
    nothing,
    numbers,
    percent_axis,
    spread_out,
    svg,
)
from riskml.runtime.shares import percent


def calibration(
    name: str,
    predicted: Sequence[float],
    observed: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    patients: Sequence[int],
    *,
    title: str,
    smooth: Mapping[str, Series] | None = None,
    quantiles: Sequence[float] = (),
) -> str:
    """Observed against predicted risk in groups, with the diagonal of perfect agreement.

    Parameters
    ----------
    name : str
        Unique in the page; a valid id.
    predicted, observed, low, high : sequences of float of length n_groups
        Shares in [0, 1]; empty where only the curve is to be drawn.
    patients : sequence of int of length n_groups
        Size of each group, written above the plot.
    title : str
        Text alternative.
    smooth : mapping of str to sequence of float or None, optional
        ``risk`` (a grid, rising), ``observed``, ``low`` and ``high``: the smoothed curve with its band, drawn under the
        groups. It breaks at None. The band may leave the plot: it does not widen the axes.
    quantiles : sequence of float
        Percentiles of the predicted risks, ticked at the foot; the risks themselves would be single patients'.
    """
    curve = {key: numbers(smooth[key]) for key in ("risk", "observed", "low", "high")} if smooth else {}
    reached = finite(predicted, high, curve.get("risk", ()), curve.get("observed", ()))
    if not reached:
        return nothing(name, title)
    with canvas(3.6) as (figure, axes):
        top = ceiling(reached)
        axes.plot([0, top], [0, top], color=GREY, linestyle=DASHED, linewidth=1)
        axes.text(top, top, "perfect ", ha="right", va="bottom", color=GREY, fontsize=8)
        if curve:
            axes.plot(curve["risk"], curve["observed"], color=ACCENT, linewidth=2, label="smoothed curve")
            axes.fill_between(curve["risk"], curve["low"], curve["high"], color=PALE, linewidth=0, label="its band")
        axes.vlines(predicted, low, high, color=ACCENT, linewidth=1.4)
        axes.plot(predicted, observed, "o", color=ACCENT, markersize=5)
        foot = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "bottom"}
        for x in quantiles:
            axes.annotate("", (x, 0), (0, 7), arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8}, **foot)
        summit = _group_sizes(axes, predicted, high, patients, top)
        axes.set(xlim=(-0.02 * top, top), ylim=(-0.02 * top, summit))
        axes.set(xlabel="predicted risk", ylabel="what happened (95 % interval)")
        percent_axis(axes.xaxis, top)
        percent_axis(axes.yaxis, top)
        if curve:
            legend(figure, columns=2)
        return svg(figure, name, title)


def _group_sizes(
    axes: Any, predicted: Sequence[float], high: Sequence[float], patients: Sequence[int], top: float
) -> float:
    """Sizes of the groups above the plot, each with a line to its interval; where the y axis ends."""
    if not predicted:
        return top
    summit, places = 1.08 * top, spread_out(predicted, 0.13 * top, top)
    for x, place, upper, size in zip(predicted, places, high, patients, strict=True):
        leader = [upper + 0.015 * top, summit, summit + 0.035 * top]
        axes.plot([x, x, place], leader, color=GREY, linewidth=0.5, clip_on=False)
        axes.text(place, summit + 0.045 * top, f"{size}", ha="center", va="bottom", fontsize=8, clip_on=False)
    small = {"fontsize": 8, "color": GREY, "transform": axes.transAxes}
    axes.text(1, 1.1, "number in each group", ha="right", va="bottom", **small)
    return summit


def distribution(name: str, groups: Sequence[tuple[str, Sequence[float]]], *, title: str) -> str:
    """Predicted risk by what happened: a box from the quartiles, whiskers to the 10th and 90th percentile.

    Parameters
    ----------
    name, title : str
        As for :func:`calibration`.
    groups : sequence of (label, quantiles)
        The 10th, 25th, 50th, 75th and 90th percentile; an empty sequence where a group is too small to show.
    """
    with canvas(0.75 + 0.72 * len(groups)) as (figure, axes):
        top = ceiling([q for _, quantiles in groups for q in quantiles] or [1.0])
        for row, (label, quantiles) in enumerate(groups):
            line_text(axes, row - 0.36, label)
            if not quantiles:
                axes.text(0, row + 0.08, "fewer than five: not shown", va="center", color=GREY)
                continue
            p10, p25, p50, p75, p90 = quantiles
            hatch = "////" if row else None
            axes.plot([p10, p90], [row + 0.1] * 2, color=ACCENT, linewidth=1.2)
            axes.barh(row + 0.1, p75 - p25, left=p25, height=0.34, color=PALE, edgecolor=ACCENT, hatch=hatch, zorder=2)
            axes.plot([p50, p50], [row - 0.07, row + 0.27], color=INK, linewidth=2.2, zorder=3)
            line_text(axes, row - 0.36, f"median {percent(p50)}", end=True)
        axes.set(xlim=(-0.01 * top, top), ylim=(len(groups) - 0.45, -0.65), yticks=[], xlabel="predicted risk")
        axes.spines["left"].set_visible(False)
        percent_axis(axes.xaxis, top)
        return svg(figure, name, title)


def stability(name: str, risk: Series, low: Series, high: Series, *, title: str) -> str:
    """How far a prediction would move had other patients of the same kind been sampled.

    Parameters
    ----------
    name, title : str
        As for :func:`calibration`.
    risk : sequence of float of length n_bins
        The model's own predicted risks, rising: means of bins of patients.
    low, high : sequences of float or None of length n_bins
        2.5th and 97.5th percentile of what refits to resampled patients predict for the same bin.

    References
    ----------
    Riley RD, Collins GS. Stability of clinical prediction models developed using statistical or machine learning
    methods. Biom J 2023;65:2200302.
    """
    x, lower, upper = numbers(risk), numbers(low), numbers(high)
    if not finite(x) or not finite(lower, upper):
        return nothing(name, title)
    with canvas(3.4) as (figure, axes):
        top = ceiling(finite(x, upper))
        axes.fill_between(x, lower, upper, color=PALE, linewidth=0, label="95 % of the models from other samples")
        for edge in (lower, upper):
            axes.plot(x, edge, "o-", color=ACCENT, linewidth=1.2, markersize=2)
        axes.vlines(x, lower, upper, color=ACCENT, linewidth=0.6)
        axes.plot([0, top], [0, top], color=GREY, linestyle=DASHED, linewidth=1, label="no change")
        axes.set(xlim=(-0.02 * top, top), ylim=(-0.02 * top, top))
        axes.set(xlabel="risk predicted by this model", ylabel="risk predicted by the others")
        percent_axis(axes.xaxis, top)
        percent_axis(axes.yaxis, top)
        legend(figure)
        return svg(figure, name, title)
