"""How like the training cohort a patient is, and which missing input could change the answer most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.members import Linear
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.parsing import Reading
from riskml.runtime.score import contributions, value

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# Share of the background left out at each end when saying how far a missing number could move the estimate.
TAIL = 0.05
_SHARES = (TAIL, 0.275, 0.5, 0.725, 1 - TAIL)


def reasons_outside(
    model: PortableModel,
    dictionary: Dictionary,
    applies_to: Mapping[str, Sequence[Any]],
    readings: Mapping[str, Reading],
) -> list[str]:
    """Why the patient is unlike the training cohort, in words; empty where nothing speaks against it.

    ``applies_to`` is the recipe's declared population: a (low, high) pair of a number or a list of levels. Inputs the
    model does not use count too (an adult is an adult, even for a model without age).
    """
    reasons = []
    for name, allowed in applies_to.items():
        variable, reading = dictionary[name], readings.get(name, Reading(None))
        if reading.value is None:
            continue
        if isinstance(reading.value, str):
            if reading.value not in allowed:
                reasons.append(
                    f"{variable.label} is {reading.value}; the model is for {' or '.join(map(str, allowed))}"
                )
        elif not allowed[0] <= reading.value <= allowed[1]:
            span = _span(variable, allowed[0], allowed[1])
            reasons.append(f"{variable.label} is {variable.show(reading.value)}; the model is for {span}")
    for name, (low, high) in model.limits.items():
        variable, reading = dictionary[name], readings.get(name, Reading(None))
        number = reading.value
        if isinstance(number, float) and not low <= number <= high and reading.below is None:
            reasons.append(
                f"{variable.label} is {variable.show(number)}; training patients had about {_span(variable, low, high)}"
            )
    return reasons


def _span(variable: Variable, low: float, high: float) -> str:
    return f"{variable.show(float(low))} to {variable.show(float(high))}" if low != high else variable.show(float(low))


def could_change(
    model: PortableModel, dictionary: Dictionary, known: Mapping[str, Value], times: Sequence[float]
) -> list[dict[str, Any]]:
    """For each missing input, the estimates that measuring it could lead to, the most influential first.

    Numbers run from the 5th to the 95th weighted percentile of the background; lesions and categories over all their
    levels, because a rare lesion is exactly what a test may find. Low and high are lists over ``times`` for survival.
    """
    found = []
    for name in model.inputs:
        if name not in known:
            answers = [
                value(model, {**known, name: option}, times) for option in _options(model, dictionary[name], name)
            ]
            low = [min(a[k] for a in answers) for k in range(len(answers[0]))]
            high = [max(a[k] for a in answers) for k in range(len(answers[0]))]
            spread = max(h - lo for lo, h in zip(low, high, strict=True))
            binary = model.kind == "binary"
            found.append(
                (-spread, name, {"input": name, "low": low[0] if binary else low, "high": high[0] if binary else high})
            )
    return [item for _, _, item in sorted(found, key=lambda entry: entry[:2])]


def _options(model: PortableModel, variable: Variable, name: str) -> list[Value]:
    """Values that bound what a measurement may bring.

    The answer of one linear predictor is monotone in an input's contribution to it, so percentiles of the contribution
    give the percentiles of the answer without averaging over the background twice. Other answers may turn in between:
    the percentiles between are tried as well.
    """
    if variable.kind == "tristate":
        return [0.0, 1.0]
    if variable.kind == "category":
        return list(variable.levels)
    column = [row[model.inputs.index(name)] for row in model.background]
    predictor = model.members[0].predictor
    if len(model.members) == 1 and isinstance(predictor, Linear):
        ranks: Sequence[Any] = contributions(model.features, predictor, name, column)
        shares: Sequence[float] = (TAIL, 1 - TAIL)
    else:
        ranks, shares = column, _SHARES
    ordered = sorted(zip(ranks, model.weights, column, strict=True))
    return [_weighted(ordered, share) for share in shares]


def _weighted(ordered: Sequence[tuple[Any, float, Value]], share: float) -> Value:
    total = 0.0
    for _, weight, option in ordered:
        total += weight
        if total >= share:
            return option
    return ordered[-1][2]
