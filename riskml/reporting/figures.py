"""Arrays -> SVG text: small drawings that read at phone width, in one accent colour, with words beside every colour.

Nothing here sees a patient, a model or a bundle. Each function returns one ``<svg>`` element to be put into a page: its
ids carry the figure's name, so that many can stand in one document, and the same arrays give the same bytes.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from riskml.reporting.words import decimal, signed
from riskml.runtime.shares import percent

ACCENT = "#0b5c8a"
PALE = "#d5e5ef"
INK = "#1b1f24"
GREY = "#6b7480"
# 281 points: at 350 px, a phone, 9 point text is still 11 px high.
WIDTH = 3.9
# Characters that fit beside a number at 9 and at 8 points.
_LABEL_WIDTH, _LONGEST = 44, 54
_STYLE = {
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
}
# The page is read where DejaVu may be absent; Verdana has its widths, other fonts are narrower and so never overlap.
_FONTS = "'DejaVu Sans', Verdana, sans-serif"
_NOT_DRAWING = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)


def calibration(
    name: str,
    predicted: Sequence[float],
    observed: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    patients: Sequence[int],
    *,
    title: str,
) -> str:
    """Observed against predicted risk in groups, with the diagonal of perfect agreement.

    Parameters
    ----------
    name : str
        Unique in the page; a valid id.
    predicted, observed, low, high : sequences of float of length n_groups
        Shares in [0, 1].
    patients : sequence of int of length n_groups
        Size of each group, written above the plot.
    title : str
        Text alternative.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(3.6)
        top = _ceiling([*predicted, *high])
        axes.plot([0, top], [0, top], color=GREY, linestyle=(0, (4, 3)), linewidth=1)
        axes.text(top, top, "perfect ", ha="right", va="bottom", color=GREY, fontsize=8)
        axes.vlines(predicted, low, high, color=ACCENT, linewidth=1.4)
        axes.plot(predicted, observed, "o", color=ACCENT, markersize=5)
        ceiling, places = 1.08 * top, _spread_out(predicted, 0.13 * top, top)
        for x, place, upper, size in zip(predicted, places, high, patients, strict=True):
            leader = [upper + 0.015 * top, ceiling, ceiling + 0.035 * top]
            axes.plot([x, x, place], leader, color=GREY, linewidth=0.5, clip_on=False)
            axes.text(place, ceiling + 0.045 * top, f"{size}", ha="center", va="bottom", fontsize=8, clip_on=False)
        small = {"fontsize": 8, "color": GREY, "transform": axes.transAxes}
        axes.text(1, 1.1, "number in each group", ha="right", va="bottom", **small)
        axes.set(xlim=(-0.02 * top, top), ylim=(-0.02 * top, ceiling))
        axes.set(xlabel="predicted risk", ylabel="what happened (95 % interval)")
        _percent_axis(axes.xaxis, top)
        _percent_axis(axes.yaxis, top)
        return _svg(figure, name, title)


