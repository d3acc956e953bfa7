"""Explanations: Shapley values by their definition, by hand, and by the package shap."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.explain import MAX_INPUTS, TooManyInputsError, explain_link, explain_value
from riskml.runtime.members import Causes, Linear, Member, Tree, Trees
from riskml.runtime.model import Feature
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.score import points, position, score_table, value
from riskml.runtime.time_responses import Accelerated, Incidence
from tests.runtime.models import (
    HAZARD,
    MEMBERS,
    SCALES,
    complete_values,
    cox,
    known_inputs,
    linear_predictor,
    logistic,
    plain_model,
    portable_models,
    shipped_bundle,
    substituted,
    times_for,
    v,
)

EXACT = 1e-9
CASES = settings(max_examples=50, deadline=None)
models_with_patient = portable_models().flatmap(lambda model: st.tuples(st.just(model), known_inputs(model)))


def shapley(players: Iterable[str], worth: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Shapley's own definition: what a player adds on joining, averaged over every order of joining."""
    players = tuple(players)
    seen: dict[frozenset[str], float] = {}
    total = dict.fromkeys(players, 0.0)
    for order in permutations(players):
        before: frozenset[str] = frozenset()
        for player in order:
            after = before | {player}
            for coalition in (before, after):
                if coalition not in seen:
                    seen[coalition] = worth(coalition)
            total[player] += seen[after] - seen[before]
            before = after
    return {player: sums / math.factorial(len(players)) for player, sums in total.items()}


def known_part(known, names):
    return {name: known[name] for name in names}


@CASES
@given(models_with_patient)
def test_effects_are_shapley_values_of_the_definition(case):
    model, known = case
    times = times_for(model)
    found = explain_value(model, known, times)
    assert found.scale == SCALES[model.kind]
    assert len(found.effects) == len(found.base) == (len(times) or 1)
    for k in range(len(found.base)):
        expected = shapley(known, lambda names, k=k: substituted(model, known_part(known, names), times)[k])
        assert dict(found.effects[k]) == pytest.approx(expected, abs=EXACT)


@settings(max_examples=100, deadline=None)
@given(models_with_patient)
def test_effects_lead_from_nothing_known_to_the_estimate(case):
    model, known = case
    times = times_for(model)
    found = explain_value(model, known, times)
    assert found.sum_error < 1e-8
    assert list(found.base) == pytest.approx(value(model, {}, times), abs=EXACT)
    assert list(found.value) == value(model, known, times)
    assert all(set(effects) == set(known) for effects in found.effects), "a missing input has no effect at all"


@CASES
@given(portable_models(linear=True).flatmap(lambda model: st.tuples(st.just(model), known_inputs(model))))
def test_link_effects_are_shapley_values_of_the_linear_predictor(case):
    model, known = case

    def worth(names):
        rows = [{**dict(zip(model.inputs, row, strict=True)), **known_part(known, names)} for row in model.background]
        return math.fsum(
            m.weight * w * linear_predictor(model, m, row)
            for m in model.members
            for w, row in zip(model.weights, rows, strict=True)
        )

    found = explain_link(model, known)
    assert dict(found.effects[0]) == pytest.approx(shapley(known, worth), abs=EXACT)
    assert found.base[0] == pytest.approx(worth(frozenset()), abs=EXACT)
    assert found.value[0] == pytest.approx(worth(frozenset(known)), abs=EXACT)
    assert found.sum_error < EXACT


@CASES
@given(models_with_patient)
def test_link_effects_of_trees_are_shapley_values_of_the_mean_output(case):
    model, known = case
    if not model.has_link:
        return

    def worth(names):
        place = position(model, known_part(known, names))
        return math.fsum(
            m.weight * w * x
            for m in model.members
            for w, x in zip(place.backdrop.weights, points(m, place), strict=True)
        )

    found = explain_link(model, known)
    assert dict(found.effects[0]) == pytest.approx(shapley(known, worth), abs=EXACT)
    assert found.base[0] == pytest.approx(worth(frozenset()), abs=EXACT)
    assert found.sum_error < EXACT


