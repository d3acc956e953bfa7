"""A prediction for a person: calm, plain text at 80 columns that a screen reader can follow; no colour needed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from riskml.cli.sketch import curve, strip
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.runtime.explain import Effects
from riskml.runtime.prediction import ExpectedMonths, Prediction, WhatIf, by_strength, months_in_words, months_moved
from riskml.runtime.shares import digits, frequency, percent

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

WIDTH = 80
# Effects smaller than half a point in a hundred are named but not told apart.
_SMALL = 0.005
_AVERAGE = "average patient of the cohort the model learned from"


def present(prediction: Prediction, *, drawn: bool = True) -> str:
    """The whole answer as text; without drawings where a screen reader would spell them out."""
    return "\n".join(_lines(prediction, drawn=drawn))


def _wrap(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def _lines(p: Prediction, *, drawn: bool) -> Iterator[str]:
    yield from _wrap(f"{p.model['outcome']}  ({p.model['name']}, version {p.model['version']})", "")
    if p.model["synthetic"]:
        yield from _wrap(SYNTHETIC, "")
    yield from _wrap(RESEARCH, "")
    yield ""
    yield from _one_number(p, drawn=drawn) if p.is_single else _course(p, drawn=drawn)
    yield ""
    if p.what_if is not None:
        yield from _what_if_lines(p, p.what_if)
        yield ""
    if p.on_value is not None:
        yield from _effect_lines(p, p.on_value)
        yield ""
    yield from _missing_lines(p)
    if p.reasons:
        yield "Outside what the model knows:"
        for reason in p.reasons:
            yield from _wrap(f"- {reason}")
        yield ""
    unused = [w for w in p.remarks if w.code == "not_used"]
    remarks = [p.in_words(w) for w in p.remarks if w.code != "not_used"]
    if unused:
        yield from _wrap(f"Given, but not used by this model: {', '.join(w.input or '' for w in unused)}", "")
        yield ""
    if remarks:
        yield "Please note:"
        for remark in remarks:
            yield from _wrap(f"- {remark}")
        yield ""
    yield "Not for:"
    for item in p.not_for:
        yield from _wrap(f"- {item}")


def _one_number(p: Prediction, *, drawn: bool) -> Iterator[str]:
    (value,), (low,), (high,) = p.value, p.low, p.high
    average = None if p.on_value is None else p.on_value.base[0]
    yield f"Estimated risk: {percent(value)} ({frequency(value)})"
    yield f"  {100 * p.level:.0f} % interval: {digits(low)} to {digits(high)} %"
    if average is not None:
        yield from _wrap(f"{_AVERAGE}: {percent(average)} ({frequency(average)})")
    if drawn:
        yield f"  {strip(value, low, high, average)}"
        yield f"  (* estimate, = interval{', A average' if average is not None else ''}; in 100)"


def _course(p: Prediction, *, drawn: bool) -> Iterator[str]:
    given = "" if p.event_free_at is None else f"Event-free at {p.event_free_at:g} months. From there "
    what = "estimated to be event-free" if p.kind == "survival" else "estimated risk by then"
    text = f"{given}{what} ({100 * p.level:.0f} % interval):"
    yield from _wrap(text[0].upper() + text[1:], "")
    for k, time in enumerate(p.times):
        middle, low, high = p.value[k], digits(p.low[k]), digits(p.high[k])
        beside = "" if p.on_value is None else f"; average patient {percent(p.on_value.base[k])}"
        yield from _wrap(
            f"at {time:g} months: {percent(middle)}, {frequency(middle)} ({low} to {high} %){beside}",
        )
    if p.on_value is not None:
        yield from _wrap(f"({_AVERAGE})")
    if p.expected is not None:
        yield from _expected_lines(p, p.expected)
    if drawn:
        yield ""
        yield f"{'Event-free' if p.kind == 'survival' else 'Event by then'}, in 100 (* estimate, | interval):"
        yield from curve(p.curve, list(zip(p.times, p.low, p.high, strict=True)))


def _expected_lines(p: Prediction, expected: ExpectedMonths) -> Iterator[str]:
    """Months, and what moved them most."""
    yield from _wrap(months_in_words(p, expected))
    parts = [f"{p.labels[name]}, {p.shown[name]}: {effect:+.1f}" for name, effect in months_moved(expected)]
    if parts:
        yield from _wrap(f"what moved them most, in months: {'; '.join(parts)}", "    ")


def _what_if_lines(p: Prediction, what_if: WhatIf) -> Iterator[str]:
    """As given beside changed, a line for each number so that it can be read aloud."""
    yield "What if, beside the patient as given:"
    for name, (old, new) in what_if.changed.items():
        yield from _wrap(f"{p.labels[name]}: {old or 'not known'} as given, {new or 'not known'} instead")
    before, change = what_if.as_given, what_if.difference
    for k in range(len(p.value)):
        when = f"at {p.times[k]:g} months: " if p.times else ""
        given = f"{percent(before.value[k])} ({digits(before.low[k])} to {digits(before.high[k])} %) as given"
        instead = f"{percent(p.value[k])} ({digits(p.low[k])} to {digits(p.high[k])} %) instead"
        ends = f"{100 * change.low[k]:+z.0f} to {100 * change.high[k]:+z.0f}"
        yield from _wrap(f"{when}{given}, {instead}; {100 * change.value[k]:+z.0f} in 100 ({ends})")


def _effect_lines(p: Prediction, on_value: Effects) -> Iterator[str]:
    """From the average patient to this one, the strongest effect first; at the last time for survival."""
    last = len(on_value.effects) - 1
    here, when = on_value.base[last], f" at {p.times[last]:g} months" if p.times else ""
    yield from _wrap(f"What moved the estimate{when}, from the average patient's {digits(here)} in 100:", "")
    small = []
    for name, effect in by_strength(on_value.effects[last]):
        if abs(effect) < _SMALL:
            small.append(p.labels[name])
            continue
        verb, start, here = "raises" if effect > 0 else "lowers", here, here + effect
        yield from _wrap(
            f"{p.labels[name]}, {p.shown[name]}: {verb} it from {_in_100(start)} to {_in_100(here)} in 100"
        )
    if small:
        yield from _wrap(f"hardly any effect: {', '.join(small)}")
    if not on_value.effects[last]:
        yield "  nothing is known of this patient"


def _in_100(share: float) -> str:
    """On the way from the average to the estimate a sum may pass the ends of the scale; it is shown as it is."""
    return digits(share) if 0 <= share <= 1 else f"{100 * share:.0f}"


def _missing_lines(p: Prediction) -> Iterator[str]:
    if not p.missing:
        return
    yield "Not known, so averaged over; measuring it could move the estimate to between:"
    for item in p.could_change:
        yield from _wrap(f"{p.labels[item['input']]}: {_range(item)}")
    yield ""


def _range(item: Mapping[str, Any]) -> str:
    low, high = item["low"], item["high"]
    if isinstance(low, list):  # survival: the last time says most
        low, high = low[-1], high[-1]
    ends = percent(low), percent(high)
    return f"{ends[0]} either way" if ends[0] == ends[1] else f"{ends[0]} and {ends[1]}"
