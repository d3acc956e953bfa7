"""Explanations of whole tables: those of one patient after the other, the package shap, cases by hand, and memory."""

from __future__ import annotations

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime import explain_table as module
from riskml.runtime.explain import TooManyInputsError, explain_value
from riskml.runtime.explain_table import explain_table
from riskml.runtime.members import Causes, Linear, Member, Tree, Trees
from riskml.runtime.model import Feature
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.score import score_table
from riskml.runtime.time_responses import Curve
from tests.runtime.models import (
    CURVE,
    MEMBERS,
    SCALES,
    cox,
    known_inputs,
    logistic,
    plain_model,
    portable_models,
    times_for,
)

EXACT = 1e-9
CASES = settings(max_examples=40, deadline=None)


def models_with_patients(smallest=0):
    return portable_models().flatmap(
        lambda model: st.tuples(st.just(model), st.lists(known_inputs(model), min_size=smallest, max_size=5))
    )


def columns_of(model, patients):
    """A table with nan for a missing number and None for a missing level; an input nobody has may have no column."""
    missing = {name: None if name.startswith("level") else math.nan for name in model.inputs}
    names = [name for k, name in enumerate(model.inputs) if k % 2 or any(name in known for known in patients)]
    return {name: [known.get(name, missing[name]) for known in patients] for name in names}


def one_by_one(model, patients, times=()):
    """The same by explain_value, shape (n_rows, n_inputs, n_answers)."""
    rows = [explain_value(model, known, times).effects for known in patients]
    return np.array([[[effects.get(name, 0.0) for effects in row] for name in model.inputs] for row in rows])


def tolerance(model):
    # A calibration magnifies the last digit of S, which numpy's exp() and Python's may round differently, by up to 1e9.
    return 1e-7 if any(member.response.kind == "calibrated" for member in model.members) else EXACT


@CASES
@given(models_with_patients())
def test_row_by_row_the_effects_are_those_of_one_patient(case):
    model, patients = case
    times = times_for(model)
    found = explain_table(model, columns_of(model, patients), len(patients), times)
    assert found.scale == SCALES[model.kind]
    assert found.effects.shape == (len(patients), len(model.inputs), len(times) or 1)
    assert list(found.base) == pytest.approx(explain_value(model, {}, times).base, abs=tolerance(model))
    assert (found.value == score_table(model, columns_of(model, patients), len(patients), times)).all()
    if patients:
        assert found.effects == pytest.approx(one_by_one(model, patients, times), abs=tolerance(model))


@CASES
@given(models_with_patients(smallest=1), st.randoms())
def test_effects_add_up_missing_inputs_have_none_and_the_order_of_rows_is_nothing(case, random):
    model, patients = case
    times = times_for(model)
    found = explain_table(model, columns_of(model, patients), len(patients), times)
    assert found.base + found.effects.sum(axis=1) == pytest.approx(found.value, abs=10 * tolerance(model))
    for known, effects in zip(patients, found.effects, strict=True):
        assert not effects[[name not in known for name in model.inputs]].any()
    order = random.sample(range(len(patients)), len(patients))
    shuffled = explain_table(model, columns_of(model, [patients[k] for k in order]), len(patients), times)
    assert shuffled.effects == pytest.approx(found.effects[order], abs=tolerance(model))


