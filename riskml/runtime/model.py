"""The portable model, format 1: plain frozen values that are built from JSON only after every shape was checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache, partial

from riskml.record import Record
from riskml.runtime.backdrop import Backdrop, backdrop_of
from riskml.runtime.members import Linear, Member, member_from_dict
from riskml.runtime.model_error import ModelError, need, numbers
from riskml.runtime.responses import Logistic
from riskml.runtime.time_responses import Baseline

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1
# Kinds of outcomes, and what an answer about each is.
KINDS = {"binary": "probability", "survival": "survival", "incidence": "cumulative_incidence"}

Value = float | str

# Sets of missing inputs that are remembered; each takes up to .3 MB, most of it what they add to hundreds of refits.
_KEPT = 32
# Sets of months; the months of an expected time take about 1 MB.
_KEPT_MONTHS = 4


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


def _ready(draws: Sequence[Sequence[Member]], times: tuple[float, ...]) -> list[tuple[Member, Any]]:
    return [(member, member.response.prepare(times)) for draw in draws for member in draw if member.weight > 0]


class PortableModel(Record):
    """Everything needed to score and explain a patient.

    Attributes
    ----------
    kind : {"binary", "survival", "incidence"}
        A probability, survival S(t), or the cumulative incidence of one of several causes.
    inputs : tuple of str
        Dictionary names in the order of the background's columns.
    features : tuple of Feature
        The design matrix, in the order of the coefficients.
    members : tuple of Member
        Averaged on the scale of the answer with weights that sum to 1.
    weights, background : tuples
        Prototypes, weights summing to 1: microaggregates of five or more training patients, never a patient.
    bootstrap : tuple of tuples of Member
        Refits of the whole pipeline to resampled patients; they give the interval of ``level``.
    limits : mapping of str to (low, high)
        Range of each numeric input in training (rounded outward from means of five patients).
    usual : mapping of str to (low, high)
        Where 90 % of the training patients lie in a numeric input: its 5th and 95th percentile, each the mean of five
        patients about it. Prototypes are means already and end too early.
    """

    kind: str
    inputs: tuple[str, ...]
    features: tuple[Feature, ...]
    members: tuple[Member, ...]
    weights: tuple[float, ...]
    background: tuple[tuple[Value, ...], ...]
    bootstrap: tuple[tuple[Member, ...], ...]
    level: float
    limits: Mapping[str, tuple[float, float]]
    usual: Mapping[str, tuple[float, float]] = {}

    @cached_property
    def backdrop(self) -> Callable[[tuple[str, ...]], Backdrop]:
        """The prototypes in the place of some missing inputs; the last few sets of them are remembered."""
        return lru_cache(maxsize=_KEPT)(partial(backdrop_of, self.features, self.inputs, self.background, self.weights))

    @cached_property
    def drawn(self) -> Callable[[tuple[float, ...]], list[tuple[Member, Any]]]:
        """The members of all refits that count, ready for some months; the last few sets of months are remembered."""
        return lru_cache(maxsize=_KEPT_MONTHS)(partial(_ready, self.bootstrap))

    @property
    def horizon(self) -> float:
        """Last month for which there is an answer; infinite for a binary outcome."""
        return min(member.response.reach for member in self.members)

    @property
    def scale(self) -> str:
        """What an answer is: a probability, survival or a cumulative incidence."""
        return KINDS[self.kind]

    @property
    def is_linear(self) -> bool:
        """Whether every member has one linear predictor that is a log-odds or a log-hazard against a baseline.

        That of an accelerated failure time is a log-time, and a recalibrated one is off by its line.
        """
        return self.has_link and all(isinstance(member.predictor, Linear) for member in self.members)

    @property
    def has_link(self) -> bool:
        """Whether every member's output is a log-odds or a log-hazard against a baseline, of whatever predictor."""
        return all(isinstance(member.response, (Logistic, Baseline)) for member in self.members)

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
            "members": [member.to_dict() for member in self.members],
            "background": {"weights": list(self.weights), "rows": [list(row) for row in self.background]},
            "uncertainty": {"level": self.level, "draws": [[m.to_dict() for m in draw] for draw in self.bootstrap]},
            "limits": {name: list(limits) for name, limits in self.limits.items()},
            **({"usual": {name: list(pair) for name, pair in self.usual.items()}} if self.usual else {}),
        }


