"""From the file to each outcome: a box for the file, one below it for each outcome, and who was left out on the way."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from riskml.reporting.figures.canvas import ACCENT, GREY, INK, PALE, canvas, png, stamped, svg
from riskml.reporting.page import together
from riskml.reporting.words import printed, reason
from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.table import FlowBox, FlowChart

# Of one line and of the room around a box, in inches; letters that fit on a line.
_LINE, _PAD, _GAP = 0.15, 0.07, 0.14
_LETTERS = 62
_INDENT = 0.06  # share of the width from which the boxes of outcomes begin


def flow_chart(name: str, chart: FlowChart, stamp: str = "") -> str:
    """The diagram of a cohort: boxes below the file's, with a line to each and the exclusions in small print.

    Parameters
    ----------
    name : str
        Id, unique in the page.
    chart : FlowChart
        Its title is the text alternative.
    stamp : str
        What a drawing must say of itself wherever it is taken, in small print below it.

    References
    ----------
    von Elm E, Altman DG, Egger M, et al. The STROBE statement. Lancet 2007;370:1453-1457, item 13c (flow diagram).
    """
    with _sheet(chart, stamp) as figure:
        return svg(figure, name, chart.title)


def flow_chart_picture(chart: FlowChart, stamp: str = "") -> bytes:
    """The same drawing as PNG."""
    with _sheet(chart, stamp) as figure:
        return png(figure)


@contextmanager
def _sheet(chart: FlowChart, stamp: str) -> Iterator[Figure]:
    blocks = [_lines(chart.start, _LETTERS), *(_lines(box, _LETTERS - 4) for box in chart.boxes)]
    heights = [_LINE * len(lines) + 2 * _PAD for lines in blocks]
    whole = sum(heights) + _GAP * (len(blocks) - 1)
    with canvas(whole + 0.1) as (figure, axes):
        axes.set_axis_off()
        axes.set(xlim=(-0.004, 1.004), ylim=(whole + 0.01, -0.01))  # room for half a line's width
        top = 0.0
        for place, (lines, height) in enumerate(zip(blocks, heights, strict=True)):
            left = _INDENT if place else 0.0
            axes.add_patch(
                Rectangle((left, top), 1 - left, height, facecolor="white" if place else PALE, edgecolor=ACCENT)
            )
            if place:
                middle = top + height / 2
                axes.plot([_INDENT / 2, _INDENT / 2, left], [heights[0], middle, middle], color=GREY, linewidth=1.0)
            _write(axes, lines, left, top)
            top += height + _GAP
        stamped(figure, stamp)
        yield figure


def _lines(box: FlowBox, letters: int) -> list[tuple[str, bool, bool]]:
    """The lines of a box as they are written, whether bold, and whether small print."""
    found = [(text, True, False) for text in _wrapped(box.label, letters - 8)]
    found += [(text, False, False) for text in _wrapped("; ".join(box.lines), letters)]
    for why in box.out:
        told = reason(why, load_dictionary())
        found += [(text, False, True) for text in _wrapped(f"left out: {told}", letters)]
    return found


def _wrapped(text: str, letters: int) -> list[str]:
    """On lines of so many letters, a number and its percent sign on one."""
    return textwrap.wrap(together(printed(text)), letters)


def _write(axes: Any, lines: Sequence[tuple[str, bool, bool]], left: float, top: float) -> None:
    for number, (text, bold, small) in enumerate(lines):
        axes.text(
            left + 0.02,
            top + _PAD + _LINE * (number + 0.5),
            text,
            va="center",
            fontsize=7.5,
            weight="bold" if bold else "normal",
            color=GREY if small else INK,
        )