def random_predictor(random, kind, n_features, width):
    if kind == "linear":
        return Linear(random.normal(), tuple(random.normal(size=n_features).tolist()))
    if kind == "causes":
        return Causes(tuple(random_predictor(random, "linear", n_features, 1) for _ in range(2)))
    grown = []
    for _ in range(6):  # chains of five splits
        leaves = np.sort(random.uniform(size=(6, width)))[:, ::-1]
        feature = tuple(random.integers(n_features, size=5).tolist())
        threshold = tuple(random.normal(size=5).round(2).tolist())
        grown.append(Tree(feature, threshold, (-1, -2, -3, -4, -5), (1, 2, 3, 4, -6), tuple(leaves.ravel().tolist())))
    return Trees((0.0,) * width, 1 / 6, tuple(grown))


@pytest.mark.parametrize(("predictor", "response"), MEMBERS, ids=lambda x: x if isinstance(x, str) else x.kind)
@pytest.mark.parametrize("n", [8, 9])
def test_every_kind_of_member_against_every_coalition_of_many_inputs(predictor, response, n):
    random = np.random.default_rng(n)
    names = tuple(f"x{k}" for k in range(n))
    features = tuple(Feature(name, "value", (name,)) for name in names[2:])
    features += (Feature("sum", "value", names[:3]), Feature("step", "at_least", names[3:5], 0.2))
    model = plain_model([cox(0.1)], {tuple(row): 0.25 for row in random.normal(size=(4, n)).tolist()}, inputs=names)
    member = Member(1.0, random_predictor(random, predictor, len(features), response.outputs), response)
    model = model.with_(kind=response.outcome, features=features, members=(member,))
    known = dict(zip(names, random.normal(size=n).tolist(), strict=True))
    del known[names[2 if n == 9 else 5]]  # a part of a sum, or an input of its own, is missing
    times = () if model.kind == "binary" else (7.5, 12.0)
    found, players = explain_value(model, known, times), tuple(known)
    subsets = [[name for i, name in enumerate(players) if s >> i & 1] for s in range(1 << len(players))]
    worth = np.array([substituted(model, known_part(known, subset), times) for subset in subsets])
    for i, name in enumerate(players):
        expected = np.zeros(len(times) or 1)
        for s in (s for s in range(len(subsets)) if not s >> i & 1):
            share = 1 / (len(players) * math.comb(len(players) - 1, s.bit_count()))
            expected += share * (worth[s | 1 << i] - worth[s])
        assert [effects[name] for effects in found.effects] == pytest.approx(expected, abs=EXACT)
    assert list(found.base) == pytest.approx(worth[0], abs=EXACT)
    assert list(found.value) == pytest.approx(worth[-1], abs=EXACT)
    assert found.sum_error < 1e-8


def test_members_are_explained_with_their_weights():
    # Linearity: the explanation of an average is the average of the explanations.
    background = {(0.0, 1.0): 0.5, (2.0, -1.0): 0.5}
    stump = Tree((0,), (1.0,), (-1,), (-2,), (0.2, 0.9))
    one, other = logistic(0.3, 1.0, -0.5), Member(1.0, Trees((0.0,), 1.0, (stump,)), PROBABILITY)
    both = plain_model([one.with_(weight=0.25), other.with_(weight=0.75)], background, inputs=("x", "y"))
    known = {"x": 0.4, "y": 0.0}
    parts = [explain_value(both.with_(members=(member,)), known).effects[0] for member in (one, other)]
    found = explain_value(both, known)
    assert found.effects[0] == pytest.approx({n: 0.25 * parts[0][n] + 0.75 * parts[1][n] for n in known}, abs=1e-12)
    assert parts[1]["y"] == 0.0