def level_inputs(features: Sequence[Feature]) -> set[str]:
    """Inputs whose values are level names; all others are numbers."""
    return {name for feature in features if feature.op == "level" for name in feature.inputs}


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
    need(raw["format"] == FORMAT, "unknown format: a newer riskml is needed")
    kind = raw["kind"]
    need(kind in KINDS, f"unknown kind of outcome {kind!r}")
    inputs = _names(raw["inputs"], "inputs")
    features = tuple(_feature(item, inputs) for item in raw["features"])
    need(len({feature.name for feature in features}) == len(features), "features must have different names")
    members = _members(raw["members"], features, kind)
    rows = raw["background"]["rows"]
    need(rows, "there is no background: what is not known, and every explanation, is averaged over it")
    weights = numbers(raw["background"]["weights"], "background weights", length=len(rows))
    need(
        min(weights) > 0 and math.isclose(sum(weights), 1.0, abs_tol=1e-9),
        "background weights must be positive and sum to 1",
    )
    background = tuple(_background_row(row, inputs, features) for row in rows)
    uncertainty = raw["uncertainty"]
    level, draws = numbers([uncertainty["level"]], "level")[0], uncertainty["draws"]
    need(isinstance(draws, list), "draws must be a list")
    need(0 < level < 1, "level must lie in (0, 1)")
    limits = {name: _pair(pair, name) for name, pair in raw["limits"].items()}
    usual = {name: _pair(pair, name) for name, pair in raw.get("usual", {}).items()}  # older bundles have none
    need(set(limits) | set(usual) <= set(inputs), "limits must be those of inputs")
    need(not set(usual) & level_inputs(features), "only numbers have usual values")
    model = PortableModel(
        kind=kind,
        inputs=inputs,
        features=features,
        members=members,
        weights=weights,
        background=background,
        bootstrap=tuple(_members(draw, features, kind) for draw in draws),
        level=level,
        limits=limits,
        usual=usual,
    )
    need(
        all(member.response.reach >= model.horizon for draw in model.bootstrap for member in draw),
        "bootstrap members must reach as far as the model",
    )
    return model


def _names(raw: object, what: str) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(name, str) for name in raw):
        raise ModelError(f"{what} must be a list of names")
    need(len(set(raw)) == len(raw), f"{what} must differ")
    return tuple(raw)


def _feature(raw: Mapping[str, Any], inputs: Sequence[str]) -> Feature:
    op, names, parameter = raw["op"], _names(raw["inputs"], "inputs of a feature"), raw["parameter"]
    need(op in OPS, f"unknown transform {op!r}")
    need(set(names) <= set(inputs), f"feature {raw['name']!r} uses inputs the model does not list")
    if op == "level":
        need(isinstance(parameter, list) and all(isinstance(x, str) for x in parameter), "level needs a list of levels")
        parameter = tuple(parameter)
    elif op == "value":
        need(parameter is None, "value takes no parameter")
    else:
        numbers([parameter], f"parameter of {op}")  # kept as it is written, 10 or 10.0: its file has a digest
        need(op != "log10" or parameter > 0, "the floor of log10 must be positive")
    return Feature(str(raw["name"]), op, names, parameter)


def _members(raw: Sequence[Mapping[str, Any]], features: Sequence[Feature], kind: str) -> tuple[Member, ...]:
    need(isinstance(raw, list), "members must be a list")
    members = tuple(member_from_dict(item, len(features), kind) for item in raw)
    need(members and math.isclose(sum(m.weight for m in members), 1.0, abs_tol=1e-9), "member weights must sum to 1")
    return members


def _background_row(row: Sequence[Any], inputs: Sequence[str], features: Sequence[Feature]) -> tuple[Value, ...]:
    need(len(row) == len(inputs), f"a background row must have {len(inputs)} values")
    text = level_inputs(features)
    numeric = {name for f in features if f.op != "level" for name in f.inputs}
    need(not text & numeric, f"an input is a level or a number, not both: {', '.join(sorted(text & numeric))}")
    for name, value in zip(inputs, row, strict=True):
        if name in text:
            need(isinstance(value, str), f"background values of {name} must be levels")
        else:
            numbers([value], f"background values of {name}")
    return tuple(value if isinstance(value, str) else float(value) for value in row)


def _pair(raw: object, name: str) -> tuple[float, float]:
    low, high = numbers(raw, f"limits of {name}", length=2)
    need(low <= high, f"limits of {name} must rise")
    return low, high
