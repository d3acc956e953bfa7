"""Exact Shapley values of whole tables, with numpy: row by row those of :mod:`riskml.runtime.explain`.

Rows that lack the same inputs go together. Trees whose answers are linear in the leaves have a closed form
(:mod:`riskml.runtime.tree_effects`), sigmoids of many inputs a product form (:mod:`riskml.runtime.additive_games`);
every other member is enumerated over the coalitions of the inputs that differ from the prototypes. All of it is done in
blocks, so that memory grows with the rows no faster than the answer itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from math import comb
from operator import not_

from riskml.record import Record
from riskml.runtime.additive_games import shapley_table
from riskml.runtime.explain import MAX_INPUTS, TooManyInputsError, explain_value
from riskml.runtime.members import Causes, Linear, Member, Trees
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.responses import Calibrated, inner_of
from riskml.runtime.score import feature_column, score_table
from riskml.runtime.sigmoids import Sigmoid, sigmoid_of
from riskml.runtime.tree_effects import coalition_outputs, leaf_groups, mean_effects
from riskml.runtime.tree_tables import Forest, single_table

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    # Rows, prototypes, and the inputs that play -> points (2**n_players, n_rows, n_prototypes, outputs).
    Points = Callable[[Any, slice, Sequence[int]], Any]

# Numbers of one block of coalitions: with all that is made of it on the way about 20 MB.
_BLOCK = 1_000_000
# Inputs from which on the product form is faster than enumeration: with 50 prototypes, in numpy.
_MANY = 10


class TableEffects(Record):
    """Additive explanations of many patients: ``base + effects.sum(axis=1) = value`` on ``scale``.

    Attributes
    ----------
    scale : str
        ``probability``, ``survival`` or ``cumulative_incidence``.
    base : array of shape (n_answers,)
        The answer with nothing known; one answer for a binary outcome, else one a time.
    effects : array of shape (n_rows, n_inputs, n_answers)
        In the order of the model's inputs; exactly 0 where the row lacks the input.
    value : array of shape (n_rows, n_answers)
    """

    scale: str
    base: Any
    effects: Any
    value: Any


def explain_table(
    model: PortableModel, columns: Mapping[str, Sequence[Any]], n_rows: int, times: Sequence[float] = ()
) -> TableEffects:
    """Exact Shapley values of every row: those that :func:`riskml.runtime.explain.explain_value` gives one by one.

    Parameters
    ----------
    model : PortableModel
    columns : mapping of input name to a sequence of length n_rows
        Numbers with nan, or levels with None, where missing; inputs without a column are missing throughout.
    n_rows : int
    times : sequence of float
        Months, for a survival model.

    Raises
    ------
    TooManyInputsError
        If more than ``MAX_INPUTS`` inputs matter for a row and there is no shorter way.
    """
    value = score_table(model, columns, n_rows, times)
    table = _Table(model, columns, n_rows, value.shape[1])
    effects = sum(member.weight * _effects_of(table, member, times) for member in model.members)
    return TableEffects(model.scale, score_table(model, {}, 1, times)[0], effects, value)


class _Table:
    """What each input adds to each feature, in the rows (0 where missing) and in the prototypes.

    Attributes
    ----------
    parts : dict of (feature, input) numbers to a pair of arrays, shapes (n_rows,) and (n_prototypes,)
    known : bool array of shape (n_rows, n_inputs)
        Inputs that enter no feature count as missing: they have no effect.
    n_answers : int
    """

    def __init__(self, model: PortableModel, columns: Mapping[str, Sequence[Any]], n_rows: int, n_answers: int) -> None:
        import numpy as np

        self.model, self.columns, self.n_answers = model, columns, n_answers
        self.weights = np.array(model.weights)
        self.known = np.zeros((n_rows, len(model.inputs)), dtype=bool)
        self.parts: dict[tuple[int, int], tuple[Any, Any]] = {}
        background = list(zip(*model.background, strict=True))
        for j, feature in enumerate(model.features):
            for name in feature.inputs:
                i = model.inputs.index(name)
                mine = feature_column(feature, columns[name]) if name in columns else np.full(n_rows, np.nan)
                self.known[:, i] = ~np.isnan(mine)
                self.parts[j, i] = np.where(self.known[:, i], mine, 0.0), feature_column(feature, background[i])

    def differing(self, features: set[int]) -> Any:
        """Known inputs that make up one of these otherwise than some prototype does; bool (n_rows, n_inputs)."""
        import numpy as np

        found = np.zeros_like(self.known)
        for (j, i), (mine, theirs) in self.parts.items():
            if j in features:
                found[:, i] |= (mine != theirs.min()) | (mine != theirs.max())
        return found & self.known

    def patients(self) -> Iterator[dict[str, Value]]:
        """The known inputs, row by row."""
        columns = {name: list(self.columns[name]) for name in self.model.inputs if name in self.columns}
        for row, known in enumerate(self.known):
            names = [name for name, is_known in zip(self.model.inputs, known, strict=True) if is_known]
            yield {name: columns[name][row] for name in names}


def _patterns(rows: Any) -> Iterator[tuple[Any, Any]]:
    """Each distinct row of a bool array, and the places of the rows that are equal to it."""
    import numpy as np

    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    for k, pattern in enumerate(distinct):
        yield pattern, np.flatnonzero(place.ravel() == k)


def _effects_of(table: _Table, member: Member, times: Sequence[float]) -> Any:
    """Shapley values of one member; (n_rows, n_inputs, n_answers)."""
    predictor, response = member.predictor, member.response
    if isinstance(predictor, Trees):
        return _tree_effects(table, member, predictor, times)
    sums = _Sums(table, predictor.linears if isinstance(predictor, Causes) else (predictor,))
    prepared = response.prepare(times)
    effects, differing = _product_form(table, sums, sigmoid_of(response, times))
    return effects + _enumerated(
        table, differing, predictor.outputs, sums.points, lambda outputs: response.table(outputs, prepared)
    )


class _Sums:
    """Linear predictors, as sums over inputs.

    Attributes
    ----------
    mine, theirs : arrays of shape (n_inputs, n_rows, outputs) and (n_inputs, n_prototypes, outputs)
        What each input adds, in the rows and in the prototypes.
    start : array of shape (n_prototypes, outputs)
        With every input from the prototype.
    differing : bool array of shape (n_rows, n_inputs)
    """

    def __init__(self, table: _Table, linears: Sequence[Linear]) -> None:
        import numpy as np

        slopes = np.array([linear.coefficients for linear in linears])
        n_rows, n_inputs = table.known.shape
        self.mine = np.zeros((n_inputs, n_rows, len(linears)))
        self.theirs = np.zeros((n_inputs, len(table.weights), len(linears)))
        for (j, i), (own, others) in table.parts.items():
            self.mine[i] += np.multiply.outer(own, slopes[:, j])
            self.theirs[i] += np.multiply.outer(others, slopes[:, j])
        self.start = np.array([linear.intercept for linear in linears]) + self.theirs.sum(axis=0)
        self.differing = table.differing(set(np.flatnonzero(slopes.any(axis=0)).tolist()))

    def moves(self, rows: Any, i: int, prototypes: slice = slice(None)) -> Any:
        """What input i adds when it comes from the patient instead; (n_rows, n_prototypes, outputs)."""
        return self.mine[i, rows, None] - self.theirs[i, prototypes]

    def points(self, rows: Any, prototypes: slice, players: Sequence[int]) -> Any:
        """Each subset is one step from a smaller one, so that rounding never adds up over more steps than inputs."""
        import numpy as np

        first = self.start[prototypes]
        found = np.empty((1 << len(players), len(rows), *first.shape))
        found[0] = first
        for k, i in enumerate(players):
            np.add(found[: 1 << k], self.moves(rows, i, prototypes), out=found[1 << k : 2 << k])
        return found


def _product_form(table: _Table, sums: _Sums, sigmoid: Sigmoid | None) -> tuple[Any, Any]:
    """Shapley values of the rows for which there is a shorter way than enumeration; inputs that still have to play."""
    import numpy as np

    effects, left = np.zeros((*table.known.shape, table.n_answers)), sums.differing.copy()
    if sigmoid is None:
        return effects, left
    for pattern, rows in _patterns(sums.differing):
        players = np.flatnonzero(pattern).tolist()
        if len(players) < _MANY:
            continue
        step = max(1, _BLOCK // (len(players) * len(table.weights)))
        for chunk in (rows[k : k + step] for k in range(0, len(rows), step)):
            moves = np.stack([sums.moves(chunk, i)[..., 0] for i in players], axis=1)
            low = (sums.start[:, 0] + np.minimum(moves, 0.0).sum(axis=1)).min(axis=1)
            high = (sums.start[:, 0] + np.maximum(moves, 0.0).sum(axis=1)).max(axis=1)
            covered = np.array([sigmoid.covers(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)])
            # What is certain for one row can be open for another: then they have no series in common.
            some = np.flatnonzero(covered)
            if not some.size or sigmoid.covers(float(low[some].min()), float(high[some].max())):
                found = shapley_table(sums.start[:, 0], moves[some], table.weights, sigmoid)
            else:
                alone = [shapley_table(sums.start[:, 0], moves[k : k + 1], table.weights, sigmoid) for k in some]
                found = np.concatenate(alone)
            effects[chunk[some][:, None], players] = found
            left[chunk[some]] = False
    return effects, left


def _tree_effects(table: _Table, member: Member, predictor: Trees, times: Sequence[float]) -> Any:
    """Trees that split on features of one input only take one bit for each input on a leaf's way.

    A feature of several inputs can be part the patient's and part the prototype's. Trees that split on one are walked
    for every coalition, and so are all others beside them, where answers are not linear in the leaves; where they are,
    the closed form row by row takes no longer.
    """
    several = {j for j, feature in enumerate(table.model.features) if len(feature.inputs) > 1}
    mixed = [not several.isdisjoint(tree.feature) for tree in predictor.trees]
    if not any(mixed):
        return _simple_tree_effects(table, member, predictor, times)
    if not member.response.is_mean:
        return _walked_effects(table, member, predictor, times)
    own, simple = (predictor.with_(trees=tuple(compress(predictor.trees, c))) for c in (mixed, map(not_, mixed)))
    effects = _row_by_row(table, member.with_(predictor=own), times)
    return effects + _simple_tree_effects(table, member.with_(predictor=simple), simple, times)


def _simple_tree_effects(table: _Table, member: Member, predictor: Trees, times: Sequence[float]) -> Any:
    """For trees that split on features of one input only."""
    import numpy as np

    response, forest, answers = member.response, *_leaves_and_answers(member, predictor, times)
    groups = leaf_groups(predictor, [table.model.inputs.index(f.inputs[0]) for f in table.model.features])
    columns = np.zeros((len(table.model.features), len(table.known)))
    prototypes = np.zeros((len(table.model.features), len(table.weights)))
    for (j, _), (mine, theirs) in table.parts.items():  # no tree looks at a feature of several inputs
        columns[j], prototypes[j] = single_table(mine), single_table(theirs)
    if response.is_mean:
        effects = np.zeros((*table.known.shape, table.n_answers))
        for known, rows in _patterns(table.known):
            effects[rows] = mean_effects(groups, forest.leaf, columns[:, rows], prototypes, table.weights, known)
        return effects
    bare = forest.roots[forest.roots >= len(forest.feature)] - len(forest.feature)  # trees of one leaf
    start = forest.base + forest.leaf[bare].sum(axis=0)

    def points(rows: Any, some: slice, players: Sequence[int]) -> Any:
        return start + coalition_outputs(groups, forest.leaf, columns[:, rows], prototypes[:, some], players)

    differing = table.differing({j for tree in predictor.trees for j in tree.feature})
    return _enumerated(table, differing, predictor.outputs, points, answers)


def _leaves_and_answers(
    member: Member, predictor: Trees, times: Sequence[float]
) -> tuple[Forest, Callable[[Any], Any]]:
    """The trees, their leaves holding answers already where that can be, and what turns their sums into answers."""
    response, inner = member.response, inner_of(member.response)
    prepared = response.prepare(times)
    if not inner.is_mean:
        return Forest(predictor), lambda outputs: response.table(outputs, prepared)
    forest = Forest(predictor, lambda outputs: inner.table(outputs, prepared))
    return forest, response.table_of if isinstance(response, Calibrated) else lambda outputs: outputs


def _walked_effects(table: _Table, member: Member, predictor: Trees, times: Sequence[float]) -> Any:
    """For trees of any kind, down all of them for every coalition: all rows and prototypes at once."""
    import numpy as np

    differing = table.differing({j for tree in predictor.trees for j in tree.feature})
    forest, answers = _leaves_and_answers(member, predictor, times)

    def worths(rows: Any, players: Sequence[int]) -> Any:
        found = np.empty((1 << len(players), len(rows), table.n_answers))
        for subset in range(len(found)):
            inside = {i for k, i in enumerate(players) if subset >> k & 1}
            fixed = np.zeros((len(rows), len(table.model.features)))
            moving = np.zeros((len(table.weights), len(table.model.features)))
            for (j, i), (mine, theirs) in table.parts.items():
                if i in inside:
                    fixed[:, j] += mine[rows]
                else:
                    moving[:, j] += theirs
            found[subset] = table.weights @ answers(forest.grid(fixed, moving))
        return found

    size = len(table.weights) * max(table.n_answers, predictor.outputs)
    return _by_coalitions(table, differing, lambda n: min(_BLOCK // size, _BLOCK // (table.n_answers << n)), worths)


def _row_by_row(table: _Table, member: Member, times: Sequence[float]) -> Any:
    """Shapley values of one member in plain Python."""
    import numpy as np

    model = table.model
    alone = model.with_(members=(member.with_(weight=1.0),))
    found = np.zeros((len(table.known), table.n_answers, len(model.inputs)))
    for row, known in enumerate(table.patients()):
        for k, effects in enumerate(explain_value(alone, known, times).effects):
            found[row, k] = [effects.get(name, 0.0) for name in model.inputs]
    return found.transpose(0, 2, 1)


def _enumerated(table: _Table, differing: Any, n_outputs: int, points: Points, answers: Callable[[Any], Any]) -> Any:
    """Shapley values from the outputs of each prototype with every subset S of the inputs that differ."""
    width, n_prototypes = max(table.n_answers, n_outputs), len(table.weights)

    def pairs(n_players: int) -> int:
        return max(1, _BLOCK // (width << n_players))

    def worths(rows: Any, players: Sequence[int]) -> Any:
        step = pairs(len(players))
        parts = (slice(k, k + step) for k in range(0, n_prototypes, step))
        return sum(table.weights[part] @ answers(points(rows, part, players)) for part in parts)

    return _by_coalitions(table, differing, lambda n: pairs(n) // n_prototypes, worths)


def _by_coalitions(
    table: _Table, differing: Any, at_once: Callable[[int], int], worths: Callable[[Any, Sequence[int]], Any]
) -> Any:
    """Shapley values by v(S) for every subset S of the inputs that differ; (n_rows, n_inputs, n_answers).

    Parameters
    ----------
    table, differing : _Table and bool array of shape (n_rows, n_inputs)
    at_once : callable
        How many rows may go together, by the number of inputs that play.
    worths : callable
        From rows and players to an array of shape (2**n_players, n_rows, n_answers).
    """
    import numpy as np

    if (most := differing.sum(axis=1).max(initial=0)) > MAX_INPUTS:
        raise TooManyInputsError(f"exact enumeration takes at most {MAX_INPUTS} inputs, got {most}")
    effects = np.zeros((*differing.shape, table.n_answers))
    for pattern, rows in _patterns(differing):
        players = np.flatnonzero(pattern).tolist()
        if not players:
            continue
        shares, step = _subset_shares(len(players)), max(1, at_once(len(players)))
        for chunk in (rows[k : k + step] for k in range(0, len(rows), step)):
            found = np.tensordot(shares, worths(chunk, players), (1, 0))
            effects[chunk[:, None], players] = found.transpose(1, 0, 2)
    return effects


@lru_cache(maxsize=MAX_INPUTS)
def _subset_shares(n: int) -> Any:
    """What v(S) counts in the value of each input, with subsets numbered by bits; (n, 2**n) (Shapley LS, 1953)."""
    import numpy as np

    subsets = np.arange(1 << n)
    joined = (subsets >> np.arange(n)[:, None] & 1).astype(bool)
    sizes = joined.sum(axis=0)
    weights = np.array([1 / (n * comb(n - 1, k)) for k in range(n)] + [0.0])
    return np.where(joined, weights[sizes - 1], -weights[sizes])
