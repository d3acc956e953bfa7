"""Trees as games: solved by hand, against every coalition, and against shap on scikit-learn's own forest."""

from __future__ import annotations

import math
import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from riskml.runtime.explain import explain_value
from riskml.runtime.members import Member, Tree, Trees
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.responses import LOGISTIC, PROBABILITY
from riskml.runtime.score import value
from riskml.runtime.time_responses import Curve
from riskml.runtime.tree_games import (
    Splits,
    cylinders,
    mean_outputs,
    row_outputs,
    shapley,
    splits_of,
    tables,
)
from riskml.training.learners.tree_export import sklearn_tree
from tests.runtime.models import plain_model, trees

XYZ = ("x", "y", "z")


def forest_model(predictor, background, *, inputs=XYZ, response=PROBABILITY) -> PortableModel:
    model = plain_model([Member(1.0, predictor, response)], background, inputs=inputs)
    return model.with_(kind=response.outcome)


def test_a_stump_by_hand():
    # Leaf .2 up to 1, .9 above. Prototypes 0 (weight 1/4) and 2: base .25 * .2 + .75 * .9 = .725; patient 0 gets .2.
    stump = Tree((0,), (1.0,), (-1,), (-2,), (0.2, 0.9))
    model = forest_model(Trees((0.0,), 1.0, (stump,)), {(0.0,): 0.25, (2.0,): 0.75}, inputs=("x",))
    found = explain_value(model, {"x": 0.0})
    assert found.base == pytest.approx((0.725,))
    assert found.effects[0] == pytest.approx({"x": -0.525})
    assert found.value == (0.2,)


# x under 1/2: y under 1/2: 0.1, else 0.5; x above: 0.9. z is looked at by nobody.
TWO_SPLITS = Tree((0, 1), (0.5, 0.5), (1, -1), (-3, -2), (0.1, 0.5, 0.9))


def test_two_splits_of_three_inputs_by_hand():
    # Prototype (0, 0), patient (1, 1): v(0) = .1, v(x) = .9, v(y) = .5, v(xy) = .9, so
    # x: (.8 + .4) / 2 = .6, y: (.4 + 0) / 2 = .2.
    model = forest_model(Trees((0.0,), 1.0, (TWO_SPLITS,)), {(0.0, 0.0, 0.0): 1.0})
    found = explain_value(model, dict.fromkeys(XYZ, 1.0))
    assert found.base == pytest.approx((0.1,))
    assert found.effects[0] == pytest.approx({"x": 0.6, "y": 0.2, "z": 0.0})
    assert found.effects[0]["z"] == 0.0
    # The other way round: v(0) = .9, v(x) = .5, v(y) = .9, v(xy) = .1: x: (-.4 - .8) / 2, y: (0 - .4) / 2.
    model = forest_model(Trees((0.0,), 1.0, (TWO_SPLITS,)), {(1.0, 1.0, 5.0): 1.0})
    assert explain_value(model, dict.fromkeys(XYZ, 0.0)).effects[0] == pytest.approx({"x": -0.6, "y": -0.2, "z": 0.0})


def test_vector_leaves_by_hand_have_one_explanation_a_month():
    # Half the tree above with S(6), S(12) = leaf and half of it, half a tree that says 1 and 0.6 to everyone.
    twice = TWO_SPLITS.with_(leaf=(0.1, 0.05, 0.5, 0.25, 0.9, 0.45))
    flat = Tree((), (), (), (), (1.0, 0.6))
    model = forest_model(Trees((0.0, 0.0), 0.5, (twice, flat)), {(0.0, 0.0, 0.0): 1.0}, response=Curve((6.0, 12.0)))
    found = explain_value(model, dict.fromkeys(XYZ, 1.0), [0.0, 3.0, 6.0, 12.0])
    # At 3 months half way from S(0) = 1; at 6 half of what is above; at 12 a quarter.
    assert found.base == pytest.approx((1.0, 0.775, 0.55, 0.325))
    assert [e["x"] for e in found.effects] == pytest.approx([0, 0.15, 0.3, 0.15])
    assert [e["y"] for e in found.effects] == pytest.approx([0, 0.05, 0.1, 0.05])
    assert found.sum_error < 1e-15