@settings(max_examples=20, deadline=None)
@given(models_with_patients(smallest=1))
def test_blocks_of_any_size_give_the_same(case):
    model, patients = case
    times = times_for(model)
    found = explain_table(model, columns_of(model, patients), len(patients), times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", 1)
        small = explain_table(model, columns_of(model, patients), len(patients), times)
    assert small.effects == pytest.approx(found.effects, abs=tolerance(model))


def random_trees(random, n_features, width, size):
    """Six trees of ``size`` splits each, every new one in the place of a leaf drawn at random."""
    grown = []
    for _ in range(6):
        children = [[-1, -1] for _ in range(size)]
        for node in range(1, size):
            free = [(k, side) for k in range(node) for side in (0, 1) if children[k][side] < 0]
            parent, side = free[random.integers(len(free))]
            children[parent][side] = node
        leaf = iter(range(-1, -size - 2, -1))
        children = [[k if k > 0 else next(leaf) for k in pair] for pair in children]
        grown.append(
            Tree(
                tuple(random.integers(n_features, size=size).tolist()),
                tuple(random.normal(size=size).round(2).tolist()),
                *(tuple(side) for side in zip(*children, strict=True)),
                tuple(np.sort(random.uniform(size=(size + 1, width)))[:, ::-1].ravel().tolist()),
            )
        )
    return Trees((0.0,) * width, 1 / 6, tuple(grown))


@pytest.mark.parametrize(("predictor", "response"), MEMBERS, ids=lambda x: x if isinstance(x, str) else x.kind)
@pytest.mark.parametrize("several", [False, True], ids=["of_one_input", "of_several_inputs"])
def test_every_kind_of_member_with_many_inputs(predictor, response, several):
    random = np.random.default_rng(5)
    names = tuple(f"x{k}" for k in range(9))
    features = tuple(Feature(name, "value", (name,)) for name in names)
    features += (Feature("step", "at_least", names[4:5], 0.2),)
    if several:
        features += (Feature("sum", "value", names[:3]), Feature("steps", "at_least", names[2:5], 0.2))
    if predictor == "trees":
        drawn = random_trees(random, len(features), response.outputs, 9)
    else:
        linears = [Linear(k - 1.0, tuple(random.normal(size=len(features)).tolist())) for k in range(2)]
        drawn = linears[0] if predictor == "linear" else Causes(tuple(linears))
    model = plain_model([cox(0.1)], {tuple(row): 0.25 for row in random.normal(size=(4, 9)).tolist()}, inputs=names)
    model = model.with_(kind=response.outcome, features=features, members=(Member(1.0, drawn, response),))
    table = random.normal(size=(3, 9))
    table[1, [1, 4]] = table[2, 7] = math.nan
    patients = [{n: x for n, x in zip(names, row, strict=True) if x == x} for row in table.tolist()]  # noqa: PLR0124
    times = () if model.kind == "binary" else (7.5, 12.0)
    found = explain_table(model, dict(zip(names, table.T, strict=True)), 3, times)
    assert found.effects == pytest.approx(one_by_one(model, patients, times), abs=EXACT)
    assert np.abs(found.effects).max() > 0.005, "something is explained"


def test_trees_that_only_split_on_a_sum():
    random = np.random.default_rng(3)
    names = ("a", "b")
    model = plain_model([cox(0.1)], {tuple(row): 0.25 for row in random.normal(size=(4, 2)).tolist()}, inputs=names)
    curve = Curve((6.0, 12.0))
    trees = random_trees(random, 1, curve.outputs, 3)
    model = model.with_(features=(Feature("sum", "value", names),))
    patients = [dict(zip(names, row, strict=True)) for row in random.normal(size=(3, 2)).tolist()]
    for response in (curve, Calibrated(curve, -0.3, 1.2)):
        found = model.with_(members=(Member(1.0, trees, response),))
        effects = explain_table(found, columns_of(found, patients), 3, (7.5, 12.0)).effects
        assert effects == pytest.approx(one_by_one(found, patients, (7.5, 12.0)), abs=EXACT)
        assert np.abs(effects).min() > 1e-4


def test_two_unequal_inputs_by_hand():
    # Odds 1 with nothing, 3 with x alone, 1/3 with y alone, 1 with both: v = 1/2, 3/4, 1/4, 1/2, so +1/4 and -1/4.
    model = plain_model([logistic(0.0, math.log(3), -math.log(3))], {(0.0, 0.0): 1.0}, inputs=("x", "y"))
    found = explain_table(model, {"x": [1.0, 0.0, math.nan], "y": [1.0, 1.0, 1.0]}, 3)
    assert found.effects[:, :, 0] == pytest.approx(np.array([[0.25, -0.25], [0.0, -0.25], [0.0, -0.25]]), abs=1e-12)
    assert (found.base[0], *found.value[:, 0]) == pytest.approx((0.5, 0.5, 0.25, 0.25), abs=1e-12)


def test_a_tree_by_hand():
    # 0.8 for x > 0 and y > 0, else 0; the prototype has neither. Half of it for each where both are needed, all of it
    # where the other is missing in a prototype that has it.
    tree = Tree((0, 1), (0.0, 0.0), (-1, -2), (1, -3), (0.0, 0.0, 0.8))
    member = Member(1.0, Trees((0.0,), 1.0, (tree,)), PROBABILITY)
    columns = {"x": [1.0, 1.0, 1.0, -1.0], "y": [1.0, -1.0, math.nan, math.nan]}
    neither = explain_table(plain_model([member], {(-1.0, -1.0): 1.0}, inputs=("x", "y")), columns, 4)
    assert neither.effects[:, :, 0] == pytest.approx(np.array([[0.4, 0.4], [0, 0], [0, 0], [0, 0]]), abs=1e-12)
    only_y = explain_table(plain_model([member], {(-1.0, 1.0): 1.0}, inputs=("x", "y")), columns, 4)
    assert only_y.effects[:, :, 0] == pytest.approx(np.array([[0.8, 0], [0.4, -0.4], [0.8, 0], [0, 0]]), abs=1e-12)


def test_no_rows_and_no_columns():
    model = plain_model([logistic(0.3, 1.0, -2.0)], {(0.0, 1.0): 0.5, (2.0, -1.0): 0.5}, inputs=("x", "y"))
    assert explain_table(model, {"x": [], "y": []}, 0).effects.shape == (0, 2, 1)
    nothing = explain_table(model, {}, 3)
    assert not nothing.effects.any()
    assert (nothing.value == nothing.base).all()


def test_an_input_the_model_does_not_use_has_effect_zero_exactly():
    random = np.random.default_rng(1)
    background = {tuple(row): 0.25 for row in random.normal(size=(4, 3)).tolist()}
    forest = Member(0.5, random_trees(random, 2, 1, 4), PROBABILITY)
    model = plain_model([logistic(0.3, 1.0, -2.0, 0.0, weight=0.5), forest], background, inputs=("x", "y", "dummy"))
    found = explain_table(model, dict(zip(model.inputs, random.normal(size=(3, 20)), strict=True)), 20)
    assert not found.effects[:, 2].any()
    assert found.effects[:, :2].any()


def test_one_extreme_input_does_not_wash_out_the_others():
    background = {(0.0, 1.0, 0.5): 0.5, (1.0, 0.3, -1.0): 0.5}
    model = plain_model([logistic(0.2, 1.0, -1.0, 0.7)], background, inputs=("x", "y", "z"))
    known = {"x": 1e300, "y": 0.8, "z": 2.0}
    found = explain_table(model, {name: [x] for name, x in known.items()}, 1)
    assert found.effects == pytest.approx(one_by_one(model, [known]), abs=EXACT)


def test_more_inputs_than_can_be_enumerated():
    random, n = np.random.default_rng(3), 14
    names = tuple(f"x{k}" for k in range(n))
    background = {tuple(row): 0.2 for row in random.normal(size=(5, n)).tolist()}
    table = random.normal(size=(3, n))
    columns, patients = dict(zip(names, table.T, strict=True)), [dict(zip(names, row, strict=True)) for row in table]
    linear = plain_model([logistic(0.1, *random.normal(size=n).tolist())], background, inputs=names)
    found = explain_table(linear, columns, 3)
    assert found.effects == pytest.approx(one_by_one(linear, patients), abs=EXACT)
    assert found.base + found.effects.sum(axis=1) == pytest.approx(found.value, abs=EXACT)
    chain = Tree((*range(n),), (0.0,) * n, (*range(1, n), -1), (*range(-2, -2 - n, -1),), (1.0, *[0.0] * n))
    boosted = linear.with_(members=(Member(1.0, Trees((0.0,), 1.0, (chain,)), LOGISTIC),))
    with pytest.raises(TooManyInputsError, match="at most 12 inputs, got 14"):
        explain_table(boosted, columns, 3)
    forest = linear.with_(members=(Member(1.0, Trees((0.0,), 1.0, (chain,)), PROBABILITY),))
    assert explain_table(forest, columns, 3).effects == pytest.approx(one_by_one(forest, patients), abs=EXACT)


def test_rows_of_many_inputs_that_are_certain_beside_rows_that_are_not():
    # Log-odds from 50 up to 5,000 are certain whatever the coalition, from 50 down to 3 they are not.
    n = module._MANY
    names = tuple(f"x{k}" for k in range(n))
    model = plain_model([logistic(50.0, *[1.0] * n)], {(0.0,) * n: 0.5, (0.1,) * n: 0.5}, inputs=names)
    patients = [dict.fromkeys(names, x) for x in (495.0, -4.7, 1e5, -1e5)]
    columns = {name: [known[name] for known in patients] for name in names}
    found = explain_table(model, columns, len(patients)).effects
    assert found == pytest.approx(one_by_one(model, patients), abs=EXACT)
    assert found[1, 0, 0] < -1e-4


@pytest.mark.parametrize("n", [5, module._MANY])
def test_memory_beside_the_answer_does_not_grow_with_rows(n):
    random, n_rows = np.random.default_rng(2), {5: 20_000, module._MANY: 500}[n]
    names = tuple(f"x{k}" for k in range(n))
    background = {tuple(row): 0.05 for row in random.normal(size=(20, n)).tolist()}
    model = plain_model([cox(0.02, *random.normal(size=n).tolist())], background, inputs=names)
    columns = dict(zip(names, random.normal(size=(n, n_rows)), strict=True))
    tracemalloc.start()
    try:
        found = explain_table(model, columns, n_rows, (6.0, 12.0))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.base + found.effects.sum(axis=1) == pytest.approx(found.value, abs=EXACT)
    # One array, of several, of all coalitions of all rows at once would be 80 MB or more.
    assert peak < 64e6


@pytest.fixture(scope="module")
def shap():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what shap's own imports warn of is not ours to mend
        return pytest.importorskip("shap")


def for_shap(predictor):
    """The trees in the form shap takes, leaves with all their outputs."""
    trees = []
    for tree in predictor.trees:
        size, n_leaves = len(tree.feature), len(tree.feature) + 1
        outputs = np.array(tree.leaf).reshape(n_leaves, -1) * predictor.scale
        left, right = ([k if k >= 0 else size + ~k for k in side] + [-1] * n_leaves for side in (tree.left, tree.right))
        trees.append(
            {
                "children_left": np.array(left),
                "children_right": np.array(right),
                "children_default": np.array(left),
                "features": np.array([*tree.feature, *[-2] * n_leaves]),
                "thresholds": np.array([*tree.threshold, *[-2.0] * n_leaves]),
                "values": np.concatenate([np.zeros((size, outputs.shape[1])), outputs]),
                "node_sample_weight": np.ones(size + n_leaves),
            }
        )
    return {"trees": trees}


@pytest.mark.parametrize("size", [6, 40])
def test_shap_agrees_on_a_survival_forest(shap, size):
    random, n = np.random.default_rng(size), 10
    predictor = random_trees(random, n, 2, size)
    # Numbers that single precision holds: shap compares in double precision what riskml compares in single.
    background, table = (random.normal(size=(rows, n)).astype(np.float32).astype(float) for rows in (30, 25))
    names = tuple(f"x{k}" for k in range(n))
    model = plain_model([cox(0.1)], {tuple(row): 1 / 30 for row in background.tolist()}, inputs=names)
    model = model.with_(members=(Member(1.0, predictor, CURVE),))
    found = explain_table(model, dict(zip(names, table.T, strict=True)), len(table), CURVE.times)
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.TreeExplainer(for_shap(predictor), masker, feature_perturbation="interventional")
    assert found.effects == pytest.approx(np.asarray(explainer.shap_values(table)), abs=1e-7)
    assert np.abs(found.effects).max() > 0.02
