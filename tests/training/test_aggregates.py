"""What a bundle carries of its cohort's effects: aggregates that can be recomputed, and no cell under five patients."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.errors import NotEstimableError
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.explain import explain_value
from riskml.runtime.members import Member, Tree, Trees
from riskml.runtime.responses import PROBABILITY
from riskml.training.aggregates import explain_aggregates, explanation_of, importance_of
from riskml.training.explanation import explain
from riskml.training.importance import Rows
from tests.runtime.models import logistic, plain_model, shipped_bundle

DICTIONARY = load_dictionary()


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.fixture(scope="module")
def efs(cohort):
    return explain_aggregates(shipped_bundle("efs"), cohort)


def test_importance_and_means_are_those_of_the_rows(cohort, efs):
    found = explain(shipped_bundle("efs"), cohort)
    at = efs["times"].index(efs["horizon_months"])
    means = dict(zip(found.inputs, np.abs(found.effects[:, :, at]).mean(axis=0), strict=True))
    assert [item["input"] for item in efs["inputs"]] == sorted(means, key=lambda name: -means[name])
    for item in efs["inputs"]:
        assert item["mean_absolute_effect"] == pytest.approx(means[item["input"]], rel=5.1e-3)
        assert item["low"] <= item["mean_absolute_effect"] <= item["high"]
        assert sum(item["rank_shares"]) == pytest.approx(1, abs=0.005)
        assert item["rank_low"] <= item["rank_high"]
    assert efs["base"] == pytest.approx(found.base.tolist(), abs=5.1e-5)
    assert efs["mean"] == pytest.approx(found.value.mean(axis=0).tolist(), abs=5.1e-5)
    assert (efs["n_rows"], efs["n_patients"], efs["scale"]) == (125, 105, "survival")


def test_effects_over_time_start_at_nothing_and_pass_through_the_importance(efs):
    found = efs["over_time"]
    assert found["months"] == [float(m) for m in range(0, 25, 2)]
    assert list(found["mean_absolute_effects"]) == [item["input"] for item in efs["inputs"]]
    for item in efs["inputs"]:
        curve = found["mean_absolute_effects"][item["input"]]
        assert curve[0] == 0
        assert curve[found["months"].index(12.0)] == pytest.approx(item["mean_absolute_effect"], rel=2e-3, abs=1e-9)


def test_the_typical_prototype_is_the_one_nearest_the_average(efs):
    bundle = shipped_bundle("efs")
    model, names = bundle.model, bundle.model.inputs
    answers = [explain_value(model, dict(zip(names, row, strict=True)), [12.0]) for row in model.background]
    nearest = min(answers, key=lambda answer: abs(answer.value[0] - answer.base[0]))
    assert efs["typical"]["value"] == pytest.approx(nearest.value[0], abs=5.1e-5)
    for effect in efs["typical"]["effects"]:
        assert effect["effect"] == pytest.approx(nearest.effects[0][effect["input"]], rel=5.1e-3, abs=1e-12)


def test_a_prototype_of_patients_with_and_without_a_lesion_says_so():
    model = plain_model([logistic(0.0, 1.0)], {(0.4,): 1.0}, inputs=("bcr_abl1",))
    rows = Rows({"bcr_abl1": np.array([0.0, 1.0] * 5)}, np.arange(10), np.zeros(10, dtype=bool))
    found = explanation_of(model, rows, DICTIONARY)
    assert found["typical"]["effects"][0]["value"] == "present in 40 %"
    assert (found["over_time"], found["times"], found["horizon_months"]) == (None, [], None)
    assert found["inputs"][0]["low"] is None
    assert found["inputs"][0]["rank_shares"] == []


def test_linear_members_have_no_interactions_and_trees_have_theirs(efs):
    assert efs["interactions"]["pairs"] == []
    assert "additive" in efs["interactions"]["why"]
    both = Tree((0, 1), (0.5, 0.5), (1, -1), (-2, -3), (0.1, 0.3, 0.9))
    names = ("bcr_abl1", "kmt2a_r", "tcf3_hlf")
    rows = dict.fromkeys(itertools.product([0.0, 1.0], repeat=3), 1 / 8)
    model = plain_model([Member(1.0, Trees((0.0,), 1.0, (both,)), PROBABILITY)], rows, inputs=names)
    columns = dict(zip(names, np.random.default_rng(0).integers(0, 2, (3, 40)).astype(float), strict=True))
    found = explanation_of(model, Rows(columns, np.arange(40), np.zeros(40, dtype=bool)), DICTIONARY)
    first, *others = found["interactions"]["pairs"]
    assert set(first["inputs"]) == {"bcr_abl1", "kmt2a_r"}
    # By hand: where the first is absent the second tells 0.1 from 0.9, so knowing it moves the answer by 0.4 from their
    # mean; where the first is present, by nothing; on average by 0.2. So whatever is known differs by 0.2 from that.
    assert first["mean_absolute_interaction"] == pytest.approx(0.2)
    assert [pair["mean_absolute_interaction"] for pair in others] == [0.0, 0.0]


def test_more_inputs_than_coalitions_can_be_listed_for_are_said():
    names = tuple(name for name, variable in DICTIONARY.variables.items() if variable.kind == "number")[:11]
    tree = Trees((0.0,), 1.0, (Tree((0,), (0.5,), (-1,), (-2,), (0.1, 0.3)),))
    model = plain_model([Member(1.0, tree, PROBABILITY)], {(0.0,) * len(names): 1.0}, inputs=names)
    rows = Rows({names[0]: np.arange(10.0)}, np.arange(10), np.zeros(10, dtype=bool))
    assert explanation_of(model, rows, DICTIONARY)["interactions"]["why"] == "not computed: 11 inputs, 10 at most"


@pytest.mark.parametrize(("gone", "shown"), [(0, 1.0), (1, 0.938), (4, 0.938), (5, 0.875), (36, 0.062), (40, 0.0)])
def test_a_share_does_not_tell_of_one_to_four_patients(gone, shown):
    model = plain_model([logistic(0.0, 1.0)], {(2.0,): 1.0})
    age = np.r_[[np.nan] * gone, np.linspace(1, 17, 40 - gone)]
    found = explanation_of(model, Rows({"age": age}, np.arange(40), np.zeros(40, dtype=bool)), DICTIONARY)
    assert found["inputs"][0]["share_known"] == pytest.approx(shown, abs=6e-4)


def test_no_patient_is_named(cohort, efs):
    assert not [patient for patient in cohort.frame["patient_id"].unique() if patient in json.dumps(efs)]


def test_the_months_asked_for_and_the_one_it_was_judged_at(cohort):
    bundle = shipped_bundle("efs")
    assert explain_aggregates(bundle, cohort, at=[3, 12])["horizon_months"] == 12
    assert explain_aggregates(bundle, cohort, at=[3, 6])["horizon_months"] == 6
    assert explain_aggregates(shipped_bundle("icans"), cohort)["horizon_months"] is None
    with pytest.raises(NotEstimableError, match="cannot be estimated"):
        explain_aggregates(bundle, cohort, at=[240])


def test_the_same_seed_gives_the_same_and_another_does_not(cohort, efs):
    bundle = shipped_bundle("efs")
    assert explain_aggregates(bundle, cohort) == efs
    assert explain_aggregates(bundle, cohort, seed=1)["inputs"] != efs["inputs"]


def test_fewer_than_five_patients_are_no_cohort(cohort):
    few = dataclasses.replace(cohort, frame=cohort.frame.iloc[:4], row_numbers=cohort.row_numbers[:4])
    assert few.n_patients < 5
    with pytest.raises(
        NotEstimableError, match=f"this one has {few.n_patients}; riskml predict explains single patients"
    ):
        explain_aggregates(shipped_bundle("efs"), few)


def test_a_cohort_without_an_input_still_has_aggregates(cohort):
    without = dataclasses.replace(cohort, frame=cohort.frame.drop(columns="mrd"))
    found = {item["input"]: item for item in explain_aggregates(shipped_bundle("efs"), without)["inputs"]}
    assert found["mrd"]["dependence"] is None
    assert (found["mrd"]["mean_absolute_effect"], found["mrd"]["share_known"]) == (0.0, 0.0)


def test_the_manifest_repeats_a_few_numbers(efs):
    kept = importance_of(efs)
    assert [set(item) for item in kept] == [
        {"input", "mean_absolute_effect", "low", "high", "rank_low", "rank_high"}
    ] * 7
    assert importance_of(None) == []
