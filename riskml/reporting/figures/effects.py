"""How effects go with values and with time, over a cohort: curves of means, never a patient's point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from matplotlib.ticker import LogLocator

from riskml.reporting.figures.canvas import ACCENT, DASHED, GREY, INK, canvas, legend, line_text, nothing, svg
from riskml.reporting.figures.curves import month_ticks
from riskml.reporting.words import MINUS, signed

# Told apart without colour, too: line, dashes, dots, each then with a mark.
_LINES = (
    (ACCENT, "-", 2.0, ""),
    (INK, DASHED, 1.4, ""),
    (GREY, "-", 1.2, "o"),
    (ACCENT, (0, (1, 1.5)), 1.8, ""),
    (INK, "-", 1.0, "^"),
)


def dependence(
    name: str, values: Sequence[float | str], effects: Sequence[float], *, log: bool, label: str, scale: str, title: str
) -> str:
    """Mean effect of one input in bins of its values.

    Parameters
    ----------
    name, title : str
        Id, unique in the page, and text alternative.
    values : sequence of float or of str
        The mean of each bin in the unit of ``label``, or levels.
    effects : sequence of float
        Shares; 0 is the effect of not knowing the input.
    log : bool
        Whether numbers go on a logarithmic axis.
    label : str
        The input with its unit.
    scale : str
        What the effects are points of, where there is room for it.
    """
    if not values:
        return nothing(name, title, "fewer than five patients in every group")
    if any(isinstance(value, str) for value in values):
        return _levels(name, [str(value) for value in values], effects, scale=scale, title=title)
    with canvas(2.0) as (figure, axes):
        numbers = [float(value) for value in values]
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.plot(numbers, [100 * effect for effect in effects], color=ACCENT, linewidth=2, marker="o", markersize=5)
        if log and min(numbers) > 0:
            axes.set_xscale("log")
            decades = max(numbers) / min(numbers) >= 100
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0), numticks=12))
            axes.minorticks_off()
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}".replace("-", MINUS))
        axes.set(xlabel=label, ylabel="effect (points)")
        axes.margins(y=0.15)
        _signed_ticks(axes.yaxis)
        return svg(figure, name, title)


def _levels(name: str, levels: Sequence[str], effects: Sequence[float], *, scale: str, title: str) -> str:
    with canvas(0.62 + 0.42 * len(levels)) as (figure, axes):
        points = [100 * effect for effect in effects]
        for row, (level, effect) in enumerate(zip(levels, points, strict=True)):
            line_text(axes, row - 0.3, level)
            line_text(axes, row - 0.3, signed(effect), end=True)
            face, hatch = (ACCENT, None) if effect < 0 else ("white", "//////")
            axes.barh(row + 0.12, effect, height=0.32, color=face, edgecolor=ACCENT, hatch=hatch)
        low, high = min(0.0, *points), max(0.0, *points)
        room = 0.06 * (high - low) or 1.0
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set(xlim=(low - room, high + room), ylim=(len(levels) - 0.5, -0.6), yticks=[], xlabel=scale)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        _signed_ticks(axes.xaxis)
        return svg(figure, name, title)


def over_time(
    name: str, months: Sequence[float], effects: Mapping[str, Sequence[float]], *, scale: str, title: str
) -> str:
    """Mean absolute effect of each input from month to month: SHAP(t); five inputs at most, in the order given."""
    shown = dict(list(effects.items())[: len(_LINES)])
    with canvas(2.6 + 0.16 * len(shown)) as (figure, axes):
        for (label, series), (color, dashes, width, mark) in zip(shown.items(), cycle(_LINES), strict=False):
            points = [100 * effect for effect in series]
            style: dict[str, Any] = {"color": color, "linestyle": dashes, "linewidth": width}
            axes.plot(months, points, marker=mark or None, markersize=4, label=label, **style)
        axes.set(xlim=(0, months[-1]), xlabel="months", ylabel=scale)
        axes.set_xticks(month_ticks(months[-1]))
        axes.set_ylim(bottom=0)
        legend(figure)
        return svg(figure, name, title)


def _signed_ticks(axis: Any) -> None:
    axis.set_major_formatter(lambda x, _: "0" if abs(x) < 1e-12 else f"{x:+.3g}".replace("-", MINUS))
