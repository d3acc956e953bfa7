"""The smallest rung that is not significantly worse is taken, among those the events can carry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from riskml.runtime.members import Member, Tree, Trees
from riskml.runtime.responses import PROBABILITY
from riskml.training.transfer.ladder import Gate, choose, events_of, gates_below_refit, why, words
from riskml.training.transfer.problem import pose
from riskml.training.transfer.rungs import RUNGS, fit_rung, unrestricted
from tests.training.transfer.ladder_cases import EFFECTS, binary, cox, logistic, model_of, survival

PARENT = model_of(logistic())
BELOW = {"intercept", "intercept_and_slope", "revision"}


def chosen(cases, opened=BELOW):
    return choose(pose(PARENT, cases), opened)


@pytest.mark.parametrize(
    ("drift", "rung"),
    [
        ({}, "none"),
        ({"level": -2.0}, "intercept"),
        ({"effects": [0.3 * b for b in EFFECTS]}, "intercept_and_slope"),
        ({"effects": (0.9, 0.7, -0.4)}, "revision"),
    ],
)
def test_each_drift_gets_its_rung(drift, rung):
    assert chosen(binary(800, 1, **drift)).rung == rung


def test_the_tests_are_likelihood_ratios_against_the_largest_rung():
    cases = binary(300, 2, level=-1.4)
    problem, found = pose(PARENT, cases), chosen(cases)
    best, size = unrestricted(problem)
    for rung, free in (("none", 0), ("intercept", 1), ("intercept_and_slope", 2)):
        by_hand = chi2.sf(2 * (best - fit_rung(problem, rung).log_likelihood), size - free)
        assert found.p_values[rung] == pytest.approx(by_hand)
    assert "revision" not in found.p_values
    assert set(chosen(cases, {*BELOW, "refit"}).p_values) == set(RUNGS[:-1])


def test_no_drift_is_left_alone_about_nineteen_times_in_twenty():
    rungs = [chosen(binary(200, seed)).rung for seed in range(100, 200)]
    assert rungs.count("none") >= 88


def test_closed_rungs_are_not_taken():
    drifted = binary(800, 1, effects=(0.9, 0.7, -0.4))
    assert chosen(drifted, {"intercept", "intercept_and_slope"}).rung == "intercept_and_slope"
    assert chosen(drifted, {"intercept"}).rung in {"none", "intercept"}


def test_a_refit_is_taken_only_where_shrinking_towards_the_parent_costs_too_much():
    """Deviations as large as the prior allows, and plenty of events: the revision follows, the refit is not needed."""
    found = chosen(binary(3000, 3, effects=(-0.9, 0.7, 0.4)), {*BELOW, "refit"})
    assert (found.rung, found.largest) == ("revision", "refit")
    far = choose(
        pose(model_of(logistic(0.0, (0.0, 0.0, 0.01))), binary(4000, 4, effects=(9.0, 0, 0))), {*BELOW, "refit"}
    )
    assert far.rung == "refit"
    assert far.update is None


def test_separation_passes_over_the_slope_and_says_so():
    cases = binary(100, 5)
    split = replace(cases, target=replace(cases.target, event=cases.features @ np.array(EFFECTS) > 0.5))
    found, gates = chosen(split), gates_below_refit(PARENT, split.target)
    assert found.rung in {"none", "intercept"}
    assert "separation" in why(found, gates)


def test_a_feature_that_splits_the_outcome_does_not_stop_the_ladder():
    cases = binary(400, 6)
    features = cases.features.copy()
    features[:, 2] = (np.arange(400) < 12) & ~cases.target.event
    found = chosen(replace(cases, features=features))
    assert found.largest == "revision"
    assert all(0 <= p <= 1 for p in found.p_values.values())


def test_gates_count_patients_of_the_rarer_side():
    cases = binary(100, 7, level=3.0)
    with_event = int(cases.target.event.sum())
    assert events_of(cases.target) == 100 - with_event < with_event
    twice = replace(cases.target, patient=np.arange(100) // 2)
    assert events_of(twice) <= 50
    assert events_of(survival(100, 7).target) == survival(100, 7).target.event.sum()


def test_a_gate_says_what_would_open_it():
    gate = Gate("intercept_and_slope", 30, 12, "reasons")
    assert not gate.open
    assert gate.reason == "12 events, 30 would open it: reasons"
    assert Gate("intercept", 10, 12, "reasons").open
    assert not Gate("refit", None, 500, "reasons", "not possible: words").open
    assert gate.as_dict() == {
        "rung": "intercept_and_slope",
        "open": False,
        "events": 12,
        "events_needed": 30,
        "reason": gate.reason,
    }


def test_a_revision_asks_for_more_with_more_coefficients_and_for_something_linear():
    target = binary(200, 8).target
    assert [gate.needed for gate in gates_below_refit(PARENT, target)] == [10, 30, 30]
    wide = PARENT.with_(features=PARENT.features * 4)
    assert gates_below_refit(wide, target)[-1].needed == 60
    share = Tree((0,), (0.0,), (-1,), (-2,), (0.2, 0.5))
    forest = model_of(Member(1.0, Trees((0.0,), 1.0, (share,)), PROBABILITY))
    assert "no member of the model is linear" in gates_below_refit(forest, target)[-1].reason


def test_the_choice_is_told_in_words():
    found = chosen(binary(800, 1, level=-2.0))
    told = why(found, gates_below_refit(PARENT, binary(800, 1, level=-2.0).target))
    assert "smallest change that is not significantly worse than the shrunken revision" in told
    assert "parent as it is p < 0.001" in told
    assert [words(rung) for rung in RUNGS] == [
        "parent as it is",
        "intercept",
        "intercept and slope",
        "shrunken revision",
        "refit",
    ]


def test_survival_climbs_the_same_ladder():
    parent = model_of(cox(), kind="survival")
    assert choose(pose(parent, survival(500, 9)), BELOW).rung == "none"
    assert choose(pose(parent, survival(500, 9, level=0.8)), BELOW).rung == "intercept"
    assert choose(pose(parent, survival(500, 9, effects=(0.9, 0.7, 0.4))), BELOW).rung == "revision"