# --- against every coalition ------------------------------------------------------------------------------------------

N_FEATURES = 3
cells = st.sampled_from([0.0, 1.0, 0.4, -2.0])


@st.composite
def games(draw):
    """A forest over features that are sums of up to five inputs; a patient of whom some inputs are known."""
    inputs = tuple("abcde")
    sums = [draw(st.lists(st.sampled_from(inputs), min_size=1, max_size=3, unique=True)) for _ in range(N_FEATURES)]
    width = draw(st.integers(1, 2))
    leaves = st.integers(-1000, 1000).map(lambda k: k / 1000)
    grown = tuple(draw(trees(N_FEATURES, width, leaves)) for _ in range(draw(st.integers(1, 3))))
    predictor = Trees((0.25,) * width, -0.5, grown)
    rows = draw(st.lists(st.tuples(*[cells] * 5), min_size=1, max_size=10))
    weights = [k + 1 for k in range(len(rows))]
    model = PortableModel(
        kind="binary",
        inputs=inputs,
        features=tuple(Feature(f"f{j}", "value", tuple(names)) for j, names in enumerate(sums)),
        members=(Member(1.0, predictor, LOGISTIC),),
        weights=tuple(w / sum(weights) for w in weights),
        background=tuple(rows),
        bootstrap=(),
        level=0.9,
        limits={},
    )
    return model, draw(st.fixed_dictionaries({}, optional=dict.fromkeys(inputs, cells)))


def outputs_by_substitution(model, known, names, subset):
    """Outputs for each row with the inputs in ``subset`` (bits of ``names``) from the patient: one walk a tree."""
    found = []
    for row in model.background:
        patient = dict(zip(model.inputs, row, strict=True))
        patient |= {name: x for name, x in known.items() if name not in names or subset >> names.index(name) & 1}
        features = [sum(patient[name] for name in feature.inputs) for feature in model.features]
        found.append(np.atleast_1d(model.members[0].predictor.at(features)))
    return np.array(found)


@settings(max_examples=150, deadline=None)
@given(games())
def test_every_row_and_coalition_lies_in_exactly_one_cylinder_that_ends_in_its_leaf(case):
    model, known = case
    names = list(known)
    splits = splits_of(model, known, names)
    for tree in model.members[0].predictor.trees:
        found = list(cylinders(tree, splits))
        one = model.with_(members=(Member(1.0, Trees((0.0,), 1.0, (leaf_numbers(tree),)), LOGISTIC),))
        for subset in range(1 << len(names)):
            expected = outputs_by_substitution(one, known, names, subset)[:, 0]
            for k, leaf in enumerate(expected):
                held = [c for c in found if c[2] >> k & 1 and c[0] & subset == c[0] and not c[1] & subset]
                assert [c[3] for c in held] == [leaf]
        assert all(rows and not inside & outside for inside, outside, rows, _ in found)


def leaf_numbers(tree):
    """The tree with the number of each leaf in it."""
    return tree.with_(leaf=tuple(float(k) for k in range(len(tree.feature) + 1)))


