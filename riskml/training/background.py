"""Background prototypes: microaggregates of five or more patients, so that no patient row is in a bundle.

MDAV (maximum distance to average vector; Domingo-Ferrer & Mateo-Sanz, IEEE Trans Knowl Data Eng 2002;14:189-201) groups
patients that the model treats alike; a prototype is the group's mean. Groups are formed on contributions to the linear
predictor, so what is averaged away is what the model hardly uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.could_change import TAIL
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.members import Causes, Linear, Member, Trees
from riskml.runtime.model import Feature, Value
from riskml.runtime.score import feature_column

# A value in a bundle comes from at least this many patients who have it.
SMALLEST_GROUP = 5
# 50 prototypes of 665 patients move predictions by 0.005 (100: 0.0005), far inside any interval, at half the time a
# prediction takes (benchmarks/background_fidelity.py).
MAX_PROTOTYPES = 50
# Inputs with hardly any effect still shape groups a little, so that the prototypes stay plausible patients.
_LEAST_WEIGHT = 0.05

_ANY = (-np.inf, np.inf)
_STEP = 0.5

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Background:
    """Weighted prototypes: ``rows`` in the order of the inputs, ``weights`` the share of patients in each group."""

    rows: tuple[tuple[Value, ...], ...]
    weights: tuple[float, ...]
    smallest_group: int


def microaggregate(points: FloatArray, size: int, patient: IntArray | None = None) -> list[IntArray]:
    """Partition rows into groups of at least ``size`` patients that lie close together (MDAV).

    Parameters
    ----------
    points : float array of shape (n_rows, n_dimensions)
    size : int
        Least number of patients in a group; with fewer than ``2 * size`` there is one group.
    patient : int array of shape (n_rows,), optional
        Patient of each row: five courses of one child are not a group of five. Each row its own patient by default.

    Returns
    -------
    list of index arrays
        Disjoint, together all rows.
    """
    patient = np.arange(len(points)) if patient is None else patient
    left = np.arange(len(points))
    groups: list[IntArray] = []

    def gather(reference: FloatArray) -> FloatArray:
        """Take the group around the row farthest from ``reference``; returns that row."""
        nonlocal left
        seed = points[left[np.argmax(_squared(points[left], reference))]]
        near = np.argsort(_squared(points[left], seed), kind="stable")
        chosen = near[: _rows_of(patient[left[near]], size)]
        groups.append(left[chosen])
        left = np.delete(left, chosen)
        return np.asarray(seed)

    while _patients(patient[left]) >= 3 * size:
        seed = gather(points[left].mean(axis=0))  # one group far from the middle
        if _patients(patient[left]) >= 2 * size:
            gather(seed)  # one far from that group
    if _patients(patient[left]) >= 2 * size:
        gather(points[left].mean(axis=0))
    if groups and _patients(patient[left]) < size:
        # Courses of patients who are in other groups too may be all that is left.
        groups[-1] = np.concatenate([groups[-1], left])
        return groups
    return [*groups, left] if len(left) else groups


def _patients(patient: IntArray) -> int:
    return len(np.unique(patient))


def _rows_of(ordered: IntArray, size: int) -> int:
    """How many rows, taken in order, hold ``size`` different patients (all rows, where there are fewer)."""
    first = np.sort(np.unique(ordered, return_index=True)[1])
    return int(first[size - 1]) + 1 if len(first) >= size else len(ordered)


def _squared(points: FloatArray, reference: FloatArray) -> FloatArray:
    return np.asarray(((points - reference) ** 2).sum(axis=1))


def prototypes(
    frame: Any,
    inputs: Sequence[str],
    features: Sequence[Feature],
    members: Sequence[Member],
    patient: IntArray | None = None,
    most: int = MAX_PROTOTYPES,
) -> Background:
    """Prototypes of the patients in ``frame`` for a model with the given members.

    Parameters
    ----------
    frame : DataFrame
        One column per input: numbers (nan missing) or levels (None missing).
    inputs, features, members
        The model's inputs, features and members.
    patient : int array of shape (n_rows,), optional
        Patient of each row; each row its own patient by default.
    most : int
        Largest number of prototypes.
    """
    patient = np.arange(len(frame)) if patient is None else patient
    size = max(SMALLEST_GROUP, -(-_patients(patient) // most))
    groups = microaggregate(_points(frame, inputs, features, members), size, patient)
    columns = [_prototype_column(frame[name], name, features, groups, patient) for name in inputs]
    rows = tuple(tuple(column[g] for column in columns) for g in range(len(groups)))
    weights = [len(group) / len(frame) for group in groups]
    weights[-1] = 1.0 - sum(weights[:-1])
    return Background(rows, tuple(weights), min(_patients(patient[group]) for group in groups))


def reach_of(members: Sequence[Member], spread: FloatArray) -> FloatArray:
    """How far one unit of each feature moves the answer, as far as prototypes need to know; shape (n_features,).

    Parameters
    ----------
    members : sequence of Member
        Coefficients of their linear predictors count; where there are none, how often their trees split on a feature.
    spread : float array of shape (n_features,)
        Standard deviation of each feature.
    """
    linears = [linear for member in members for linear in _linears(member)]
    if linears:
        return np.asarray(np.mean([np.abs(linear.coefficients) for linear in linears], axis=0))
    splits = np.zeros(len(spread))
    for member in members:
        assert isinstance(member.predictor, Trees)
        for tree in member.predictor.trees:
            splits += np.bincount(np.array(tree.feature, dtype=np.intp), minlength=len(spread))
    return np.divide(splits, spread, out=np.zeros(len(spread)), where=spread > 0)


def _linears(member: Member) -> tuple[Linear, ...]:
    if isinstance(member.predictor, Causes):
        return member.predictor.linears
    return (member.predictor,) if isinstance(member.predictor, Linear) else ()


def _points(frame: Any, inputs: Sequence[str], features: Sequence[Feature], members: Sequence[Member]) -> FloatArray:
    """One dimension per input: its standardised components, scaled by how much the input moves the answer."""
    parts = {(j, name): _filled(f, frame[name]) for j, f in enumerate(features) for name in f.inputs}
    columns = [sum(parts[j, name] for name in feature.inputs) for j, feature in enumerate(features)]
    reach = reach_of(members, np.array([np.std(column) for column in columns]))
    dimensions, spread = [], []
    for name in inputs:
        own, scale = np.zeros(len(frame)), 0.0
        for (j, part_of), part in parts.items():
            if part_of == name:
                own += part / (part.std() or 1.0)
                scale += reach[j] * part.std()
        dimensions.append(own)
        spread.append(scale)
    relative = np.array(spread) / (max(spread) or 1.0)
    return np.column_stack(dimensions) * np.maximum(relative, _LEAST_WEIGHT)


def _filled(feature: Feature, column: Any) -> FloatArray:
    part = feature_column(feature, column)
    known = part[~np.isnan(part)]
    return np.where(np.isnan(part), known.mean() if known.size else 0.0, part)


def _prototype_column(
    column: Any, name: str, features: Sequence[Feature], groups: Sequence[IntArray], patient: IntArray
) -> list[Value]:
    """The group's value of one input, from at least five patients who have it; else the value of all patients."""
    known = column.notna().to_numpy()
    enough = [_patients(patient[g[known[g]]]) >= SMALLEST_GROUP for g in groups]
    if any(feature.op == "level" and name in feature.inputs for feature in features):
        levels = np.array([value if isinstance(value, str) else "" for value in column])
        return [_majority(levels[g] if ok else levels) for g, ok in zip(groups, enough, strict=True)]
    values = np.asarray(column, dtype=float)
    # Means are taken on the scale the model uses, so that a prototype's contribution is its group's mean contribution.
    floors = [feature.parameter for feature in features if feature.op == "log10" and name in feature.inputs]
    scaled = np.log10(np.maximum(values, floors[0])) if floors else values
    means = [_mean(scaled[g] if ok else scaled) for g, ok in zip(groups, enough, strict=True)]
    return [float(f"{10**mean if floors else mean:.4g}") for mean in means]


