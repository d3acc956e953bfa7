"""Trees as cooperative games of a patient's inputs against the rows of the background.

With S the inputs taken from the patient and the rest from a row, a leaf is reached for exactly the S that hold some
inputs A and none of others B. Such a "cylinder" game has Shapley values in closed form (Laberge G, Pequignot Y.
Understanding interventional TreeSHAP. arXiv 2209.15123, 2022) and a table over all S by its Moebius transform. All rows
walk a tree together, as the bits of one whole number, for as long as they have A and B in common.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, reduce
from itertools import accumulate, chain
from math import comb
from operator import add, and_, getitem, mul, or_

from riskml.runtime.members import Tree, Trees, single
from riskml.runtime.subsets import halves

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from riskml.runtime.model import PortableModel, Value

    # One leaf's answers, for every leaf, for every tree.
    Leaves = Sequence[Sequence[Sequence[float]]]


class Splits:
    """Which rows lie at or under any threshold, feature by feature.

    Parameters
    ----------
    columns : sequence of mapping of int to sequence of float
        For each feature its value in every row, by the subset (bits) of inputs that come from the patient. The largest
        subset holds all inputs that make a difference; a feature without such inputs has the empty subset only.
    weights : sequence of float
        Weight of each row.
    """

    def __init__(self, columns: Sequence[Mapping[int, Sequence[float]]], weights: Sequence[float]) -> None:
        self.size = len(weights)
        self.everyone = (1 << self.size) - 1
        self.bits = [max(column) for column in columns]
        self.tables = [{mask: _ranked(single(values)) for mask, values in column.items()} for column in columns]
        self._sums = [_sums(weights[k : k + 8]) for k in range(0, self.size, 8)]
        self._found: dict[int, float] = {}

    def under(self, feature: int, threshold: float) -> dict[int, int]:
        """Rows at or under a threshold, by the subset of inputs that come from the patient."""
        found = self.tables[feature]
        return {mask: rows[bisect_right(values, threshold)] for mask, (values, rows) in found.items()}

    def weight(self, rows: int) -> float:
        """Sum of the weights of some rows."""
        found = self._found.get(rows)
        if found is None:
            found = self._found[rows] = sum(map(getitem, self._sums, rows.to_bytes(len(self._sums), "little")))
        return found


def _ranked(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """The distinct values in order, and the rows that lie under each of them, then all rows."""
    rows: dict[float, int] = {}
    for k, x in enumerate(values):
        rows[x] = rows.get(x, 0) | 1 << k
    ordered = sorted(rows)
    return ordered, [0, *accumulate((rows[x] for x in ordered), or_)]


def _sums(weights: Sequence[float]) -> list[float]:
    """Sum of the weights in each subset of up to eight rows."""
    found = [0.0]
    for weight in (*weights, *[0.0] * (8 - len(weights))):
        found += [total + weight for total in found]
    return found


def splits_of(model: PortableModel, known: Mapping[str, Value], names: Sequence[str]) -> Splits:
    """The model's features over its background, each of ``names`` (bits, in this order) from the patient or the row.

    Other known inputs come from the patient. What comes from the patient is added up before what comes from the row,
    as for a score, so that both see the same number to the last digit.
    """
    columns = []
    for feature in model.features:
        fixed, theirs = {}, {}
        for name in feature.inputs:
            where = model.inputs.index(name)
            if name in known:
                fixed[name] = feature.component(known[name])
            theirs[name] = [feature.component(row[where]) for row in model.background]
        players = [name for name in feature.inputs if name in names and any(x != fixed[name] for x in theirs[name])]
        column = {}
        for subset in range(1 << len(players)):
            away = {name for k, name in enumerate(players) if not subset >> k & 1}
            start = sum(x for name, x in fixed.items() if name not in away)
            rows = [theirs[name] for name in feature.inputs if name in away or name not in known]
            mask = sum(1 << names.index(name) for name in players if name not in away)
            parts = map(sum, zip(*rows, strict=True)) if rows else [0.0] * len(model.background)
            column[mask] = [start + part for part in parts]
        columns.append(column)
    return Splits(columns, model.weights)


def cylinders(tree: Tree, splits: Splits) -> Iterator[tuple[int, int, int, int]]:
    """Every (inside, outside, rows, leaf): these rows reach the leaf for S with all of ``inside``, none of ``outside``.

    For each row and S exactly one holds. Inputs that make no difference on a row's way are in neither.
    """
    nodes = [
        (left, right, splits.bits[j], splits.under(j, threshold))
        for j, threshold, left, right in zip(tree.feature, tree.threshold, tree.left, tree.right, strict=True)
    ]
    stack = [(0 if nodes else -1, 0, 0, splits.everyone)]
    while stack:
        node, inside, outside, rows = stack.pop()
        if node < 0:
            yield inside, outside, rows, ~node
            continue
        left, right, bits, lows = nodes[node]
        low = lows[inside & bits] & rows
        if undecided := bits & ~(inside | outside):
            first = undecided & -undecided
            if turned := _turned(lows, inside & bits, undecided) & rows:
                # Told apart by one input; back at this node by the next, until none can turn them.
                stack += ((node, inside | first, outside, turned), (node, inside, outside | first, turned))
                rows &= ~turned
                low &= rows
        if low:
            stack.append((left, inside, outside, low))
        if rows != low:
            stack.append((right, inside, outside, rows ^ low))


def _turned(lows: Mapping[int, int], here: int, undecided: int) -> int:
    """Rows that some undecided input can turn to the other side."""
    if not undecided & undecided - 1:
        return lows[here] ^ lows[here | undecided]
    options = [lows[here | subset] for subset in (0, *_subsets(undecided))]
    return reduce(or_, options) & ~reduce(and_, options)


def _subsets(bits: int) -> Iterator[int]:
    """Every subset but the empty one."""
    part = bits
    while part:
        yield part
        part = (part - 1) & bits


def mean_outputs(predictor: Trees, splits: Splits) -> list[float]:
    """Weighted mean over the rows of each output."""
    width = predictor.outputs
    totals = [0.0] * width
    for tree in predictor.trees:
        leaf = tree.leaf
        for _, _, rows, place in cylinders(tree, splits):
            weight, start = splits.weight(rows), place * width
            for k in range(width):
                totals[k] += weight * leaf[start + k]
    return [base + predictor.scale * total for base, total in zip(predictor.base, totals, strict=True)]


def row_outputs(predictor: Trees, splits: Splits) -> list[list[float]]:
    """The outputs for each row."""
    width, scale = predictor.outputs, predictor.scale
    totals = [[0.0] * width for _ in range(splits.size)]
    for tree in predictor.trees:
        for _, _, rows, place in cylinders(tree, splits):
            outputs = tree.leaf[place * width : (place + 1) * width]
            for k in _places(rows):
                totals[k] = list(map(add, totals[k], outputs))
    return [[base + scale * x for base, x in zip(predictor.base, row, strict=True)] for row in totals]


@lru_cache(maxsize=65_536)  # every subset of the most inputs that are enumerated, and of the rows while they fit
def _places(bits: int) -> tuple[int, ...]:
    """Number of each bit that is set."""
    return tuple(k for k in range(bits.bit_length()) if bits >> k & 1)


def shapley(
    trees: Sequence[Tree], leaves: Leaves, splits: Splits, n_names: int
) -> tuple[list[float], list[list[float]]]:
    """Mean answer without the patient, and the Shapley value of each input, of the sum of the trees' leaf answers.

    Parameters
    ----------
    trees : sequence of Tree
    leaves : sequence of shape (n_trees, n_leaves, n_answers)
        What each leaf of each tree adds to each answer.
    splits : from :func:`splits_of`
    n_names : int
        Number of inputs that may differ.

    Returns
    -------
    empty : list of float, shape (n_answers,)
    effects : list of shape (n_names, n_answers)
    """
    # (a - 1)! b! / (a + b)! for a member of A, with a inputs in A and b in B; with a and b exchanged for one of B.
    ordering = [[1 / (a * comb(a + b, b)) if a else 0.0 for b in range(n_names + 1)] for a in range(n_names + 1)]
    without: list[float] = []
    shares: list[list[float]] = []
    for tree in trees:
        weights, values = _leaf_shares(tree, splits, ordering)
        without += weights
        shares += values
    columns = list(zip(*chain.from_iterable(leaves), strict=True))
    empty = [sum(map(mul, without, column)) for column in columns]
    effects = [[sum(map(mul, share, column)) for column in columns] for share in zip(*shares, strict=True)]
    return empty, effects


def _leaf_shares(
    tree: Tree, splits: Splits, ordering: Sequence[Sequence[float]]
) -> tuple[list[float], list[list[float]]]:
    """For each leaf the weight of the rows that reach it without the patient, and each input's value in its game."""
    n_leaves, n_names = len(tree.feature) + 1, len(ordering) - 1
    without, shares = [0.0] * n_leaves, [[0.0] * n_names for _ in range(n_leaves)]
    for inside, outside, rows, leaf in cylinders(tree, splits):
        weight, share = splits.weight(rows), shares[leaf]
        a, b = inside.bit_count(), outside.bit_count()
        if inside:
            plus = weight * ordering[a][b]
            for i in _places(inside):
                share[i] += plus
        else:
            without[leaf] += weight
        if outside:
            minus = weight * ordering[b][a]
            for i in _places(outside):
                share[i] -= minus
    return without, shares


def tables(trees: Sequence[Tree], leaves: Leaves, splits: Splits, n_names: int) -> list[list[list[float]]]:
    """Sum of the trees' leaf answers for each row and subset S of the inputs, shape (n_rows, n_answers, 2**n_names).

    Each cylinder game is written in the basis of unanimity games, all of them are turned back at once.
    """
    size, n_answers = 1 << n_names, len(leaves[0][0])
    found = [[[0.0] * size for _ in range(n_answers)] for _ in range(splits.size)]
    for tree, answers in zip(trees, leaves, strict=True):
        for inside, outside, rows, leaf in cylinders(tree, splits):
            terms = [(inside | part, -1 if part.bit_count() & 1 else 1) for part in (0, *_subsets(outside))]
            for k in _places(rows):
                for table, answer in zip(found[k], answers[leaf], strict=True):
                    for subset, sign in terms:
                        table[subset] += sign * answer
    for row in found:
        for table in row:
            for i in range(n_names):
                for low, high in halves(i, size):
                    table[high] = list(map(add, table[high], table[low]))
    return found