def distribution(name: str, groups: Sequence[tuple[str, Sequence[float]]], *, title: str) -> str:
    """Predicted risk by what happened: a box from the quartiles, whiskers to the 10th and 90th percentile.

    Parameters
    ----------
    name, title : str
        As for :func:`calibration`.
    groups : sequence of (label, quantiles)
        The 10th, 25th, 50th, 75th and 90th percentile; an empty sequence where a group is too small to show.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(0.75 + 0.72 * len(groups))
        top = _ceiling([q for _, quantiles in groups for q in quantiles] or [1.0])
        for row, (label, quantiles) in enumerate(groups):
            _text(axes, row - 0.36, label)
            if not quantiles:
                axes.text(0, row + 0.08, "fewer than five: not shown", va="center", color=GREY)
                continue
            p10, p25, p50, p75, p90 = quantiles
            hatch = "////" if row else None
            axes.plot([p10, p90], [row + 0.1] * 2, color=ACCENT, linewidth=1.2)
            axes.barh(row + 0.1, p75 - p25, left=p25, height=0.34, color=PALE, edgecolor=ACCENT, hatch=hatch, zorder=2)
            axes.plot([p50, p50], [row - 0.07, row + 0.27], color=INK, linewidth=2.2, zorder=3)
            _text(axes, row - 0.36, f"median {percent(p50)}", end=True)
        axes.set(xlim=(-0.01 * top, top), ylim=(len(groups) - 0.45, -0.65), yticks=[], xlabel="predicted risk")
        axes.spines["left"].set_visible(False)
        _percent_axis(axes.xaxis, top)
        return _svg(figure, name, title)


def importance(name: str, labels: Sequence[str], effects: Sequence[float], *, scale: str, title: str) -> str:
    """Bars of mean absolute effect, in the order given; ``scale`` names the axis."""
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(0.62 + 0.42 * len(labels))
        for row, (label, effect) in enumerate(zip(labels, effects, strict=True)):
            _text(axes, row - 0.3, label)
            axes.barh(row + 0.12, effect, height=0.32, color=ACCENT)
            _text(axes, row - 0.3, decimal(effect), end=True)
        axes.set(xlim=(0, 1.02 * max([*effects, 1e-9])), ylim=(len(labels) - 0.5, -0.6), yticks=[], xlabel=scale)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        return _svg(figure, name, title)


def waterfall(
    name: str,
    base: float,
    effects: Sequence[tuple[str, float]],
    value: float,
    *,
    start: str,
    end: str,
    scale: str,
    title: str,
) -> str:
    """How each known input moves the estimate from ``base`` to ``value``.

    Parameters
    ----------
    name, title : str
        As for :func:`calibration`.
    base, value : float
        Shares in [0, 1]; ``base + sum(effects) = value``.
    effects : sequence of (label, effect)
        In the order in which they are drawn.
    start, end : str
        What the first and the last line stand for.
    scale : str
        Name of the axis.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(0.62 + 0.42 * (len(effects) + 2))
        last, level, reached = len(effects) + 1, base, [base, value]
        for row, (label, share) in enumerate(((start, base), (end, value))):
            place = last if row else 0
            _text(axes, place - 0.3, label, weight="bold")
            _text(axes, place - 0.3, f"{100 * share:.1f} %", end=True, weight="bold")
            axes.plot(share, place + 0.12, marker="D", color=INK, markersize=6)
        for row, (label, effect) in enumerate(effects, start=1):
            _text(axes, row - 0.3, label)
            _text(axes, row - 0.3, signed(100 * effect), end=True)
            face, hatch = (ACCENT, None) if effect < 0 else ("white", "//////")
            axes.barh(row + 0.12, effect, left=level, height=0.34, color=face, edgecolor=ACCENT, hatch=hatch, zorder=2)
            axes.plot([level] * 2, [row - 0.88, row + 0.29], color=GREY, linewidth=0.6)
            level += effect
            reached.append(level)
        axes.plot([level] * 2, [last - 0.88, last + 0.1], color=GREY, linewidth=0.6)
        low, high = min(reached), max(reached)
        room = max(0.06 * (high - low), 0.004)
        axes.set(xlim=(low - room, high + room), ylim=(last + 0.5, -0.6), yticks=[], xlabel=scale)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.4g} %".replace("-", "\N{MINUS SIGN}"))
        return _svg(figure, name, title)


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
        As for :func:`calibration`.
    times : sequence of float of length n_times
        Months, rising from 0.
    value, low, high, reference : sequences of float of length n_times
        Survival of the patient, its interval, and the average's.
    marks : sequence of float
        Members of ``times`` whose value is written at the curve.
    scale : str
        What the share is of.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(3.0)
        axes.fill_between(times, low, high, color=PALE, linewidth=0)
        axes.plot(times, reference, color=GREY, linestyle=(0, (4, 3)), linewidth=1.3, label="average of the cohort")
        axes.plot(times, value, color=ACCENT, linewidth=2, label="this patient, with interval")
        for mark in marks:
            level = value[list(times).index(mark)]
            axes.plot(mark, level, marker="o", color=ACCENT, markersize=5)
            # Away from the average's curve, unless that is where the axis is.
            side = -1 if 0.15 < level < reference[list(times).index(mark)] else 1
            style = {"ha": "right" if mark == times[-1] else "center", "va": "top" if side < 0 else "bottom"}
            place = {"xytext": (0, 6 * side), "textcoords": "offset points"}
            axes.annotate(percent(level), (mark, level), weight="bold", **style, **place)
        axes.set(xlim=(0, times[-1]), ylim=(0, 1.14), xlabel="months", ylabel=scale)
        axes.set_xticks(_month_ticks(times[-1]))
        _percent_axis(axes.yaxis, 1.0)
        figure.legend(loc="outside upper left", frameon=False, ncols=1, fontsize=8, handlelength=2.4)
        return _svg(figure, name, title)


def _canvas(height: float) -> tuple[Figure, Any]:
    # A Figure of its own, not pyplot's: no global state, and no backend that looks for a screen.
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _text(axes: Any, row: float, label: str, *, end: bool = False, **style: Any) -> None:
    """A line's label (or its number, at the ``end``) above its bar, so that long names cost no width."""
    shown = textwrap.shorten(label, _LONGEST, placeholder=" …")
    style["fontsize"] = 9 if len(shown) <= _LABEL_WIDTH else 8
    place = (1, "right") if end else (0, "left")
    style |= {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8}, "zorder": 4}  # lines pass behind it
    axes.text(place[0], row, shown, ha=place[1], va="center", transform=axes.get_yaxis_transform(), **style)


def _ceiling(shares: Sequence[float]) -> float:
    """A round share just above all of ``shares``."""
    steps = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
    return next((step for step in steps if step >= max(shares)), 1.0)


def _percent_axis(axis: Any, top: float) -> None:
    step = next(size for size in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if top / size <= 5.01)
    axis.set_ticks([k * step for k in range(round(top / step) + 1) if k * step <= top + 1e-9])
    axis.set_major_formatter(lambda x, _: f"{100 * x:.3g} %")


def _month_ticks(last: float) -> list[float]:
    step = next((size for size in (1, 2, 3, 6, 12, 24) if last / size <= 7), 60)
    return [k * step for k in range(int(last // step) + 1)]


def _spread_out(places: Sequence[float], gap: float, top: float) -> list[float]:
    """Places of labels: near ``places`` (rising), at least ``gap`` apart, none beyond ``top``."""
    spread: list[float] = []
    for place in places:
        spread.append(max(place, spread[-1] + gap) if spread else place)
    for index in range(len(spread) - 1, -1, -1):
        limit = top if index == len(spread) - 1 else spread[index + 1] - gap
        spread[index] = min(spread[index], limit)
    return spread


def _svg(figure: Figure, name: str, title: str) -> str:
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
