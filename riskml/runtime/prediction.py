"""What a prediction is, and the JSON object that every door gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from riskml.record import Record
from riskml.runtime.explain import Effects
from riskml.runtime.parsing import Reading

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "riskml.prediction/1"
# Less than a tenth of a month rounds to nothing.
_SMALL_MONTHS = 0.05


class Remark(Record):
    """A remark beside a prediction: a stable code, the input it is about (if any), words for a person."""

    code: str
    message: str
    input: str | None = None


class Estimate(Record):
    """Numbers with their interval: one each, or one a month."""

    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def as_dict(self, *, single: bool) -> dict[str, Any]:
        """The JSON form: plain numbers or lists."""
        return {name: part[0] if single else list(part) for name, part in self.to_fields().items()}


class ExpectedMonths(Record):
    """Expected months (event-free, or lost to the event) up to month ``until``, with their interval and explanation."""

    until: float
    months: Estimate
    effects: Effects | None


class WhatIf(Record):
    """The same patient as given, beside the values that were put in.

    Attributes
    ----------
    changed : mapping of name to (from, to)
        What is shown of each changed input; None where it is not known.
    as_given : Estimate
    difference : Estimate
        By how much the estimate is higher with the changes. Its interval is of the same refits for both.
    """

    changed: Mapping[str, tuple[str | None, str | None]]
    as_given: Estimate
    difference: Estimate


class Prediction(Record):
    """One patient's estimate with everything that must be read beside it.

    Attributes
    ----------
    model : mapping
        Name, outcome, version, digest and whether the training data were synthetic.
    kind : {"probability", "survival", "cumulative_incidence"}
    times : tuple of float
        Months of the survival estimates; empty for a probability.
    value, low, high : tuples of float
        The estimate and its interval of ``level``: one number, or one per time.
    on_value, on_link : Effects or None
        Exact explanation on the probability / S(t) scale and in closed form on the log-odds / log-hazard scale.
    readings : mapping of name to Reading
        The inputs the model used, in canonical units.
    missing, could_change : the missing inputs, and how far measuring each could move the estimate
    reasons : tuple of str
        Why the patient lies outside the model's domain; empty inside.
    warnings : tuple of Remark
    not_for : tuple of str
    curve : tuple of (month, answer)
        The whole course, for drawing; empty for a probability.
    event_free_at : float or None
        Month at which the patient is known to be event-free, where all of this is conditional on that.
    expected : ExpectedMonths or None
    what_if : WhatIf or None
    """

    model: Mapping[str, Any]
    kind: str
    times: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    level: float
    on_value: Effects | None
    on_link: Effects | None
    readings: Mapping[str, Reading]
    shown: Mapping[str, str]
    labels: Mapping[str, str]
    missing: tuple[str, ...]
    could_change: tuple[Mapping[str, Any], ...]
    reasons: tuple[str, ...]
    warnings: tuple[Remark, ...]
    not_for: tuple[str, ...]
    curve: tuple[tuple[float, float], ...] = ()
    event_free_at: float | None = None
    expected: ExpectedMonths | None = None
    what_if: WhatIf | None = None

    @property
    def is_single(self) -> bool:
        """Whether there is one number instead of one a month."""
        return self.kind == "probability"

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Warnings that the model's origin and ``reasons`` do not say already."""
        return tuple(
            w for w in self.warnings if w.code not in {"synthetic", "outside_domain"} and w.message not in self.reasons
        )

    def in_words(self, remark: Remark) -> str:
        """A remark with the label in place of a leading variable name."""
        name = remark.input
        if name is None or name not in self.labels or not remark.message.startswith(name):
            return remark.message
        return self.labels[name] + remark.message.removeprefix(name)

    def as_dict(self) -> dict[str, Any]:
        """The object of schema ``riskml.prediction/1`` that every door gives."""
        found = {
            "schema": SCHEMA,
            "model": dict(self.model),
            "estimate": self._estimate(),
            "explanation": self._explanation(),
            "inputs": {
                "used": {name: reading.value for name, reading in self.readings.items()},
                "missing": list(self.missing),
                "could_change": [dict(item) for item in self.could_change],
            },
            "domain": {"inside": not self.reasons, "reasons": list(self.reasons)},
            "warnings": [
                {"code": w.code, **({"input": w.input} if w.input else {}), "message": w.message} for w in self.warnings
            ],
            "not_for": list(self.not_for),
        }
        if self.curve:
            times, values = zip(*self.curve, strict=True)
            found["curve"] = {"unit": "mo", "times": list(times), "value": list(values)}
        if self.expected is not None:
            found["expected_months"] = self._expected(self.expected)
        if self.what_if is not None:
            found["what_if"] = self._what_if(self.what_if)
        return found

    def _estimate(self) -> dict[str, Any]:
        numbers = Estimate(self.value, self.low, self.high).as_dict(single=self.is_single)
        if self.is_single:
            return {"kind": self.kind, **numbers, "level": self.level}
        given = {} if self.event_free_at is None else {"event_free_at": self.event_free_at}
        return {"kind": self.kind, "unit": "mo", **given, "times": list(self.times), **numbers, "level": self.level}

    def _explanation(self) -> dict[str, Any] | None:
        if self.on_value is None:
            return None
        lists = [self._effects(effects) for effects in self.on_value.effects]
        found: dict[str, Any] = {
            "scale": self.on_value.scale,
            **({} if self.is_single else {"times": list(self.times)}),
            "base": self.on_value.base[0] if self.is_single else list(self.on_value.base),
            "effects": lists[0] if self.is_single else lists,
            "sum_error": self.on_value.sum_error,
        }
        if self.on_link is not None:
            found["link"] = {"value": self.on_link.value[0], **self._one(self.on_link)}
        return found

    def _one(self, effects: Effects) -> dict[str, Any]:
        parts = self._effects(effects.effects[0])
        return {"scale": effects.scale, "base": effects.base[0], "effects": parts, "sum_error": effects.sum_error}

    def _expected(self, expected: ExpectedMonths) -> dict[str, Any]:
        return {
            "kind": "months_lost" if self.kind == "cumulative_incidence" else "event_free_months",
            "unit": "mo",
            "from": self.event_free_at or 0.0,
            "until": expected.until,
            **expected.months.as_dict(single=True),
            "level": self.level,
            "explanation": None if expected.effects is None else self._one(expected.effects),
        }

    def _what_if(self, what_if: WhatIf) -> dict[str, Any]:
        pairs = what_if.changed.items()
        return {
            "changed": [{"input": n, "label": self.labels[n], "from": old, "to": new} for n, (old, new) in pairs],
            "as_given": what_if.as_given.as_dict(single=self.is_single),
            "difference": what_if.difference.as_dict(single=self.is_single),
        }

    def _effects(self, effects: Mapping[str, float]) -> list[dict[str, Any]]:
        return [
            {"input": n, "label": self.labels[n], "value": self.shown[n], "effect": e} for n, e in by_strength(effects)
        ]


def by_strength(effects: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    """Effects, the strongest first."""
    return sorted(effects.items(), key=lambda item: (-abs(item[1]), item[0]))


def months_in_words(p: Prediction, expected: ExpectedMonths) -> str:
    """``"Of the first 24 months, expected event-free: 20.3 (18.1 to 22.0); average patient 21.2"``."""
    start = p.event_free_at or 0.0
    span = f"Of months {start:g} to {expected.until:g}" if start else f"Of the first {expected.until:g} months"
    (value,), (low,), (high,) = expected.months.value, expected.months.low, expected.months.high
    what = "event-free" if p.kind == "survival" else "lost to the event"
    beside = "" if expected.effects is None else f"; average patient {expected.effects.base[0]:.1f}"
    return f"{span}, expected {what}: {value:.1f} ({low:.1f} to {high:.1f}){beside}"


def months_moved(expected: ExpectedMonths) -> Sequence[tuple[str, float]]:
    """The three inputs that moved expected months most, and by how much; without those that round to nothing."""
    effects = by_strength(expected.effects.effects[0]) if expected.effects is not None else ()
    return [item for item in effects if abs(item[1]) >= _SMALL_MONTHS][:3]
