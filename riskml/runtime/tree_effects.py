"""Trees as cooperative games for whole tables of patients, with numpy, leaf by leaf.

With the inputs S taken from a patient and the rest from a prototype, a leaf is reached if the patient passes every
split towards it on an input in S, and the prototype every other. So all a leaf sees of either is a pattern, one bit for
each input on its way. Prototypes are counted by pattern once, and what they give each pattern of a patient is looked
up: the cost of a table is that of its rows times the leaves, whatever the size of the background. For one patient, and
for features of several inputs, see :mod:`riskml.runtime.tree_games`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import comb, inf

from riskml.record import Record
from riskml.runtime.members import Tree, Trees

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    # Which inputs rows pass, bool (n_leaves, m, n_rows) -> leaves and places on their ways -> shares (n, n_rows).
    Lookup = Callable[[Any], Callable[[Any, Any], Any]]

# Patterns of the leaves of one group, and numbers of one block of rows: what fits the processor's cache.
_PATTERNS = 1 << 15
_BLOCK = 500_000
# Inputs on a leaf's way up to which all patterns are worked out; beyond it only those that occur.
_SHORT = 8


class LeafGroup(Record):
    """Leaves with equally many inputs m on their way.

    Attributes
    ----------
    leaf : int array of shape (n_leaves,)
        Number of each among all leaves, tree after tree.
    inputs : int array of shape (n_leaves, m)
        The inputs on its way, in rising order.
    feature, low, high : arrays of shape (n_intervals,)
        What it takes to pass: ``low < feature <= high``, interval after interval.
    start : int array of shape (n_leaves * m,)
        Where the intervals of each leaf and input begin.
    """

    leaf: Any
    inputs: Any
    feature: Any
    low: Any
    high: Any
    start: Any

    def passed(self, columns: Any) -> Any:
        """Which inputs send a row towards the leaf; (n_features, n_rows) -> bool (n_leaves, m, n_rows)."""
        import numpy as np

        column = columns[self.feature]
        inside = (column > self.low[:, None]) & (column <= self.high[:, None])
        if len(inside) > len(self.start):
            inside = np.logical_and.reduceat(inside, self.start, axis=0)
        return inside.reshape(*self.inputs.shape, -1)


def leaf_groups(predictor: Trees, owner: Sequence[int]) -> list[LeafGroup]:
    """The leaves of all trees, by the number of inputs on their way; a tree of one leaf is in none.

    Parameters
    ----------
    predictor : Trees
    owner : sequence of int
        The one input that makes up each feature.
    """
    by_length: dict[int, list[tuple[int, dict[int, list[tuple[int, float, float]]]]]] = {}
    first = 0
    for tree in predictor.trees:
        for place, intervals in _intervals(tree):
            ways: dict[int, list[tuple[int, float, float]]] = {}
            for feature, (low, high) in intervals.items():
                ways.setdefault(owner[feature], []).append((feature, low, high))
            by_length.setdefault(len(ways), []).append((first + place, ways))
        first += len(tree.feature) + 1
    by_length.pop(0, None)
    groups = []
    for length, leaves in sorted(by_length.items()):
        step = max(1, _PATTERNS >> length)
        groups += [_group(leaves[k : k + step]) for k in range(0, len(leaves), step)]
    return groups


def _intervals(tree: Tree) -> Iterator[tuple[int, dict[int, tuple[float, float]]]]:
    """Each leaf, and the interval ``low < x <= high`` of every feature on its way."""
    stack: list[tuple[int, dict[int, tuple[float, float]]]] = [(0 if tree.feature else -1, {})]
    while stack:
        node, intervals = stack.pop()
        if node < 0:
            yield ~node, intervals
            continue
        feature, threshold = tree.feature[node], tree.threshold[node]
        low, high = intervals.get(feature, (-inf, inf))
        stack.append((tree.left[node], {**intervals, feature: (low, min(high, threshold))}))
        stack.append((tree.right[node], {**intervals, feature: (max(low, threshold), high)}))


def _group(leaves: Sequence[tuple[int, dict[int, list[tuple[int, float, float]]]]]) -> LeafGroup:
    import numpy as np

    intervals = [ways[i] for _, ways in leaves for i in sorted(ways)]
    feature, low, high = (np.array(part) for part in zip(*(x for some in intervals for x in some), strict=True))
    return LeafGroup(
        leaf=np.array([place for place, _ in leaves]),
        inputs=np.array([sorted(ways) for _, ways in leaves]),
        feature=feature,
        low=low,
        high=high,
        start=np.cumsum([0, *map(len, intervals[:-1])]),
    )


def cylinder_shares(weights: Any, failed: Any, passed: Any) -> Any:
    """Shapley values of the games "this leaf is reached", averaged over prototypes.

    If a patient and a prototype together pass all inputs, the leaf is reached with the inputs S from the patient for
    exactly the S that hold all inputs A that the prototype fails and none of those B that the patient fails. With a
    and b inputs in them, the value of one in A is (a-1)! b! / (a+b)!, that of one in B is -a! (b-1)! / (a+b)!, and that
    of any other 0 (Laberge G, Pequignot Y. Understanding interventional TreeSHAP. arXiv 2209.15123, 2022).

    Parameters
    ----------
    weights : array of shape (n_leaves, n_prototypes)
        Weight of each pattern of the prototypes, for every leaf.
    failed : bool array of shape (n_prototypes, m)
        The inputs that each of these patterns fails.
    passed : bool array of shape (n_rows, m)
        The inputs that each pattern of the patients passes.

    Returns
    -------
    array of shape (n_leaves, m, n_rows)
    """
    import numpy as np

    m = failed.shape[1]
    ordering = np.array([[1 / (a * comb(a + b, b)) if a else 0.0 for b in range(m + 1)] for a in range(m + 1)])
    a, b = failed.sum(axis=1), (~passed).sum(axis=1)[:, None]
    together = (~passed).astype(float) @ failed.T.astype(float) == 0
    plus, minus = ordering[a, b] * together, ordering[b, a] * together
    return (weights[:, None] * failed.T) @ plus.T - (weights @ minus.T)[:, None] * ~passed.T


def mean_effects(
    groups: Sequence[LeafGroup], answers: Any, columns: Any, prototypes: Any, weights: Any, known: Any
) -> Any:
    """Shapley values where the answer is the sum of what the leaves add to it.

    Parameters
    ----------
    groups : from :func:`leaf_groups`
    answers : array of shape (n_all_leaves, n_answers)
        What each leaf adds to each answer.
    columns, prototypes : arrays of shape (n_features, n_rows) and (n_features, n_prototypes)
        Features in single precision; of what is missing the columns may say anything.
    weights : array of shape (n_prototypes,)
    known : bool array of shape (n_inputs,)
        Which inputs of these rows are known. The others come from the prototype on both sides and have effect 0.

    Returns
    -------
    array of shape (n_rows, n_inputs, n_answers)
    """
    import numpy as np

    n_rows = columns.shape[1]
    effects = np.zeros((len(known), n_rows, answers.shape[1]))
    for group in groups:
        here = known[group.inputs][..., None]
        theirs = group.passed(prototypes)
        reaching = (theirs | here).all(axis=1) * weights
        failed = here & ~theirs
        lookup = _by_table(reaching, failed) if group.inputs.shape[1] <= _SHORT else _by_pairs(reaching, failed)
        places = [(i, *np.nonzero(group.inputs == i)) for i in np.unique(group.inputs) if known[i]]
        step = max(1, _BLOCK // group.inputs.size)
        for rows in (slice(k, k + step) for k in range(0, n_rows, step)):
            share = lookup(group.passed(columns[:, rows]) | ~here)
            for i, leaf, place in places:
                effects[i, rows] += share(leaf, place).T @ answers[group.leaf[leaf]]
    return effects.transpose(1, 0, 2)


def _by_table(reaching: Any, failed: Any) -> Lookup:
    """Shares of every pattern of a patient are worked out at once, and looked up."""
    import numpy as np

    n_leaves, m, _ = failed.shape
    codes = (np.arange(n_leaves)[:, None] << m) + _codes(failed)
    counted = np.bincount(codes.ravel(), reaching.ravel(), n_leaves << m).reshape(n_leaves, -1)
    patterns = (np.arange(1 << m)[:, None] >> np.arange(m) & 1).astype(bool)
    table = cylinder_shares(counted, patterns, patterns).ravel()

    def lookup(passed: Any) -> Callable[[Any, Any], Any]:
        mine = _codes(passed)
        return lambda leaf, place: table[(leaf * m + place << m)[:, None] + mine[leaf]]

    return lookup


def _by_pairs(reaching: Any, failed: Any) -> Lookup:
    """Long ways have too many patterns: those of these rows, against those of the prototypes."""
    import numpy as np

    def lookup(passed: Any) -> Callable[[Any, Any], Any]:
        leaves = zip(reaching, failed, passed, strict=True)
        found = np.concatenate([cylinder_shares(some[None], f.T, p.T) for some, f, p in leaves])
        return lambda leaf, place: found[leaf, place]

    return lookup


def _codes(bits: Any) -> Any:
    """The number of each pattern; bool (n_leaves, m, n) -> int (n_leaves, n)."""
    import numpy as np

    codes = np.zeros((bits.shape[0], bits.shape[2]), dtype=np.intp)
    for k in range(bits.shape[1]):
        codes |= bits[:, k].astype(np.intp) << k
    return codes


def coalition_outputs(
    groups: Sequence[LeafGroup], answers: Any, columns: Any, prototypes: Any, players: Sequence[int]
) -> Any:
    """What the leaves add up to for every pair of row and prototype and every subset S of some inputs.

    A leaf's game is the product over its inputs of "q without the patient, p with", whose coefficients in the basis of
    unanimity games are q and p - q: those of all leaves are added up, then turned back together.

    Parameters
    ----------
    groups, answers, columns, prototypes : as for :func:`mean_effects`
    players : sequence of int
        The inputs that come from the patient or the prototype; every other comes from the prototype.

    Returns
    -------
    array of shape (2**n_players, n_rows, n_prototypes, n_answers)
        Bit i of the first index says whether ``players[i]`` is in S.
    """
    import numpy as np

    size = (answers.shape[1], 1 << len(players), columns.shape[1], prototypes.shape[1])
    total = np.zeros((*size[:2], size[2] * size[3]))
    bits = np.zeros(max((group.inputs.max() for group in groups), default=0) + 1, dtype=np.intp)
    for k, i in enumerate(players):
        bits[i : i + 1] = 1 << k
    for group in groups:
        bit = bits[group.inputs]
        mine, theirs = group.passed(columns).astype(np.int8), group.passed(prototypes).astype(np.int8)
        alive = np.where(bit[..., None] > 0, 1, theirs).min(axis=1)
        order, counts = np.argsort(bit == 0, axis=1, kind="stable"), (bit > 0).sum(axis=1)
        for count in np.unique(counts):
            leaves = np.flatnonzero(counts == count)
            step = max(1, _BLOCK // (total.shape[2] << count))
            for some in (leaves[start : start + step] for start in range(0, len(leaves), step)):
                at = some[:, None], order[some, :count]
                terms, subsets = _unanimity(alive[some], mine[at], theirs[at], bit[at])
                _add_by_subset(total, terms, subsets, answers[group.leaf[some]])
    for i in range(len(players)):
        pairs = total.reshape(len(total), -1, 2, total.shape[2] << i)
        pairs[:, :, 1] += pairs[:, :, 0]
    return np.moveaxis(total.reshape(size), 0, -1)


def _unanimity(alive: Any, mine: Any, theirs: Any, bits: Any) -> tuple[Any, Any]:
    """Coefficients of "this leaf is reached" and the subsets they belong to.

    Shapes (n_leaves, prototypes), (n_leaves, m, rows), (n_leaves, m, prototypes) and (n_leaves, m) give
    (n_leaves, 2**m, rows * prototypes) and (n_leaves, 2**m).
    """
    import numpy as np

    terms = np.repeat(alive[:, None, None, :], mine.shape[2], axis=2)
    subsets = np.zeros((len(bits), 1), dtype=np.intp)
    for k in range(bits.shape[1]):
        p, q = mine[:, k, None, :, None], theirs[:, k, None, None, :]
        terms = np.concatenate([terms * q, terms * (p - q)], axis=1)
        subsets = np.concatenate([subsets, subsets | bits[:, k, None]], axis=1)
    return terms.reshape(*terms.shape[:2], -1), subsets


def _add_by_subset(total: Any, terms: Any, subsets: Any, answers: Any) -> None:
    """Add what leaves answer times their coefficients to the subset of each; total (n_answers, 2**n, n_pairs)."""
    import numpy as np

    order = np.argsort(subsets, axis=None)
    where, first = np.unique(subsets.ravel()[order], return_index=True)
    rows = terms.reshape(-1, terms.shape[2])[order].astype(float)
    for k, answer in enumerate(answers.T):
        factors = np.repeat(answer, terms.shape[1])[order]
        total[k, where] += np.add.reduceat(rows * factors[:, None], first, axis=0)
