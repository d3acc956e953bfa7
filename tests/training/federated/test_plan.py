"""The plan: what can be federated, what cannot and by what name, and when a plan is not followed."""

from __future__ import annotations

import pytest

from riskml.errors import DataError, UsageError
from riskml.training.federated.plan import LEAST_MASKED, canonical, plan_of, sealed, study_of
from riskml.training.recipe import load_recipe, read_raw
from tests.training.federated.hospitals import study

CENTRES = ("North", "South", "West")


def raw(name="efs", **learner):
    found = read_raw(name)[0]
    return found | ({"learner": learner} if learner else {})


def refusals(plan):
    with pytest.raises(DataError) as caught:
        study_of(plan)
    return str(caught.value)


def test_a_plan_holds_the_recipe_and_one_learner_of_it():
    planned = study("efs", "ridge_cox", CENTRES)
    assert planned.centres == ("North", "South", "West")
    assert planned.masked
    assert planned.tau == pytest.approx(0.34)
    own = load_recipe("efs")
    assert planned.recipe.features == own.features
    assert planned.recipe.learner == {
        "kind": "ridge_cox",
        "prior_scale": 0.5,
        "grid_months": own.learner["grid_months"],
    }
    assert study_of(dict(planned.plan)).digest == planned.digest == sealed(planned.plan)


def test_the_order_of_hospitals_and_of_keys_does_not_matter():
    first, second = (plan_of(raw(), names, only="ridge_cox") for names in (CENTRES, CENTRES[::-1]))
    assert first == second
    assert canonical({"b": 1, "a": 2.5}) == canonical({"a": 2.5, "b": 1}) == b'{"a":2.5,"b":1}'


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        ({"kind": "survival_forest"}, ["survival_forest cannot be fitted from sums", "ridge_logistic or ridge_cox"]),
        ({"kind": "literature_cox"}, ["literature_cox cannot be fitted from sums"]),
        ({"kind": "ridge_cox", "calibrate": True}, ["ridge_cox with calibrate = true needs predictions within folds"]),
        (
            {"kind": "average", "member": [{"kind": "ridge_cox"}, {"kind": "boosting_cox"}]},
            ["boosting_cox cannot be fitted from sums", "plan with --only ridge_cox"],
        ),
        (
            {"kind": "average", "member": [{"kind": "ridge_cox"}, {"kind": "ridge_cox", "prior_scale": 0.1}]},
            ["an average of several learners is not federated"],
        ),
    ],
)
def test_what_no_sum_can_fit_is_named(learner, words):
    with pytest.raises(DataError) as caught:
        plan_of(raw(**learner), CENTRES)
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_only_names_a_learner_that_is_there():
    with pytest.raises(UsageError, match="the recipe has ridge_cox, boosting_cox"):
        plan_of(raw(), CENTRES, only="ridge_logistic")
    with pytest.raises(UsageError, match="the recipe's learner is ridge_cox"):
        plan_of(raw(kind="ridge_cox"), CENTRES, only="forest")


def test_every_fault_of_a_plan_is_told_at_once():
    plan = dict(study("efs", "ridge_cox", CENTRES).plan)
    text = refusals(
        plan | {"riskml": "0.0.1", "dictionary": "sha256:0", "tau": -1, "most_numbers": 0, "task": "x", "sums": "some"}
    )
    for word in ("riskml must be", "dictionary must be", "tau must", "most_numbers must", "task must", "sums must be"):
        assert word in text


@pytest.mark.parametrize(
    "centres",
    [["B", "A", "C"], ["A", "A", "B"], ["A", "B", ""], "ABC", None, [1, 2, 3], ["A", "B", "a"], ["A", "A ", "B"]],
)
def test_hospitals_are_different_sorted_names(centres):
    plan = dict(study("efs", "ridge_cox", CENTRES).plan)
    assert "centres must be different names; name each hospital once" in refusals(plan | {"centres": centres})


def test_two_hospitals_cannot_hide_from_each_other():
    plan = dict(study("efs", "ridge_cox", CENTRES).plan) | {"centres": ["A", "B"]}
    assert f"masked sums need {LEAST_MASKED}" in refusals(plan)
    assert study_of(plan | {"sums": "open"}).masked is False
    assert "open sums need 2" in refusals(plan | {"sums": "open", "centres": ["A"]})


@pytest.mark.parametrize("plan", [None, [], {}, {"schema": "riskml.federated-plan/2", "recipe": {}}, "plan"])
def test_what_is_no_plan_is_refused(plan):
    assert "must be a plan of a federated study" in refusals(plan)


def test_a_recipe_that_breaks_rules_is_refused_as_always():
    plan = dict(study("efs", "ridge_cox", CENTRES).plan)
    assert "was refused" in refusals(plan | {"recipe": {**plan["recipe"], "landmark": "yesterday"}})
