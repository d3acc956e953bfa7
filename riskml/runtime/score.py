"""Portable model + one patient (pure Python) or a table (numpy) -> probability or survival, with its interval.

One idea serves complete and incomplete patients: v(known) is the weighted mean prediction over the background
prototypes with the patient's known inputs put in. With every input known it is the model's own prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise

from riskml.record import Record
from riskml.runtime.backdrop import Backdrop
from riskml.runtime.members import Linear, Member, Trees, single
from riskml.runtime.model import Feature, PortableModel, Value
from riskml.runtime.responses import Calibrated, inner_of

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from riskml.runtime.tree_games import Splits
    from riskml.runtime.tree_tables import Forest

# Numbers of one block of answers when a table is scored: 8 MB.
_CHUNK = 1_000_000


def contributions(features: Sequence[Feature], linear: Linear, name: str, values: Sequence[Value]) -> list[float]:
    """What each of some values of one input adds to the linear predictor."""
    pairs = zip(features, linear.coefficients, strict=True)
    mine = [(feature.component, coefficient) for feature, coefficient in pairs if name in feature.inputs]
    return [sum(coefficient * component(value) for component, coefficient in mine) for value in values]


class Position(Record):
    """Where a patient stands in the design matrix, once for all members.

    Attributes
    ----------
    fixed : list of float
        Each feature, as far as the known inputs make it up.
    backdrop : Backdrop
        What stands in the place of the others.
    """

    fixed: list[float]
    backdrop: Backdrop

    def filled(self, row: Sequence[float]) -> list[float]:
        """All features, with one row of the prototypes in the place of what is missing."""
        features = list(self.fixed)
        for j, part in zip(self.backdrop.moving, row, strict=True):
            features[j] += part
        return features

    # A patient meets the trees of many members and refits: what they all need is made once.

    @cached_property
    def single(self) -> Sequence[float]:
        """The features of a complete patient as trees compare them."""
        return single(self.filled(self.backdrop.rows[0]))

    @cached_property
    def splits(self) -> Splits:
        """Which rows lie under which thresholds."""
        from riskml.runtime.tree_games import Splits  # only a model with trees pays for it

        columns = zip(*map(self.filled, self.backdrop.rows), strict=True)
        return Splits([{0: column} for column in columns], self.backdrop.weights)


def position(model: PortableModel, known: Mapping[str, Value]) -> Position:
    """Turn known inputs and background into features."""
    fixed = [sum(f.component(known[name]) for name in f.inputs if name in known) for f in model.features]
    return Position(fixed, model.backdrop(tuple(name for name in model.inputs if name not in known)))


def points(member: Member, place: Position) -> list[Any]:
    """The predictor's output with each row of the background put in for what is missing."""
    predictor = member.predictor
    if isinstance(predictor, Linear):  # only what moves is summed for each row
        lp = predictor.at(place.fixed)
        return [lp + more for more in place.backdrop.sums(predictor)]
    rows = place.backdrop.rows
    if not isinstance(predictor, Trees):
        return [predictor.at(place.filled(row)) for row in rows]
    if len(rows) == 1:
        return [predictor.at_single(place.single)]
    from riskml.runtime.tree_games import row_outputs

    outputs = row_outputs(predictor, place.splits)
    return [row[0] for row in outputs] if predictor.outputs == 1 else outputs


def member_value(member: Member, place: Position, prepared: Any) -> list[float]:
    """v(known) of one member, one number an answer; ``prepared`` is its response's part of the months."""
    predictor, response = member.predictor, member.response
    if isinstance(predictor, Trees) and response.is_mean and len(place.backdrop.rows) > 1:
        from riskml.runtime.tree_games import mean_outputs

        outputs = mean_outputs(predictor, place.splits)
        return response.mean([outputs[0] if predictor.outputs == 1 else outputs], [1.0], prepared)
    return response.mean(points(member, place), place.backdrop.weights, prepared)


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
    return mean_answers(model.members, position(model, known), times)


def mean_answers(members: Sequence[Member], place: Position, times: Sequence[float]) -> list[float]:
    """Weighted mean of the members' v(known)."""
    parts = [member_value(member, place, member.response.prepare(times)) for member in members]
    if len(members) == 1:
        return [min(1.0, answer) for answer in parts[0]]
    sums = [sum(m.weight * p[k] for m, p in zip(members, parts, strict=True)) for k in range(len(parts[0]))]
    return [min(1.0, total) for total in sums]  # weights add up to 1 but for rounding


def quantile(ordered: Sequence[float], probability: float, weights: Sequence[float] = ()) -> float:
    """Linear-interpolation quantile (type 7; Hyndman & Fan, Am Stat 1996;50:361-365) of sorted numbers.

    With ``weights``, neighbours lie apart by the mean of theirs, so that equal weights change nothing.
    """
    if not weights:
        place = probability * (len(ordered) - 1)
        low = min(int(place), len(ordered) - 1)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])
    steps = [(left + right) / 2 for left, right in pairwise(weights)]
    left = probability * sum(steps)
    for step, low_end, high_end in zip(steps, ordered, ordered[1:], strict=False):
        if left <= step:
            return low_end + left / step * (high_end - low_end)
        left -= step
    return ordered[-1]


def drawn_answers(model: PortableModel, place: Position, times: Sequence[float]) -> list[list[float]]:
    """v(known) of each member of the bootstrap refits that counts."""
    return [member_value(member, place, prepared) for member, prepared in model.drawn(tuple(times))]


