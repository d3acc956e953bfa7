"""Exact Shapley values of the portable model against its background, for one patient, in pure Python.

v(S) is the mean prediction over the prototypes with the inputs in S taken from the patient (interventional Shapley
values: Lundberg & Lee, NeurIPS 2017; Janzing et al., AISTATS 2020). A missing input is never in S, so its value is
exactly zero and the effects add up from v(nothing known) to v(everything known).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from operator import add, mul

from riskml.record import Record
from riskml.runtime.members import Linear, Member, Trees
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.responses import Calibrated, each, inner_of
from riskml.runtime.score import contributions, points, position, value
from riskml.runtime.subsets import shapley_of_table

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.members import Causes
    from riskml.runtime.responses import Response

# Enumeration doubles with every input that matters for this patient: 12 take about a second in pure Python.
MAX_INPUTS = 12
# Up to here enumeration is faster than the product form: coalitions times (2 + months), an input. It makes 10 inputs
# for a probability, 9 for three months and 6 for two dozen (benchmarks/many_inputs.py).
_ENUMERATED = 300


class TooManyInputsError(ValueError):
    """Coalitions are enumerated, and there are too many of them."""


class Effects(Record):
    """An additive explanation: ``base + sum(effects) = value`` on ``scale``.

    ``effects`` holds one mapping of input name to effect per time (a single one for a binary outcome).
    """

    scale: str
    base: tuple[float, ...]
    effects: tuple[Mapping[str, float], ...]
    value: tuple[float, ...]

    @property
    def sum_error(self) -> float:
        """Largest distance between ``base + sum(effects)`` and ``value``."""
        totals = [b + math.fsum(e.values()) for b, e in zip(self.base, self.effects, strict=True)]
        return max(abs(t - v) for t, v in zip(totals, self.value, strict=True))


def explain_link(model: PortableModel, known: Mapping[str, Value]) -> Effects:
    """Closed form on the log-odds or log-hazard scale, for a model whose members all have outputs on it.

    The mean over members is taken with their weights. A linear predictor is additive over inputs, so the Shapley value
    of input i is ``f_i(x_i) - mean_b f_i(b_i)`` (Lundberg & Lee 2017, corollary 1); a sum of trees is a sum of games.
    """
    effects = dict.fromkeys((name for name in model.inputs if name in known), 0.0)
    base = 0.0
    for member in model.members:
        linear = isinstance(member.predictor, Linear)
        empty, parts = (_link_of_linear if linear else _link_of_trees)(model, member, known)
        base += member.weight * empty
        for name, part in parts.items():
            effects[name] += member.weight * part
    place = position(model, known)
    mean = math.fsum(
        m.weight * w * lp for m in model.members for w, lp in zip(place.backdrop.weights, points(m, place), strict=True)
    )
    scale = "log_odds" if model.kind == "binary" else "log_hazard"
    return Effects(scale, (base,), (effects,), (mean,))


def _link_of_linear(model: PortableModel, member: Member, known: Mapping[str, Value]) -> tuple[float, dict[str, float]]:
    """Mean output without the patient, and what each known input adds."""
    linear, effects = member.linear, {}
    base = linear.intercept
    for name, column in zip(model.inputs, zip(*model.background, strict=True), strict=True):
        mean = math.fsum(map(mul, model.weights, contributions(model.features, linear, name, column)))
        base += mean
        if name in known:
            effects[name] = contributions(model.features, linear, name, [known[name]])[0] - mean
    return base, effects


def _link_of_trees(model: PortableModel, member: Member, known: Mapping[str, Value]) -> tuple[float, dict[str, float]]:
    """The same of trees whose leaves add up to the output."""
    from riskml.runtime.tree_games import shapley, splits_of  # only a model with trees pays for it

    predictor = member.predictor
    assert isinstance(predictor, Trees)
    names = differing(model, member, known)
    leaves = [[[predictor.scale * x] for x in tree.leaf] for tree in predictor.trees]
    (empty,), effects = shapley(predictor.trees, leaves, splits_of(model, known, names), len(names))
    return predictor.base[0] + empty, {name: part[0] for name, part in zip(names, effects, strict=True)}


def explain_value(model: PortableModel, known: Mapping[str, Value], times: Sequence[float] = ()) -> Effects:
    """Exact Shapley values of the probability, or of S(t) at each of ``times``: in the shortest of several ways.

    Trees whose answer is linear in the leaves have a closed form, one linear predictor a product form for many inputs;
    everything else is enumerated coalition by coalition.

    Parameters
    ----------
    model : PortableModel
    known : mapping of input name to value
        As for :func:`riskml.runtime.score.value`.
    times : sequence of float
        Months, for a survival model.

    Raises
    ------
    TooManyInputsError
        If more than ``MAX_INPUTS`` inputs matter for this patient and there is no shorter way.
    """
    n_answers = 1 if model.kind == "binary" else len(times)
    base = [0.0] * n_answers
    effects = [dict.fromkeys((name for name in model.inputs if name in known), 0.0) for _ in range(n_answers)]
    for member in model.members:
        names = differing(model, member, known)
        empty, parts = _effects_of(model, member, known, names, times)
        for k in range(n_answers):
            base[k] += member.weight * empty[k]
            for name, part in zip(names, parts, strict=True):
                effects[k][name] += member.weight * part[k]
    return Effects(model.scale, tuple(min(1.0, b) for b in base), tuple(effects), tuple(value(model, known, times)))


def differing(model: PortableModel, member: Member, known: Mapping[str, Value]) -> list[str]:
    """Known inputs that matter for this patient.

    An input that makes up the same features as that of every prototype is a dummy: leaving it out halves the work and
    changes nothing.
    """
    predictor = member.predictor
    if isinstance(predictor, Trees):
        used = {j for tree in predictor.trees for j in tree.feature}
    else:
        linears = [predictor] if isinstance(predictor, Linear) else predictor.linears
        used = {j for linear in linears for j, slope in enumerate(linear.coefficients) if slope}
    features = [model.features[j] for j in used]
    found = []
    for name, column in zip(model.inputs, zip(*model.background, strict=True), strict=True):
        if name in known:
            own, others = known[name], {value for value in column if value != known[name]}
            mine = [feature.component for feature in features if name in feature.inputs]
            if any(component(other) != component(own) for component in mine for other in others):
                found.append(name)
    return found


def _effects_of(
    model: PortableModel, member: Member, known: Mapping[str, Value], names: Sequence[str], times: Sequence[float]
) -> tuple[list[float], list[list[float]]]:
    """v(nothing known) of one member, and the Shapley value of each of ``names``, one number an answer."""
    predictor, response = member.predictor, member.response
    if isinstance(predictor, Trees) and response.is_mean:
        return _closed_form(model, predictor, response, known, names, times)
    if isinstance(predictor, Linear) and (found := _product_form(model, predictor, response, known, names, times)):
        return found
    if isinstance(predictor, Linear):
        return _prototypes_in_groups(model, predictor, response, known, names, times)
    worths = worths_of(model, member, known, names, times)
    effects = [shapley_of_table([worth[k] for worth in worths], len(names)) for k in range(len(worths[0]))]
    return worths[0], [list(parts) for parts in zip(*effects, strict=True)]


def _prototypes_in_groups(
    model: PortableModel,
    linear: Linear,
    response: Response,
    known: Mapping[str, Value],
    names: Sequence[str],
    times: Sequence[float],
) -> tuple[list[float], list[list[float]]]:
    """Enumeration that leaves out, for each prototype, the inputs in which the patient equals it.

    Such an input changes nothing in that prototype's game, so its effect there is zero (Shapley's null player) and the
    number of coalitions halves. Prototypes that differ in the same inputs share a table: effects are linear in games.
    """
    _check_number(names)
    n_answers, prepared = max(1, len(times)), response.prepare(times)
    base, effects = [0.0] * n_answers, [[0.0] * n_answers for _ in names]
    for which, rows, outputs in _groups(*_starts_and_moves(model, linear, known, names), n_answers):
        size = 1 << len(which)
        for k, answers in enumerate(each(response, outputs, prepared)):
            worths = [0.0] * size
            for place, row in enumerate(rows):
                part = answers[place * size : (place + 1) * size]
                worths = list(map(add, worths, map(mul, repeat(model.weights[row]), part)))
            base[k] += worths[0]
            for i, effect in zip(which, shapley_of_table(worths, len(which)), strict=True):
                effects[i][k] += effect
    return base, effects


def _groups(
    starts: Sequence[float], moves: Sequence[Sequence[float]], n_answers: int
) -> Iterator[tuple[Sequence[int], Sequence[int], list[float]]]:
    """Prototypes by the inputs that move them: these inputs, those prototypes, their outputs for every subset of them.

    All in one group where more tables would cost more than the shorter ones save.
    """
    rows_of: dict[tuple[int, ...], list[int]] = {}
    for row, steps in enumerate(zip(*moves, strict=True)):
        rows_of.setdefault(tuple(i for i, step in enumerate(steps) if step), []).append(row)
    everything = {tuple(range(len(moves))): list(range(len(starts)))}

    def cost(groups: Mapping[tuple[int, ...], list[int]]) -> int:
        return sum((len(rows) * (1 + n_answers) + len(k) * n_answers) << len(k) for k, rows in groups.items())

    groups = rows_of if moves and cost(rows_of) < cost(everything) else everything
    for which, rows in groups.items():
        points = []
        for row in rows:
            subsets = [starts[row]]
            for i in which:
                step = moves[i][row]
                subsets += [point + step for point in subsets]
            points += subsets
        yield which, rows, points


def worths_of(
    model: PortableModel, member: Member, known: Mapping[str, Value], names: Sequence[str], times: Sequence[float]
) -> list[list[float]]:
    """v(S) of one member for every subset S of ``names``, one number an answer; bit i says whether input i is in S.

    Raises
    ------
    TooManyInputsError
        If there are more than ``MAX_INPUTS`` of them.
    """
    _check_number(names)
    predictor, response = member.predictor, member.response
    if isinstance(predictor, Trees):
        return _worths_of_trees(model, predictor, response, known, names, times)
    prepared = response.prepare(times)
    return [response.mean(rows, model.weights, prepared) for rows in _points(model, predictor, known, names)]


def _check_number(names: Sequence[str]) -> None:
    if len(names) > MAX_INPUTS:
        raise TooManyInputsError(f"exact enumeration takes at most {MAX_INPUTS} inputs, got {len(names)}")


def _product_form(
    model: PortableModel,
    predictor: Linear,
    response: Response,
    known: Mapping[str, Value],
    names: Sequence[str],
    times: Sequence[float],
) -> tuple[list[float], list[list[float]]] | None:
    """A sigmoid of a linear predictor needs no enumeration; None where that would be slower, or impossible."""
    if len(names) <= MAX_INPUTS and (1 << len(names)) * (2 + len(times)) <= _ENUMERATED * len(names):
        return None
    from riskml.runtime.additive_games import shapley, span  # few patients need them
    from riskml.runtime.sigmoids import sigmoid_of

    sigmoid = sigmoid_of(response, times)
    starts, moves = _starts_and_moves(model, predictor, known, names)
    if sigmoid is None or not sigmoid.covers(*span(starts, moves)):
        return None
    return response.mean(starts, model.weights, response.prepare(times)), shapley(starts, moves, model.weights, sigmoid)


def _closed_form(
    model: PortableModel,
    predictor: Trees,
    response: Response,
    known: Mapping[str, Value],
    names: Sequence[str],
    times: Sequence[float],
) -> tuple[list[float], list[list[float]]]:
    """Answers that are linear in the leaves need no enumeration: each leaf has its effects in closed form."""
    from riskml.runtime.tree_games import shapley, splits_of  # only a model with trees pays for it

    zero, leaves = _leaf_answers(predictor, response, times)
    empty, effects = shapley(predictor.trees, leaves, splits_of(model, known, names), len(names))
    return list(map(add, zero, empty)), effects


def _leaf_answers(
    predictor: Trees, response: Response, times: Sequence[float]
) -> tuple[list[float], list[list[list[float]]]]:
    """The answer without any tree, and what each leaf of each tree adds to it, for responses linear in the leaves."""
    prepared, width = response.prepare(times), predictor.outputs

    def answer(outputs: Sequence[float]) -> list[float]:
        return response.mean([outputs[0] if width == 1 else outputs], [1.0], prepared)

    zero = answer([0.0] * width)  # S(0) = 1 belongs to no leaf
    units = [answer([float(k == n) for k in range(width)]) for n in range(width)]
    # Few outputs enter an answer: those of the months around the one that was asked for.
    parts = [
        [(n, predictor.scale * (unit[k] - z)) for n, unit in enumerate(units) if unit[k] != z]
        for k, z in enumerate(zero)
    ]
    leaves = [
        [
            [sum(factor * tree.leaf[start + n] for n, factor in part) for part in parts]
            for start in range(0, len(tree.leaf), width)
        ]
        for tree in predictor.trees
    ]
    return zero, leaves


def _worths_of_trees(
    model: PortableModel,
    predictor: Trees,
    response: Response,
    known: Mapping[str, Value],
    names: Sequence[str],
    times: Sequence[float],
) -> list[list[float]]:
    """v(S) for every subset S of ``names``; bit i of the index says whether input i is in S."""
    from riskml.runtime.tree_games import splits_of, tables

    inner, width, scale = inner_of(response), predictor.outputs, predictor.scale
    if inner.is_mean:  # leaves become answers first: fewer of them than outputs, and they are all it takes
        start, leaves = _leaf_answers(predictor, inner, times)
    else:
        start = list(predictor.base)
        leaves = [
            [[scale * x for x in tree.leaf[k : k + width]] for k in range(0, len(tree.leaf), width)]
            for tree in predictor.trees
        ]
    splits = splits_of(model, known, names)
    rows = [
        list(zip(*([x + base for x in table] for base, table in zip(start, row, strict=True)), strict=True))
        for row in tables(predictor.trees, leaves, splits, len(names))
    ]
    if isinstance(response, Calibrated) and inner.is_mean:
        return [response.mean_of(points, model.weights) for points in zip(*rows, strict=True)]
    if inner.is_mean:
        columns = [zip(*points, strict=True) for points in zip(*rows, strict=True)]
        return [[sum(map(mul, model.weights, answers)) for answers in column] for column in columns]
    prepared = response.prepare(times)
    return [
        response.mean([point[0] for point in points] if width == 1 else points, model.weights, prepared)
        for points in zip(*rows, strict=True)
    ]


def _points(
    model: PortableModel, predictor: Linear | Causes, known: Mapping[str, Value], names: Sequence[str]
) -> list[list[Any]]:
    """Outputs with each prototype, for every subset S of ``names``; bit i of the index says whether input i is in S."""
    if isinstance(predictor, Linear):
        return _linear_points(model, predictor, known, names)
    causes = [_linear_points(model, linear, known, names) for linear in predictor.linears]
    return [[list(point) for point in zip(*points, strict=True)] for points in zip(*causes, strict=True)]


def _starts_and_moves(
    model: PortableModel, linear: Linear, known: Mapping[str, Value], names: Sequence[str]
) -> tuple[list[float], list[list[float]]]:
    """The linear predictor with each prototype, and what each of ``names`` (as the model orders them) adds to it."""
    moves, lps = [], [linear.intercept] * len(model.background)
    for name, column in zip(model.inputs, zip(*model.background, strict=True), strict=True):
        theirs = contributions(model.features, linear, name, column)
        lps = list(map(add, lps, theirs))
        if name in names:
            (own,) = contributions(model.features, linear, name, [known[name]])
            moves.append([own - other for other in theirs])
    return lps, moves


def _linear_points(
    model: PortableModel, linear: Linear, known: Mapping[str, Value], names: Sequence[str]
) -> list[list[float]]:
    """Each subset is one step from a smaller one, so that rounding never adds up over more steps than inputs."""
    starts, moves = _starts_and_moves(model, linear, known, names)
    points: list[list[float]] = [[]] * (1 << len(moves))

    def walk(subset: int, start: int, lps: list[float]) -> None:
        points[subset] = lps
        for bit in range(start, len(moves)):
            walk(subset | 1 << bit, bit + 1, list(map(add, lps, moves[bit])))

    walk(0, 0, starts)
    return points
