"""The facts of a model as plain data, and the sentences that the card takes from them."""

from __future__ import annotations

import copy
import json

import pytest

from riskml.runtime.card import card
from riskml.runtime.model_facts import SCHEMA, label_of, model_facts, output, population, size, source, warnings
from tests.runtime.models import SHIPPED, shipped_bundle


def manifest(name="non_response", **changes):
    return {**copy.deepcopy(dict(shipped_bundle(name).manifest)), **changes}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_facts_are_json_and_those_of_the_manifest(name):
    facts, own = model_facts(manifest(name)), shipped_bundle(name).manifest
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["schema"] == SCHEMA
    assert facts["model"]["digest"] == own["digest"]
    assert facts["performance"]["metrics"] == own["evaluation"]["metrics"]
    assert facts["performance"]["n_events"] == own["training"]["n_events"]
    assert facts["uses"] == {"intended": own["intended_use"], "not_for": own["not_for"]}
    assert facts["other"]["expected_shrinkage"] == own["planning"]["expected_shrinkage"]
    assert facts["other"]["parents"] == []
    assert facts["mechanism"]["inputs"] == list(shipped_bundle(name).model.inputs)
    text = card(own)
    assert all(fact in text for fact in (facts["summary"], facts["mechanism"]["population"], *facts["warnings"]))


@pytest.mark.parametrize(
    ("by", "day", "review"),
    [
        ("2028-11-30", "2028-11-30", {"by": "2028-11-30", "overdue": False}),
        ("2028-11-30", "2028-12-01", {"by": "2028-11-30", "overdue": True}),
        (None, "2099-01-01", {"by": None, "overdue": False}),
    ],
)
def test_a_model_is_overdue_from_the_day_after_its_review(monkeypatch, by, day, review):
    monkeypatch.setenv("RISKML_TODAY", day)
    assert model_facts(manifest(review_by=by))["review"] == review


def test_a_bundle_made_before_there_were_dates_has_none():
    older = {key: value for key, value in manifest().items() if key not in {"date", "owner", "contact", "review_by"}}
    facts = model_facts(older)
    assert facts["review"] == {"by": None, "overdue": False}
    assert [facts["model"][key] for key in ("date", "owner", "contact")] == [None, None, None]


def test_a_model_that_was_not_evaluated_has_no_metrics():
    facts = model_facts(manifest(evaluation=None))
    assert facts["performance"]["metrics"] == {}
    assert facts["performance"]["plan"] is None


@pytest.mark.parametrize(
    ("training", "text"),
    [
        ({"n_rows": 125, "n_patients": 105, "n_events": 6}, "125 courses of 105 patients with 6 events (5 %)"),
        ({"n_rows": 1200, "n_patients": 1200, "n_events": 300}, "1,200 patients with 300 events (25 %)"),
        ({"n_rows": 80, "n_patients": 80, "n_events": 3}, "80 patients with <5 events"),
    ],
)
def test_sizes_show_no_small_count(training, text):
    assert size(training) == text


@pytest.mark.parametrize(
    ("allowed", "text"),
    [
        ({"age": [0, 18], "cycle_index": [1, 1]}, "Age 0 to 18 years; Cycle number 1"),
        ({"disease_status_at_start": ["R/R", "CR-MRDpos"]}, "Status at first dose R/R or CR-MRDpos"),
        ({}, "as the outcome's definition says"),
    ],
)
def test_the_population_in_words(allowed, text):
    assert population(manifest(applies_to=allowed)) == text


def test_what_comes_out_and_when():
    assert output(manifest()) == "the probability of the event with an interval"
    course = "the probability to be event-free at 6, 12, 24 months with an interval"
    assert output(manifest("efs", horizons_months=[6.0, 12.0, 24.0])) == course
    assert "other first events competing" in output(manifest("efs", kind="incidence"))


def test_the_source_is_a_fingerprint_and_who_was_left_out():
    own = manifest()
    said = source(own)
    assert own["training"]["cohort_sha256"] in said
    assert said.startswith("125 simulated rows, ")
    assert "Status at first dose not one of R/R, CR-MRDpos 54" in said
    assert "not known 0" not in said
    own["training"]["left_out"] = []
    assert source(own).endswith("; none left out")
    assert "rebuilt from published counts" in source({**own, "synthetic": False, "published": "x"})


def test_warnings_follow_from_the_training_data():
    said = "\n".join(warnings(manifest()))
    assert "MRD method in training: flow 100 %." in said
    assert "Missing in training: TCF3::HLF 5 %, CD19+ B cells 43 %, CD3+ T cells 43 %." in said
    assert "CD3+ T cells 43 %. What 20 % or more lack is known from few." in said
    assert "BCR::ABL1 (Ph+): what was learned depends on the tyrosine kinase inhibitor" in said
    assert "BCR::ABL1 (Ph+): what" not in "\n".join(warnings(manifest("icans")))
    own = manifest()
    own["training"] |= {"case_mix": None, "missing_share": {"mrd": 0.004}}
    own["planning"] |= {"met": True}
    plain = "\n".join(warnings(own))
    assert "Missing in training: Marrow MRD before first dose under 1 %." in plain
    for absent in ("known from few", "by another method", "criteria of sample size"):
        assert absent not in plain


def test_a_name_without_a_label_stays():
    assert label_of("mrd", manifest()) == "Marrow MRD before first dose"
    assert label_of("no_such_variable", manifest()) == "no_such_variable"
