"""Trees over a table in numpy: the same as one walk after another, row by row and prototype by prototype."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime import tree_tables
from riskml.runtime.members import Tree, Trees, single
from riskml.runtime.tree_tables import Forest, single_table
from tests.runtime.models import trees

numbers = st.sampled_from([0.0, 1.0, 0.4, -2.0, 1e300, 5e-324]) | st.floats(-10, 10)


@st.composite
def forests(draw, n_features=3):
    """Trees, rows and prototypes; features that only rows, only prototypes, both or neither decide."""
    width = draw(st.integers(1, 3))
    grown = tuple(draw(trees(n_features, width, st.floats(-2, 2))) for _ in range(draw(st.integers(1, 4))))
    base = tuple(draw(st.lists(st.floats(-1, 1), min_size=width, max_size=width)))
    mask = np.array(draw(st.lists(st.sampled_from([(1, 0), (0, 1), (1, 1), (0, 0)]), min_size=3, max_size=3)))
    table = st.lists(st.tuples(*[numbers] * n_features), min_size=1, max_size=5).map(np.array)
    return Trees(base, draw(st.floats(-2, 2)), grown), draw(table) * mask[:, 0], draw(table) * mask[:, 1]


@settings(max_examples=200, deadline=None)
@given(forests(), st.integers(1, 100))
def test_every_pair_of_row_and_prototype_gets_its_walk(case, block):
    predictor, fixed, moving = case
    weights = np.arange(1, len(moving) + 1) / np.arange(1, len(moving) + 1).sum()
    expected = np.array([[np.atleast_1d(predictor.at((a + b).tolist())) for b in moving] for a in fixed])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_tables, "_BLOCK", block)  # down to one row at a time
        forest = Forest(predictor)
        assert forest.grid(fixed, moving) == pytest.approx(expected, abs=1e-12)
        assert forest.mean(fixed, moving, weights) == pytest.approx(np.tensordot(expected, weights, (1, 0)), abs=1e-12)
    assert predictor.table(fixed) == pytest.approx(
        np.array([np.atleast_1d(predictor.at(row)) for row in fixed.tolist()]), abs=1e-12
    )


@given(forests())
def test_leaves_may_hold_answers_that_are_linear_in_outputs(case):
    predictor, fixed, moving = case

    def answer(outputs):
        return np.column_stack([np.ones(len(outputs)), 1 - outputs.sum(axis=1)])

    plain = Forest(predictor).grid(fixed, moving)
    expected = answer(plain.reshape(-1, plain.shape[2])).reshape(*plain.shape[:2], 2)
    assert Forest(predictor, answer).grid(fixed, moving) == pytest.approx(expected, abs=1e-12)


def test_no_rows_give_no_outputs():
    forest = Forest(Trees((0.5,), 1.0, (Tree((1,), (0.0,), (-1,), (-2,), (1.0, 2.0)),)))
    assert forest.mean(np.zeros((0, 2)), np.zeros((1, 2)), np.ones(1)).shape == (0, 1)
    assert forest.grid(np.zeros((0, 2)), np.zeros((3, 2))).shape == (0, 3, 1)


@given(st.lists(numbers, min_size=1, max_size=9))
def test_single_precision_is_that_of_one_row(values):
    assert single_table(np.array(values)).tolist() == list(single(values))