@settings(max_examples=150, deadline=None)
@given(games())
def test_tables_and_shapley_values_are_those_of_all_coalitions(case):
    model, known = case
    names, predictor = list(known), model.members[0].predictor
    width, n = predictor.outputs, len(known)
    splits = splits_of(model, known, names)
    leaves = [
        [[predictor.scale * x for x in tree.leaf[k : k + width]] for k in range(0, len(tree.leaf), width)]
        for tree in predictor.trees
    ]
    worth = np.array([outputs_by_substitution(model, known, names, s) for s in range(1 << n)]) - 0.25
    assert np.array(tables(predictor.trees, leaves, splits, n)) == pytest.approx(worth.transpose(1, 2, 0), abs=1e-12)
    mean = np.tensordot(worth, model.weights, (1, 0))
    empty, effects = shapley(predictor.trees, leaves, splits, n)
    assert empty == pytest.approx(mean[0], abs=1e-12)
    for i in range(n):
        total = np.zeros(width)
        for subset in range(1 << n):
            if not subset >> i & 1:
                size = subset.bit_count()
                share = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                total += share * (mean[subset | 1 << i] - mean[subset])
        assert effects[i] == pytest.approx(total, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(games())
def test_outputs_without_players_are_walks_of_the_rows(case):
    model, known = case
    predictor, splits = model.members[0].predictor, splits_of(model, known, [])
    expected = outputs_by_substitution(model, known, [], 0)
    assert np.array(row_outputs(predictor, splits)) == pytest.approx(expected, abs=1e-12)
    assert mean_outputs(predictor, splits) == pytest.approx(np.array(model.weights) @ expected, abs=1e-12)


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 9)), min_size=1, max_size=40), st.floats(-5, 5))
def test_rows_under_a_threshold_and_their_weight(rows, threshold):
    splits = Splits([{0: [x for x, _ in rows]}], [float(w) for _, w in rows])
    under = splits.under(0, threshold)[0]
    single = [float(np.float32(x)) for x, _ in rows]
    assert [under >> k & 1 for k in range(len(rows))] == [int(x <= threshold) for x in single]
    assert splits.weight(under) == sum(w for x, (_, w) in zip(single, rows, strict=True) if x <= threshold)


# --- axioms -----------------------------------------------------------------------------------------------------------


@given(st.permutations(range(3)), st.tuples(*[st.floats(-1, 1)] * 3), st.tuples(*[st.floats(-1, 1)] * 3))
def test_inputs_that_a_forest_treats_alike_get_the_same(order, patient, prototype):
    # Every order of x, y, z in the same tree: a game that no renaming of the inputs changes.
    shape = Tree((0, 1, 2), (0.0, 0.1, -0.1), (1, 2, -1), (-4, -3, -2), (0.0, 0.3, 0.5, 1.0))
    grown = tuple(shape.with_(feature=tuple(order[j] for j in shape.feature)) for order in ORDERS)
    predictor = Trees((0.0,), 1 / 6, grown)
    here = explain_value(forest_model(predictor, {prototype: 1.0}), dict(zip(XYZ, patient, strict=True)))
    moved = [tuple(row[k] for k in order) for row in (patient, prototype)]
    there = explain_value(forest_model(predictor, {moved[1]: 1.0}), dict(zip(XYZ, moved[0], strict=True)))
    for k, name in zip(order, XYZ, strict=True):
        assert there.effects[0][name] == pytest.approx(here.effects[0][XYZ[k]], abs=1e-12)


ORDERS = [order for order in product(range(3), repeat=3) if len(set(order)) == 3]


def test_a_threshold_is_met_in_single_precision_by_patient_and_prototype_alike():
    threshold = float(np.float32(0.1))
    tree = Tree((0,), (threshold,), (-1,), (-2,), (0.2, 0.9))
    predictor = Trees((0.0,), 1.0, (tree,))
    for x, y, effect in (
        (0.1000000015, 1.0, -0.7),
        (1.0, 0.1000000015, 0.7),
        (1e300, -1e300, 0.7),
        (5e-324, 1.0, -0.7),
    ):
        found = explain_value(forest_model(predictor, {(y,): 1.0}, inputs=("x",)), {"x": x})
        assert found.effects[0]["x"] == pytest.approx(effect, abs=1e-12)
        assert found.sum_error < 1e-12


def test_more_inputs_than_enumeration_could_take_are_exact_for_answers_that_are_linear_in_leaves():
    random, n = np.random.default_rng(3), 30
    names = tuple(f"x{k}" for k in range(n))
    chains = tuple(
        Tree(
            tuple(int(j) for j in random.choice(n, 6, replace=False)),
            tuple(random.normal(size=6).round(2).tolist()),
            tuple(-k - 1 for k in range(6)),
            (1, 2, 3, 4, 5, -7),
            tuple(random.uniform(size=7).tolist()),
        )
        for _ in range(25)
    )
    rows = {tuple(row): 0.02 for row in random.normal(size=(50, n)).tolist()}
    model = forest_model(Trees((0.0,), 1 / 25, chains), rows, inputs=names)
    known = dict(zip(names, random.normal(size=n).tolist(), strict=True))
    found = explain_value(model, known)
    assert found.sum_error < 1e-12
    assert found.base == pytest.approx(value(model, {}), abs=1e-12)


