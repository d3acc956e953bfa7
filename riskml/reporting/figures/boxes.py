"""Values of the same patients before and later: a box at each time, and a line a patient where these are given."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.figure import Figure

from riskml.reporting.figures.canvas import ACCENT, GREY, INK, PALE, blank, canvas, numbers, png, stamped, svg
from riskml.reporting.words import printed
from riskml.training.describe.table import BoxSet

_WIDTH = 0.5  # of a box, from one time to the next
WIDEST = 20  # from quartile to quartile on a plain scale; above it, a logarithmic one
_WORDS = 16  # letters of a time's name on a line


def boxes(name: str, shown: BoxSet, stamp: str = "") -> str:
    """Boxes by time, and behind them the patients' own lines.

    Parameters
    ----------
    name : str
        Id, unique in the page.
    shown : BoxSet
        Its title is the text alternative.
    stamp : str
        What a drawing must say of itself wherever it is taken, in small print below it.

    References
    ----------
    Weissgerber TL, Milic NM, Winham SJ, Garovic VD. Beyond bar and line graphs: time for a new data presentation
    paradigm. PLoS Biol 2015;13:e1002128 (paired values as lines).
    """
    with _sheet(shown, stamp) as figure:
        return svg(figure, name, shown.title)


def boxes_picture(shown: BoxSet, stamp: str = "") -> bytes:
    """The same drawing as PNG."""
    with _sheet(shown, stamp) as figure:
        return png(figure)


@contextmanager
def _sheet(shown: BoxSet, stamp: str) -> Iterator[Figure]:
    if not shown.boxes:
        with blank("no time with enough patients") as figure:
            yield figure
        return
    with canvas(2.4) as (figure, axes):
        for line in shown.lines:
            axes.plot(range(len(line)), numbers(line), color=GREY, linewidth=0.5, alpha=0.6, marker=".", markersize=2)
        for place, box in enumerate(shown.boxes):
            _box(axes, place, box.low, box.middle, box.high, box.ends)
        low, high = min(box.low for box in shown.boxes), max(box.high for box in shown.boxes)
        axes.use_sticky_edges = False
        if 0 < WIDEST * low < high:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set(
            xlim=(-0.6, len(shown.boxes) - 0.4), ylabel=textwrap.shorten(printed(shown.axis), 34, placeholder=" …")
        )
        axes.set_xticks(
            range(len(shown.boxes)), ["\n".join(textwrap.wrap(box.label, _WORDS)) for box in shown.boxes], fontsize=8
        )
        stamped(figure, stamp)
        yield figure


def _box(axes: Any, place: int, low: float, middle: float, high: float, ends: tuple[float, float] | None) -> None:
    axes.bar(
        place, high - low, _WIDTH, bottom=low, facecolor=PALE, alpha=0.75, edgecolor=ACCENT, linewidth=1.2, zorder=3
    )
    axes.plot([place - _WIDTH / 2, place + _WIDTH / 2], [middle, middle], color=INK, linewidth=1.8, zorder=4)
    if ends is not None:
        for start, end in ((ends[0], low), (high, ends[1])):
            axes.plot([place, place], [start, end], color=ACCENT, linewidth=1.0, zorder=3)
