"""Exported trees against the libraries that grew them, on rows chosen to fall on the other side."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import config_context
from sklearn.tree import DecisionTreeRegressor

from riskml.runtime.members import Tree, Trees
from riskml.training.learners.tree_export import settle, singles, sklearn_tree, xgboost_trees
from tests.training.learners.tree_cases import binary, extremes, survival

# Few distinct values far apart: ties, adjacent single-precision numbers, both zeros.
values = st.sampled_from([0.0, -0.0, 0.1, np.nextafter(np.float32(0.1), np.float32(1)).item(), 1.0, -1e30, 3e38, 1e-45])


def margins(base, scale, trees, X):
    return Trees((base,), scale, tuple(trees)).table(X)[:, 0]


def booster(objective, X, rounds=8, depth=3, **data):
    settings_ = {"objective": objective, "max_depth": depth, "nthread": 1, "eta": 0.3, "base_score": 0.3}
    return xgboost.train(settings_, xgboost.DMatrix(X, **data), rounds)


@pytest.mark.parametrize("seed", range(4))
def test_sklearns_tree_on_extreme_rows(seed):
    X, y = binary(seed)
    fitted = DecisionTreeRegressor(min_samples_leaf=2, random_state=seed).fit(singles(X), y * 0.25)
    tree = sklearn_tree(fitted.tree_, fitted.tree_.value[:, 0, :])
    rows = extremes(X, [tree])
    with config_context(assume_finite=True):  # it sums the largest numbers to see whether they are finite
        expected = fitted.predict(singles(rows))
    np.testing.assert_allclose(margins(0.0, 1.0, [tree], rows), expected, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(arrays(float, (12, 2), elements=values), arrays(float, 12, elements=st.integers(0, 3).map(float)))
def test_sklearns_tree_on_ties_and_neighbours(X, y):
    fitted = DecisionTreeRegressor(random_state=0).fit(singles(X), y)
    tree = sklearn_tree(fitted.tree_, fitted.tree_.value[:, 0, :])
    np.testing.assert_allclose(margins(0.0, 1.0, [tree], X), fitted.predict(singles(X)), rtol=1e-6)
    np.testing.assert_array_equal(
        margins(0.0, 1.0, settle([tree], singles(X)), X), margins(0.0, 1.0, [tree], X), "settling moved a training row"
    )


@pytest.mark.parametrize("objective", ["binary:logistic", "survival:cox", "survival:aft"])
@pytest.mark.parametrize("seed", range(3))
def test_xgboosts_margins_on_extreme_rows(objective, seed):
    X, y = survival(seed)
    if objective == "survival:aft":
        data = {"label_lower_bound": y["time"], "label_upper_bound": np.where(y["event"], y["time"], np.inf)}
    else:
        data = {"label": y["event"] if objective == "binary:logistic" else np.where(y["event"], 1, -1) * y["time"]}
    fitted = booster(objective, singles(X), **data)
    base, trees = xgboost_trees(bytes(fitted.save_raw("json")))
    rows = extremes(X, trees)
    expected = fitted.predict(xgboost.DMatrix(singles(rows)), output_margin=True)
    assert len({tree.feature for tree in trees}) > 1
    np.testing.assert_allclose(margins(base, 1.0, trees, rows), expected, rtol=0, atol=2e-6)


@settings(max_examples=25, deadline=None)
@given(arrays(float, (14, 2), elements=values), arrays(bool, 14))
def test_xgboosts_margins_on_ties_and_neighbours(X, y):
    fitted = booster("binary:logistic", singles(X), rounds=3, label=y, weight=np.full(14, 4.0))
    base, trees = xgboost_trees(bytes(fitted.save_raw("json")))
    expected = fitted.predict(xgboost.DMatrix(singles(X)), output_margin=True)
    np.testing.assert_allclose(margins(base, 1.0, trees, X), expected, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(margins(base, 1.0, settle(trees, singles(X)), X), margins(base, 1.0, trees, X))


def test_a_stump_of_xgboost_by_hand():
    """x < 2 goes left in XGBoost, so 2 itself goes right and the largest single-precision number below it left."""
    model = {
        "learner": {
            "objective": {"name": "binary:logistic"},
            "learner_model_param": {"base_score": "[2.5E-1]"},
            "gradient_booster": {
                "model": {
                    "trees": [
                        {
                            "split_conditions": [2.0, -0.5, 0.5],
                            "split_indices": [3, 0, 0],
                            "left_children": [1, -1, -1],
                            "right_children": [2, -1, -1],
                        }
                    ]
                }
            },
        }
    }
    base, (tree,) = xgboost_trees(json.dumps(model))
    assert base == pytest.approx(np.log(1 / 3), rel=1e-12)
    assert tree == Tree((3,), (float(np.nextafter(np.float32(2), np.float32(0))),), (-1,), (-2,), (-0.5, 0.5))
    assert [tree.leaf[tree.find([0, 0, 0, x])] for x in (1.0, 2.0)] == [-0.5, 0.5]


def test_an_objective_that_is_not_ours_is_refused():
    fitted = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix([[0.0], [1.0]], label=[0, 1]), 1)
    with pytest.raises(ValueError, match="got 'reg:squarederror'"):
        xgboost_trees(bytes(fitted.save_raw("json")))


class Grown:
    """x0 <= 1 ? (x1 <= 5 ? .2 : .2) : (x1 <= 6 ? .3 : .4), nodes numbered as scikit-learn does."""

    feature = np.array([0, 1, -2, -2, 1, -2, -2])
    threshold = np.array([1.0, 5.0, -2.0, -2.0, 6.0, -2.0, -2.0])
    children_left = np.array([1, 2, -1, -1, 5, -1, -1])
    children_right = np.array([4, 3, -1, -1, 6, -1, -1])


def test_leaves_that_say_the_same_become_one():
    outputs = np.array([[0], [0], [0.2], [0.2], [0], [0.3], [0.4]])
    assert sklearn_tree(Grown, outputs) == Tree((0, 1), (1.0, 6.0), (-1, -2), (1, -3), (0.2, 0.3, 0.4))
    everywhere = np.full((7, 2), 0.7)
    assert sklearn_tree(Grown, everywhere) == Tree((), (), (), (), (0.7, 0.7))


def test_leaves_keep_seven_digits():
    outputs = np.array([[0], [0], [1 / 3], [2 / 3e9], [0], [12345.6789], [1.0]])
    assert sklearn_tree(Grown, outputs).leaf == (0.3333333, 6.666667e-10, 12345.68, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "settled"),
    [
        (0, 1, 0.5),
        (3, 4, 3.5),
        (10, 19, 14.0),
        (0.02, 0.98, 0.5),
        (-0.4, -0.2, -0.3),
        (23.4512, 23.4513, 23.45125),
        (0.3, 0.4, 0.35),
    ],
)
def test_thresholds_by_hand(low, high, settled):
    """The shortest decimal near the middle; a value of a patient is never one."""
    X = singles([[low], [high]])
    for threshold in (float(X[0, 0]), low / 2 + high / 2):
        (tree,) = settle([Tree((0,), (threshold,), (-1,), (-2,), (0.0, 1.0))], X)
        assert tree.threshold[0] == pytest.approx(settled, rel=1e-12)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.floats(width=32, allow_nan=False))
def test_a_settled_threshold_is_no_patients_value(a, b):
    X = singles([[a], [b]])
    low, high = sorted(X[:, 0].astype(float))
    (tree,) = settle([Tree((0,), (low,), (-1,), (-2,), (0.0, 1.0))], X)
    assert low < tree.threshold[0] < high if low < high else tree.threshold[0] == low


def test_a_threshold_outside_the_training_rows_stays():
    tree = Tree((0,), (7.0,), (-1,), (-2,), (0.0, 1.0))
    assert settle([tree], singles([[0.0], [1.0]])) == (tree,)


def test_singles_are_finite():
    np.testing.assert_array_equal(singles([[1e300, -1e300, 0.1]]), np.float32([[3.4028235e38, -3.4028235e38, 0.1]]))
