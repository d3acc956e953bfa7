"""The sheet every figure is drawn on: its style, its lines of text, its axes, and how it becomes SVG."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from itertools import chain
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.figure import Figure

from riskml.training.describe.table import CurveSet, LaneSet

ACCENT = "#0b5c8a"
PALE = "#d5e5ef"
INK = "#1b1f24"
GREY = "#6b7480"
DASHED = (0, (4, 3))
# 281 points: at 350 px, a phone, 9 point text is still 11 px high.
WIDTH = 3.9
_DPI = 300
# Characters that fit beside a number at 9 and at 8 points.
_LABEL_WIDTH, LONGEST = 44, 54
STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.linewidth": 0.8,
    "text.parse_math": False,  # a name with two dollar signs is a name, not a formula
}
# The page is read where DejaVu may be absent; Verdana has its widths, other fonts are narrower and so never overlap.
Series = Sequence[float | None]
Sheet = TypeVar("Sheet", CurveSet, LaneSet)
_FONTS = "'DejaVu Sans', Verdana, sans-serif"
_PLAIN = _FONTS.replace("'", "&apos;")
_NOT_DRAWING = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[tuple[Figure, Any]]:
    """A figure of ``height`` (and ``width``) inches and its axes, in the house's style while the block lasts."""
    with mpl.rc_context(STYLE):
        # A Figure of its own, not pyplot's: no global state, and no backend that looks for a screen.
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots()


def nothing(name: str, title: str, why: str = "not estimable") -> str:
    """A figure for which there are no numbers: one line that says so."""
    with blank(why) as figure:
        return svg(figure, name, title)


@contextmanager
def blank(why: str = "not estimable") -> Iterator[Figure]:
    """The sheet of a figure for which there are no numbers."""
    with canvas(0.5) as (figure, axes):
        axes.set_axis_off()
        axes.text(0.5, 0.5, why, ha="center", va="center", color=GREY, transform=axes.transAxes)
        yield figure


def numbers(values: Iterable[float | None]) -> list[float]:
    """Floats with nan, at which a line breaks, for None: JSON has no nan."""
    return [math.nan if value is None else float(value) for value in values]


def finite(*series: Iterable[float]) -> list[float]:
    """Every finite number of ``series``, in order."""
    return [value for value in chain(*series) if math.isfinite(value)]


def line_text(axes: Any, row: float, label: str, *, end: bool = False, longest: int = LONGEST, **style: Any) -> None:
    """A line's label (or its number, at the ``end``) above its bar, so that long names cost no width."""
    shown = textwrap.shorten(label, longest, placeholder=" …")
    style = {"fontsize": 9 if len(shown) <= min(_LABEL_WIDTH, longest) else 8} | style
    place = (1, "right") if end else (0, "left")
    style |= {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8}, "zorder": 4}  # lines pass behind it
    axes.text(place[0], row, shown, ha=place[1], va="center", transform=axes.get_yaxis_transform(), **style)


def legend(figure: Figure, columns: int = 1) -> None:
    """What each line is, in words above the plot."""
    figure.legend(loc="outside upper left", frameon=False, ncols=columns, fontsize=8, handlelength=2.4)


def stamped(figure: Figure, text: str) -> None:
    """Small print below everything, which the layout makes room for."""
    if text:
        figure.supxlabel("\n".join(textwrap.wrap(text, 62)), fontsize=7, color=GREY, x=0.01, ha="left")


def ceiling(shares: Sequence[float]) -> float:
    """A round share just above all of ``shares``."""
    steps = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
    return next((step for step in steps if step >= max(shares)), 1.0)


def percent_axis(axis: Any, top: float) -> None:
    """Ticks from 0 to ``top``, a share, in percent."""
    step = next(size for size in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if top / size <= 5.01)
    axis.set_ticks([k * step for k in range(round(top / step) + 1) if k * step <= top + 1e-9])
    axis.set_major_formatter(lambda x, _: f"{100 * x:.3g} %")


def divided(whole: Sheet, field: str, most: int, **same: Any) -> list[Sheet]:
    """A frozen value as several of which ``field`` holds at most ``most``; one that fits comes back as it is.

    Each is named and titled by its number, and has what ``same`` says in common with the others.
    """
    parts = getattr(whole, field)
    if len(parts) <= most:
        return [whole]
    starts = range(0, len(parts), most)
    return [
        replace(
            whole,
            name=f"{whole.name}-{number}",
            title=f"{whole.title} ({number} of {len(starts)})",
            **{field: parts[start : start + most], **same},
        )
        for number, start in enumerate(starts, start=1)
    ]


def spread_out(places: Sequence[float], gap: float, top: float) -> list[float]:
    """Places of labels: near ``places`` (rising), at least ``gap`` apart, none beyond ``top``."""
    spread: list[float] = []
    for place in places:
        spread.append(max(place, spread[-1] + gap) if spread else place)
    for index in range(len(spread) - 1, -1, -1):
        limit = top if index == len(spread) - 1 else spread[index + 1] - gap
        spread[index] = min(spread[index], limit)
    return spread


def standalone(element: str) -> str:
    """A drawing as a file of its own, which has to name its language and its font."""
    named = element.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" style="font-family:{_PLAIN}" ', 1)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{named}'


def png(figure: Figure) -> bytes:
    """The figure as a picture that a journal prints; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure, name: str, title: str) -> str:
    """The figure as an ``<svg>`` element without metadata, its ids made the page's own."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    box = re.search(r'viewBox="([^"]+)"', text)
    assert box is not None, "matplotlib writes a viewBox"
    body = text[text.index(">", box.end()) + 1 :]
    # matplotlib's own style sheet would reach every element of the page; here only the drawing inherits it.
    body = _NOT_DRAWING.sub("", body)
    referred = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in referred else "", body)
    body = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", body)
    body = body.replace("xlink:href", "href").replace("'DejaVu Sans'", _FONTS)
    body = "\n".join(line.rstrip() for line in body.splitlines() if line.strip())
    head = f'<svg viewBox="{box[1]}" role="img" aria-labelledby="{name}" stroke-linejoin="round" stroke-linecap="butt">'
    return f'{head}\n<title id="{name}">{escape(title)}</title>\n{body}\n'