def _majority(levels: NDArray[np.str_]) -> str:
    names, counts = np.unique(levels[levels != ""], return_counts=True)
    return str(names[np.argmax(counts)]) if names.size else ""


def _mean(values: FloatArray) -> float:
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else 0.0


def numeric_limits(
    frame: Any, inputs: Sequence[str], features: Sequence[Feature], patient: IntArray | None = None
) -> dict[str, tuple[float, float]]:
    """Range of each measured number, from the means of the outermost five patients and of the next five.

    An exact minimum would be one patient's value, and the mean of five lies well inside it: in small cohorts a quarter
    of fresh patients were called outside (benchmarks/applicability.py). So half the step from the second mean to the
    first is taken once more outward, on the model's scale but not beyond what the dictionary allows, and rounded
    outward.
    """
    limits = {}
    for name, ordered, who, logs in _measured(frame, inputs, features, patient):
        ends = [_extrapolated(ordered[::way], who[::way]) for way in (1, -1)]
        low, high = (10**end if logs else end for end in ends)
        hard = load_dictionary().variables[name].hard if name in load_dictionary().variables else _ANY
        limits[name] = (_outward(max(low, hard[0]), up=False), _outward(min(high, hard[1]), up=True))
    return limits


def usual_ranges(
    frame: Any, inputs: Sequence[str], features: Sequence[Feature], patient: IntArray | None = None
) -> dict[str, tuple[float, float]]:
    """Where 90 % of the patients lie in each measured number: 5th and 95th percentile, means of five patients about it.

    Prototypes would say it too narrowly: they are means of groups, and the ends of an input to which the model gives
    little weight are averaged away (benchmarks/missing_inputs.py).
    """
    usual = {}
    for name, ordered, who, logs in _measured(frame, inputs, features, patient):
        low, high = (_about(ordered, who, share) for share in (TAIL, 1 - TAIL))
        usual[name] = (float(f"{10**low if logs else low:.3g}"), float(f"{10**high if logs else high:.3g}"))
    return usual


