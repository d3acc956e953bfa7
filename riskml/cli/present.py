"""A prediction for a person: calm, plain text at 80 columns that a screen reader can follow; no colour needed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from riskml.runtime.card import RESEARCH, SYNTHETIC
from riskml.runtime.predict import Prediction
from riskml.runtime.shares import digits, frequency, percent

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

WIDTH = 80
# Effects smaller than half a point in a hundred are named but not told apart.
_SMALL = 0.005


def present(prediction: Prediction) -> str:
    """The whole answer as text."""
    return "\n".join(_lines(prediction))


def _wrap(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def _lines(p: Prediction) -> Iterator[str]:
    yield from _wrap(f"{p.model['outcome']}  ({p.model['name']}, version {p.model['version']})", "")
    if p.model["synthetic"]:
        yield from _wrap(SYNTHETIC, "")
    yield from _wrap(RESEARCH, "")
    yield ""
    yield from _estimate_lines(p)
    yield ""
    if p.on_value is not None:
        yield from _effect_lines(p)
        yield ""
    yield from _missing_lines(p)
    if p.reasons:
        yield "Outside what the model knows:"
        for reason in p.reasons:
            yield from _wrap(f"- {reason}")
        yield ""
    unused = [w for w in p.warnings if w.code == "not_used"]
    remarks = [w for w in p.warnings if w.code not in ("synthetic", "outside_domain", "not_used")]
    if unused:
        yield from _wrap(f"Given, but not used by this model: {', '.join(w.input or '' for w in unused)}", "")
        yield ""
    if remarks:
        yield "Please note:"
        for remark in remarks:
            yield from _wrap(f"- {remark.message}")
        yield ""
    yield "Not for:"
    for item in p.not_for:
        yield from _wrap(f"- {item}")


def _estimate_lines(p: Prediction) -> Iterator[str]:
    if p.kind == "probability":
        yield f"Estimated risk: {percent(p.value[0])} ({frequency(p.value[0])})"
        yield f"  {100 * p.level:.0f} % interval: {digits(p.low[0])} to {digits(p.high[0])} %"
        if p.on_value is not None:
            yield f"  average of the training cohort's prototypes: {percent(p.on_value.base[0])}"
        return
    what = "Estimated to be event-free" if p.kind == "survival" else "Estimated risk by then"
    yield f"{what} ({100 * p.level:.0f} % interval; each # is 5 in 100):"
    for k, time in enumerate(p.times):
        bar = "#" * round(20 * p.value[k])
        middle, low, high = digits(p.value[k]), digits(p.low[k]), digits(p.high[k])
        yield f"  at {time:>4g} months  {middle:>5} %  ({low} to {high} %)  |{bar:.<20}|"
    if p.on_value is not None:
        averages = ", ".join(
            f"{percent(base)} at {time:g}" for base, time in zip(p.on_value.base, p.times, strict=True)
        )
        yield from _wrap(f"average of the training cohort's prototypes: {averages} months")


def _effect_lines(p: Prediction) -> Iterator[str]:
    """The strongest effects, at the last time for survival, in points of a hundred."""
    assert p.on_value is not None
    last = len(p.on_value.effects) - 1
    effects = p.on_value.effects[last]
    start, end = percent(p.on_value.base[last]), percent(p.value[last])
    when = f" at {p.times[last]:g} months" if p.times else ""
    yield f"What moved the estimate{when} from {start} (average) to {end}:"
    small = []
    for name, effect in sorted(effects.items(), key=lambda item: (-abs(item[1]), item[0])):
        if abs(effect) < _SMALL:
            small.append(p.labels[name])
            continue
        verb = "raises" if effect > 0 else "lowers"
        points = f"{abs(100 * effect):.0f}"
        yield from _wrap(
            f"{p.labels[name]}, {p.shown[name]}: {verb} it by {points} point{'' if points == '1' else 's'}"
        )
    if small:
        yield from _wrap(f"hardly any effect: {', '.join(small)}")
    if not effects:
        yield "  nothing is known of this patient"


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
