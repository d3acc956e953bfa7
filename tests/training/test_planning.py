"""What a cohort's numbers carry: counts by patient, the plan in plain data, and the refusal that says what would do."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.cohort import read_cohort
from riskml.errors import NotEstimableError
from riskml.resources import folder
from riskml.training.fit import LEAST_EVENTS, training_set
from riskml.training.planning import (
    Study,
    carried_by,
    carries,
    check_carried,
    external_validation,
    plan,
    planning_summary,
    shrinks,
    study_of,
)
from riskml.training.recipe import load_recipe
from riskml.training.train import train

CASE = Study("binary", 51, 9, 8)  # the published cohort: 9 of 51 did not respond


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def rows(event, patient=None, time=None, entry=None):
    event = np.asarray(event, dtype=bool)
    patient = np.arange(len(event)) if patient is None else np.asarray(patient)
    return SimpleNamespace(event=event, patient=patient, time=time, entry=entry)


def with_features(recipe, number):
    return dataclasses.replace(recipe, features=(recipe.features * number)[:number])


# ----------------------------------------------------------------------------------------------------- what is counted


def test_courses_of_one_patient_count_once():
    """Six courses of three patients; two of the courses with the event are one patient's."""
    found = study_of(load_recipe("icans"), rows([1, 1, 0, 1, 0, 0], patient=[0, 0, 0, 1, 2, 2]))
    assert (found.kind, found.patients, found.events, found.parameters) == ("binary", 3, 2, 4)
    assert found.overall_risk == pytest.approx(2 / 3)


def test_follow_up_starts_when_patients_come_under_risk():
    recipe, time = load_recipe("efs"), np.array([10.0, 20.0, 30.0])
    late = study_of(recipe, rows([1, 0, 0], time=time, entry=np.array([0.0, 5.0, 10.0])))
    assert (study_of(recipe, rows([1, 0, 0], time=time)).follow_up_months, late.follow_up_months) == (20.0, 15.0)
    # One event in 45 patient-months; by 12 months at that rate.
    assert late.overall_risk == pytest.approx(1 - np.exp(-12 / 45))


def test_the_embedded_cohort(cohort):
    recipe = load_recipe("non_response")
    summary = planning_summary(recipe, training_set(recipe, cohort))
    assert (summary["patients"], summary["events"], summary["parameters"]) == (51, 9, 5)
    assert summary["events_per_parameter"] == 1.8
    assert summary["met"] is False
    assert summary["shrunk"] is True
    assert "at_estimate" not in summary


# ------------------------------------------------------------------------------------------------------------- the plan


def test_the_plan_of_the_published_cohort_is_that_of_the_papers_formulas():
    found = plan(CASE, 0.8)
    assert [(item["name"], item["patients"], item["events"]) for item in found["criteria"]] == [
        ("shrinkage", 386, 69),
        ("optimism", 237, 42),
        ("overall_risk", 224, 40),
    ]
    assert (found["patients_needed"], found["met"]) == (386, False)
    assert found["expected_shrinkage"] == pytest.approx(0.56, abs=0.006)
    assert found["parameters_carried"] == 1, "the data of one small cohort justify one parameter"
    assert found["assumed"] == {"given": True, "c_statistic": 0.8, "r2": 0.1687, "largest_r2": 0.6062}


def test_without_a_c_statistic_15_percent_of_the_largest_r2_is_assumed():
    found = plan(CASE)["assumed"]
    assert found["given"] is False
    assert found["r2"] == pytest.approx(0.15 * found["largest_r2"], rel=1e-3)
    again = plan(CASE, found["c_statistic"])["assumed"]["r2"]
    assert again == pytest.approx(found["r2"], rel=2e-3)


@pytest.mark.parametrize("study", [Study("binary", 10_000, 9, 3), Study("survival", 1000, 9, 3, 12.0, 12.0)])
def test_of_a_rare_outcome_no_more_than_0_8_is_assumed(study):
    """15 % of what could be explained would be an AUC of 0.84, or a C of 0.95."""
    found = plan(study)["assumed"]
    assert found["c_statistic"] == 0.8
    assert found["r2"] < 0.15 * found["largest_r2"]


