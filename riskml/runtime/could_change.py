"""Which missing input could change the answer most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.members import Linear
from riskml.runtime.model import Value
from riskml.runtime.questions import Question, ask
from riskml.runtime.score import contributions

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# Share of the background left out at each end when saying how far a missing number could move the estimate.
TAIL = 0.05
_SHARES = (TAIL, 0.275, 0.5, 0.725, 1 - TAIL)


def could_change(question: Question, dictionary: Dictionary, known: Mapping[str, Value]) -> list[dict[str, Any]]:
    """For each missing input, the estimates that measuring it could lead to, the most influential first.

    Numbers run from the 5th to the 95th percentile of the training patients (of the background in bundles that do not
    say: it ends too early, see docs/missing_inputs.md); lesions and categories over all their levels, because a rare
    lesion is exactly what a test may find. Low and high are lists over the months for survival.
    """
    model, found = question.model, []
    for name in model.inputs:
        if name not in known:
            options = _options(question, dictionary[name])
            answers = [ask(question, {**known, name: option}) for option in options]
            low = [min(a[k] for a in answers) for k in range(len(answers[0]))]
            high = [max(a[k] for a in answers) for k in range(len(answers[0]))]
            spread = max(h - lo for lo, h in zip(low, high, strict=True))
            binary = model.kind == "binary"
            found.append(
                (-spread, name, {"input": name, "low": low[0] if binary else low, "high": high[0] if binary else high})
            )
    return [item for _, _, item in sorted(found, key=lambda entry: entry[:2])]


def _options(question: Question, variable: Variable) -> list[Value]:
    """Values that bound what a measurement may bring.

    The answer of one linear predictor is monotone in an input's contribution to it, so percentiles of the contribution
    give the percentiles of the answer without averaging over the background twice. Other answers may turn in between:
    the percentiles between are tried as well.
    """
    if variable.kind == "tristate":
        return [0.0, 1.0]
    if variable.kind == "category":
        return list(variable.levels)
    model, name = question.model, variable.name
    column: list[Any] = [row[model.inputs.index(name)] for row in model.background]
    predictor = model.members[0].predictor
    if len(model.members) > 1 or not isinstance(predictor, Linear) or not question.is_linear:
        inner = _percentiles(column, model.weights, column, _SHARES)
        return [*model.usual[name], *inner[1:-1]] if name in model.usual else inner
    if name not in model.usual:
        return _percentiles(
            contributions(model.features, predictor, name, column), model.weights, column, (TAIL, 1 - TAIL)
        )
    low, high = model.usual[name]
    options: list[Value] = [low, high, *(value for value in column if low < value < high)]
    ranked = sorted(zip(contributions(model.features, predictor, name, options), options, strict=True))
    return [ranked[0][1], ranked[-1][1]]


def _percentiles(
    ranks: Sequence[Any], weights: Sequence[float], column: Sequence[Value], shares: Sequence[float]
) -> list[Value]:
    """The values of ``column`` at some weighted percentiles of their ranks."""
    ordered = sorted(zip(ranks, weights, column, strict=True))
    return [_weighted(ordered, share) for share in shares]


def _weighted(ordered: Sequence[tuple[Any, float, Value]], share: float) -> Value:
    total = 0.0
    for _, weight, option in ordered:
        total += weight
        if total >= share:
            return option
    return ordered[-1][2]