def test_a_recalibrated_forest_of_pure_leaves_is_explained_without_a_gap():
    # Sums and differences of leaves leave 1e-17 where the score says 0; on the logit scale that is a long way.
    stumps = [Tree((j,), (0.0,), (-1,), (-2,), leaf) for j, leaf in enumerate([(0.0, 0.1), (0.0, 0.7), (1.0, 0.3)] * 3)]
    names = tuple(f"x{k}" for k in range(9))
    response = Calibrated(PROBABILITY, 0.0, 0.3)
    member = Member(1.0, Trees((0.0,), 1 / 9, tuple(stumps)), response)
    model = plain_model([member], {(1.0,) * 9: 0.3, (-1.0,) * 9: 0.7}, inputs=names)
    for known in (dict.fromkeys(names, -1.0), {n: (-1.0 if k % 3 < 2 else 1.0) for k, n in enumerate(names)}):
        assert explain_value(model, known).sum_error < 1e-8
    pure = member.with_(predictor=Trees((0.0,), 1 / 9, tuple(t.with_(leaf=(t.leaf[0] % 1, t.leaf[1])) for t in stumps)))
    found = explain_value(model.with_(members=(pure,)), dict.fromkeys(names, -1.0))
    assert found.sum_error < 1e-8
    assert found.value[0] == pytest.approx(1 / (1 + (1e9 - 1) ** 0.3), abs=1e-12)


def test_one_input_by_hand():
    # See test_score: base 0.6155293, estimate 0.9525741; log odds: base -1 + 2 * 0.75 = 0.5, at x = 2 they are 3.
    model = plain_model([logistic(-1.0, 2.0)], {(0.0,): 0.25, (1.0,): 0.75})
    found = explain_value(model, {"age": 2.0})
    assert found.base[0] == pytest.approx(0.615529289315, abs=1e-12)
    assert found.effects[0]["age"] == pytest.approx(0.952574126822 - 0.615529289315, abs=1e-12)
    link = explain_link(model, {"age": 2.0})
    assert (link.base[0], link.effects[0]["age"], link.value[0]) == pytest.approx((0.5, 2.5, 3.0), abs=1e-12)


def test_two_unequal_inputs_by_hand():
    # Odds 1 with nothing, 3 with x alone, 1/3 with y alone, 1 with both: v = 1/2, 3/4, 1/4, 1/2, so +1/4 and -1/4.
    model = plain_model([logistic(0.0, math.log(3), -math.log(3))], {(0.0, 0.0): 1.0}, inputs=("x", "y"))
    assert explain_value(model, {"x": 1.0, "y": 1.0}).effects[0] == pytest.approx({"x": 0.25, "y": -0.25}, abs=1e-12)
    # Odds 1, 3, 9 and 27: v = 1/2, 3/4, 9/10, 27/28; x: (1/4 + 27/28 - 9/10) / 2, y: (4/10 + 27/28 - 3/4) / 2.
    model = plain_model([logistic(0.0, math.log(3), math.log(9))], {(0.0, 0.0): 1.0}, inputs=("x", "y"))
    by_hand = {"x": (1 / 4 + 27 / 28 - 9 / 10) / 2, "y": (4 / 10 + 27 / 28 - 3 / 4) / 2}
    assert explain_value(model, {"x": 1.0, "y": 1.0}).effects[0] == pytest.approx(by_hand, abs=1e-12)


def test_survival_by_hand_has_one_explanation_per_time():
    # Hazard 0.1 a month, prototype x = 0, patient x = log 2: S goes from exp(-0.1 t) to exp(-0.2 t).
    found = explain_value(plain_model([cox(0.1, 1.0)], {(0.0,): 1.0}), {"age": math.log(2)}, [0, 6, 12])
    expected = [math.exp(-0.2 * t) - math.exp(-0.1 * t) for t in (0, 6, 12)]
    assert [effects["age"] for effects in found.effects] == pytest.approx(expected, abs=1e-12)


def test_an_input_the_model_does_not_use_has_effect_zero_exactly():
    model = plain_model([logistic(0.3, 1.0, 0.0)], {(0.0, 1.0): 0.5, (2.0, -1.0): 0.5}, inputs=("used", "dummy"))
    found = explain_value(model, {"used": 1.0, "dummy": 7.0})
    assert found.effects[0]["dummy"] == 0.0
    assert explain_link(model, {"used": 1.0, "dummy": 7.0}).effects[0]["dummy"] == 0.0


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_inputs_that_play_the_same_part_get_the_same_effect(slope, here, there):
    background = {(there, here, 0.0): 0.3, (here, there, 0.0): 0.3, (0.5, 0.5, 2.0): 0.4}
    model = plain_model([logistic(0.1, slope, 1.0)], background, inputs=("x", "y", "z"))
    features = (Feature("sum", "value", ("x", "y")), Feature("z", "value", ("z",)))
    effects = explain_value(model.with_(features=features), {"x": 1.5, "y": 1.5, "z": 1.0}).effects[0]
    assert effects["x"] == pytest.approx(effects["y"], abs=1e-12)