@given(
    st.sampled_from(["binary", "survival"]),
    st.integers(2, 100_000),
    st.floats(0, 1),
    st.integers(1, 200),
    st.one_of(st.none(), st.floats(0.51, 0.99)),
)
def test_every_study_has_a_plan_that_json_holds_and_that_its_own_numbers_meet(kind, patients, part, parameters, c):
    events = 1 + round(part * (patients - 2))
    times = (18.0, 12.0) if kind == "survival" else ()
    study = Study(kind, patients, events, parameters, *times)
    found = plan(study, c)
    json.dumps(found, allow_nan=False)
    assert found["met"] == (patients >= found["patients_needed"]) == all(item["met"] for item in found["criteria"])
    assert found["patients_needed"] == max(item["patients"] for item in found["criteria"])
    assert 0 < found["expected_shrinkage"] <= 1
    # As many parameters as are carried meet the first two criteria, one more breaks one of them.
    carried = found["parameters_carried"]
    for number, met in ((carried, True), (carried + 1, False)):
        if number:
            criteria = plan(dataclasses.replace(study, parameters=number), c)["criteria"][:2]
            assert all(item["met"] for item in criteria) is met
    json.dumps(external_validation(study, c), allow_nan=False)


def test_more_patients_at_the_same_rate_meet_what_was_asked():
    needed = plan(CASE, 0.8)["patients_needed"]
    grown = Study("binary", 51 * 8, 9 * 8, 8)
    assert needed <= grown.patients
    assert plan(grown, 0.8)["met"]


def test_external_validation_is_planned_at_the_risk_of_the_horizon():
    found = external_validation(CASE, 0.8)
    by = {item["name"]: item["patients"] for item in found["measures"]}
    assert (by["observed_expected"], by["c_statistic"]) == (449, 519)
    assert found["patients_needed"] == max(by.values())
    survival = Study("survival", 100, 10, 3, 24.0, 12.0)
    assert external_validation(survival, 0.7)["overall_risk"] == pytest.approx(1 - np.exp(-0.05), rel=1e-3)


@pytest.mark.parametrize(
    ("study", "said"),
    [
        (("binary", 40, 0, 3), "none of 40 patients has the event"),
        (("binary", 40, 40, 3), "nobody is left"),
        (("survival", 40, 40, 3, 12.0, 12.0), "nobody is left"),
        (("survival", 40, 41, 3, 12.0, 12.0), "nobody is left"),
        (("survival", 40, 39, 3, 1.0, 12.0), "all but 1 % would have the event by 12 months"),
    ],
)
def test_what_cannot_be_planned_says_why(study, said):
    with pytest.raises(NotEstimableError, match=said):
        Study(*study)


# ------------------------------------------------------------------------------------------------ what a manifest holds


def test_an_evaluation_adds_what_its_estimate_would_ask_for_and_moves_nothing_else(cohort):
    recipe = load_recipe("non_response")
    learned = training_set(recipe, cohort)
    judged = SimpleNamespace(metrics={"auc": SimpleNamespace(value=0.8)})
    summary, alone = planning_summary(recipe, learned, judged), planning_summary(recipe, learned)
    assert {name: value for name, value in summary.items() if name != "at_estimate"} == alone
    assert summary["at_estimate"]["patients_needed"] == plan(study_of(recipe, learned), 0.8)["patients_needed"] == 241


@pytest.mark.parametrize("value", [0.5, 0.31, 0.999, None])
def test_an_estimate_that_says_nothing_adds_nothing(cohort, value):
    recipe = load_recipe("non_response")
    judged = SimpleNamespace(metrics={"auc": SimpleNamespace(value=value)})
    assert "at_estimate" not in planning_summary(recipe, training_set(recipe, cohort), judged)


