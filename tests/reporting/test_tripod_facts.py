"""What a training says in its sheet: numbers of the run in words, and None for what it does not know."""

from __future__ import annotations

import copy

import pytest

from riskml.reporting.tripod_facts import about_model, facts_of, follow_up, in_groups, left_out, performance_facts
from riskml.runtime.members import Tree, Trees
from riskml.runtime.time_responses import Curve
from riskml.training.tripod_items import facts_in, items, unknown_facts
from tests.reporting import results
from tests.reporting.conftest import interval
from tests.runtime.models import SHIPPED, shipped_bundle


def changed(name, **changes):
    bundle = shipped_bundle(name)
    return bundle.with_(manifest={**copy.deepcopy(dict(bundle.manifest)), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"evaluation": None},
        {"lineage": [results.step(kind="survival")]},
        {"lineage": [{"rung": "intercept"}]},
    ],
)
@pytest.mark.parametrize("name", SHIPPED)
def test_what_has_no_words_is_what_the_card_counts_as_unknown(name, changes):
    bundle = changed(name, **changes)
    found = facts_of(bundle)
    assert {fact for fact, text in found.items() if text is None} == unknown_facts(bundle.manifest)


def test_every_fact_that_a_template_names_is_there():
    found = facts_of(shipped_bundle("efs"))
    assert frozenset().union(*(facts_in(item.get("text", "")) for item in items())) <= set(found)


def test_the_flow_ends_with_and_without_the_event_and_keeps_levels_as_written():
    said = facts_of(shipped_bundle("non_response"))["flow"]
    assert "not one of R/R, CR-MRDpos: 54" in said
    assert said.endswith("patients with the event: 9; without it: 42.")
    training = dict(shipped_bundle("non_response").manifest["training"]) | {"n_events": 3}
    few = facts_of(changed("non_response", training=training))["flow"]
    assert few.endswith("patients with the event: <5; without it: 5 or more.")


def test_nobody_left_out_is_said():
    bundle = shipped_bundle("non_response")
    assert left_out([{"reason": "mrd not known", "count": "0"}], bundle) == "nobody"
    shown = left_out([{"reason": "mrd not known", "count": "<5"}, {"reason": "no follow-up", "count": "12"}], bundle)
    assert shown == "Marrow MRD before first dose not known: <5; no follow-up: 12"


@pytest.mark.parametrize(
    ("months", "kind", "said"),
    [
        (None, "binary", "The outcome is judged at its assessment; there is no follow-up beyond it."),
        (19.64, "survival", "Median potential follow-up 19.6 months."),
        (None, "survival", None),
        (None, "incidence", None),
    ],
)
def test_follow_up_belongs_to_outcomes_in_time(months, kind, said):
    assert follow_up(months, kind) == said


def test_learners_are_planned_with_their_settings_and_how_gaps_are_filled_follows_from_them():
    said = facts_of(shipped_bundle("efs"))
    assert said["planned"] == "average of ridge cox (prior scale 0.5) and boosting cox (default settings)"
    assert "the mean of those who have it" in said["imputation"]
    assert "that splits" not in said["imputation"]
    training = copy.deepcopy(dict(shipped_bundle("efs").manifest["training"]))
    training["learner"] = {"kind": "forest", "trees": 50}
    training["members"] = [{"kind": "forest", "weight": 1.0, "line": [0.1, 0.8]}]
    trees = facts_of(changed("efs", training=training))
    assert trees["planned"] == "forest (trees 50)"
    assert "drawn from patients of the same outcome" in trees["imputation"]
    assert "the mean of those" not in trees["imputation"]
    assert trees["recalibration"] == "Recalibrated (intercept and slope): forest."
    assert said["recalibration"] == "Nothing was recalibrated."


def test_a_model_is_made_of_coefficients_or_trees():
    bundle = shipped_bundle("efs")
    said = about_model(bundle)
    assert said["form"] == "coefficients"
    assert said["by_hand"] == "The report prints the formula with all its numbers (report.html)."
    leaf = Tree((), (), (), (), (0.1, 0.2))
    grown = bundle.model.members[0].with_(predictor=Trees((0.0, 0.0), 1.0, (leaf,)), response=Curve((6.0, 12.0)))
    for members, form in (((grown,), "trees"), ((*bundle.model.members, grown), "coefficients and trees")):
        other = about_model(bundle.with_(model=bundle.model.with_(members=members)))
        assert other["form"] == form
        assert "formula with all its numbers" not in other["by_hand"]


def test_sizes_of_splits_add_up():
    said = facts_of(shipped_bundle("efs"))["folds"]
    assert "In each of 50 splits about 84 patients are learned from and about 21 judged" in said
    assert "all 105 are judged in each of 10 repeats" in said


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (None, "no decision curve"),
        ({"withheld": "too few events"}, "no decision curve (too few events)"),
        ({"thresholds": [0.05, 0.2, 0.4]}, "net benefit over risks of 5 to 40 %"),
    ],
)
def test_a_decision_curve_that_is_not_there_is_not_claimed(curve, said):
    assert performance_facts(results.judged(decision_curve=curve), "patient")["utility"] == said
    assert performance_facts({}, "patient")["utility"] is None


def test_groups_without_an_estimate_are_counted():
    one = {"label": "Sex", "level": "female", "metrics": {"auc": interval(0.7, 0.6, 0.8)}}
    groups = [one, one | {"level": "male", "metrics": {}}, one | {"level": "x", "metrics": {}}]
    assert list(in_groups(groups)) == ["Sex female 0.70 (0.60 to 0.80)", "not estimable in 2 of 3 groups"]
    assert list(in_groups([one])) == ["Sex female 0.70 (0.60 to 0.80)"]


def test_an_update_that_changed_nothing_says_so():
    kept = results.step(rung="none", after=results.UNCHANGED)
    assert facts_of(changed("efs", lineage=[kept]))["update_results"] == "The model stays as it is."


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("binary", "A probability, with"),
        ("survival", "Survival S(t) at 6, 12 months, with"),
        ("incidence", "Cumulative incidence, with other first events competing, at 6, 12 months, with"),
    ],
)
def test_what_comes_out_is_named_by_the_kind_of_outcome(kind, said):
    bundle = changed("efs", kind=kind, horizons_months=[6.0, 12.0])
    assert about_model(bundle)["output"].startswith(said)


def test_predictors_of_published_counts_were_not_fixed_before_the_data():
    assert "before the data were read" in about_model(shipped_bundle("efs"))["fixed"]
    published = changed("efs", published="counts of one paper")
    assert about_model(published)["fixed"] == "The predictors were chosen from the paper whose counts are learned from."
    assert (
        facts_of(changed("efs", published="counts of one paper", synthetic=False))["source"] == "Counts of one paper."
    )
