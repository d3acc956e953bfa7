"""A prediction as the parts of the result page: sentences, tables and pictures, the words being those of predict."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

from riskml.record import Record
from riskml.reporting.words import printed, signed
from riskml.runtime.prediction import ExpectedMonths, Prediction, WhatIf, by_strength, months_in_words, months_moved
from riskml.runtime.shares import digits, frequency, percent
from riskml.serving.drawings import Points, draw_course, draw_risk, draw_step

# Effects under half a point in a hundred are named but not told apart; those on months under a twentieth of one.
_SMALL = 0.005
_MOST = 3
_TOGETHER = re.compile(r"(?<=\d) (?=[%×])|(?<=×) (?=10)|(?<=<) (?=\d)")
Table = tuple[str, list[str], list[list[Any]]]
Figure = tuple[Markup, str]


class Answer(Record):
    """What the page shows of one patient, most important first.

    Attributes
    ----------
    headline : str
        The estimate with its interval and natural frequency.
    reasons : list of str
        Why the patient is outside what the model knows.
    sentences : list of str
        What stands below the headline.
    table, figure : the estimates by month (None for a single one), and their picture
    effects : dict
        ``table`` (the steps of the waterfall) and ``sentences``; empty where nothing is explained.
    missing : table or None
        Inputs that are not known, and what measuring each could do.
    remarks, not_for : list of str
    """

    headline: str
    reasons: list[str]
    sentences: list[str]
    table: Table | None
    figure: Figure
    effects: dict[str, Any]
    missing: Table | None
    remarks: list[str]
    not_for: list[str]


def answer_of(p: Prediction, average: Points) -> Answer:
    """The parts of one prediction.

    Parameters
    ----------
    p : Prediction
    average : sequence of (month, probability)
        The course of the average patient; not looked at where there is a single number.
    """
    sentences = [_expected(p, p.expected)] if p.expected else []
    if p.is_single and p.on_value is not None:
        base = p.on_value.base[0]
        sentences.append(
            f"The average patient of the cohort the model learned from: {percent(base)} ({frequency(base)})."
        )
    return Answer(
        headline=glued(headline(p)),
        reasons=[*p.reasons],
        sentences=[glued(sentence) for sentence in sentences],
        table=None if p.is_single else _months(p),
        figure=_figure(p, average),
        effects={} if p.on_value is None else _effects(p),
        missing=_missing(p) if p.missing else None,
        remarks=_remarks(p),
        not_for=[*p.not_for],
    )


def headline(p: Prediction) -> str:
    """The (last) estimate in one sentence, the first thing that is read."""
    value, ends = p.value[-1], f"{100 * p.level:.0f} % interval {_ends(p.low[-1], p.high[-1])}"
    if p.is_single:
        return f"Estimated risk: {percent(value)} ({frequency(value)}); {ends}."
    given = "" if p.event_free_at is None else f"Event-free at {p.event_free_at:g} months. "
    what = "Estimated to be event-free" if p.kind == "survival" else "Estimated risk"
    return f"{given}{what} at {p.times[-1]:g} months: {percent(value)} ({frequency(value)}); {ends}."


def comparison_of(p: Prediction, given: Prediction) -> dict[str, Any] | None:
    """What other values change: ``changed``, ``table``, ``figure`` and ``remarks``; None where nothing changes.

    Parameters
    ----------
    p : Prediction
        Of the patient with the other values, beside the patient as given.
    given : Prediction
        Of the patient as given.
    """
    if p.what_if is None:
        return None
    pairs = p.what_if.changed.items()
    changed = [f"{p.labels[n]}: {old or 'not known'} as given, {new or 'not known'} instead" for n, (old, new) in pairs]
    if p.is_single:
        drawing, told = draw_risk(p.value[0], p.low[0], p.high[0], given.value[0]), "diamond"
    else:
        drawing, told = draw_course(p, given.curve), "line"
    return {
        "changed": [glued(printed(text)) for text in changed],
        "table": _compared(p, p.what_if),
        "figure": (drawing, f"In 100 patients. Other values: {told}; dashed: as given."),
        "reasons": [*p.reasons],
        "remarks": [text for text in _remarks(p) if text not in _remarks(given)],
    }


def _expected(p: Prediction, expected: ExpectedMonths) -> str:
    text = f"{months_in_words(p, expected)}."
    parts = [f"{p.labels[name]}, {printed(p.shown[name])}: {signed(effect)}" for name, effect in months_moved(expected)]
    return f"{text} What moved them most, in months: {'; '.join(parts)}." if parts else text


def _months(p: Prediction) -> Table:
    what = "Event-free" if p.kind == "survival" else "Risk by then"
    base = None if p.on_value is None else p.on_value.base
    rows = [
        [
            *(f"{time:g} months", percent(p.value[k]), frequency(p.value[k]), _ends(p.low[k], p.high[k])),
            "not given" if base is None else percent(base[k]),
        ]
        for k, time in enumerate(p.times)
    ]
    caption = f"{what}, this patient and the average patient of the cohort the model learned from"
    columns = ["At", "Estimate", "As a frequency", f"{100 * p.level:.0f} % interval", "Average patient"]
    return caption, columns, _cells(rows)


def _figure(p: Prediction, average: Points) -> Figure:
    level = f"{100 * p.level:.0f} %"
    if not p.is_single:
        what = "Event-free" if p.kind == "survival" else "With the event by then"
        words = f"{what}, in 100 patients. Line: this patient, with {level} intervals; dashed: the average patient."
        return draw_course(p, average), glued(words)
    base = None if p.on_value is None else p.on_value.base[0]
    beside = "" if base is None else "; dashed: the average patient"
    words = f"In 100 patients. Diamond: the estimate; bar: its {level} interval{beside}."
    return draw_risk(p.value[0], p.low[0], p.high[0], base), glued(words)


def _effects(p: Prediction) -> dict[str, Any]:
    """From the average patient to this one, the strongest effect first; at the last month where there are months."""
    assert p.on_value is not None
    base = here = p.on_value.base[-1]
    strongest = by_strength(p.on_value.effects[-1])
    if not strongest:
        return {"table": None, "sentences": ["Nothing is known of this patient: this is the average of the cohort."]}
    steps = []
    for name, effect in strongest:
        if abs(effect) >= _SMALL:
            steps.append((name, here, here + effect))
            here += effect
    places = [place for _, *ends in steps for place in ends]
    rows = [
        [
            *(p.labels[name], printed(p.shown[name])),
            f"{'raises' if end > start else 'lowers'} it from {_in_100(start)} to {_in_100(end)} in 100",
            draw_step(start, end, min(places), max(places)),
        ]
        for name, start, end in steps
    ]
    when = "" if p.is_single else f" at {p.times[-1]:g} months"
    caption = f"What moved the estimate{when}, from the average patient's {digits(base)} in 100"
    small = [p.labels[name] for name, effect in strongest if abs(effect) < _SMALL]
    return {
        "table": (caption, ["Input", "Value", "Effect", "Step"], _cells(rows)) if rows else None,
        "sentences": [
            *([] if rows else [f"{caption}: nothing moved it by half a point or more."]),
            *([f"Hardly any effect: {', '.join(small)}."] if small else []),
            "Effects are parts of a prediction, not effects of treatment or causes.",
        ],
    }


def _missing(p: Prediction) -> Table:
    rows = []
    for item in p.could_change:
        low, high = (ends[-1] if isinstance(ends, list) else ends for ends in (item["low"], item["high"]))
        between = (
            f"{percent(low)} either way" if percent(low) == percent(high) else f"{percent(low)} to {percent(high)}"
        )
        rows.append([p.labels[item["input"]], between])
    caption = "Not known, so averaged over; measuring it could move the estimate to between"
    return caption, ["Input", "Estimate"], _cells(rows)


def _remarks(p: Prediction) -> list[str]:
    texts = [p.in_words(remark) for remark in p.remarks]
    return [glued(f"{text[:1].upper()}{text[1:].removesuffix('.')}.") for text in texts]


def _compared(p: Prediction, what_if: WhatIf) -> Table:
    before, change = what_if.as_given, what_if.difference
    rows = [
        [
            f"{p.times[k]:g} months" if p.times else "Risk",
            f"{percent(before.value[k])} ({_ends(before.low[k], before.high[k])})",
            f"{percent(value)} ({_ends(p.low[k], p.high[k])})",
            f"{_points(change.value[k])} ({_points(change.low[k])} to {_points(change.high[k])}) in 100",
        ]
        for k, value in enumerate(p.value)
    ]
    caption = "The patient as given, beside the other values"
    return caption, ["Of what", "As given", "Instead", "Difference"], _cells(rows)


def _cells(rows: list[list[Any]]) -> list[list[Any]]:
    return [[cell if isinstance(cell, Markup) else glued(cell) for cell in row] for row in rows]


def glued(text: str) -> str:
    """A number stays on one line with what belongs to it."""
    return _TOGETHER.sub("\N{NO-BREAK SPACE}", text)


def _ends(low: float, high: float) -> str:
    return f"{digits(low)} to {digits(high)} %"


def _points(share: float) -> str:
    return signed(100 * share, 0)


def _in_100(share: float) -> str:
    """On the way from the average to the estimate a sum may pass the ends of the scale; it is shown as it is."""
    return digits(share) if 0 <= share <= 1 else f"{100 * share:.0f}"