def test_a_bundle_carries_its_plan_to_the_card(cohort):
    recipe = dataclasses.replace(load_recipe("efs"), bootstrap=2)
    bundle = train(recipe, cohort, evaluation=False)
    assert bundle.manifest["planning"] == planning_summary(recipe, training_set(recipe, cohort))
    plan = bundle.manifest["planning"]
    asked = f"(Riley et al. 2019) ask for {plan['events_needed']:,} events in {plan['patients_needed']:,} patients"
    assert f"{asked}; there were 105 patients" in bundle.card


# ----------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", ["non_response", "icans", "efs"])
def test_what_ships_is_carried_by_its_cohort(cohort, name):
    recipe = load_recipe(name)
    assert carries(recipe, training_set(recipe, cohort))
    check_carried(recipe, training_set(recipe, cohort))


def test_fewer_events_than_predictors_are_refused_with_what_would_do(cohort):
    recipe = load_recipe("non_response")
    learned = training_set(recipe, cohort)
    assert carries(with_features(recipe, 9), learned)
    with pytest.raises(NotEstimableError) as refused:
        check_carried(with_features(recipe, 12), learned)
    assert refused.value.exit_code == 5
    assert str(refused.value) == (
        "non_response: 9 of 51 patients with the event cannot carry 12 predictors; 12 such patients would do (at this "
        "rate about 68 in all); so would a recipe of at most 9 predictors"
    )


def test_a_learner_that_does_not_shrink_needs_three_events_a_parameter(cohort):
    learned = training_set(load_recipe("non_response"), cohort)
    recipe = dataclasses.replace(load_recipe("non_response"), learner={"kind": "firth_logistic"})
    assert shrinks(recipe) is False
    verdict = carries(recipe, learned)
    assert not verdict
    for part in ("that does not shrink", "15 such patients would do (at this rate about 85 in all)", "ridge_logistic"):
        assert part in verdict.why
    assert "at most 3 predictors;" in verdict.why
    assert carries(with_features(recipe, 3), learned)
    assert not carries(with_features(recipe, 4), learned)


def test_one_member_that_does_not_shrink_is_enough(cohort):
    members = [{"kind": "ridge_logistic"}, {"kind": "firth_logistic"}]
    recipe = dataclasses.replace(load_recipe("non_response"), learner={"kind": "average", "member": members})
    assert shrinks(recipe) is False


def test_of_an_estimator_from_elsewhere_nobody_knows_and_it_is_not_refused_for_that(cohort):
    recipe = dataclasses.replace(load_recipe("non_response"), learner={"kind": "sklearn", "estimator": "a.b:C"})
    assert shrinks(recipe) is None
    assert carries(recipe, training_set(recipe, cohort))


def test_of_a_common_outcome_the_rarer_side_counts():
    verdict = carried_by(Study("binary", 50, 46, 6))
    assert verdict.why.startswith("4 of 50 patients without the event cannot carry 6 predictors; 6 such patients")
    # With survival, patients who have the event early and late are told apart.
    assert carried_by(Study("survival", 50, 46, 6, 12.0, 12.0))


@given(st.integers(1, 30), st.integers(1, 40), st.booleans())
def test_what_would_do_does(events, parameters, shrunk):
    study = Study("binary", 200, events, parameters)
    verdict = carried_by(study, shrunk=shrunk, least_events=LEAST_EVENTS)
    if verdict:
        assert events >= LEAST_EVENTS
        return
    needed = int(verdict.why.split("; ")[1].split()[0])
    assert carried_by(
        dataclasses.replace(study, events=needed, patients=2000), shrunk=shrunk, least_events=LEAST_EVENTS
    )
    short = dataclasses.replace(study, events=needed - 1, patients=2000)
    assert not carried_by(short, shrunk=shrunk, least_events=LEAST_EVENTS)
    if "at most" in verdict.why:
        most = int(verdict.why.split("at most ")[1].split()[0])
        assert carried_by(dataclasses.replace(study, parameters=most), shrunk=shrunk, least_events=LEAST_EVENTS)
        assert not carried_by(dataclasses.replace(study, parameters=most + 1), shrunk=shrunk)
