"""The portable model, format 1: plain frozen values that are built from JSON only after every shape was checked."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from riskml.record import Record

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1
LINKS = {"binary": "logistic", "survival": "cox"}
_NUMERIC = {int, float}  # and not bool, which is an int to isinstance()

Value = float | str


def _log10(value: Value, floor: Any) -> float:
    return math.log10(max(float(value), float(floor)))


def _hinge(value: Value, knot: Any) -> float:
    return max(0.0, float(value) - float(knot))


def _level(value: Value, levels: Any) -> float:
    return 1.0 if value in levels else 0.0


# The closed list of transforms. Each maps one known input to one number; a feature of several inputs is their sum, so
# that a linear predictor stays additive over inputs and its Shapley values stay exact.
OPS: Mapping[str, Callable[[Value, Any], float]] = {
    "value": lambda value, _: float(value),
    "log10": _log10,
    "hinge": _hinge,
    "at_least": lambda value, cut: 1.0 if float(value) >= cut else 0.0,
    "level": _level,
}


class Feature(Record):
    """One column of the design matrix: ``sum(op(x, parameter) for x in inputs)``.

    Attributes
    ----------
    name : str
        Name of the column.
    op : str
        A key of ``OPS``.
    inputs : tuple of str
        Dictionary names of the inputs that enter.
    parameter : float, tuple of str or None
        Floor of ``log10``, knot of ``hinge``, cut of ``at_least``, levels of ``level``.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    parameter: Any = None

    def component(self, value: Value) -> float:
        """What one known input adds to this feature."""
        return OPS[self.op](value, self.parameter)


class Linear(Record):
    """A linear member: ``intercept + sum(coefficients * features)`` on the log-odds or log-hazard scale."""

    intercept: float
    coefficients: tuple[float, ...]


class Baseline(Record):
    """Cumulative hazard at linear predictor 0 on a grid of months that starts at 0; linear in between."""

    times: tuple[float, ...]
    cumulative_hazard: tuple[float, ...]

    def at(self, months: float) -> float:
        """Cumulative hazard at ``months``, which must lie on the grid's span."""
        times = self.times
        if not 0 <= months <= times[-1]:
            raise ValueError(f"months must lie in [0, {times[-1]:g}], got {months!r}")
        upper = bisect_left(times, months)
        if upper == 0:
            return self.cumulative_hazard[0]
        low, high = times[upper - 1], times[upper]
        share = (months - low) / (high - low)
        return self.cumulative_hazard[upper - 1] + share * (
            self.cumulative_hazard[upper] - self.cumulative_hazard[upper - 1]
        )


class Member(Record):
    """A fitted model: its weight in the average, its linear predictor and, for survival, its baseline."""

    weight: float
    linear: Linear
    baseline: Baseline | None


class PortableModel(Record):
    """Everything needed to score and explain a patient.

    Attributes
    ----------
    kind : {"binary", "survival"}
        Logistic probability, or Cox survival S(t).
    inputs : tuple of str
        Dictionary names in the order of the background's columns.
    features : tuple of Feature
        The design matrix, in the order of the coefficients.
    members : tuple of Member
        Averaged on the probability (or survival) scale with weights that sum to 1.
    weights, background : tuples
        Prototypes, weights summing to 1: microaggregates of five or more training patients, never a patient.
    bootstrap : tuple of Member
        Refits of the whole pipeline to resampled patients; they give the interval of ``level``.
    limits : mapping of str to (low, high)
        Range of each numeric input in training (rounded outward from means of five patients).
    """

    kind: str
    inputs: tuple[str, ...]
    features: tuple[Feature, ...]
    members: tuple[Member, ...]
    weights: tuple[float, ...]
    background: tuple[tuple[Value, ...], ...]
    bootstrap: tuple[Member, ...]
    level: float
    limits: Mapping[str, tuple[float, float]]

    @property
    def horizon(self) -> float:
        """Last month for which S(t) can be given; infinite for a binary outcome."""
        return min((m.baseline.times[-1] for m in self.members if m.baseline), default=math.inf)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of the model."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "inputs": list(self.inputs),
            "features": [
                {
                    "name": f.name,
                    "op": f.op,
                    "inputs": list(f.inputs),
                    "parameter": list(f.parameter) if isinstance(f.parameter, tuple) else f.parameter,
                }
                for f in self.features
            ],
            "members": [_member_dict(member) for member in self.members],
            "link": LINKS[self.kind],
            "background": {"weights": list(self.weights), "rows": [list(row) for row in self.background]},
            "uncertainty": {"level": self.level, "members": [_member_dict(member) for member in self.bootstrap]},
            "limits": {name: list(limits) for name, limits in self.limits.items()},
        }


def _member_dict(member: Member) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "kind": "linear",
        "weight": member.weight,
        "intercept": member.linear.intercept,
        "coefficients": list(member.linear.coefficients),
    }
    if member.baseline is not None:
        raw["times"] = list(member.baseline.times)
        raw["cumulative_hazard"] = list(member.baseline.cumulative_hazard)
    return raw


def level_inputs(features: Sequence[Feature]) -> set[str]:
    """Inputs whose values are level names; all others are numbers."""
    return {name for feature in features if feature.op == "level" for name in feature.inputs}


class ModelError(ValueError):
    """A portable model that does not fit its own description."""


def _need(condition: object, message: str) -> None:
    if not condition:
        raise ModelError(message)