def percentiles(
    model: PortableModel, draws: Sequence[Sequence[float]], centre: Sequence[float], least: float, most: float
) -> tuple[list[float], list[float]]:
    """Percentile interval over the members of all bootstrap refits, widened where needed to hold the estimate itself.

    Each member counts on its own, with its weight: what the members of an average disagree about is part of what is
    not known. The interval of their means is far too narrow where one of them is wrong (docs/methods.md).

    Parameters
    ----------
    draws : sequence of shape (n_members, n_answers)
        What each of them answers, in the order of :func:`drawn_answers`.
    centre : sequence of shape (n_answers,)
    least, most : float
        Bounds of any answer; they are the interval where the model has no refits and nothing is known.
    """
    if not draws:
        return [least] * len(centre), [most] * len(centre)
    sizes = [member.weight for draw in model.bootstrap for member in draw if member.weight > 0]
    equal = len(set(sizes)) == 1
    tail = (1 - model.level) / 2
    low, high = [], []
    for k, middle in enumerate(centre):
        column, weights = [answers[k] for answers in draws], []
        if equal:
            values = sorted(column)
        else:
            values, weights = map(list, zip(*sorted(zip(column, sizes, strict=True)), strict=True))
        low.append(min(quantile(values, tail, weights), middle))
        high.append(min(most, max(quantile(values, 1 - tail, weights), middle)))
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

    fixed, missing = _known_features(model, columns, n_rows)
    answers = np.zeros((n_rows, 1 if model.kind == "binary" else len(times)))
    prepared = [member.response.prepare(times) for member in model.members]
    forests = [_forest(member, ready) for member, ready in zip(model.members, prepared, strict=True)]
    width = max(answers.shape[1], *(member.predictor.outputs for member in model.members))
    # Few distinct patterns of what is missing; each is one broadcast over its prototypes.
    code = np.packbits(missing, axis=1)
    _, first, pattern_of = np.unique(code, axis=0, return_index=True, return_inverse=True)
    for index, pattern in enumerate(missing[first]):
        rows = np.flatnonzero(pattern_of.ravel() == index)
        moving, weights = _moving_features(model, pattern)
        for chunk in np.array_split(rows, 1 + len(rows) * len(weights) * width // _CHUNK):
            for member, forest, ready in zip(model.members, forests, prepared, strict=True):
                part = _table_mean(member, forest, fixed[chunk], moving, weights, ready)
                answers[chunk] += member.weight * part
    return np.minimum(answers, 1.0)


def _forest(member: Member, prepared: Any) -> Forest | None:
    """The trees of a member; of answers instead of outputs where a response is linear in them."""
    from riskml.runtime.tree_tables import Forest

    if not isinstance(member.predictor, Trees):
        return None
    inner = inner_of(member.response)
    return (
        Forest(member.predictor, lambda outputs: inner.table(outputs, prepared))
        if inner.is_mean
        else Forest(member.predictor)
    )


def _table_mean(member: Member, forest: Forest | None, fixed: Any, moving: Any, weights: Any, prepared: Any) -> Any:
    """v(known) of one member; features are ``fixed`` (n_rows, ...) plus ``moving`` (n_prototypes, ...)."""
    import numpy as np

    response, table = member.response, member.predictor.table
    if forest is None:  # linear: the outputs for a sum are the sum of the outputs
        outputs = table(fixed)[:, None, :] + (table(moving) - table(np.zeros_like(moving[:1])))
    elif response.is_mean:
        return forest.mean(fixed, moving, weights)
    else:
        outputs = forest.grid(fixed, moving)
    if forest is not None and isinstance(response, Calibrated) and response.response.is_mean:
        answers = response.table_of(outputs)
    else:
        answers = response.table(outputs, prepared)
    return (weights[:, None] * answers).sum(axis=1)  # as in ``Linear.table``, no matrix product


def _known_features(model: PortableModel, columns: Mapping[str, Sequence[Any]], n_rows: int) -> tuple[Any, Any]:
    """Features as far as known inputs make them up (n_rows, n_features); inputs each row lacks (n_rows, n_inputs)."""
    import numpy as np

    fixed = np.zeros((n_rows, len(model.features)))
    missing = np.ones((n_rows, len(model.inputs)), dtype=bool)
    for j, feature in enumerate(model.features):
        for name in feature.inputs:  # in the order in which plain Python adds them, to the last digit
            if name in columns:
                part = feature_column(feature, columns[name])
                missing[:, model.inputs.index(name)] = np.isnan(part)
                fixed[:, j] += np.nan_to_num(part, nan=0.0, posinf=np.inf, neginf=-np.inf)
    return fixed, missing


def _moving_features(model: PortableModel, missing: Sequence[bool]) -> tuple[Any, Any]:
    """What the missing inputs add to each feature (n_prototypes, n_features), and the prototypes' weights.

    Prototypes that add the same are one; with nothing missing there is one that adds nothing.
    """
    import numpy as np

    if not any(missing):
        return np.zeros((1, len(model.features))), np.ones(1)
    moving = np.zeros((len(model.background), len(model.features)))
    for j, feature in enumerate(model.features):
        for i in map(model.inputs.index, feature.inputs):
            if missing[i]:
                moving[:, j] += [feature.component(row[i]) for row in model.background]
    merged, place = np.unique(moving, axis=0, return_inverse=True)
    return merged, np.bincount(place.ravel(), weights=model.weights)


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