# --- shap -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shap():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what shap's own imports warn of is not ours to mend
        return pytest.importorskip("shap")


@pytest.fixture(scope="module")
def grown():
    """A forest of scikit-learn, its portable form as a model, its background, and three patients."""
    random = np.random.default_rng(1)
    X = random.normal(size=(200, 5)).astype(np.float32).astype(float)
    forest = RandomForestClassifier(15, min_samples_leaf=5, random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2] > 0)
    predictor = Trees((0.0,), 1 / 15, tuple(sklearn_tree(t.tree_, t.tree_.value[:, 0, 1:]) for t in forest.estimators_))
    background = X[:40]
    return (
        forest,
        forest_model(predictor, dict.fromkeys(map(tuple, background.tolist()), 1 / 40), inputs=tuple("abcde")),
        X,
    )


@pytest.mark.slow
def test_shap_explains_scikit_learn_s_forest_alike(shap, grown):
    forest, model, X = grown
    explainer = shap.TreeExplainer(forest, shap.maskers.Independent(X[:40], max_samples=40))
    for patient in X[50:53]:
        ours = explain_value(model, dict(zip(model.inputs, patient.tolist(), strict=True)))
        theirs = explainer.shap_values(patient[None])[0, :, 1]
        assert list(ours.effects[0].values()) == pytest.approx(theirs.tolist(), abs=1e-6)  # leaves keep seven digits
        assert ours.base[0] == pytest.approx(explainer.expected_value[1], abs=1e-6)
        assert ours.sum_error < 1e-12


@pytest.mark.slow
def test_shap_s_exact_explainer_of_the_portable_forest_agrees(shap, grown):
    _, model, X = grown
    predictor = model.members[0].predictor
    masker = shap.maskers.Independent(X[:40], max_samples=40)
    theirs = shap.explainers.Exact(lambda table: predictor.table(table)[:, 0], masker)(X[50:51])
    ours = explain_value(model, dict(zip(model.inputs, X[50].tolist(), strict=True)))
    assert list(ours.effects[0].values()) == pytest.approx(theirs.values[0].tolist(), abs=1e-9)
    assert ours.base[0] == pytest.approx(theirs.base_values[0], abs=1e-9)


@pytest.mark.slow
def test_shap_s_tree_explainer_of_the_portable_trees_agrees(shap, grown):
    _, model, X = grown
    predictor, described = model.members[0].predictor, []
    for tree in predictor.trees:
        size, n_leaves = len(tree.feature), len(tree.feature) + 1
        left, right = ([k if k >= 0 else size + ~k for k in side] + [-1] * n_leaves for side in (tree.left, tree.right))
        described.append(
            {
                "children_left": np.array(left),
                "children_right": np.array(right),
                "children_default": np.array(left),
                "features": np.array([*tree.feature, *[-2] * n_leaves]),
                "thresholds": np.array([*tree.threshold, *[-2.0] * n_leaves]),
                "values": np.array([*[0.0] * size, *(predictor.scale * x for x in tree.leaf)])[:, None],
                "node_sample_weight": np.ones(size + n_leaves),
            }
        )
    explainer = shap.TreeExplainer({"trees": described}, shap.maskers.Independent(X[:40], max_samples=40))
    ours = explain_value(model, dict(zip(model.inputs, X[50].tolist(), strict=True)))
    theirs = np.ravel(explainer.shap_values(X[50:51]))
    assert list(ours.effects[0].values()) == pytest.approx(
        theirs.tolist(), abs=1e-7
    )  # shap adds up in single precision