def _about(ordered: FloatArray, who: IntArray, share: float) -> float:
    """Mean of the values about a percentile: as many as hold five patients."""
    width = SMALLEST_GROUP
    while True:
        start = min(max(round(share * (len(ordered) - 1)) - width // 2, 0), max(len(ordered) - width, 0))
        window = slice(start, start + width)
        if _patients(who[window]) >= SMALLEST_GROUP or width >= len(ordered):
            return float(ordered[window].mean())
        width += 1


def _measured(
    frame: Any, inputs: Sequence[str], features: Sequence[Feature], patient: IntArray | None
) -> Iterator[tuple[str, FloatArray, IntArray, bool]]:
    """Inputs that are measured numbers and known in ten patients: values in order, whose they are, if logarithms."""
    patient = np.arange(len(frame)) if patient is None else patient
    for name in inputs:
        ops = {feature.op for feature in features if name in feature.inputs}
        if ops & {"log10", "hinge", "at_least"} or (ops == {"value"} and frame[name].nunique() > 2):
            values = np.asarray(frame[name], dtype=float)
            order = np.argsort(values, kind="stable")[: int((~np.isnan(values)).sum())]
            if _patients(patient[order]) >= 2 * SMALLEST_GROUP:
                logs = "log10" in ops and values[order[0]] > 0
                yield name, np.log10(values[order]) if logs else values[order], patient[order], logs


def _extrapolated(ordered: FloatArray, who: IntArray) -> float:
    """Where values would end that go on as they do from the second five patients to the first.

    Their means stand at about the eighth and the third value: two and a half more, half as many, reach the end.
    """
    first = _rows_of(who, SMALLEST_GROUP)
    second = first + _rows_of(who[first:], SMALLEST_GROUP)
    inner = ordered[:first].mean()
    return float(inner + _STEP * (inner - ordered[first:second].mean()))


def _outward(value: float, *, up: bool) -> float:
    """Round to two significant digits, away from the middle."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(abs(value))) - 1)
    return float(f"{(np.ceil(value / unit) if up else np.floor(value / unit)) * unit:.6g}")
