"""Portable model + one patient (pure Python) or a table (numpy) -> probability or survival, with its interval.

One idea serves complete and incomplete patients: v(known) is the weighted mean prediction over the background
prototypes with the patient's known inputs put in. With every input known it is the model's own prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from operator import mul

from riskml.record import Record
from riskml.runtime.model import Feature, Linear, Member, PortableModel, Value

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray


# exp() of more than this is beyond a double; a linear predictor that large is certainty anyway.
MAX_LOG = 700.0


def contribution(features: Sequence[Feature], linear: Linear, name: str, value: Value) -> float:
    """What one known input adds to the linear predictor."""
    return sum(
        coefficient * feature.component(value)
        for feature, coefficient in zip(features, linear.coefficients, strict=True)
        if name in feature.inputs
    )


class Position(Record):
    """Where a patient stands in the design matrix, once for all members.

    Attributes
    ----------
    fixed : list of float
        Each feature, as far as the known inputs make it up.
    moving : list of int
        Features that miss an input.
    rows : list of tuples
        What the prototypes have for the missing part of the moving features; equal prototypes are one row.
    weights : list of float
        Weight of each row, summing to 1. With nothing missing there is one empty row of weight 1.
    """

    fixed: list[float]
    moving: list[int]
    rows: list[tuple[float, ...]]
    weights: list[float]


def position(model: PortableModel, known: Mapping[str, Value]) -> Position:
    """Turn known inputs and background into features."""
    fixed, moving, parts = [], [], []
    for j, feature in enumerate(model.features):
        fixed.append(sum(feature.component(known[name]) for name in feature.inputs if name in known))
        missing = [model.inputs.index(name) for name in feature.inputs if name not in known]
        if missing:
            moving.append(j)
            parts.append([sum(feature.component(row[i]) for i in missing) for row in model.background])
    if not moving:
        return Position(fixed, moving, [()], [1.0])
    merged: dict[tuple[float, ...], float] = {}
    for row, weight in zip(zip(*parts, strict=True), model.weights, strict=True):
        merged[row] = merged.get(row, 0.0) + weight
    return Position(fixed, moving, list(merged), list(merged.values()))


def points(member: Member, place: Position) -> list[float]:
    """The linear predictor with each row of the background put in for what is missing."""
    coefficients = member.linear.coefficients
    lp = member.linear.intercept + sum(map(mul, coefficients, place.fixed))
    moving = [coefficients[j] for j in place.moving]
    return [lp + sum(map(mul, moving, row)) for row in place.rows]


def cumulative_hazards(member: Member, times: Sequence[float]) -> list[float]:
    """Baseline cumulative hazard at each of ``times``; empty for a binary outcome, which has none."""
    return [member.baseline.at(t) for t in times] if member.baseline else []


def respond(member: Member, lps: list[float], weights: Sequence[float], hazards: Sequence[float]) -> list[float]:
    """Link: the weighted mean probability over ``lps``, or the weighted mean S(t) for each cumulative hazard."""
    if max(lps) > MAX_LOG or min(lps) < -MAX_LOG:
        lps = [min(max(lp, -MAX_LOG), MAX_LOG) for lp in lps]
    if member.baseline is None:
        return [sum(w / (1.0 + exp(-lp)) for w, lp in zip(weights, lps, strict=True))]
    relative = list(map(exp, lps))
    return [sum(w * exp(-hazard * r) for w, r in zip(weights, relative, strict=True)) for hazard in hazards]


def member_value(member: Member, place: Position, times: Sequence[float]) -> list[float]:
    """v(known) of one member: one number for a binary outcome, one per time for survival."""
    return respond(member, points(member, place), place.weights, cumulative_hazards(member, times))


def value(model: PortableModel, known: Mapping[str, Value], times: Sequence[float] = ()) -> list[float]:
    """v(known): the estimate for a patient of whom only ``known`` is known.

    Parameters
    ----------
    model : PortableModel
    known : mapping of input name to value
        Numbers in canonical units, 1/0 for present/absent, level names for categories. Absent keys are missing.
    times : sequence of float
        Months for a survival model; ignored for a binary one.

    Returns
    -------
    list of float
        ``[probability]``, or S(t) for each of ``times``.
    """
    place = position(model, known)
    parts = [member_value(member, place, times) for member in model.members]
    sums = [sum(m.weight * p[k] for m, p in zip(model.members, parts, strict=True)) for k in range(len(parts[0]))]
    return [min(1.0, total) for total in sums]  # weights add up to 1 but for rounding


def quantile(ordered: Sequence[float], probability: float) -> float:
    """Linear-interpolation quantile (type 7; Hyndman & Fan, Am Stat 1996;50:361-365) of sorted numbers."""
    place = probability * (len(ordered) - 1)
    low = min(int(place), len(ordered) - 1)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def interval(
    model: PortableModel, known: Mapping[str, Value], times: Sequence[float], centre: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Percentile interval over the bootstrap refits, widened where needed to hold the estimate itself.

    Returns
    -------
    low, high : lists of float
        One pair per entry of ``centre``; 0 and 1 where the model has no refits and nothing is known.
    """
    if not model.bootstrap:
        return [0.0] * len(centre), [1.0] * len(centre)
    place = position(model, known)
    draws = [member_value(member, place, times) for member in model.bootstrap]
    tail = (1 - model.level) / 2
    low, high = [], []
    for k, middle in enumerate(centre):
        ordered = sorted(draw[k] for draw in draws)
        low.append(min(quantile(ordered, tail), middle))
        high.append(min(1.0, max(quantile(ordered, 1 - tail), middle)))
    return low, high


