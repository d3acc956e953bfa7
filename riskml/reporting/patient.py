"""One prediction as a picture: what moved it, and its course or its interval."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from riskml.reporting import words
from riskml.reporting.figures.canvas import ACCENT, GREY, INK, PALE, STYLE, percent_axis
from riskml.reporting.figures.curves import draw_survival
from riskml.reporting.figures.inputs import draw_waterfall, waterfall_height
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.runtime.files import write_whole
from riskml.runtime.prediction import Prediction, by_strength
from riskml.runtime.shares import digits, frequency, percent

_INCHES = 5.6
_LINE = 86


def save_picture(bundle: Bundle, patient: Mapping[str, Any], prediction: Prediction, path: str) -> None:
    """Draw a prediction into a file that ends in .svg or .png.

    Parameters
    ----------
    bundle : Bundle
    patient : mapping of name to raw value
        Of whom ``prediction`` speaks; the course over all months is asked of the bundle.
    prediction : Prediction
    path : str

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    kind = "svg" if path.casefold().endswith(".svg") else "png"
    explained = prediction.on_value is not None
    heights = [waterfall_height(_n_effects(prediction)), *([2.9] if prediction.times else [1.05])]
    heights = heights if explained else heights[1:]
    head, foot = _head(prediction), _foot()
    with mpl.rc_context({**STYLE, "svg.hashsalt": "patient"}):
        above, below = 0.19 * len(head) + 0.1, 0.15 * len(foot) + 0.1
        figure = Figure(figsize=(_INCHES, sum(heights) + above + below))
        total = figure.get_figheight()
        figure.set_layout_engine("constrained", rect=(0, below / total, 1, 1 - (above + below) / total))
        panels = list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
        if explained:
            _draw_effects(panels[0], prediction)
        _draw_course(panels[-1], bundle, patient, prediction) if prediction.times else _draw_risk(
            panels[-1], prediction
        )
        figure.text(0.02, 1 - 0.05 / total, head[0], weight="bold", va="top", fontsize=10)
        figure.text(0.02, 1 - 0.25 / total, "\n".join(head[1:]), va="top", fontsize=8.5, linespacing=1.35)
        figure.text(0.02, 0.05 / total, "\n".join(foot), va="bottom", fontsize=7.5, color=GREY)
        buffer = io.BytesIO()
        metadata = {"Date": None, "Title": head[0]} if kind == "svg" else {"Title": head[0], "Software": None}
        figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    write_whole(path, buffer.getvalue())


def _n_effects(p: Prediction) -> int:
    return 0 if p.on_value is None else len(p.on_value.effects[-1])


def _head(p: Prediction) -> list[str]:
    """What is estimated, in words; the first line is the title."""
    level = f"{100 * p.level:.0f} % interval"
    title = textwrap.shorten(f"{p.model['outcome']}  ({p.model['name']}, version {p.model['version']})", _LINE - 12)
    if p.is_single:
        (value,), (low,), (high,) = p.value, p.low, p.high
        lines = [
            f"{percent(value)}, {frequency(value)} patients like this one; {level} {digits(low)} to {digits(high)} %"
        ]
    else:
        what = "event-free" if p.kind == "survival" else "event by then"
        given = "" if p.event_free_at is None else f"given event-free at {p.event_free_at:g} months, "
        lines = [
            f"{given}{what} at {time:g} months: {percent(value)}; {level} {digits(low)} to {digits(high)} %"
            for time, value, low, high in zip(p.times, p.value, p.low, p.high, strict=True)
        ]
    if p.missing:
        lines.append(f"not known, averaged over: {', '.join(p.labels[name] for name in p.missing)}")
    if p.reasons:
        lines.append("OUTSIDE what the model knows: " + "; ".join(p.reasons))
    if p.model["synthetic"]:
        lines.insert(0, SYNTHETIC)
    return [title, *(part for line in lines for part in textwrap.wrap(line, _LINE))]


def _foot() -> list[str]:
    return textwrap.wrap(f"{RESEARCH} Bars are parts of a prediction, not effects of treatment or causes.", _LINE + 14)


def _draw_effects(axes: Any, p: Prediction) -> None:
    assert p.on_value is not None
    place = len(p.on_value.effects) - 1
    effects = [(f"{p.labels[n]}: {words.printed(p.shown[n])}", e) for n, e in by_strength(p.on_value.effects[place])]
    what = "risk" if p.is_single else f"{_share(p)} at {p.times[place]:g} months"
    base, value = p.on_value.base[place], p.value[place]
    draw_waterfall(axes, base, effects, value, start="average of the cohort", end="this patient", scale=what)


def _share(p: Prediction) -> str:
    return "event-free" if p.kind == "survival" else "had the event"


def _draw_course(axes: Any, bundle: Bundle, patient: Mapping[str, Any], p: Prediction) -> None:
    grid = sorted({*(month for month, _ in p.curve), *p.times})
    course, average = (
        bundle.predict(who, at=grid, explain=False, event_free_at=p.event_free_at) for who in (patient, {})
    )
    curves = (course.value, course.low, course.high, average.value)
    draw_survival(axes, grid, *curves, marks=p.times, scale=_share(p))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=8)


def _draw_risk(axes: Any, p: Prediction) -> None:
    """The estimate in its interval on the whole scale from 0 to 100 %."""
    (value,), (low,), (high,) = p.value, p.low, p.high
    axes.barh(0, high - low, left=low, height=0.5, color=PALE, edgecolor=ACCENT, linewidth=0.8, label="interval")
    axes.plot(value, 0, marker="D", color=INK, markersize=7, linestyle="none", label="this patient")
    if p.on_value is not None:
        axes.axvline(p.on_value.base[0], color=GREY, linestyle="--", linewidth=1.3, label="average of the cohort")
    axes.set(xlim=(0, 1), ylim=(-0.5, 0.5), yticks=[], xlabel="estimated risk")
    axes.spines["left"].set_visible(False)
    percent_axis(axes.xaxis, 1.0)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=8)
