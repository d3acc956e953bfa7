"""Trees against a table, leaf by leaf: the definition, walks down the trees, and the ways around each other."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime import tree_effects
from riskml.runtime.members import Tree, Trees
from riskml.runtime.tree_effects import coalition_outputs, cylinder_shares, leaf_groups, mean_effects
from riskml.runtime.tree_tables import single_table
from tests.runtime.models import trees

EXACT = 1e-12
CASES = settings(max_examples=60, deadline=None)
numbers = st.sampled_from([0.0, 1.0, 0.4, -2.0]) | st.floats(-10, 10)
N_INPUTS = 3


@st.composite
def games(draw):
    """Trees with one or two outputs, what makes up their features, patients, prototypes, and who is known."""
    width = draw(st.integers(1, 2))
    owner = draw(st.lists(st.integers(0, N_INPUTS - 1), min_size=1, max_size=4))
    grown = tuple(draw(trees(len(owner), width, st.floats(-2, 2))) for _ in range(draw(st.integers(1, 4))))
    table = st.lists(st.tuples(*[numbers] * len(owner)), min_size=1, max_size=5).map(
        lambda rows: single_table(np.array(rows)).T
    )
    known = draw(st.lists(st.booleans(), min_size=N_INPUTS, max_size=N_INPUTS))
    return Trees((0.0,) * width, 1.0, grown), owner, draw(table), draw(table), np.array(known)


def leaves_of(predictor):
    return np.array([x for tree in predictor.trees for x in tree.leaf]).reshape(-1, predictor.outputs)


def walk(predictor, owner, row, prototype, from_row):
    """Outputs with some inputs from the row and the others from the prototype, one walk a tree."""
    mixed = [mine if i in from_row else theirs for i, mine, theirs in zip(owner, row, prototype, strict=True)]
    return np.atleast_1d(predictor.at(mixed))


def by_definition(players, worth):
    """What each player adds on joining, averaged over every order of joining."""
    total = dict.fromkeys(players, 0.0)
    for order in permutations(players):
        for k, player in enumerate(order):
            total[player] += worth(order[: k + 1]) - worth(order[:k])
    return {player: sums / math.factorial(len(players)) for player, sums in total.items()}


@CASES
@given(games(), st.booleans())
def test_mean_effects_are_shapley_values_of_the_definition(case, long_way):
    predictor, owner, columns, prototypes, known = case
    weights = np.arange(1, prototypes.shape[1] + 1) / np.arange(1, prototypes.shape[1] + 1).sum()
    with pytest.MonkeyPatch.context() as patch:
        if long_way:  # as if every path were too long for a table; in the smallest blocks
            for name, number in {"_SHORT": 0, "_BLOCK": 1, "_PATTERNS": 1}.items():
                patch.setattr(tree_effects, name, number)
        groups = leaf_groups(predictor, owner)
        found = mean_effects(groups, leaves_of(predictor), columns, prototypes, weights, known)
    assert found.shape == (columns.shape[1], N_INPUTS, predictor.outputs)
    assert not found[:, ~known].any()
    players = np.flatnonzero(known).tolist()
    for row, effects in zip(columns.T, found, strict=True):

        def worth(names, row=row):
            answers = [walk(predictor, owner, row, prototype, names) for prototype in prototypes.T]
            return weights @ np.array(answers)

        for i, expected in by_definition(players, worth).items():
            assert effects[i] == pytest.approx(expected, abs=EXACT)


@CASES
@given(games(), st.sampled_from([1, 7, 500_000]))
def test_coalition_outputs_are_walks_with_inputs_exchanged(case, block):
    predictor, owner, columns, prototypes, known = case
    players = np.flatnonzero(known).tolist()[::-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_effects, "_BLOCK", block)
        groups = leaf_groups(predictor, owner)
        found = coalition_outputs(groups, leaves_of(predictor), columns, prototypes, players)
    bare = sum(np.array(tree.leaf) for tree in predictor.trees if not tree.feature)  # in no group
    for s in range(1 << len(players)):
        names = {i for k, i in enumerate(players) if s >> k & 1}
        for r, row in enumerate(columns.T):
            for b, prototype in enumerate(prototypes.T):
                expected = walk(predictor, owner, row, prototype, names)
                assert found[s, r, b] + bare == pytest.approx(expected, abs=EXACT)


@given(games())
def test_every_row_passes_all_of_one_leaf_of_each_tree(case):
    predictor, owner, columns, _, _ = case
    reached = np.zeros((len(leaves_of(predictor)), columns.shape[1]))
    for group in leaf_groups(predictor, owner):
        reached[group.leaf] = group.passed(columns).all(axis=1)
    place = 0
    for tree in predictor.trees:
        leaves = reached[place : place + len(tree.feature) + 1]
        place += len(leaves)
        if tree.feature:
            assert leaves.argmax(axis=0).tolist() == [tree.find(row) for row in columns.T.tolist()]
            assert leaves.sum(axis=0).tolist() == [1] * columns.shape[1]


@pytest.mark.parametrize("m", [1, 2, 4])
def test_shares_of_one_cylinder_by_orders_of_joining(m):
    patterns = (np.arange(1 << m)[:, None] >> np.arange(m) & 1).astype(bool)
    for theirs in patterns:
        found = cylinder_shares(np.array([[0.25]]), ~theirs[None], patterns)[0]
        for mine, shares in zip(patterns, found.T, strict=True):

            def worth(names, mine=mine, theirs=theirs):
                return 0.25 * all(mine[i] if i in names else theirs[i] for i in range(m))

            assert list(shares) == pytest.approx(list(by_definition(range(m), worth).values()), abs=EXACT)


def test_a_path_of_many_inputs_by_hand():
    # All twelve inputs have to be low. Everyone of the patients is, no prototype in any: 1 is shared by 12 alike.
    n = 12
    chain = Tree((*range(n),), (0.0,) * n, (*range(1, n), -1), (*range(-2, -2 - n, -1),), (1.0, *[0.0] * n))
    groups = leaf_groups(Trees((0.0,), 1.0, (chain,)), range(n))
    assert [group.inputs.shape[1] for group in groups] == [*range(1, n + 1)]
    everyone, weights = np.ones(n, dtype=bool), np.array([0.5, 0.5])
    answers = np.array(chain.leaf)[:, None]
    found = mean_effects(groups, answers, np.full((n, 3), -1.0), np.full((n, 2), 1.0), weights, everyone)
    assert found == pytest.approx(np.full((3, n, 1), 1 / 12), abs=EXACT)
    # Of the prototypes half are low in all but the first input: for those it alone earns the 1.
    prototypes = np.column_stack([np.full(n, 1.0), [1.0, *[-1.0] * (n - 1)]])
    found = mean_effects(groups, answers, np.full((n, 1), -1.0), prototypes, weights, everyone)[0, :, 0]
    assert found == pytest.approx([1 / 24 + 1 / 2, *[1 / 24] * (n - 1)], abs=EXACT)


def test_trees_of_one_leaf_are_in_no_group():
    assert leaf_groups(Trees((0.0,), 1.0, (Tree((), (), (), (), (0.7,)),)), [0]) == []
    assert coalition_outputs([], np.ones((1, 2)), np.zeros((1, 3)), np.zeros((1, 4)), [0]).tolist() == (
        np.zeros((2, 3, 4, 2)).tolist()
    )
