"""A finished model on batches of new patients: control chart, and the cumulative sum of what was not expected."""

from __future__ import annotations

import math
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
    svg,
)
from riskml.reporting.words import MINUS

# Labels of batches that fit side by side, and words at marks that do not meet.
_LABELS, _NAMED = 12, 20
_MARKS: dict[str, dict[str, Any]] = {
    "outside": {"marker": "D", "color": INK},
    "warning": {"marker": "s", "color": INK, "markerfacecolor": "white"},
    "": {"marker": "o", "color": ACCENT},
}
_MEANING = {"outside": "outside 3 sigma", "warning": "outside 2 sigma"}


def control_chart(
    name: str,
    labels: Sequence[str],
    values: Series,
    low: Series,
    high: Series,
    limits: Sequence[tuple[float | None, float | None, float | None, float | None]],
    *,
    centre: float = 1.0,
    title: str,
    measure: str = "observed / expected",
) -> str:
    """Batches in the order of time with the limits within which chance alone would keep them.

    Parameters
    ----------
    name, title : str
        Id, unique in the page, and text alternative.
    labels : sequence of str of length n_batches
    values, low, high : sequences of float or None of length n_batches
        The measure of each batch with its interval; None where a batch is too small.
    limits : sequence of (low 3 sigma, low 2 sigma, high 2 sigma, high 3 sigma) of length n_batches
    centre : float
        What is expected: 1 for observed / expected, 0 for observed minus expected.
    measure : str
        Name of the axis.

    References
    ----------
    Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med 2005;24:1185-1202.
    """
    points, lower, upper = numbers(values), numbers(low), numbers(high)
    bands = [numbers(batch) for batch in limits]
    if not finite(points):
        return nothing(name, title)
    with canvas(3.3) as (figure, axes):
        places = list(range(len(labels)))
        bottom, top = _ends(points, bands, centre)
        edges = [edge for place in places for edge in (place - 0.5, place + 0.5)]
        steps = [[batch[k] for batch in bands for _ in (0, 1)] for k in range(4)]
        axes.fill_between(edges, steps[1], steps[2], color=PALE, linewidth=0, label="2 sigma")
        for k, label in ((0, "3 sigma"), (3, None)):
            axes.plot(edges, steps[k], color=GREY, linestyle=DASHED, linewidth=1, label=label)
        axes.axhline(centre, color=GREY, linewidth=0.8)
        axes.vlines(places, lower, upper, color=ACCENT, linewidth=1)
        axes.plot(places, points, color=ACCENT, linewidth=0.6)
        for place, value, batch in zip(places, points, bands, strict=True):
            if math.isfinite(value):
                _batch(axes, place, value, _where(value, batch), len(labels))
        for word in sorted({_where(*pair) for pair in zip(points, bands, strict=True)} - {""}):
            axes.plot([], [], **_MARKS[word], linestyle="", markersize=5.5, label=_MEANING[word])
        axes.set(xlim=(-0.6, len(labels) - 0.4), ylim=(bottom, top), ylabel=measure)
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:.3g}".replace("-", MINUS))
        _names(axes, labels)
        legend(figure, columns=2)
        return svg(figure, name, title)


def _ends(points: Sequence[float], bands: Sequence[Sequence[float]], centre: float) -> tuple[float, float]:
    """Limits of the y axis: every batch, and the 3 sigma limits of all but the smallest batches."""
    reached = sorted(abs(value - centre) for value in finite(*bands))
    typical = reached[int(0.8 * (len(reached) - 1))] if reached else 0.0
    below = min([centre - typical, *finite(points)])
    above = max([centre + typical, *finite(points)])
    room = 0.1 * (above - below) or 0.5
    ratio = centre > 0 and min(finite(points)) >= 0  # a ratio of counts is never below zero
    return max(below - room, -0.04 * above) if ratio else below - room, above + 2.5 * room  # a word stands on top


def _where(value: float, batch: Sequence[float]) -> str:
    """What a batch beyond its 3 sigma limits, or else its 2 sigma limits, is called; "" within both."""
    for low, high, word in ((batch[0], batch[3], "outside"), (batch[1], batch[2], "warning")):
        if value < low or value > high:
            return word
    return ""


def _batch(axes: Any, place: int, value: float, word: str, n_batches: int) -> None:
    axes.plot(place, value, **_MARKS[word], markersize=5.5, zorder=3)
    if word and n_batches <= _NAMED:
        turned = {"rotation": 90, "va": "bottom", "ha": "right", "xytext": (-1, 5)}
        axes.annotate(word, (place, value), textcoords="offset points", fontsize=8, zorder=4, **turned)


def _names(axes: Any, labels: Sequence[str]) -> None:
    """Labels under the batches; every second, third ... where all would not fit."""
    step = math.ceil(len(labels) / _LABELS)
    shown = range(0, len(labels), step)
    axes.set_xticks(list(shown), [labels[k] if len(labels[k]) <= 14 else f"{labels[k][:13]}…" for k in shown])
    if len(labels) > 3:
        axes.tick_params(axis="x", rotation=90, labelsize=8)


def cusum(
    name: str,
    labels: Sequence[str],
    rising: Series,
    falling: Series,
    limits: tuple[float | None, float | None],
    *,
    title: str,
) -> str:
    """Cumulative sums of events beyond those expected, each side with its alarm limit.

    Parameters
    ----------
    name, title : str
        As for :func:`control_chart`.
    labels : sequence of str of length n_batches
    rising, falling : sequences of float or None of length n_batches
        Sums, zero or more, that grow where events are more, and where they are fewer, than expected; the second may be
        empty. The second is drawn downwards.
    limits : pair of float or None
        Sums of the one and of the other at which there is an alarm; None where there can be none.

    References
    ----------
    Steiner SH, Cook RJ, Farewell VT, Treasure T. Monitoring surgical performance using risk-adjusted cumulative sum
    charts. Biostatistics 2000;1:441-452.
    """
    up, down = numbers(rising), [-abs(value) for value in numbers(falling)]
    if not finite(up, down):
        return nothing(name, title)
    with canvas(3.2) as (figure, axes):
        _side(axes, up, limits[0], "-", "more events than expected")
        _side(axes, down, None if limits[1] is None else -limits[1], (0, (5, 1)), "fewer")
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_ylabel("cumulative sum")
        axes.margins(x=0.05, y=0.12)
        axes.yaxis.set_major_formatter(lambda y, _: f"{abs(y):.3g}")
        _names(axes, labels)
        legend(figure, columns=2)
        return svg(figure, name, title)


def _side(axes: Any, series: Sequence[float], limit: float | None, line: Any, label: str) -> None:
    """One of the two sums with its limit and its first alarm."""
    if not finite(series):
        return
    axes.plot(range(len(series)), series, color=ACCENT, linewidth=1.8, linestyle=line, label=label)
    if limit is None:
        return
    axes.axhline(limit, color=GREY, linestyle=DASHED, linewidth=1)
    above = limit > 0
    axes.annotate(
        " limit", (0, limit), xycoords=("axes fraction", "data"), xytext=(0, 3 if above else -3),
        textcoords="offset points", ha="left", va="bottom" if above else "top", fontsize=8, color=GREY,
    )  # fmt: skip
    beyond = [k for k, value in enumerate(series) if abs(value) >= abs(limit)]
    axes.plot(beyond, [series[k] for k in beyond], "D", color=INK, markersize=5)
    if beyond:
        first = (beyond[0], series[beyond[0]])
        axes.annotate(
            "alarm", first, xytext=(-6, 0), textcoords="offset points", ha="right", va="center", weight="bold"
        )
