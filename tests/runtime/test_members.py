"""Members: trees walked by hand and against scikit-learn, and no tree gets in that is not one."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from riskml.runtime.members import Causes, Linear, Member, Tree, Trees, member_from_dict, single
from riskml.runtime.model import model_from_dict
from riskml.runtime.model_error import ModelError
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.score import score_table, value
from riskml.runtime.time_responses import Accelerated, Baseline, Curve, Incidence
from riskml.training.learners.tree_export import sklearn_tree
from tests.runtime.models import plain_model

STUMP = Tree((0,), (0.5,), (-1,), (-2,), (0.2, 0.9))
# Age over 10: leaf 2. Else MRD at or under 1/4: leaf 0, else leaf 1; leaves hold two numbers.
TWO_SPLITS = Tree((0, 1), (10.0, 0.25), (1, -1), (-3, -2), (0.9, 0.8, 0.7, 0.3, 0.5, 0.5))


@pytest.mark.parametrize(
    ("x", "leaf"), [(0.5, 0.2), (0.49, 0.2), (0.51, 0.9), (-1e300, 0.2), (1e300, 0.9), (5e-324, 0.2)]
)
def test_a_stump_by_hand(x, leaf):
    assert Trees((0.0,), 1.0, (STUMP,)).at([x]) == leaf


@pytest.mark.parametrize(("row", "leaf"), [((10, 0.25), 0), ((9, 0.3), 1), ((11, 0.0), 2), ((11, 1.0), 2)])
def test_two_splits_and_vector_leaves_by_hand(row, leaf):
    assert TWO_SPLITS.find(row) == leaf
    trees = Trees((1.0, 0.0), 0.5, (TWO_SPLITS, TWO_SPLITS.with_(leaf=(0.0,) * 6)))
    first, second = TWO_SPLITS.leaf[2 * leaf : 2 * leaf + 2]
    assert trees.at(row) == pytest.approx([1 + 0.5 * first, 0.5 * second])
    assert trees.table(np.array([row], dtype=float))[0] == pytest.approx([1 + 0.5 * first, 0.5 * second])


def test_a_tree_of_one_leaf_says_the_same_to_everyone():
    trees = Trees((0.0,), 1.0, (Tree((), (), (), (), (0.3,)),))
    assert trees.at([7.0]) == 0.3
    assert trees.table(np.zeros((3, 1))).tolist() == [[0.3]] * 3


def test_comparison_is_in_single_precision():
    # 0.1 in single precision is 0.10000000149; as a double, 0.1000000015 is above it, and the same number in single.
    threshold = float(np.float32(0.1))
    tree = Trees((0.0,), 1.0, (STUMP.with_(threshold=(threshold,)),))
    below, on, same, above = 0.1, threshold, 0.1000000015, 0.1000001
    assert same > threshold
    rows = [[below], [on], [same], [above]]
    assert [tree.at(row) for row in rows] == [0.2, 0.2, 0.2, 0.9]
    assert tree.table(np.array(rows))[:, 0].tolist() == [0.2, 0.2, 0.2, 0.9]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_single_is_numpy_s_float32_and_never_infinite(row):
    largest = float(np.finfo(np.float32).max)
    expected = np.clip(row, -largest, largest).astype(np.float32).astype(float)
    assert list(single(row)) == expected.tolist()
    assert all(map(math.isfinite, single(row)))


def test_one_huge_value_does_not_spare_the_others_their_rounding():
    assert list(single([0.1, 1e300])) == [float(np.float32(0.1)), float(np.finfo(np.float32).max)]


def test_an_exported_forest_predicts_as_scikit_learn_does_on_thresholds_and_beyond():
    random = np.random.default_rng(0)
    X = np.round(random.normal(size=(300, 4)), 1)
    forest = RandomForestClassifier(20, min_samples_leaf=5, random_state=0).fit(X, X[:, 0] + X[:, 1] ** 2 > 0.7)
    grown = [sklearn_tree(t.tree_, t.tree_.value[:, 0, 1:]) for t in forest.estimators_]
    trees = Trees((0.0,), 1 / len(grown), tuple(grown))
    thresholds = [x for tree in grown for x in tree.threshold]
    rows = np.concatenate([X, random.choice(thresholds, (200, 4)), random.choice([1e30, -1e30, 5e-324], (20, 4))])
    expected = forest.predict_proba(rows)[:, 1]
    assert trees.table(rows)[:, 0] == pytest.approx(expected, abs=1e-6)  # leaves keep seven digits
    assert [trees.at(row) for row in rows.tolist()] == pytest.approx(trees.table(rows)[:, 0].tolist(), abs=1e-12)


def test_linear_and_causes_by_hand():
    linear = Linear(0.5, (2.0, -1.0))
    assert linear.at([1.0, 3.0]) == -0.5
    causes = Causes((linear, Linear(0.0, (0.0, 1.0))))
    assert (causes.outputs, causes.at([1.0, 3.0])) == (2, [-0.5, 3.0])
    assert causes.table(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist() == [[-0.5, 3.0], [0.5, 0.0]]


def test_baseline_and_linear_predictor_are_given_only_where_there_is_one():
    baseline = Baseline((0.0, 1.0), (0.0, 0.1))
    assert Member(1.0, Linear(0.0, ()), Calibrated(baseline, 0.0, 1.0)).baseline == baseline
    assert Member(1.0, Linear(0.0, ()), LOGISTIC).baseline is None
    with pytest.raises(TypeError, match="trees has no single linear predictor"):
        _ = Member(1.0, Trees((0.0,), 1.0, (STUMP,)), PROBABILITY).linear


def test_any_predictor_goes_with_any_response_of_its_number_of_outputs():
    # Two outputs of trees as the log hazards of two causes: hazards 0.1 * e^0.9 and 0.1 * e^0.8 up to month 1.
    grid = Baseline((0.0, 1.0), (0.0, 0.1))
    member = Member(1.0, Trees((0.0, 0.0), 1.0, (TWO_SPLITS,)), Incidence((grid, grid)))
    model = plain_model([member], {(9.0, 0.0): 1.0}, inputs=("age", "mrd")).with_(kind="incidence")
    mine, other = 0.1 * math.exp(0.9), 0.1 * math.exp(0.8)
    expected = mine / (mine + other) * (1 - math.exp(-mine - other))
    assert value(model, {"age": 9.0, "mrd": 0.0}, [1.0]) == pytest.approx([expected])
    assert score_table(model, {}, 1, [1.0])[0] == pytest.approx([expected])
    assert model_from_dict(json.loads(json.dumps(model.to_dict()))) == model


# --- refusals ---------------------------------------------------------------------------------------------------------

FOREST = Member(1.0, Trees((0.0,), 0.5, (STUMP, STUMP)), PROBABILITY).to_dict()
CURVES = Member(1.0, Trees((0.0, 0.0), 1.0, (TWO_SPLITS,)), Curve((6.0, 12.0))).to_dict()
BOOSTED = Member(1.0, Trees((0.1,), 1.0, (STUMP.with_(leaf=(-3.0, 4.0)),)), LOGISTIC).to_dict()


def with_tree(raw, **parts):
    raw = copy.deepcopy(raw)
    raw["predictor"]["trees"][0] |= parts
    return raw


def changed(raw, part, **parts):
    return {**raw, part: {**raw[part], **parts}}


@pytest.mark.parametrize(("raw", "kind"), [(FOREST, "binary"), (CURVES, "survival"), (BOOSTED, "binary")])
def test_sound_members_come_back(raw, kind):
    assert member_from_dict(json.loads(json.dumps(raw)), 2, kind).to_dict() == raw


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (with_tree(CURVES, left=[0, -1]), "lead downward"),  # its own child
        (with_tree(CURVES, left=[1, 0]), "lead downward"),  # a cycle of two
        (with_tree(CURVES, left=[1, 1]), "lead downward"),
        (with_tree(CURVES, left=[2, -1]), "must be a tree"),  # out of range
        (with_tree(CURVES, left=[1, -4]), "must be a tree"),
        (with_tree(CURVES, left=[1, -2]), "must be a tree"),  # a leaf with two parents, another with none
        (with_tree(CURVES, left=[-1, -2], right=[-3, -1]), "must be a tree"),  # an inner node that nothing leads to
        (with_tree(CURVES, left=[1]), "2 whole numbers"),
        (with_tree(CURVES, left=[1, -1, -2]), "2 whole numbers"),
        (with_tree(CURVES, left=[1.0, -1]), "2 whole numbers"),
        (with_tree(CURVES, left=[True, -1]), "2 whole numbers"),
        (with_tree(CURVES, left="ab"), "2 whole numbers"),
        (with_tree(CURVES, feature=[0, 2]), "feature the model does not have"),
        (with_tree(CURVES, feature=[0, -1]), "feature the model does not have"),
        (with_tree(CURVES, feature=[0, False]), "2 whole numbers"),
        (with_tree(CURVES, feature=[10**30, 0]), "feature the model does not have"),
        (with_tree(CURVES, threshold=[0.0]), "must have 2"),
        (with_tree(CURVES, threshold=[0.0, math.nan]), "finite"),
        (with_tree(CURVES, threshold=[0.0, math.inf]), "finite"),
        (with_tree(CURVES, threshold=[0.0, True]), "finite"),
        (with_tree(CURVES, leaf=[0.5] * 5), "must have 6"),
        (with_tree(CURVES, leaf=[0.5] * 7), "must have 6"),
        (with_tree(CURVES, leaf=[0.3, 0.4, 0.7, 0.3, 0.5, 0.5]), "never rise"),
        (with_tree(CURVES, leaf=[1.1, 0.8, 0.7, 0.3, 0.5, 0.5]), "shares"),
        (with_tree(CURVES, leaf=[0.9, 0.8, 0.7, -0.1, 0.5, 0.5]), "shares"),
        (changed(CURVES, "predictor", scale=0.5), "mean of trees"),
        (changed(CURVES, "predictor", base=[0.1, 0.0]), "mean of trees"),
        (changed(CURVES, "predictor", base=[0.0]), "must have 3"),
        (changed(CURVES, "predictor", base=[]), "at least one tree"),
        (changed(CURVES, "predictor", trees=[]), "at least one tree"),
        (changed(CURVES, "predictor", scale=math.nan), "finite"),
        (changed(CURVES, "response", times=[6.0]), "takes 1 outputs"),
        (changed(CURVES, "predictor", kind="network"), "unknown predictor"),
        ({**CURVES, "response": {"kind": "calibrated", "response": {"kind": "curve", "times": [6.0]}, "intercept": 0.0,
                                 "slope": 1.0}}, "takes 1 outputs"),
        ({**CURVES, "weight": 0.0}, "positive"),
        ({**CURVES, "weight": True}, "finite"),
    ],
)  # fmt: skip
def test_malformed_trees_are_refused_with_their_reason(raw, message):
    with pytest.raises(ModelError, match=message):
        member_from_dict(raw, 2, "survival")


@pytest.mark.parametrize("leaf", [[0.2, 1.0000001], [-1e-9, 0.5], [0.2, math.nan], [0.2, True], [0.2, 1e309]])
def test_leaves_that_are_no_probabilities_are_refused(leaf):
    with pytest.raises(ModelError, match=r"shares|finite"):
        member_from_dict(with_tree(FOREST, leaf=leaf), 2, "binary")
    line = {"kind": "calibrated", "response": {"kind": "probability"}, "intercept": 0.0, "slope": 1.0}
    with pytest.raises(ModelError, match=r"shares|finite"):
        member_from_dict({**with_tree(FOREST, leaf=leaf), "response": line}, 2, "binary")


def test_a_linear_predictor_is_no_probability_and_causes_are_linear_and_two():
    linear = {"kind": "linear", "intercept": 0.0, "coefficients": [1.0, 2.0]}
    with pytest.raises(ModelError, match="mean of trees"):
        member_from_dict({**FOREST, "predictor": linear}, 2, "binary")
    cox = Baseline((0.0, 6.0), (0.0, 0.2))
    causes = Member(1.0, Causes((Linear(0.0, (1.0, 1.0)),) * 2), Incidence((cox, cox))).to_dict()
    assert member_from_dict(causes, 2, "incidence").predictor.outputs == 2
    for linears, message in (([linear], "two causes"), ([FOREST["predictor"]] * 2, "linear predictor")):
        with pytest.raises(ModelError, match=message):
            member_from_dict(changed(causes, "predictor", linears=linears), 2, "incidence")
    with pytest.raises(ModelError, match="not for survival outcomes"):
        member_from_dict(causes, 2, "survival")


def test_a_chain_of_ten_thousand_nodes_is_walked_without_recursion():
    size = 10_000
    chain = Tree(
        (0,) * size,
        tuple(float(k) for k in range(size)),
        tuple(-k - 1 for k in range(size)),
        (*range(1, size), -size - 1),
        tuple(k / size for k in range(size + 1)),
    )
    member = Member(1.0, Trees((0.0,), 1.0, (chain,)), PROBABILITY)
    model = model_from_dict(plain_model([member], {(0.0,): 0.5, (9e3,): 0.5}).to_dict())
    assert value(model, {"age": size + 1.0}) == [1.0]
    assert value(model, {}) == pytest.approx([0.45])
    assert score_table(model, {"age": [5.0, math.nan]}, 2)[:, 0] == pytest.approx([0.0005, 0.45])


@settings(max_examples=50, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=3), lambda x: st.lists(x, max_size=3)))
def test_any_json_in_the_place_of_a_part_is_refused_or_sound(junk):
    model = plain_model([Member(1.0, Trees((0.0,), 1.0, (STUMP,)), PROBABILITY)], {(0.0,): 1.0})
    for part in ("feature", "threshold", "left", "right", "leaf"):
        raw = model.to_dict()
        raw["members"][0]["predictor"]["trees"][0][part] = junk
        try:
            built = model_from_dict(raw)
        except ModelError:
            continue
        assert 0 <= value(built, {"age": 0.3})[0] <= 1


def test_members_of_accelerated_times_take_trees_too():
    # Log time 0.2 at or under the threshold, 0.9 above: Weibull S(1) = exp(-exp(-output / scale)).
    member = Member(1.0, Trees((0.0,), 1.0, (STUMP,)), Accelerated("weibull", 0.5, 12.0))
    model = plain_model([member], {(0.0,): 1.0}).with_(kind="survival")
    for x, output in ((0.0, 0.2), (1.0, 0.9)):
        assert value(model, {"age": x}, [1.0]) == pytest.approx([math.exp(-math.exp(-output / 0.5))])
