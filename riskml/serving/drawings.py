"""Small pictures of one prediction as SVG; colours come from the page's style, words from the table beside them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from riskml.reporting.words import span
from riskml.runtime.prediction import Prediction
from riskml.runtime.shares import percent

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_STEPS = (1, 2, 3, 6, 12, 24, 60)
_MOST_STEPS = 6
Points = Sequence[tuple[float, float]]


def draw_risk(value: float, low: float, high: float, average: float | None) -> Markup:
    """The estimate in its interval on the whole scale from 0 to 100.

    Parameters
    ----------
    value, low, high : float
        Probabilities in [0, 1].
    average : float or None
        The average patient, as a dashed line.
    """

    def x(share: float) -> float:
        return 12 + 336 * share

    marks = [part for share in _SHARES for part in (_line("grid", x(share), 14, x(share), 52), _tick(x(share), share))]
    width = max(1.0, x(high) - x(low))
    marks.append(f'<rect class="interval" x="{x(low):.2f}" y="24" width="{width:.2f}" height="18"/>')
    if average is not None:
        marks.append(_line("average", x(average), 16, x(average), 50))
    marks.append(f'<path class="mark" d="M{x(value):.2f} 24l7 9-7 9-7-9z"/>')
    title = f"Estimate {percent(value)} with its interval from {span(low, high)} on a scale of 0 to 100"
    return _svg(360, 72, title, marks)


def draw_course(prediction: Prediction, beside: Points) -> Markup:
    """The course over all months with the intervals of the estimates, and another course dashed.

    Parameters
    ----------
    prediction : Prediction
        With ``curve`` and ``times``.
    beside : sequence of (month, probability)
        The course of the average patient, or of the patient as given.
    """
    first, last = prediction.curve[0][0], prediction.curve[-1][0]

    def x(month: float) -> float:
        return 34 + 314 * (month - first) / (last - first)

    def y(share: float) -> float:
        return 196 - 180 * share

    marks = [part for share in _SHARES for part in (_line("grid", 34, y(share), 348, y(share)), _side(y(share), share))]
    for month in _months(first, last):
        marks += [_line("tick", x(month), 196, x(month), 201), _text(x(month), 214, "middle", f"{month:g}")]
    marks.append(_text(191, 231, "middle", "months"))
    for kind, points in (("average", beside), ("curve", prediction.curve)):
        path = "L".join(f"{x(month):.2f} {y(share):.2f}" for month, share in points if first <= month <= last)
        marks.append(f'<path class="{kind}" d="M{path}"/>')
    for month, value, low, high in zip(
        prediction.times, prediction.value, prediction.low, prediction.high, strict=True
    ):
        marks.append(_line("bar", x(month), y(low), x(month), y(high)))
        marks += [_line("bar", x(month) - 4, y(end), x(month) + 4, y(end)) for end in (low, high)]
        marks.append(f'<circle class="mark" cx="{x(month):.2f}" cy="{y(value):.2f}" r="4"/>')
    what = "Event-free" if prediction.kind == "survival" else "With the event by then"
    title = f"{what}, in 100 patients, from month {first:g} to {last:g}; the numbers are in the table"
    return _svg(360, 236, title, marks)


def draw_step(start: float, end: float, low: float, high: float) -> Markup:
    """A step of a waterfall on a scale from ``low`` to ``high``: a bar from where the estimate was to where it is."""

    def x(share: float) -> float:
        return 4 + 112 * (share - low) / max(high - low, 1e-9)

    left, right = sorted((x(start), x(end)))
    kind = "raises" if end > start else "lowers"
    bar = f'<rect class="{kind}" x="{left:.2f}" y="2" width="{max(1.0, right - left):.2f}" height="10"/>'
    marks = bar + _line("tick", x(start), 0, x(start), 14)
    return Markup(f'<svg class="effect" viewBox="0 0 120 14" aria-hidden="true" focusable="false">{marks}</svg>')  # noqa: S704 - numbers and our own words


def _months(first: float, last: float) -> list[float]:
    """Even months for the axis, few enough to be read."""
    step = next((step for step in _STEPS if (last - first) / step <= _MOST_STEPS), 120)
    return [month for month in range(0, int(last) + 1, step) if month >= first]


def _svg(width: int, height: int, title: str, marks: Sequence[str]) -> Markup:
    inside = "".join(marks)
    return Markup(f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{inside}</svg>')  # noqa: S704 - escaped


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}"/>'


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}">{text}</text>'


def _tick(x: float, share: float) -> str:
    return _text(x, 66, "middle", f"{100 * share:.0f}")


def _side(y: float, share: float) -> str:
    return _text(29, y + 4, "end", f"{100 * share:.0f}")
