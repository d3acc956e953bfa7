"""What the inputs do: their importance over a cohort, and their effects on one patient's estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from riskml.reporting.figures.canvas import ACCENT, GREY, INK, LONGEST, PALE, canvas, line_text, svg
from riskml.reporting.words import MINUS, decimal, signed


def importance(
    name: str,
    labels: Sequence[str],
    effects: Sequence[float],
    ends: Sequence[tuple[float, float]] = (),
    *,
    scale: str,
    title: str,
) -> str:
    """Bars of mean absolute effect, in the order given, with the ends of their intervals; ``scale`` names the axis."""
    top = max([*effects, *(high for _, high in ends), 1e-9])
    with canvas(0.62 + 0.42 * len(labels)) as (figure, axes):
        for row, (label, effect) in enumerate(zip(labels, effects, strict=True)):
            axes.barh(row + 0.12, effect, height=0.32, color=ACCENT if not ends else PALE, edgecolor=ACCENT)
            shown = decimal(effect)
            if ends:
                low, high = ends[row]
                axes.plot([low, high], [row + 0.12] * 2, color=INK, linewidth=1.4)
                axes.plot([low, high], [row + 0.12] * 2, color=INK, linestyle="none", marker="|", markersize=8)
                shown = f"{decimal(effect, 1)} ({decimal(low, 1)} to {decimal(high, 1)})"
            line_text(axes, row - 0.3, label, longest=LONGEST - (len(shown) + 2 if ends else 0))
            line_text(axes, row - 0.3, shown, end=True)
        axes.set(xlim=(0, 1.02 * top), ylim=(len(labels) - 0.5, -0.6), yticks=[], xlabel=scale)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        return svg(figure, name, title)


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
    with canvas(waterfall_height(len(effects))) as (figure, axes):
        draw_waterfall(axes, base, effects, value, start=start, end=end, scale=scale)
        return svg(figure, name, title)


def waterfall_height(n_effects: int) -> float:
    """Inches that a waterfall takes."""
    return 0.62 + 0.42 * (n_effects + 2)


def draw_waterfall(
    axes: Any,
    base: float,
    effects: Sequence[tuple[str, float]],
    value: float,
    *,
    start: str,
    end: str,
    scale: str,
) -> None:
    """Draw a waterfall on axes of a figure that is there; parameters as for :func:`waterfall`."""
    last, level, reached = len(effects) + 1, base, [base, value]
    for row, (label, share) in enumerate(((start, base), (end, value))):
        place = last if row else 0
        line_text(axes, place - 0.3, label, weight="bold")
        line_text(axes, place - 0.3, f"{100 * share:.1f} %", end=True, weight="bold")
        axes.plot(share, place + 0.12, marker="D", color=INK, markersize=6)
    for row, (label, effect) in enumerate(effects, start=1):
        line_text(axes, row - 0.3, label)
        line_text(axes, row - 0.3, signed(100 * effect), end=True)
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
    axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.4g} %".replace("-", MINUS))