def test_one_extreme_input_does_not_wash_out_the_others():
    # Rounding 1e300 + 1 - 1e300 to 0 on the way would shift every other effect.
    model = plain_model(
        [logistic(0.2, 1.0, -1.0, 0.7)], {(0.0, 1.0, 0.5): 0.5, (1.0, 0.3, -1.0): 0.5}, inputs=("x", "y", "z")
    )
    known = {"x": 1e300, "y": 0.8, "z": 2.0}
    expected = shapley(known, lambda names: v(model, known_part(known, names)))
    found = explain_value(model, known)
    assert found.effects[0] == pytest.approx(expected, abs=EXACT)
    assert found.sum_error < EXACT


def many_inputs(n, predictor, response):
    """A model whose inputs are small as in practice: together they move the linear predictor by a few units."""
    random = np.random.default_rng(n)
    names = tuple(f"x{k}" for k in range(n))
    rows = {tuple(row): 0.25 for row in random.normal(size=(4, n), scale=2 / n).tolist()}
    model = plain_model([cox(0.1)], rows, inputs=names)
    model = model.with_(
        kind=response.outcome,
        members=(Member(1.0, random_predictor(random, predictor, n, response.outputs), response),),
    )
    return model, dict(zip(names, random.normal(size=n, scale=2 / n).tolist(), strict=True))


SIGMOIDS = [
    LOGISTIC,
    Calibrated(LOGISTIC, 0.2, 0.7),
    HAZARD,
    Calibrated(HAZARD, 0.2, 0.7),
    *(Accelerated(name, 0.8, 12.0) for name in ("weibull", "loglogistic", "lognormal")),
]


@pytest.mark.parametrize("response", SIGMOIDS, ids=repr)
def test_product_form_and_enumeration_of_a_linear_member_are_one(response, monkeypatch):
    model, known = many_inputs(7, "linear", response)
    times = () if model.kind == "binary" else (0.0, 3.5, 12.0)
    by_enumeration = explain_value(model, known, times)
    monkeypatch.setattr("riskml.runtime.explain._ENUMERATED", 0)
    monkeypatch.setattr("riskml.runtime.explain.worths_of", None)
    found = explain_value(model, known, times)
    assert found.base == pytest.approx(by_enumeration.base, abs=1e-14)
    assert found.value == by_enumeration.value
    for mine, theirs in zip(found.effects, by_enumeration.effects, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-11)
    assert found.sum_error < 1e-10


@pytest.mark.parametrize("response", SIGMOIDS, ids=repr)
def test_thirty_inputs_of_a_linear_member(response):
    model, known = many_inputs(30, "linear", response)
    del known["x3"]
    found = explain_value(model, known, () if model.kind == "binary" else (0.0, 3.5, 12.0))
    assert found.sum_error < 1e-10
    assert all(effects.keys() == known.keys() for effects in found.effects)


def test_too_many_inputs_are_refused_rather_than_run_for_hours():
    for predictor, response in (("causes", Incidence((HAZARD, HAZARD))), ("trees", LOGISTIC)):
        model, known = many_inputs(MAX_INPUTS + 1, predictor, response)
        features = model.features if predictor == "causes" else (model.features[0].with_(inputs=model.inputs),)
        trees = Trees((0.0,), 1.0, (Tree((0,), (0.0,), (-1,), (-2,), (0.2, 0.9)),))
        members = model.members if predictor == "causes" else (Member(1.0, trees, response),)
        model = model.with_(features=features, members=members)
        with pytest.raises(TooManyInputsError, match="at most 12 inputs, got 13"):
            explain_value(model, known, () if model.kind == "binary" else (6.0,))
        few = explain_value(model, {k: x for k, x in known.items() if k != "x0"}, (6.0,))
        assert few.sum_error < 1e-8