def score_table(
    model: PortableModel, columns: Mapping[str, Sequence[Any]], n_rows: int, times: Sequence[float] = ()
) -> NDArray[np.float64]:
    """v(known) for every row of a table, with numpy.

    Parameters
    ----------
    model : PortableModel
    columns : mapping of input name to a sequence of length n_rows
        Numbers with nan, or levels with None, where missing; inputs without a column are missing throughout.
    n_rows : int
    times : sequence of float
        Months for a survival model.

    Returns
    -------
    array of shape (n_rows, 1) or (n_rows, len(times))
        The same numbers that :func:`value` gives row by row.
    """
    import numpy as np

    parts: dict[str, Any] = {name: _components(model, name, columns.get(name), n_rows) for name in model.inputs}
    total = 0.0
    for member in model.members:
        total = total + member.weight * _score_member(model, member, parts, n_rows, times)
    return np.asarray(np.minimum(total, 1.0))


def _components(model: PortableModel, name: str, column: Sequence[Any] | None, n_rows: int) -> Any:
    """Features of one input, its components (n_rows, n_features_of_it), nan where missing, and the prototypes'."""
    import numpy as np

    which = [j for j, feature in enumerate(model.features) if name in feature.inputs]
    where = model.inputs.index(name)
    prototypes = np.array([[model.features[j].component(row[where]) for j in which] for row in model.background])
    rows = np.full((n_rows, len(which)), np.nan)
    if column is not None:
        for k, j in enumerate(which):
            rows[:, k] = feature_column(model.features[j], column)
    return which, rows, prototypes


def feature_column(feature: Feature, column: Sequence[Any]) -> Any:
    """``Feature.component`` for a whole column."""
    import numpy as np

    if feature.op == "level":
        return np.array([np.nan if v is None or v != v else feature.component(v) for v in column], dtype=float)  # noqa: PLR0124
    x = np.asarray(column, dtype=float)
    if feature.op == "log10":
        return np.log10(np.maximum(x, feature.parameter))
    if feature.op == "hinge":
        return np.maximum(0.0, x - feature.parameter)
    if feature.op == "at_least":
        return np.where(np.isnan(x), np.nan, (x >= feature.parameter).astype(float))
    return x


def _score_member(
    model: PortableModel, member: Member, parts: Mapping[str, Any], n_rows: int, times: Sequence[float]
) -> Any:
    import numpy as np

    lp = np.full(n_rows, member.linear.intercept)
    missing = np.zeros((n_rows, len(model.inputs)), dtype=bool)
    shift = np.zeros((len(model.inputs), len(model.background)))
    for i, name in enumerate(model.inputs):
        which, rows, prototypes = parts[name]
        coefficients = np.array([member.linear.coefficients[j] for j in which])
        given = rows @ coefficients
        missing[:, i] = np.isnan(rows).any(axis=1)
        lp += np.where(missing[:, i], 0.0, given)
        shift[i] = prototypes @ coefficients
    hazards = np.array(cumulative_hazards(member, times)) if member.baseline else None
    answer = np.empty((n_rows, 1 if hazards is None else len(hazards)))
    patterns, pattern_of = np.unique(missing, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):  # few distinct patterns; each is one broadcast over its prototypes
        rows = np.flatnonzero(pattern_of.ravel() == index)
        shifts, weights = (pattern @ shift, np.array(model.weights)) if pattern.any() else (np.zeros(1), np.ones(1))
        for chunk in np.array_split(rows, 1 + len(rows) * len(shifts) // 2_000_000):
            answer[chunk] = _respond_table(lp[chunk, None] + shifts[None, :], hazards) @ weights
    return answer


def _respond_table(lp: Any, hazards: Any) -> Any:
    """``respond`` for an array (rows, prototypes) -> (rows, times, prototypes)."""
    import numpy as np

    lp = np.clip(lp, -MAX_LOG, MAX_LOG)[:, None, :]
    if hazards is None:
        small = np.exp(-np.abs(lp))
        return np.where(lp >= 0, 1.0, small) / (1.0 + small)
    with np.errstate(over="ignore"):  # an infinite hazard is certainty, as in plain Python
        return np.exp(-hazards[None, :, None] * np.exp(lp))
