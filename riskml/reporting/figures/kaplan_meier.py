"""Step curves of a cohort over months, with bands, and how many were still under observation below the axis."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from riskml.reporting.figures.canvas import (
    ACCENT,
    GREY,
    INK,
    blank,
    canvas,
    divided,
    percent_axis,
    png,
    spread_out,
    stamped,
    svg,
)
from riskml.training.describe.table import NOT_SHOWN, Curve, CurveSet

MOST_CURVES = 4
# Line, colour, strength: curves differ by their line as well, and each is named where it ends.
_LINES = (("-", ACCENT, 2.0), ((0, (5, 2)), INK, 1.5), ((0, (1, 1.4)), ACCENT, 2.2), ((0, (7, 2, 1, 2)), GREY, 1.6))
# Longest name that stands beside a curve; longer ones are replaced by letters that the numbers below explain.
_BESIDE, _BELOW = 12, 46
# Hidden numbers, as they fit between two months.
_BRIEF = {"5 or more": "≥5", NOT_SHOWN: "–"}
_ROW = 11.0  # points from one line of numbers at risk to the next


def sheets(curves: CurveSet) -> list[CurveSet]:
    """The set as figures of at most four curves each; one that fits comes back as it is."""
    return divided(curves, "curves", MOST_CURVES)


def kaplan_meier(name: str, curves: CurveSet, stamp: str = "") -> str:
    """Up to four step curves with their bands; numbers at risk stand under the months they belong to.

    Parameters
    ----------
    name : str
        Id, unique in the page.
    curves : CurveSet
        Survival or cumulative incidence; its title is the text alternative.
    stamp : str
        What a drawing must say of itself wherever it is taken, in small print below it.

    Raises
    ------
    ValueError
        If there are more than four curves.

    References
    ----------
    Pocock SJ, Clayton TC, Altman DG. Survival plots of time-to-event outcomes in clinical trials. Lancet
    2002;359:1686-1689 (numbers at risk, uncertainty, the whole scale).
    """
    with _sheet(curves, stamp) as figure:
        return svg(figure, name, curves.title)


def kaplan_meier_picture(curves: CurveSet, stamp: str = "") -> bytes:
    """The same drawing as PNG."""
    with _sheet(curves, stamp) as figure:
        return png(figure)


def _drawable(curves: CurveSet) -> list[Curve]:
    if len(curves.curves) > MOST_CURVES:
        raise ValueError(f"a figure holds {MOST_CURVES} curves, got {len(curves.curves)}: divide them")
    return [curve for curve in curves.curves if len(curve.months)]


@contextmanager
def _sheet(curves: CurveSet, stamp: str) -> Iterator[Figure]:
    """The figure while it can still be saved; a curve of nobody is left out and keeps its place below."""
    ends = [float(curve.months[-1]) for curve in _drawable(curves)]
    if not ends:
        with blank() as figure:
            yield figure
        return
    below, last = 2 * len(curves.curves) + 1, max(*curves.ticks, *ends, 1.0)
    letters = _letters([curve.label for curve in curves.curves])
    with canvas(2.75 + below * _ROW / 72) as (figure, axes):
        for curve, line in zip(curves.curves, _LINES, strict=False):
            _draw(axes, curve, line)
        axes.set(xlim=(0, last), ylim=(0, 1.03), xlabel="months", ylabel=curves.axis)
        axes.set_xticks(list(curves.ticks))
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        percent_axis(axes.yaxis, 1.0)
        if len(curves.curves) > 1:
            _name_ends(axes, curves.curves, letters, last)
        _numbers_at_risk(axes, curves, letters)
        stamped(figure, stamp)
        yield figure


def _draw(axes: Any, curve: Curve, line: tuple[Any, str, float]) -> None:
    style, colour, width = line
    band = np.isfinite(curve.low) & np.isfinite(curve.high)
    axes.fill_between(
        curve.months, curve.low, curve.high, where=band, step="post", color=colour, alpha=0.13, linewidth=0
    )
    axes.step(curve.months, curve.value, where="post", linestyle=style, color=colour, linewidth=width)


def _letters(labels: Sequence[str]) -> list[str]:
    """What stands beside each of several curves: its name, or a letter where a name is too long."""
    beside = len(labels) == 1 or max(map(len, labels)) <= _BESIDE
    return list(labels) if beside else list("ABCD"[: len(labels)])


def _name_ends(axes: Any, curves: Sequence[Curve], letters: Sequence[str], last: float) -> None:
    """Each curve's name right of the axes near the height where it ends, joined to its end."""
    ended = sorted(
        (float(curve.value[-1]), float(curve.months[-1]), place)
        for place, curve in enumerate(curves)
        if len(curve.months)
    )
    heights = spread_out([value for value, _, _ in ended], 0.075, 1.0)
    for (value, month, place), height in zip(ended, heights, strict=True):
        axes.plot([month, last], [value, height], color=GREY, linewidth=0.5, linestyle=":", clip_on=False)
        where = {"xycoords": ("axes fraction", "data"), "xytext": (3, 0), "textcoords": "offset points"}
        axes.annotate(
            letters[place], (1, height), va="center", color=_LINES[place][1], weight="bold", fontsize=8, **where
        )


def _numbers_at_risk(axes: Any, curves: CurveSet, letters: Sequence[str]) -> None:
    """Under the axis: a line for each curve's name with a sample of its line, and one for its numbers."""
    first = -36.0
    edge = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    axes.annotate("number at risk", (0, 0), xytext=(-30, first), fontsize=8, color=GREY, va="center", **edge)
    for place, (curve, letter) in enumerate(zip(curves.curves, letters, strict=True)):
        down = first - (2 * place + 1) * _ROW
        style, colour, width = _LINES[place]
        label = curve.label if letter == curve.label else f"{letter}  {curve.label}"
        sample = {"linestyle": style, "color": colour, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
        axes.annotate(
            "", (0, 0), xytext=(-22, 0), xycoords=_offset(axes, -8, down), textcoords="offset points",
            annotation_clip=False, arrowprops={"arrowstyle": "-", **sample},
        )  # fmt: skip
        shown = textwrap.shorten(label, _BELOW, placeholder=" …")
        axes.annotate(shown, (0, 0), xytext=(-3, down), fontsize=8, va="center", **edge)
        for tick, number in zip(curves.ticks, curve.at_risk, strict=True):
            at = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "annotation_clip": False}
            axes.annotate(
                _BRIEF.get(number, number),
                (tick, 0),
                xytext=(0, down - _ROW),
                fontsize=8,
                ha="center",
                va="center",
                **at,
            )


def _offset(axes: Any, right: float, down: float) -> Any:
    """Coordinates so many points from the lower left corner of the axes."""
    return axes.transAxes + ScaledTranslation(right / 72, down / 72, axes.figure.dpi_scale_trans)