def test_beyond_what_the_product_form_takes_only_few_inputs_are_explained():
    # A calibration cuts off what is near certainty, so the sigmoid is none; and work grows with the range.
    for response, far in ((Calibrated(LOGISTIC, 0.0, 0.5), 30.0), (LOGISTIC, 1e300)):
        model, known = many_inputs(MAX_INPUTS + 1, "linear", response)
        linear = Linear(0.0, (1.0,) * (MAX_INPUTS + 1))
        model = model.with_(members=(Member(1.0, linear, response),))
        with pytest.raises(TooManyInputsError, match="at most 12 inputs, got 13"):
            explain_value(model, {**known, "x0": far})
        few = {**{name: known[name] for name in model.inputs[1:10]}, "x0": far}
        assert explain_value(model, few).sum_error < 1e-8


def test_inputs_equal_to_every_prototype_cost_nothing():
    names = tuple(f"x{i}" for i in range(MAX_INPUTS + 1))
    features = (Feature("sum", "value", names),)
    model = plain_model([logistic(0.0, 1.0)], {(0.0,) * len(names): 1.0}, inputs=names).with_(features=features)
    trees = Trees((0.0,), 1.0, (Tree((0,), (3.5,), (-1,), (-2,), (0.2, 0.9)),))
    model = model.with_(members=(Member(1.0, trees, LOGISTIC),))
    with pytest.raises(TooManyInputsError):
        explain_value(model, dict.fromkeys(names, 1.0))
    assert explain_value(model, {**dict.fromkeys(names, 1.0), "x0": 0.0}).sum_error < 1e-8


@pytest.fixture(scope="module")
def shap():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what shap's own imports warn of is not ours to mend
        return pytest.importorskip("shap")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["non_response", "induction_efs"])
def test_shap_agrees(shap, name):
    bundle = shipped_bundle(name)
    model, known = bundle.model, complete_values(bundle)
    # shap knows no weights, but copies: weights are whole numbers of patients.
    patients = [round(w * bundle.manifest["training"]["n_rows"]) for w in model.weights]
    counts = [n // math.gcd(*patients) for n in patients]
    assert [count / sum(counts) for count in counts] == pytest.approx(model.weights, abs=1e-12)
    background = np.repeat(np.array(model.background, dtype=float), counts, axis=0)
    patient = np.array([[known[n] for n in model.inputs]], dtype=float)
    time = bundle.manifest["horizons_months"][-1:]

    def predictions(table):
        return score_table(model, dict(zip(model.inputs, table.T, strict=True)), len(table), time)[:, 0]

    masker = shap.maskers.Independent(background, max_samples=len(background))
    theirs = shap.explainers.Exact(predictions, masker)(patient)
    ours = explain_value(model, known, time)
    assert [ours.effects[0][n] for n in model.inputs] == pytest.approx(theirs.values[0], abs=EXACT)
    assert ours.base[0] == pytest.approx(theirs.base_values[0], abs=EXACT)

    def design(table):
        rows = [dict(zip(model.inputs, row, strict=True)) for row in table]
        return np.array([[sum(f.component(row[n]) for n in f.inputs) for f in model.features] for row in rows])

    linear = model.members[0].linear
    masker = shap.maskers.Independent(design(background), max_samples=len(background))
    explainer = shap.LinearExplainer((np.array(linear.coefficients), linear.intercept), masker)
    by_feature = dict(zip([f.name for f in model.features], explainer.shap_values(design(patient))[0], strict=True))
    link = explain_link(model, known)
    for feature in model.features:  # a feature's value is that of its inputs, where they enter no other feature
        if all(sum(n in f.inputs for f in model.features) == 1 for n in feature.inputs):
            assert sum(link.effects[0][n] for n in feature.inputs) == pytest.approx(by_feature[feature.name], abs=EXACT)
    assert sum(link.effects[0].values()) == pytest.approx(sum(by_feature.values()), abs=EXACT)
    assert link.base[0] == pytest.approx(float(explainer.expected_value), abs=EXACT)