def _numbers(raw: object, what: str, *, length: int | None = None) -> tuple[float, ...]:
    if not isinstance(raw, list) or not set(map(type, raw)) <= _NUMERIC or not all(map(math.isfinite, raw)):
        raise ModelError(f"{what} must be a list of finite numbers")
    if length is not None and len(raw) != length:
        raise ModelError(f"{what} must have {length} numbers, has {len(raw)}")
    return tuple(map(float, raw))


def model_from_dict(raw: Mapping[str, Any]) -> PortableModel:
    """Build a model from its JSON form.

    Raises
    ------
    ModelError
        If a field is missing, has another shape, is not finite, or asks for something this riskml does not know.
    """
    try:
        return _build(raw)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ModelError(f"the model lacks or misuses a field ({type(error).__name__}: {error})") from None


def _build(raw: Mapping[str, Any]) -> PortableModel:
    kind = raw["kind"]
    _need(kind in LINKS, f"unknown kind of outcome {kind!r}")
    _need(raw["format"] == FORMAT and raw["link"] == LINKS[kind], "unknown format or link: a newer riskml is needed")
    inputs = _names(raw["inputs"], "inputs")
    features = tuple(_feature(item, inputs) for item in raw["features"])
    _need(len({feature.name for feature in features}) == len(features), "features must have different names")
    members = _members(raw["members"], features, kind)
    _need(members and math.isclose(sum(m.weight for m in members), 1.0, abs_tol=1e-9), "member weights must sum to 1")
    rows = raw["background"]["rows"]
    weights = _numbers(raw["background"]["weights"], "background weights", length=len(rows))
    _need(
        rows and min(weights) > 0 and math.isclose(sum(weights), 1.0, abs_tol=1e-9),
        "background weights must be positive and sum to 1",
    )
    background = tuple(_background_row(row, inputs, features) for row in rows)
    uncertainty = raw["uncertainty"]
    level = _numbers([uncertainty["level"]], "level")[0]
    _need(0 < level < 1, "level must lie in (0, 1)")
    limits = {name: _pair(pair, name) for name, pair in raw["limits"].items()}
    _need(set(limits) <= set(inputs), "limits must be those of inputs")
    model = PortableModel(
        kind=kind,
        inputs=inputs,
        features=features,
        members=members,
        weights=weights,
        background=background,
        bootstrap=_members(uncertainty["members"], features, kind),
        level=level,
        limits=limits,
    )
    _need(
        all(m.baseline.times[-1] >= model.horizon for m in model.bootstrap if m.baseline),
        "bootstrap members must reach as far as the model",
    )
    return model


def _names(raw: object, what: str) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(name, str) for name in raw):
        raise ModelError(f"{what} must be a list of names")
    _need(len(set(raw)) == len(raw), f"{what} must differ")
    return tuple(raw)


def _feature(raw: Mapping[str, Any], inputs: Sequence[str]) -> Feature:
    op, names, parameter = raw["op"], _names(raw["inputs"], "inputs of a feature"), raw["parameter"]
    _need(op in OPS, f"unknown transform {op!r}")
    _need(set(names) <= set(inputs), f"feature {raw['name']!r} uses inputs the model does not list")
    if op == "level":
        _need(
            isinstance(parameter, list) and all(isinstance(x, str) for x in parameter), "level needs a list of levels"
        )
        parameter = tuple(parameter)
    elif op == "value":
        _need(parameter is None, "value takes no parameter")
    else:
        _numbers([parameter], f"parameter of {op}")  # kept as it is written, 10 or 10.0: its file has a digest
        _need(op != "log10" or parameter > 0, "the floor of log10 must be positive")
    return Feature(str(raw["name"]), op, names, parameter)


def _members(raw: Sequence[Mapping[str, Any]], features: Sequence[Feature], kind: str) -> tuple[Member, ...]:
    return tuple(_member(item, len(features), kind) for item in raw)


def _member(raw: Mapping[str, Any], n_features: int, kind: str) -> Member:
    _need(raw["kind"] == "linear", f"unknown member {raw['kind']!r}: a newer riskml is needed")
    weight, intercept = _numbers([raw["weight"], raw["intercept"]], "weight and intercept")
    _need(weight > 0, "member weights must be positive")
    linear = Linear(intercept, _numbers(raw["coefficients"], "coefficients", length=n_features))
    if kind == "binary":
        return Member(weight, linear, None)
    times = _numbers(raw["times"], "baseline times")
    hazard = _numbers(raw["cumulative_hazard"], "cumulative hazard", length=len(times))
    _need(
        len(times) > 1 and times[0] == 0 and all(a < b for a, b in pairwise(times)),
        "times must rise from 0",
    )
    _need(
        hazard[0] == 0 and all(a <= b for a, b in pairwise(hazard)),
        "cumulative hazard must rise from 0",
    )
    return Member(weight, linear, Baseline(times, hazard))


def _background_row(row: Sequence[Any], inputs: Sequence[str], features: Sequence[Feature]) -> tuple[Value, ...]:
    _need(len(row) == len(inputs), f"a background row must have {len(inputs)} values")
    text = level_inputs(features)
    numeric = {name for f in features if f.op != "level" for name in f.inputs}
    _need(not text & numeric, f"an input is a level or a number, not both: {', '.join(sorted(text & numeric))}")
    for name, value in zip(inputs, row, strict=True):
        if name in text:
            _need(isinstance(value, str), f"background values of {name} must be levels")
        else:
            _numbers([value], f"background values of {name}")
    return tuple(value if isinstance(value, str) else float(value) for value in row)


def _pair(raw: object, name: str) -> tuple[float, float]:
    low, high = _numbers(raw, f"limits of {name}", length=2)
    _need(low <= high, f"limits of {name} must rise")
    return low, high
